//! The runner of experiments: starts programs, prints their output, collects the results.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use lab_process::{Outcome, Program};
use labnet::{Error, cli::Console, count::Count, escape::escape};

use crate::Part;

/// The time limit of one program (ours; the longest experiment lasts ten seconds).
pub(crate) const DEADLINE: Duration = Duration::from_secs(40);

/// The maximum of printed lines of a program, and of characters of each (ours).
const SHOWN_LINES: usize = 28;
const SHOWN_CHARACTERS: usize = 160;

/// Why an experiment ended early.
pub(crate) enum ExperimentError {
    /// A check does not hold, or a program failed; the reason.
    Failed(String),
    /// Output to stdout failed.
    Output(Error),
}

impl From<Error> for ExperimentError {
    fn from(error: Error) -> Self {
        Self::Output(error)
    }
}

impl From<lab_process::Error> for ExperimentError {
    fn from(failure: lab_process::Error) -> Self {
        Self::Failed(failure.to_string().replace('\n', "\n    "))
    }
}

/// Checks a claim.
///
/// # Errors
/// [`ExperimentError::Failed`] with the claim if it does not hold.
pub(crate) fn check(claim: &str, holds: bool) -> Result<(), ExperimentError> {
    if holds { Ok(()) } else { Err(ExperimentError::Failed(format!("expected: {claim}"))) }
}

/// The runner, with the results so far.
pub(crate) struct Runner {
    console: Console,
    programs: PathBuf,
    part: Option<Part>,
    rows: Vec<Row>,
    /// Lines below the summary.
    closing_lines: Vec<String>,
    begun: Instant,
}

struct Row {
    part: Option<Part>,
    experiment: String,
    elapsed: Duration,
    passed: bool,
}

impl Runner {
    /// The programs are those that were built together with this one.
    pub(crate) fn new(console: &Console) -> Result<Self, Error> {
        let this = std::env::current_exe().map_err(|source| Error::System { attempt: "find the programs", source })?;
        let programs = this.parent().map(PathBuf::from).unwrap_or_default();
        Ok(Self {
            console: console.clone(),
            programs,
            part: None,
            rows: Vec::new(),
            closing_lines: Vec::new(),
            begun: Instant::now(),
        })
    }

    /// Where the programs are.
    pub(crate) fn folder(&self) -> &Path {
        &self.programs
    }

    /// Adds a line below the summary.
    pub(crate) fn remember(&mut self, line: String) {
        self.closing_lines.push(line);
    }

    /// Begins a part: the next experiments belong to it.
    pub(crate) fn begin(&mut self, part: Part) -> Result<(), Error> {
        self.part = Some(part);
        self.console.out.line(format_args!("\n=== {} ===", part.title()))
    }

    /// Runs an experiment, and adds its result to the summary.
    ///
    /// # Errors
    /// Only if output to stdout fails.
    pub(crate) fn experiment(
        &mut self,
        name: &str,
        make: impl FnOnce(&Self) -> Result<(), ExperimentError>,
    ) -> Result<(), Error> {
        self.console.out.line(format_args!("\n--- {name}"))?;
        let begun = Instant::now();
        let passed = match make(self) {
            Ok(()) => true,
            Err(ExperimentError::Failed(why)) => {
                self.console.out.line(format_args!("    FAILED: {why}"))?;
                false
            }
            Err(ExperimentError::Output(error)) => return Err(error),
        };
        self.rows.push(Row { part: self.part, experiment: name.to_owned(), elapsed: begun.elapsed(), passed });
        Ok(())
    }

    /// A program of the lab with its arguments.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(format!("{program}{}", std::env::consts::EXE_SUFFIX)));
        command.args(arguments);
        command
    }

    /// Starts a program of the lab.
    pub(crate) fn start_silently(&self, program: &str, arguments: &[&str]) -> Result<Program, ExperimentError> {
        Ok(Program::spawn(self.command(program, arguments))?)
    }

    /// Shows how a program is called.
    pub(crate) fn show_command(&self, command_line: &str) -> Result<(), Error> {
        self.console.out.line(format_args!("$ {command_line}"))
    }

    /// Starts a server of the lab that names its address on stderr, and waits until it listens: the program, the address.
    pub(crate) fn start_server(
        &self,
        program: &str,
        arguments: &[&str],
    ) -> Result<(Program, SocketAddr), ExperimentError> {
        let mut program = self.start(program, arguments)?;
        let address = program.wait_until_listening(DEADLINE)?;
        Ok((program, address))
    }

    /// Starts a program of the lab and shows how it is called.
    pub(crate) fn start(&self, program: &str, arguments: &[&str]) -> Result<Program, ExperimentError> {
        let program = self.start_silently(program, arguments)?;
        self.show_command(program.command_line())?;
        Ok(program)
    }

    /// Runs a program that may be missing on this machine, with its input, and shows what it shows; `None` when it is
    /// missing.
    pub(crate) fn run_other(
        &self,
        program: &str,
        arguments: &[&str],
        input: &[u8],
    ) -> Result<Option<Outcome>, ExperimentError> {
        let Ok(mut other) = Program::start(program, arguments) else {
            self.console.out.line(format_args!("    skipped: {program} is not installed"))?;
            return Ok(None);
        };
        // A program that is given as text is shown by its first line.
        let (first, more) = other.command_line().split_once('\n').unwrap_or((other.command_line(), ""));
        self.console.out.line(format_args!("$ {first}{}", if more.is_empty() { "" } else { "…'" }))?;
        other.input(input);
        self.finish(other).map(Some)
    }

    /// Runs a program of the lab to its normal end and shows what it shows.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Result<Outcome, ExperimentError> {
        let outcome = self.finish(self.start(program, arguments)?)?;
        check("exit status 0", outcome.code() == 0)?;
        Ok(outcome)
    }

    /// Waits for a program's end and shows its last lines, where the whole has been shown before.
    pub(crate) fn finish_in_short(&self, program: Program) -> Result<Outcome, ExperimentError> {
        /// The verdict, and the message or the error.
        const LAST_LINES: usize = 4;
        let outcome = program.finish(DEADLINE)?;
        let left_out = outcome.lines.len().saturating_sub(LAST_LINES);
        if left_out > 0 {
            self.console.out.line(format_args!("    [lines before these: {left_out}]"))?;
        }
        self.show(outcome.lines.iter().skip(left_out))?;
        Ok(outcome)
    }

    /// Waits for a program's end and shows all that it showed.
    pub(crate) fn finish_whole(&self, program: Program) -> Result<Outcome, ExperimentError> {
        let outcome = program.finish(DEADLINE)?;
        for line in &outcome.lines {
            self.show([line].into_iter())?;
        }
        Ok(outcome)
    }

    /// Waits for a program's end and shows what it showed.
    pub(crate) fn finish(&self, program: Program) -> Result<Outcome, ExperimentError> {
        let outcome = program.finish(DEADLINE)?;
        self.show(outcome.lines.iter())?;
        Ok(outcome)
    }

    /// Shows lines, abridged.
    pub(crate) fn show(&self, lines: impl Iterator<Item = impl ToString>) -> Result<(), Error> {
        let mut left_out = 0;
        for (i, line) in lines.enumerate() {
            if i >= SHOWN_LINES {
                left_out += 1;
                continue;
            }
            let line = line.to_string();
            let shown: String = line.chars().take(SHOWN_CHARACTERS).collect();
            let more = match line.chars().count() - shown.chars().count() {
                0 => String::new(),
                more => format!(" [{} more]", Count::of_len(more, "character")),
            };
            self.console.out.line(format_args!("    {}{more}", escape(&shown)))?;
        }
        if left_out > 0 {
            self.console.out.line(format_args!("    [{} more]", Count::of_len(left_out, "line")))
        } else {
            Ok(())
        }
    }

    /// The summary, with an error when an experiment failed.
    pub(crate) fn table(&self) -> Result<(), lab_run::Error> {
        self.console.out.line("\n=== Summary ===\n")?;
        for row in &self.rows {
            let part = row.part.map(|part| part.to_string()).unwrap_or_default();
            let (result, seconds) = (if row.passed { "ok" } else { "FAILED" }, row.elapsed.as_secs_f64());
            self.console.out.line(format_args!("{result:<7} {part:<7} {seconds:>6.2} s  {}", row.experiment))?;
        }
        let failed = self.rows.iter().filter(|row| !row.passed).count();
        let (passed, seconds) = (self.rows.len() - failed, self.begun.elapsed().as_secs_f64());
        self.console.out.line(format_args!("\n{passed} passed, {failed} failed, in {seconds:.1} s"))?;
        self.closing_lines.iter().try_for_each(|line| self.console.out.line(line))?;
        if failed == 0 { Ok(()) } else { Err(lab_run::Error::Experiments { failed, of: self.rows.len() }) }
    }
}
