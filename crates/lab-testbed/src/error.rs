//! Why a run could not be made.

use std::io;

use labnet::error::reason;

/// What this system refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such network or interface, or no right to its packets.
    #[error(transparent)]
    Sandbox(#[from] lab_sandbox::Error),
    /// A topology has fewer hosts.
    #[error("there is no host {number}")]
    NoHost {
        /// The number that was asked for.
        number: usize,
    },
    /// The system gave no thread.
    #[error("cannot start to capture: {}", reason(.source))]
    Thread {
        /// The system's reason.
        source: io::Error,
    },
}
