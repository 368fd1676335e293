//! Programs as a user sees them: a command line, what appears on stdout and stderr and when, an exit status.
//!
//! Knows the parts of the lab as command lines, not as crates. A program ends with its [`Program`] at the latest.

pub mod executable;
pub mod shell;
pub mod sockets;

mod program;

pub use program::{Error, Line, MAX_OUTPUT, Outcome, Program, Stream, end_all};
