//! What can be wrong with a file of certificates or keys.

use crate::escape::escape;

/// The smallest RSA key that TLS libraries take, in bits (Baseline Requirements, section 6.1.5).
pub const MIN_RSA_BITS: usize = 2048;

/// What is wrong with a file of certificates or keys, as the end of a sentence that begins with its path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsFault {
    /// A private key below [`MIN_RSA_BITS`].
    #[error("is an RSA key of {bits} bits, and TLS needs {MIN_RSA_BITS} or more")]
    WeakKey {
        /// Its size.
        bits: usize,
    },
    /// A certificate request whose key is below [`MIN_RSA_BITS`].
    #[error("is for an RSA key of {bits} bits, and TLS needs {MIN_RSA_BITS} or more")]
    WeakRequestKey {
        /// Its size.
        bits: usize,
    },
    /// A certificate request that proves nothing.
    #[error(
        "is a certificate request signed with {hash}: its signature is as good as none, for others can be made to fit"
    )]
    BrokenHash {
        /// The hash function.
        hash: &'static str,
    },
    /// A file in another form than PEM.
    #[error("is {found}; expected PEM, text that begins with -----BEGIN")]
    OtherForm {
        /// The form.
        found: &'static str,
        /// What makes PEM of it.
        command: String,
    },
    /// What the sentence says.
    #[error("{}", escape(.0))]
    Other(String),
}

impl CredentialsFault {
    /// What to do about it, where we know.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::WeakKey { .. } | Self::WeakRequestKey { .. } => Some(
                "every current TLS library refuses such keys; make a good one: openssl genrsa -out ID_key.pem 2048"
                    .to_owned(),
            ),
            Self::BrokenHash { .. } => {
                Some("make the request anew: openssl req -new -sha256 -key ID_key.pem -out ID.csr".to_owned())
            }
            Self::OtherForm { command, .. } => Some(format!("convert it: {command}")),
            Self::Other(_) => None,
        }
    }
}

impl From<String> for CredentialsFault {
    fn from(fault: String) -> Self {
        Self::Other(fault)
    }
}

impl From<&str> for CredentialsFault {
    fn from(fault: &str) -> Self {
        Self::Other(fault.to_owned())
    }
}
