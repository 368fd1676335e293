//! Part 6, the PDC, with a PMU that is the lab's own, cannot be trusted, or does no good.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
// Tests that need Linux are left out elsewhere, not what they have in common.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod certificates; // Certificates that are refused.
mod certified; // A CA and a PMU under its certificate.
mod command_line; // The command line.
mod files; // A certificate of any kind.
mod handout; // Answers, and whom the PDC believes.
mod no_good; // A PMU that is verified, and does no good.
mod no_tls; // No TLS.
mod statistics; // `--stats`.

fn message(i: u64) -> String {
    format!("This is PMU data {i}")
}

fn lines(numbers: std::ops::Range<u64>) -> String {
    numbers.map(|i| message(i) + "\n").collect()
}
