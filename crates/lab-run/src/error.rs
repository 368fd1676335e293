//! The error of run-lab, bench, package-submission and package-gradescope.

use labnet::cli::Diagnosis;

/// Why one of the programs failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A command line, a file, or the system.
    #[error(transparent)]
    Lab(#[from] labnet::Error),
    /// The certificates could not be made.
    #[error(transparent)]
    Certificates(#[from] ttp::Error),
    /// The mock servers did not become ready.
    #[error(transparent)]
    MockServers(#[from] lab_process::Error),
    /// Experiments or rows of the bench do not hold.
    #[error("{failed} of {of} experiments failed")]
    Experiments {
        /// How many failed.
        failed: usize,
        /// Of how many.
        of: usize,
    },
}

impl Diagnosis for Error {
    fn lab_error(&self) -> Option<&labnet::Error> {
        match self {
            Self::Lab(error) => Some(error),
            Self::Certificates(error) => error.lab_error(),
            Self::MockServers(_) | Self::Experiments { .. } => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Lab(error) => error.hint(),
            Self::Certificates(error) => error.hint(),
            Self::MockServers(_) | Self::Experiments { .. } => None,
        }
    }
}
