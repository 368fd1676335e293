//! Makes every experiment of the handout in a private network, captures it, and answers Q1 to Q28 from what it measured.
//!
//! Usage: `lab-report` · `lab-report --out DIR --seed 7` · `lab-report --part2 'python3 my_pdc.py'`

use std::process::ExitCode;

use lab_sandbox::{Place, doorway};
use labnet::cli;

mod main {
    pub(super) mod arguments;
    pub(super) mod report;
}

fn main() -> ExitCode {
    match doorway() {
        Place::Done(status) => status,
        Place::Outside => cli::run_to_status(main::report::outside),
        Place::Inside => cli::run_to_status(main::report::inside),
    }
}
