//! Why there is no report.

use std::{io, path::PathBuf};

/// What could not be done, and on what.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
}
