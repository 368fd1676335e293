//! Why a command was not captured, or a capture not shown.

use labnet::{cli::Diagnosis, escape::escape};

/// What failed: a command, the private network, a capture file, or what is below them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A command line, a file, or the system.
    #[error(transparent)]
    Lab(#[from] labnet::Error),
    /// There is no private network, or not as it was to be.
    #[error(transparent)]
    Sandbox(#[from] lab_sandbox::Error),
    /// The hosts or their capture could not be had.
    #[error(transparent)]
    Testbed(#[from] lab_testbed::Error),
    /// The capture could not be kept.
    #[error(transparent)]
    Recording(#[from] lab_packets::Error),
    /// A capture file cannot be used, or not to its end.
    #[error("{}: {source}", escape(.path))]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: lab_packets::Error,
    },
    /// The mock servers did not become ready.
    #[error(transparent)]
    MockServers(#[from] lab_process::Error),
    /// A command that was to serve does not.
    #[cfg(target_os = "linux")]
    #[error("`{}` does not wait for clients", escape(.0))]
    NotServing(String),
}

impl Diagnosis for Error {
    fn lab_error(&self) -> Option<&labnet::Error> {
        if let Self::Lab(error) = self { Some(error) } else { None }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Lab(error) => error.hint(),
            Self::Sandbox(error) | Self::Testbed(lab_testbed::Error::Sandbox(error)) => error.hint().map(str::to_owned),
            _ => None,
        }
    }
}
