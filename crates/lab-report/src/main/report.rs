//! The program: goes into a private network, makes the experiments there, and writes what was found.

use std::{process::ExitCode, sync::Arc, time::Instant};

use lab_report::{experiments, laboratory::Laboratory};
use lab_sandbox::Passage;
use labnet::{Error, cli::Console};

use super::arguments::Arguments;

/// In the ordinary world: the same program does the work inside.
pub(crate) fn outside(arguments: Arguments, console: &Console) -> Result<ExitCode, Error> {
    let refused = |error: lab_sandbox::Error| Error::Sandbox { complaint: error.to_string(), advice: error.hint() };
    // What is wrong with the folder is said before anything begins.
    std::fs::create_dir_all(&arguments.out).map_err(|source| Error::File {
        attempt: "make the folder",
        path: arguments.out.display().to_string(),
        source,
    })?;
    let mut passage = Passage::begin().map_err(refused)?;
    console.at_interrupt(passage.interrupter());
    passage.wait().map_err(refused)
}

/// In a private network.
pub(crate) fn inside(arguments: Arguments, console: &Console) -> Result<ExitCode, Error> {
    let laboratory = Arc::new(Laboratory::new(arguments.settings(), arguments.programs()?, arguments.out.clone()));
    let begun = Instant::now();
    console.progress().begin(experiments::count(&arguments.only) as u64);
    experiments::run(&laboratory, &arguments.only, |_| console.progress().advance());
    console.progress().end();
    console.line(format_args!("{:#?}", laboratory.notebook().evidence))?;
    for e in laboratory.notebook().experiments {
        console.line(format_args!("{} {} {:?} {:.2}", e.name, e.state, e.trouble, e.seconds))?;
    }
    console.line(format_args!("{:?}", begun.elapsed()))?;
    Ok(ExitCode::SUCCESS)
}
