//! The lab's questions, answered from what was measured.
//!
//! ```text
//! programs in    facts       words and sums        data     files
//! a sandbox
//! ```
//!
//! Only `experiments` has sockets, programs and clocks; all behind it is made of facts, and tested with facts.

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
mod number;

pub use error::Error;
