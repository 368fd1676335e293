//! The lab's questions, answered from what was measured.
//!
//! ```text
//! lab-testbed: facts ─► answers, reconciliation, figures ─► sheet ─► page, JSON
//! facts.json            sentences, sums, drawings           data     files
//! ```
//!
//! Nothing here runs a program or opens a socket: facts are the only input, also of the tests.

pub mod answers;
pub mod folder;
pub mod json;
pub mod page;
pub mod plot;
pub mod reconciliation;
pub mod report;
pub mod sheet;

mod error;
mod figures;
mod findings;
mod formatting;
#[cfg(test)]
mod sample;
mod validity;

pub use error::Error;
