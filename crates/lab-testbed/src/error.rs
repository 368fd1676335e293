//! The error of topologies and captures.

use std::io;

use labnet::error::reason;

/// Why a topology or a capture cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refuses a network or an interface, or packets of it.
    #[error(transparent)]
    Sandbox(#[from] lab_sandbox::Error),
    /// The topology has fewer hosts; the caller is to blame.
    #[error("there is no host {number}")]
    NoHost {
        /// The requested number, from 0.
        number: usize,
    },
    /// The system refuses a thread.
    #[error("cannot start to capture: {}", reason(.source))]
    Thread {
        /// The system's reason.
        source: io::Error,
    },
}
