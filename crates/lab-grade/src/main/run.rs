//! A grading: outside it enters a private network, inside it grades.

use std::process::ExitCode;

use lab_grade::Error;
use lab_sandbox::Launcher;
use labnet::cli::Console;

use super::arguments::Arguments;

/// Grades.
pub(crate) fn run(arguments: &Arguments, is_inside: bool, console: &Console) -> Result<ExitCode, Error> {
    arguments.check()?;
    #[cfg(target_os = "linux")]
    if is_inside {
        return linux::inside(arguments, console);
    }
    let _ = is_inside;
    let mut launcher = Launcher::start()?;
    console.shutdown.at_interrupt(launcher.interrupter());
    Ok(launcher.wait()?)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        path::{Path, PathBuf},
        process::ExitCode,
        sync::{Mutex, PoisonError},
    };

    use lab_grade::{
        Error, cases,
        grade::{self, Pool, Workplace},
        journal::{Entry, Journal},
        output::{self, Outputs, terminal},
        results::{CaseResult, Grades},
        rules::Rules,
    };
    use labnet::cli::Console;

    use crate::main::arguments::Arguments;

    /// What all submissions share.
    struct Session<'a> {
        rules: Rules,
        outputs: Outputs,
        pool: Pool,
        ours: PathBuf,
        out: PathBuf,
        journal: Mutex<Journal>,
        console: &'a Console,
    }

    pub(super) fn inside(arguments: &Arguments, console: &Console) -> Result<ExitCode, Error> {
        let rules = arguments.rules();
        console.shutdown.at_interrupt(lab_process::end_all);
        console.err.note(format_args!("seed {}", rules.seed));
        let journal = Journal::open(&arguments.out, rules.seed, false)?;
        let ours =
            std::env::current_exe().map_err(|source| labnet::Error::System { attempt: "find the programs", source })?;
        let ours = ours.parent().map(Path::to_owned).unwrap_or_default();
        let session = Session {
            rules,
            outputs: arguments.outputs(),
            pool: Pool::new(arguments.jobs.into()),
            ours,
            out: arguments.out.clone(),
            journal: Mutex::new(journal),
            console,
        };
        session.write()?;
        if let Some(role) = arguments.part {
            session.one(role, &arguments.command_line())?;
        }
        session.conclude()
    }

    impl Session<'_> {
        /// Grades one program.
        fn one(&self, role: lab_testbed::programs::ProgramRole, command: &str) -> Result<(), Error> {
            let folder = std::env::current_dir()
                .map_err(|source| labnet::Error::System { attempt: "find this folder", source })?;
            let name = command.to_owned();
            self.add(vec![Entry::Submission {
                name: name.clone(),
                identities: vec![],
                notes: vec![],
                fingerprint: 0,
            }])?;
            let workplace = Workplace { ours: self.ours.clone(), out: self.out.clone(), submission: PathBuf::new() };
            let program = grade::Program { role, command: command.to_owned(), folder };
            self.console.err.progress().begin(cases::of_program(role).count() as u64);
            let failure = Mutex::new(None);
            grade::program(&program, &workplace, &self.rules, &self.pool, &|results| {
                if let Err(error) = self.enter(&name, results) {
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            });
            self.console.err.progress().end();
            if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
                return Err(error);
            }
            self.add(vec![Entry::Done { name }])
        }

        /// Keeps results, and shows how far the grading is.
        fn enter(&self, submission: &str, results: Vec<CaseResult>) -> Result<(), Error> {
            results.iter().for_each(|_| self.console.err.progress().advance());
            let entry = |result| Entry::Case { submission: submission.to_owned(), result: Box::new(result) };
            self.add(results.into_iter().map(entry).collect())
        }

        fn add(&self, entries: Vec<Entry>) -> Result<(), Error> {
            self.journal.lock().unwrap_or_else(PoisonError::into_inner).add(entries)?;
            self.write()
        }

        /// Writes all files that were asked for, one writer at a time.
        fn write(&self) -> Result<(), Error> {
            let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
            self.outputs.write(&journal.grades())
        }

        fn conclude(&self) -> Result<ExitCode, Error> {
            self.write()?;
            let grades: Grades = self.journal.lock().unwrap_or_else(PoisonError::into_inner).grades();
            let text = match grades.submissions.as_slice() {
                [one] => terminal::submission(one),
                _ => terminal::class(&grades),
            };
            match self.outputs.is_json_on_stdout() {
                true => self.console.out.lines(output::json(&grades)?)?,
                false => self.console.out.lines(text)?,
            }
            Ok(grades.status().into())
        }
    }
}
