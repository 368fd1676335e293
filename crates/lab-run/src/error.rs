//! Why the lab was not run, or not as it should.

use labnet::cli::Diagnosis;

/// What failed: an experiment, or what is below them.
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
    /// Programs did something else than they should.
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
