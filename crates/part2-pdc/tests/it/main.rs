//! Part 2, the program, with its PMU in one process: the lab's own, or one that the test plays.

#![allow(clippy::panic, clippy::unwrap_used)]
// Tests that need Linux are left out elsewhere, not what they have in common.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod handout; // The lab's own PMU: answers, and the command line.
mod hostile; // A PMU that means no good: the moment of each line, wrong answers, silence, Ctrl-C, statistics.
mod outputs; // Where the answer goes: a reader that leaves, a full disk, memory.
mod played; // A PMU that the test plays.

const PDC: &str = env!("CARGO_BIN_EXE_part2-pdc");

fn message(i: u64) -> String {
    format!("This is PMU data {i}")
}

/// The lines of the messages with these numbers.
fn lines(numbers: impl IntoIterator<Item = u64>) -> String {
    numbers.into_iter().map(|i| message(i) + "\n").collect()
}
