//! A grading: outside it enters a private network, inside it grades. Merging needs none.

use std::process::ExitCode;

use lab_grade::{
    Error, journal,
    output::{self, Outputs, terminal},
    results::Grades,
};
use lab_sandbox::Launcher;
use labnet::cli::Console;

use super::arguments::{Action, Arguments};

/// Does what the command line says.
pub(crate) fn run(arguments: &Arguments, is_inside: bool, console: &Console) -> Result<ExitCode, Error> {
    if let Some(Action::Merge(merge)) = &arguments.action {
        let mut entries = Vec::new();
        for folder in &merge.folders {
            entries.extend(journal::read_existing(folder)?);
        }
        let grades = journal::merged(&entries)?;
        let outputs = merge.results.outputs(merge.folders.clone());
        outputs.write(&grades)?;
        return conclude(&grades, &outputs, console);
    }
    arguments.check()?;
    #[cfg(target_os = "linux")]
    if is_inside {
        return super::session::grade(arguments, console);
    }
    let _ = is_inside;
    let mut launcher = Launcher::start()?;
    console.shutdown.at_interrupt(launcher.interrupter());
    Ok(launcher.wait()?)
}

/// Shows the results, and yields the exit status.
pub(crate) fn conclude(grades: &Grades, outputs: &Outputs, console: &Console) -> Result<ExitCode, Error> {
    if outputs.is_json_on_stdout() {
        console.out.lines(output::json(grades)?)?;
    } else {
        console.out.lines(match grades.submissions.as_slice() {
            [one] => terminal::submission(one),
            _ => terminal::class(grades),
        })?;
    }
    Ok(grades.status().into())
}
