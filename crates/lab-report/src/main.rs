//! Makes every experiment of the handout in a private network, captures it, and answers Q1 to Q28 from what it measured.
//!
//! Usage: `lab-report` · `lab-report --out DIR --seed 7` · `lab-report --part2 'python3 my_pdc.py'`

use std::process::ExitCode;

use labnet::cli;

#[cfg(target_os = "linux")]
mod main {
    pub(super) mod arguments;
    pub(super) mod report;
}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    use lab_sandbox::{Place, doorway};

    match doorway() {
        Place::Done(status) => status,
        Place::Outside => cli::run_to_status(main::report::outside),
        Place::Inside => cli::run_to_status(main::report::inside),
    }
}

/// Make every experiment of the lab, and answer Q1 to Q28 from what was measured (Linux only)
#[cfg(not(target_os = "linux"))]
#[derive(clap::Parser)]
#[command(name = "lab-report", version)]
struct Elsewhere {
    /// What would be done on Linux
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    _options: Vec<String>,
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    cli::run(|_: Elsewhere, _| {
        let error = lab_sandbox::Error::NotLinux;
        Err(labnet::Error::Sandbox { complaint: error.to_string(), advice: error.hint() })
    })
}
