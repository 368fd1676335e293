//! What [`reexec`](crate::reexec) returns.

use std::process::ExitCode;

/// Which copy of the program this process is.
#[derive(Debug)]
pub enum Launched {
    /// The program as the user started it, outside of a private network.
    Outside,
    /// The copy in a private network. The network has no hosts yet.
    Inside,
    /// A helper process whose work is done: `main` returns this exit code at once.
    Done(ExitCode),
}
