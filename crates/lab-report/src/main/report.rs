//! The program: goes into a private network, makes the experiments there, and writes what was found.

use std::{
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use lab_report::{
    accounts, answers, experiments, folder,
    laboratory::{Laboratory, Settings},
    sheet::{Account, Run, Sheet},
};
use lab_sandbox::Passage;
use labnet::{
    Error,
    cli::{self, Console},
};

use super::arguments::Arguments;

/// The version of the shape of `answers.json`.
const SCHEMA: u32 = 1;

/// In the ordinary world: the same program does the work inside.
pub(crate) fn outside(arguments: Arguments, console: &Console) -> Result<ExitCode, Error> {
    let refused = |error: lab_sandbox::Error| Error::Sandbox { complaint: error.to_string(), advice: error.hint() };
    // What is wrong with the folder or with a name is said before anything begins.
    std::fs::create_dir_all(&arguments.out).map_err(|source| Error::File {
        attempt: "make the folder",
        path: arguments.out.display().to_string(),
        source,
    })?;
    if experiments::count(&arguments.only) == 0 {
        let names: Vec<&str> = experiments::all().collect();
        let wanted = arguments.only.join(", ");
        return Err(Error::Usage(format!("no experiment's name begins with {wanted}; there are {}", names.join(", "))));
    }
    let mut passage = Passage::begin().map_err(refused)?;
    console.at_interrupt(passage.interrupter());
    passage.wait().map_err(refused)
}

/// In a private network.
pub(crate) fn inside(arguments: Arguments, console: &Console) -> Result<ExitCode, Error> {
    let laboratory = Laboratory::new(arguments.settings(), arguments.programs()?, arguments.out.clone());
    let report = Arc::new(Report::begin(laboratory));
    let interrupted = (Arc::clone(&report), console.clone());
    console.at_interrupt(move || {
        let (report, console) = interrupted;
        // First the report: a program that is ended here must not pass for one that gave a short answer.
        let written = report.write();
        lab_process::end_all();
        match written {
            Ok(_) => console.note(format_args!("interrupted: {} has what was done", report.page())),
            Err(error) => console.warn(error),
        }
    });
    console.progress().begin(experiments::count(&arguments.only) as u64);
    experiments::run(&report.laboratory, &arguments.only, |_| console.progress().advance());
    console.progress().end();
    let sheet = report.write()?;
    conclude(&sheet, &report.page(), console)
}

/// A report that can be written at any time, with what there is by then.
struct Report {
    laboratory: Laboratory,
    begun: SystemTime,
    clock: Instant,
    /// Held while it is written: an interruption may come at the end.
    writing: Mutex<()>,
}

impl Report {
    fn begin(laboratory: Laboratory) -> Self {
        Self { laboratory, begun: SystemTime::now(), clock: Instant::now(), writing: Mutex::default() }
    }

    fn page(&self) -> String {
        self.laboratory.folder.join(folder::PAGE).display().to_string()
    }

    fn write(&self) -> Result<Sheet, Error> {
        let _only_one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let sheet = self.sheet();
        folder::write(&self.laboratory.folder, &sheet)
            .map_err(|error| Error::Report { complaint: error.to_string() })?;
        Ok(sheet)
    }

    fn sheet(&self) -> Sheet {
        let notebook = self.laboratory.notebook();
        let settings = &self.laboratory.settings;
        let since_epoch = self.begun.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Sheet {
            schema: SCHEMA,
            run: Run {
                seed: settings.seed,
                begun: cli::utc(since_epoch),
                seconds: self.clock.elapsed().as_secs_f64(),
                is_complete: notebook.experiments.iter().all(|experiment| experiment.state == "done"),
                system: system(),
                path: settings.path.to_string(),
                others_programs: self.laboratory.programs.others(),
                changes: changes(settings),
            },
            answers: answers::answers(&notebook.evidence),
            accounts: accounts::accounts(&notebook.evidence),
            experiments: notebook.experiments,
        }
    }
}

/// What is not as in the handout.
fn changes(settings: &Settings) -> Vec<String> {
    let usual = Settings::default();
    let mut changes = Vec::new();
    if settings.messages != usual.messages {
        changes.push(format!("a PMU answers with {} messages", settings.messages));
    }
    if settings.first != usual.first {
        changes.push(format!("messages are numbered from {}", settings.first));
    }
    if settings.loss.to_bits() != usual.loss.to_bits() {
        changes.push(format!("the PMU of part 3 loses a packet with probability {}", settings.loss));
    }
    if settings.runs != usual.runs {
        changes.push(format!("{} resets are made for the mean", settings.runs));
    }
    if settings.path != usual.path {
        changes.push(format!("the path has {}", settings.path));
    }
    changes
}

/// `Linux 6.18.44`.
fn system() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Linux {}", release.trim())
}

/// Says in short what is in the report; a sum that does not come out fails the run.
fn conclude(sheet: &Sheet, page: &str, console: &Console) -> Result<ExitCode, Error> {
    let answered = sheet.answers.iter().filter(|answer| !answer.items.is_empty()).count();
    let (accounts, balanced) =
        (sheet.accounts.len(), sheet.accounts.iter().filter(|account| account.balances()).count());
    let done = sheet.experiments.iter().filter(|experiment| experiment.state == "done").count();
    let failed = sheet.experiments.iter().filter(|experiment| experiment.state == "failed");
    for experiment in failed.clone() {
        let trouble = experiment.trouble.as_deref().and_then(|trouble| trouble.lines().next()).unwrap_or_default();
        console.warn(format_args!("{}: {trouble}", experiment.name));
    }
    console.line(format_args!(
        "{done} of {} experiments made, {answered} of {} questions answered, {balanced} of {accounts} connections \
         accounted for to the byte, in {:.1} s",
        sheet.experiments.len(),
        sheet.answers.len(),
        sheet.run.seconds,
    ))?;
    console.line(format_args!("report: {page}"))?;
    let unbalanced: Vec<&Account> = sheet.accounts.iter().filter(|account| !account.balances()).collect();
    match (unbalanced.first(), failed.count()) {
        (None, 0) => Ok(ExitCode::SUCCESS),
        (None, failed) => Err(Error::Experiments { failed, of: sheet.experiments.len() }),
        (Some(account), _) => {
            let check = account.checks.iter().find(|check| !check.holds);
            let claim = check.map(|check| format!("{} ({})", check.claim, check.numbers)).unwrap_or_default();
            let complaint = format!(
                "{} is not accounted for: {claim}; see {page}#account-{}",
                account.experiment, account.experiment
            );
            Err(Error::Report { complaint })
        }
    }
}
