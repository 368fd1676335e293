//! Part 3 as a user sees it: the real program against the mock server, and against servers that misbehave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod command_line; // Limits, statistics, signals, errors.
mod families; // Which family answers (Q16).
mod loss; // The summary of many runs (Q17).
mod noise; // What is no acknowledgement.
#[cfg(target_os = "linux")]
mod own_network; // Networks that lack something.
mod played; // The servers.
mod rounds; // When a packet is sent.
mod shown; // What part 3 shows.

use std::process::Command;

use lab_process::{Outcome, Program};
use lab_test::{finish, spawn};

const PART3: &str = env!("CARGO_BIN_EXE_part3-reset");

/// A timeout that does not pass: who is answered in the first round needs one, however slow the machine.
const PATIENT: &str = "--timeout=3600";

/// Ports that are closed, one of each family: port 0 never picks them, and nobody uses them.
const CLOSED: [&str; 2] = ["127.0.0.1:1", "[::1]:1"];

fn start(arguments: &[&str]) -> Program {
    let mut command = Command::new(PART3);
    command.args(arguments).env_remove("LAB_SERVER").env("TZ", "UTC");
    spawn(command)
}

fn run(arguments: &[&str]) -> Outcome {
    finish(start(arguments))
}
