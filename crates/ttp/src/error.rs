//! Why the desk could not do what it was asked for.

use labnet::{cli::Diagnosis, escape::escape};

/// What is in the way at the desk, or what failed below it. What needs no desk fails with [`labnet::Error`] alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A command line, a file, a certificate or a key.
    #[error(transparent)]
    Lab(#[from] labnet::Error),
    /// A file is there, and was not to be replaced.
    #[error("{} exists already", escape(.path))]
    Exists {
        /// The file.
        path: String,
    },
    /// A folder has a certificate authority, on which every certificate that it signed depends.
    #[error("{} exists already", escape(.path))]
    AuthorityExists {
        /// The CA's certificate.
        path: String,
    },
    /// A folder has no certificate authority.
    #[error("{} holds no CA (cacert.pem and cakey.pem)", escape(.folder))]
    NoAuthority {
        /// The folder.
        folder: String,
    },
}

impl Diagnosis for Error {
    fn lab_error(&self) -> Option<&labnet::Error> {
        if let Self::Lab(error) = self { Some(error) } else { None }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Lab(error) => error.hint(),
            Self::Exists { .. } => Some("--force replaces it".to_owned()),
            Self::AuthorityExists { .. } => {
                Some("this CA is ready: go on with ttp request NAME; --dir makes another one elsewhere".to_owned())
            }
            Self::NoAuthority { .. } => Some("make one: ttp init".to_owned()),
        }
    }
}
