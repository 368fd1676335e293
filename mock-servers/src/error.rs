//! Why a server could not start.

use labnet::cli::Diagnosis;

/// What failed below the servers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A command line, a file, a socket, or TLS.
    #[error(transparent)]
    Lab(#[from] labnet::Error),
    /// A certificate that is made at first use.
    #[error(transparent)]
    Certificate(#[from] ttp::Error),
}

impl Diagnosis for Error {
    fn lab_error(&self) -> Option<&labnet::Error> {
        match self {
            Self::Lab(error) => Some(error),
            Self::Certificate(error) => error.lab_error(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Lab(error) => error.hint(),
            Self::Certificate(error) => error.hint(),
        }
    }
}
