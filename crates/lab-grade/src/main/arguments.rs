//! The command line of the grader.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use lab_diagnosis::FindingId;
use lab_grade::{
    cases::CASES,
    output::{Outputs, Pages},
    rules::{self, Edition},
};
#[cfg(target_os = "linux")]
use lab_grade::{
    rules::Rules,
    runners::Runners,
    submission::{self, Submission},
};
use lab_testbed::programs::ProgramRole;
use labnet::Error;

/// Grade programs and submissions of the lab: cases with points, and why each that fails does
#[derive(Parser)]
#[command(
    name = "lab-grade",
    version,
    after_help = "Examples:
  lab-grade --part 2 -- python3 my_pdc.py      one program
  lab-grade Lab3_123456_654321                 a submission: a folder or its zip
  lab-grade --class handed-in --csv class.csv  every submission in a folder
  lab-grade merge shard-1 shard-2 --csv class.csv
                                               the results of several machines

Parts are 1a, 1b, 1c, 1d, 2, 3, 4-receiver, 4-sender, 5 and 6.
Exit status: 0 all cases passed, 1 some did not, 2 the grader could not work.
Needs Linux, but no root: every case runs in a private network."
)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,
    /// Submissions: folders Lab3_ID1_ID2 or their zips
    #[arg(value_name = "SUBMISSION", conflicts_with = "part")]
    pub(crate) submissions: Vec<PathBuf>,
    /// Grade every submission in a folder, several at a time; goes on where an earlier grading in --out ended
    #[arg(long, value_name = "DIR", conflicts_with_all = ["part", "submissions"])]
    pub(crate) class: Option<PathBuf>,
    /// Of a class, only the submissions of this machine: the first of four is 1/4
    #[arg(long, value_name = "I/N", value_parser = shard, requires = "class")]
    shard: Option<(usize, usize)>,
    /// Grade one program of this part, the command behind --
    #[arg(long, value_name = "PART", value_parser = part, requires = "command")]
    pub(crate) part: Option<ProgramRole>,
    /// The program and its first arguments; a single argument is taken as a shell takes it
    #[arg(last = true, value_name = "COMMAND", requires = "part")]
    pub(crate) command: Vec<String>,

    /// The folder for the journal, captures and outputs; what it has of an earlier grading is replaced
    #[arg(long, value_name = "DIR", default_value = "lab-grade")]
    pub(crate) out: PathBuf,
    /// Fix every random choice of servers and path
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only the cases whose names begin so: part2-flood, part3, …; may be given several times
    #[arg(long, value_name = "CASE", value_parser = case)]
    only: Vec<String>,
    /// Make all deadlines so many times as long, 1 to 4; measured at the start when it is not given
    #[arg(long, value_name = "FACTOR", value_parser = slowness)]
    pub(crate) slowness: Option<f64>,
    /// When submissions were due: 2026-12-01T23:59:00+01:00. One with a newer file is noted as late, which costs nothing
    #[arg(long, value_name = "TIME", value_parser = labnet::cli::time, conflicts_with = "part")]
    pub(crate) due: Option<Duration>,
    /// The order of the programs' arguments; found out by trying when it is not given
    #[arg(long, value_name = "handout|later", value_parser = edition)]
    edition: Option<Edition>,
    /// More ways to run a file, by its ending: [[runner]] with ending, needs, compile and run
    #[arg(long, value_name = "FILE.toml")]
    runners: Option<PathBuf>,
    /// A finding that costs nothing here, such as late-output; may be given several times. Remarks never cost anything
    #[arg(long, value_name = "FINDING", value_parser = rules::finding)]
    allow: Vec<FindingId>,
    /// How many experiments run at the same time; they mostly wait [default: 16 for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,

    #[command(flatten)]
    pub(crate) results: Results,
}

/// What can be done besides grading.
#[derive(Subcommand)]
pub(crate) enum Action {
    /// Put the results of several gradings together
    // The help has it among the examples: without a command there is a submission.
    #[command(hide = true)]
    Merge(Merge),
}

/// The results of several gradings.
#[derive(Args)]
pub(crate) struct Merge {
    /// The folders of the gradings (their --out)
    #[arg(value_name = "DIR", required = true)]
    pub(crate) folders: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) results: Results,
}

/// Where results are written.
#[derive(Clone, Args)]
pub(crate) struct Results {
    /// Write all results as JSON; - for stdout
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    json: Option<PathBuf>,
    /// Write them as JUnit XML
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    junit: Option<PathBuf>,
    /// Write the results.json of Gradescope
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    gradescope: Option<PathBuf>,
    /// Write a table, a line for each case
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    csv: Option<PathBuf>,
    /// Write a page for the class, and one for each submission
    #[arg(long, value_name = "DIR", help_heading = "Results")]
    html: Option<PathBuf>,
}

impl Results {
    /// What is to be written; `gradings` are the folders with captures and outputs.
    pub(crate) fn outputs(&self, gradings: Vec<PathBuf>) -> Outputs {
        let Self { json, junit, gradescope, csv, html } = self.clone();
        Outputs { json, junit, gradescope, csv, html: html.map(|folder| Pages { folder, gradings }) }
    }
}

/// What starts a grading.
#[cfg(target_os = "linux")]
impl Arguments {
    /// The submissions that are named, or those of the class; each has a name of its own.
    pub(crate) fn submissions(&self) -> Result<Vec<Submission>, lab_grade::Error> {
        let mut all = match &self.class {
            Some(folder) => Submission::all_in(folder)?,
            None => self.submissions.iter().map(|path| Submission::new(path)).collect(),
        };
        submission::name_apart(&mut all);
        // Before the shards are apart: all of them note the same.
        submission::note_duplicates(&mut all);
        let (this, of) = self.shard.unwrap_or((1, 1));
        Ok(all.into_iter().enumerate().filter(|(at, _)| at % of + 1 == this).map(|(_, one)| one).collect())
    }

    /// How many experiments run at the same time (ours: with 16 for each core, one submission waits for its slowest case).
    pub(crate) fn jobs(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.map_or(16 * cores, usize::from)
    }

    pub(crate) fn runners(&self) -> Result<Runners, lab_grade::Error> {
        self.runners.as_deref().map_or_else(|| Ok(Runners::default()), Runners::with_file)
    }

    pub(crate) fn rules(&self) -> Rules {
        let (edition, allowed) = (self.edition.unwrap_or_default(), self.allow.clone());
        Rules { seed: self.seed, edition, allowed, only: self.only.clone() }
    }

    /// The command of `--part`, as a shell takes it.
    pub(crate) fn command_line(&self) -> String {
        match self.command.as_slice() {
            [one] => one.clone(),
            words => lab_process::shell::command_line(words),
        }
    }
}

impl Arguments {
    /// What clap cannot check.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let is_missing = |path: &&PathBuf| !path.exists();
        if let Some(missing) = self.submissions.iter().chain(&self.class).find(is_missing) {
            return Err(Error::Usage(format!("there is no {}", missing.display())));
        }
        if self.part.is_none() && self.class.is_none() && self.submissions.is_empty() {
            return Err(Error::Usage("name a submission, or a part and its program: --part 2 -- COMMAND".to_owned()));
        }
        Ok(())
    }
}

fn case(text: &str) -> Result<String, String> {
    let is_known = CASES.iter().any(|case| case.name.starts_with(text));
    let names = || CASES.iter().map(|case| case.name).collect::<Vec<_>>().join(", ");
    if is_known { Ok(text.to_owned()) } else { Err(format!("no case's name begins so; there are {}", names())) }
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let numbers = text.split_once('/').and_then(|(this, of)| Some((this.parse().ok()?, of.parse().ok()?)));
    numbers.filter(|(this, of)| (1..=*of).contains(this)).ok_or_else(|| "expected I/N, such as 1/4".to_owned())
}

fn slowness(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor| (1.0..=4.0).contains(factor));
    factor.ok_or_else(|| "expected a number from 1 to 4".to_owned())
}

fn edition(text: &str) -> Result<Edition, String> {
    match text {
        "handout" => Ok(Edition::Handout),
        "later" => Ok(Edition::Later),
        _ => Err("expected handout or later".to_owned()),
    }
}

fn part(text: &str) -> Result<ProgramRole, String> {
    match text.trim_start_matches("part") {
        "1a" => Ok(ProgramRole::CodeA),
        "1b" => Ok(ProgramRole::CodeB),
        "1c" => Ok(ProgramRole::CodeC),
        "1d" => Ok(ProgramRole::CodeD),
        "2" => Ok(ProgramRole::Part2),
        "3" => Ok(ProgramRole::Part3),
        "4-receiver" => Ok(ProgramRole::Part4Receiver),
        "4-sender" => Ok(ProgramRole::Part4Sender),
        "5" => Ok(ProgramRole::Part5),
        "6" => Ok(ProgramRole::Part6Pmu),
        "1" => Err("part 1 has four programs: 1a, 1b, 1c, 1d".to_owned()),
        "4" => Err("part 4 has two programs: 4-receiver and 4-sender".to_owned()),
        _ => Err("expected 1a, 1b, 1c, 1d, 2, 3, 4-receiver, 4-sender, 5 or 6".to_owned()),
    }
}
