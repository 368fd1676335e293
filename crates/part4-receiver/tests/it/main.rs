//! Part 4, the receiver, with the test as the broadcaster.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
// Tests that need Linux are left out elsewhere, not what they have in common.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod handout; // As its user sees it (Q18, Q19).
#[cfg(target_os = "linux")]
mod own_network; // Where the network is the test's own.

use lab_process::Program;
use lab_test::PATIENCE;

const RECEIVER: &str = env!("CARGO_BIN_EXE_part4-receiver");

fn joined(mut receiver: Program) -> Program {
    receiver.line_with("join", PATIENCE, |line| line.text.starts_with("note: joined ")).unwrap();
    receiver
}
