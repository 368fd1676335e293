//! The lab as a whole: `run-lab`, the help of every program, and the documents that are typed in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
// Tests that need Linux are left out elsewhere, not what they have in common.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod documents;
mod faults;
mod help;
mod hints;
mod readme;
mod run_lab;
mod workspace;

/// A program of the workspace; the others lie beside it.
const RUN_LAB: &str = env!("CARGO_BIN_EXE_run-lab");
