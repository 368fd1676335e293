//! Why there is no report, or one with something in it that cannot be true.

use std::{io, path::PathBuf};

use labnet::cli::Diagnosis;

/// What could not be done, and on what.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A command line, a file, or the system.
    #[error(transparent)]
    Lab(#[from] labnet::Error),
    /// There is no private network.
    #[error(transparent)]
    Sandbox(#[from] lab_sandbox::Error),
    /// A file or a folder; the system is to blame, or whoever named it.
    #[error("cannot {attempt} {}: {source}", path.display())]
    File {
        /// `write`, `make the folder`, …
        attempt: &'static str,
        /// On which.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A sheet that is no JSON: we are to blame.
    #[error("cannot write {what} as JSON: {source}")]
    Json {
        /// `the answers`, `the schema`.
        what: &'static str,
        /// What serde says.
        source: serde_json::Error,
    },
    /// Programs did something else than they should.
    #[error("{failed} of {of} experiments failed")]
    Experiments {
        /// How many failed.
        failed: usize,
        /// Of how many.
        of: usize,
    },
    /// A file holds no facts of a run, or those of another version.
    #[error("{}: {complaint}", path.display())]
    NoFacts {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        complaint: String,
    },
    /// The witnesses of a connection do not agree.
    #[error("{experiment} is not accounted for: {claim}; see {page}#account-{experiment}")]
    Unbalanced {
        /// The experiment.
        experiment: String,
        /// What should hold, with the numbers.
        claim: String,
        /// The page with all of it.
        page: String,
    },
}

impl Diagnosis for Error {
    fn lab_error(&self) -> Option<&labnet::Error> {
        if let Self::Lab(error) = self { Some(error) } else { None }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Lab(error) => error.hint(),
            Self::Sandbox(error) => error.hint().map(str::to_owned),
            _ => None,
        }
    }
}
