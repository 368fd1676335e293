//! Which of its copies a process is.

use std::process::ExitCode;

/// Where a process finds itself after the [`reexec`](crate::reexec).
#[derive(Debug)]
pub enum Launched {
    /// In the ordinary world.
    Outside,
    /// In a private network, with nothing in it yet.
    Inside,
    /// A helper on the way: `main` returns this at once.
    Done(ExitCode),
}
