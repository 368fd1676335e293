//! The lab's questions, answered from what was measured.
//!
//! ```text
//! lab-testbed: facts ─► answers, accounts, figures ─► sheet ─► page, JSON
//! facts.json            words, sums, pictures         data     files
//! ```
//!
//! Nothing here runs a program or opens a socket: all is made of facts, and tested with facts.

pub mod accounts;
pub mod answers;
pub mod folder;
pub mod json;
pub mod page;
pub mod plot;
pub mod report;
pub mod sheet;

mod error;
mod figures;
#[cfg(test)]
mod sample;
mod words;

pub use error::Error;
