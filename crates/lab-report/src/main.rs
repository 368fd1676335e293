//! Runs the experiments of the handout in a private network, captures them, and answers Q1 to Q28 from the measurements.
//!
//! Usage: `lab-report` · `lab-report --out DIR --seed 7` · `lab-report --part2 'python3 my_pdc.py'` · `lab-report --from
//! DIR/facts.json`

mod main {
    pub(super) mod arguments;
    pub(super) mod conclusion;
    pub(super) mod render;
    pub(super) mod run;
}

use std::process::ExitCode;

use lab_report::Error;
use lab_sandbox::{Launched, reexec};
use labnet::cli::{self, Console};

use main::{arguments::Arguments, render, run};

fn main() -> ExitCode {
    cli::guard(report)
}

fn report() -> ExitCode {
    let is_inside = match reexec() {
        Launched::Done(status) => return status,
        Launched::Outside => false,
        Launched::Inside => true,
    };
    cli::run_to_status(|arguments: Arguments, console: &Console| -> Result<ExitCode, Error> {
        match &arguments.from {
            Some(facts) => render::render(facts, &arguments, console),
            None if is_inside => run::inside(&arguments, console),
            None => run::outside(&arguments, console),
        }
    })
}
