//! `lab-capture` as a user sees it.
//!
//! Where the system gives no private networks, or another program is missing, a test is skipped by name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[cfg(target_os = "linux")]
mod ends; // How a run ends.
#[path = "../../../lab-packets/tests/it/exchange.rs"]
mod exchange;
mod files; // Files as people have them.
#[cfg(target_os = "linux")]
mod lab; // A folder in which a run is tried.
#[cfg(target_os = "linux")]
mod packets; // The packets of a run.
mod program; // Counting and showing.
#[cfg(target_os = "linux")]
mod rights; // Ordinary users, forbidden networks.
#[cfg(target_os = "linux")]
mod run; // Running a command.
#[cfg(target_os = "linux")]
mod shown; // What a run shows.
mod tunnels; // TLS after plain text.
#[allow(dead_code, reason = "lab-packets' tests use all of it")]
#[path = "../../../lab-packets/tests/it/wire.rs"]
mod wire;
