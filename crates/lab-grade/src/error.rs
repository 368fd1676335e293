//! The error of lab-grade: the grader itself could not work.

use std::{io, path::PathBuf};

use labnet::{cli::Diagnosis, escape::escape};

/// Why the grader cannot work, or a submission cannot be read.
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
    /// A file is not what it should be; its author is to blame.
    #[error("{}: {}", path.display(), escape(.reason))]
    Content {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Results that cannot be written in a format: a defect of ours.
    #[error("cannot write the results as {format}: {}", escape(.reason))]
    Format {
        /// `JSON`, `JUnit`, `CSV`.
        format: &'static str,
        /// The library's reason.
        reason: String,
    },
    /// A folder with files of somebody else's.
    #[error("{} has files in it that are of no grading", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
}

impl Error {
    /// For `map_err`, around something that was attempted on a file.
    pub(crate) fn file(attempt: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { attempt, path, source }
    }

    /// A file that is not what it should be.
    pub(crate) fn content(path: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::Content { path: path.into(), reason: reason.to_string() }
    }
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
