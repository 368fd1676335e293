//! `lab-report` as its users see it, and the page that it makes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
// Tests that need Linux are left out elsewhere, not what they have in common.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod accessibility; // The page, held against axe-core.
#[cfg(target_os = "linux")]
mod arguments; // What a user says about programs and folders.
mod browser; // Chromium without a window.
#[cfg(target_os = "linux")]
mod closing; // Programs that close early, or with a reset.
#[cfg(target_os = "linux")]
mod ends; // Interrupted reports, wrong command lines.
#[cfg(target_os = "linux")]
mod facts; // Reports from facts, without a run.
#[cfg(target_os = "linux")]
mod findings_part2; // Wrong programs of part 2, each by its name.
#[cfg(target_os = "linux")]
mod findings_part3; // The same of part 3.
#[cfg(target_os = "linux")]
mod findings_part4; // The same of part 4.
#[cfg(target_os = "linux")]
mod findings_part5; // Wrong programs of part 5.
#[cfg(target_os = "linux")]
mod findings_part6; // Wrong PMUs of part 6.
mod fixture; // A sheet with everything in it.
#[cfg(target_os = "linux")]
mod machine; // Which reports are made side by side.
#[cfg(target_os = "linux")]
mod measured; // Answers follow what is measured.
#[cfg(target_os = "linux")]
mod others; // Programs of somebody else.
mod page; // The page, its data and its figures.
#[cfg(target_os = "linux")]
mod report; // A report as a user makes it.
#[cfg(target_os = "linux")]
mod whole; // Whole reports.
