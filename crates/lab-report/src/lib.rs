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
pub mod sheet;
mod words;
