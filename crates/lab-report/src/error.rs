//! The error of lab-report: no report, or one that is not complete or does not balance.

use std::{io, path::PathBuf};

use labnet::{cli::Diagnosis, escape::escape};

use crate::formatting::count;

/// Why a report cannot be made, or fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A command line, a file, or the system.
    #[error(transparent)]
    Lab(#[from] labnet::Error),
    /// The system refuses a private network.
    #[error(transparent)]
    Sandbox(#[from] lab_sandbox::Error),
    /// A file or a folder; the system is to blame, or whoever named it.
    #[error("cannot {attempt} {}: {source}", path.display())]
    File {
        /// `write`, `make the folder`, …
        attempt: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Data that cannot be written as JSON: a defect of ours.
    #[error("cannot write {what} as JSON: {source}")]
    Json {
        /// `the answers`, `the schema`.
        what: &'static str,
        /// The reason of serde.
        source: serde_json::Error,
    },
    /// Experiments failed.
    #[error("{failed} of {of} experiments failed")]
    Experiments {
        /// How many failed.
        failed: usize,
        /// Of how many.
        of: usize,
    },
    /// A folder with files of somebody else's.
    #[error("{} has files in it that are of no report", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// Programs have faults.
    #[error("{} in the programs", count(*.faults, "fault"))]
    Faults {
        /// How many.
        faults: u64,
    },
    /// A file holds no facts of a run, or those of another version.
    #[error("{}: {}", path.display(), escape(.complaint))]
    NoFacts {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        complaint: String,
    },
    /// A check of a reconciliation does not hold.
    #[error("{0} is not accounted for: {1}; see {2}#account-{0}", escape(.experiment), escape(.claim), escape(.page))]
    Unbalanced {
        /// The experiment.
        experiment: String,
        /// The check, with its numbers.
        claim: String,
        /// The path of the page.
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
            Self::Occupied { .. } => Some("name another folder with --out".to_owned()),
            _ => None,
        }
    }
}
