//! Grades programs and submissions: cases with points, a story for each that fails, the same for students and teachers.
//!
//! Usage: `lab-grade Lab3_123456_654321` · `lab-grade --part 2 -- python3 pdc.py` · `lab-grade --class submissions`

mod main {
    pub(super) mod arguments;
    #[cfg(target_os = "linux")]
    pub(super) mod confinement;
    pub(super) mod run;
    #[cfg(target_os = "linux")]
    pub(super) mod session;
}

use std::process::ExitCode;

use lab_grade::Error;
use lab_sandbox::{Launched, reexec};
use labnet::cli::{self, Console, Diagnosis};

use main::{arguments::Arguments, run};

fn main() -> ExitCode {
    cli::guard(grade)
}

/// The exit status when the grader itself could not work.
const COULD_NOT_WORK: u8 = 2;

fn grade() -> ExitCode {
    let is_inside = match reexec() {
        Launched::Done(status) => return status,
        Launched::Outside => false,
        Launched::Inside => true,
    };
    cli::run_to_status(|arguments: Arguments, console: &Console| -> Result<ExitCode, Error> {
        match run::run(&arguments, is_inside, console) {
            Err(Error::Lab(error)) => Err(error.into()),
            Err(error) => {
                console.err.line(format_args!("error: {error}"));
                error.hint().iter().for_each(|hint| console.err.hint(hint));
                Ok(COULD_NOT_WORK.into())
            }
            done => done,
        }
    })
}
