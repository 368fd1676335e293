//! The lab's questions, answered from what was measured.
//!
//! ```text
//! experiments ─► evidence ─► answers, accounts ─► sheet ─► page, JSON
//! programs in    facts       words and sums        data     files
//! a sandbox
//! ```
//!
//! Only `experiments` has sockets, programs and clocks; all behind it is made of facts, and tested with facts.

pub mod accounts;
pub mod answers;
pub mod evidence;
#[cfg(target_os = "linux")]
pub mod experiments;
pub mod folder;
pub mod json;
#[cfg(target_os = "linux")]
pub mod laboratory;
pub mod page;
pub mod plot;
pub mod programs;
pub mod sheet;

mod error;
mod words;

pub use error::Error;
