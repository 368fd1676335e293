//! Why a message was not carried, in any step.

use std::net::SocketAddr;

use labnet::{cli::Diagnosis, escape::escape};

/// What failed: the peer, the certificates, or what is below them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A command line, a file, a connection, or TLS.
    #[error(transparent)]
    Lab(#[from] labnet::Error),
    /// The certificates could not be made.
    #[error(transparent)]
    Certificates(#[from] ttp::Error),
    /// The peer broke the rules of its step, or could not be verified.
    #[error("{peer} {}", escape(.complaint))]
    Peer {
        /// The peer.
        peer: SocketAddr,
        /// What it did, as the end of a sentence.
        complaint: String,
    },
}

impl Diagnosis for Error {
    fn lab_error(&self) -> Option<&labnet::Error> {
        match self {
            Self::Lab(error) => Some(error),
            Self::Certificates(error) => error.lab_error(),
            Self::Peer { .. } => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Lab(error) => error.hint(),
            Self::Certificates(error) => error.hint(),
            Self::Peer { .. } => None,
        }
    }
}
