//! `lab-report`: enters a private network, runs the experiments there, and writes the report.

use std::process::ExitCode;

use lab_report::{Error, folder};
use lab_sandbox::Launcher;
use lab_testbed::facts::Scenario;
use labnet::cli::Console;

use super::arguments::Arguments;

/// Outside of the private network: starts the same program inside.
pub(crate) fn outside(arguments: &Arguments, console: &Console) -> Result<ExitCode, Error> {
    // Errors in the folder or in a name are reported before the run.
    let out = arguments.out();
    folder::check(&out)?;
    std::fs::create_dir_all(&out).map_err(|source| labnet::Error::File {
        attempt: "make the folder",
        path: out.display().to_string(),
        source,
    })?;
    if !arguments.wants_something() {
        let names = Scenario::ALL.map(Scenario::name).join(", ");
        let wanted = arguments.only.join(", ");
        let wrong = format!("no experiment's name begins with {wanted}; there are {names}");
        return Err(labnet::Error::Usage(wrong).into());
    }
    let mut launcher = Launcher::start()?;
    console.shutdown.at_interrupt(launcher.interrupter());
    Ok(launcher.wait()?)
}

/// Never called on a system without private networks.
#[cfg(not(target_os = "linux"))]
pub(crate) fn inside(arguments: &Arguments, console: &Console) -> Result<ExitCode, Error> {
    outside(arguments, console)
}

/// Inside of the private network.
#[cfg(target_os = "linux")]
pub(crate) fn inside(arguments: &Arguments, console: &Console) -> Result<ExitCode, Error> {
    linux::inside(arguments, console)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        path::PathBuf,
        process::ExitCode,
        sync::{Arc, Mutex, PoisonError},
    };

    use lab_report::{Error, folder, report, sheet::AnswerSheet};
    use lab_testbed::{Testbed, facts::Scenario, scenarios};
    use labnet::cli::Console;

    use crate::main::{arguments::Arguments, conclusion};

    pub(super) fn inside(arguments: &Arguments, console: &Console) -> Result<ExitCode, Error> {
        let settings = arguments.settings()?;
        let programs = arguments.programs(settings.ports)?;
        let testbed = Testbed::new(settings, programs, arguments.out());
        let report = Arc::new(ReportWriter { testbed, folder: arguments.out(), writing: Mutex::default() });
        let interrupted = (Arc::clone(&report), console.clone());
        console.shutdown.at_interrupt(move || {
            let (report, console) = interrupted;
            // The report first: an ended program must not count as one with a short answer.
            let written = report.write();
            lab_process::end_all();
            match written {
                Ok(_) => {
                    console.err.note(format_args!("interrupted: {} has what was done", folder::page(&report.folder)))
                }
                Err(error) => console.err.warn(error),
            }
        });
        let wanted = Scenario::ALL.iter().filter(|&&scenario| report.testbed.settings().is_wanted(scenario)).count();
        console.err.progress().begin(wanted as u64);
        scenarios::run(&report.testbed, |_| console.err.progress().advance());
        console.err.progress().end();
        let sheet = report.write()?;
        conclusion::conclude(&sheet, &folder::page(&report.folder), console)
    }

    /// Writes the report of the results so far, at any time.
    struct ReportWriter {
        testbed: Testbed,
        folder: PathBuf,
        /// Held while the report is written: an interruption may come at the end.
        writing: Mutex<()>,
    }

    impl ReportWriter {
        fn write(&self) -> Result<AnswerSheet, Error> {
            let _only_one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let facts = self.testbed.facts();
            let sheet = report::sheet(&facts);
            folder::write_facts(&self.folder, &facts)?;
            folder::write(&self.folder, &sheet)?;
            folder::remove_leftovers(&self.folder, &facts)?;
            Ok(sheet)
        }
    }
}
