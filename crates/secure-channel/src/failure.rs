//! Why a channel comes to nothing: named to the person on this side, and hardly at all to the peer.

use std::fmt;

use crate::{
    frame::Kind,
    suite::{ChannelSuite, VERSION},
};

/// A failed check, as the end of a sentence about the peer: `127.0.0.1:5010 sent …`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The first byte of a frame is none of the protocol.
    #[error("sent a frame of the unknown kind {0}: does it speak this protocol?")]
    UnknownKind(u8),
    /// A frame says that it is longer than its kind can be.
    #[error("sent a frame ({}) of {len} bytes, and {} are the most", .kind.name(), .kind.max_len())]
    Length {
        /// What it is.
        kind: Kind,
        /// What it says.
        len: usize,
    },
    /// The body of a message does not have the form of its kind.
    #[error("sent a damaged message ({}): {problem}", .kind.name())]
    Malformed {
        /// What it is.
        kind: Kind,
        /// What is wrong.
        problem: &'static str,
    },
    /// Another message is due.
    #[error("sent a message ({}) where another ({}) is due", .came.name(), .awaited.name())]
    Unexpected {
        /// What came.
        came: Kind,
        /// What should have come.
        awaited: Kind,
    },
    /// The peer speaks another version of the protocol.
    #[error("speaks version {0} of the protocol, and this is version {VERSION}")]
    Version(u16),
    /// The peer wants another hash function.
    #[error("wants the hash function {0}, which is not known here")]
    Hash(u8),
    /// None of the client's suites is known.
    #[error("offers no cipher suite that is known here")]
    NoCommonSuite,
    /// The server chose what the client had not offered.
    #[error("chose the cipher suite {0:#06x}, which was not offered")]
    NotOffered(u16),
    /// The peer's certificate does not prove what it should; the text begins with `has a certificate that …`.
    #[error("{}", labnet::escape::escape(.0))]
    Certificate(String),
    /// The signature over the handshake is not by the key of the client's certificate.
    #[error(
        "did not sign what was said here with the key of its certificate: a message of the handshake was altered, or it \
         has no right to that certificate"
    )]
    Signature,
    /// The peer has other keys, or saw another handshake.
    #[error("did not confirm the handshake (finished): it has other keys, or a message was altered on the way")]
    Finished,
    /// A record is not what the peer protected with these keys at this place.
    #[error(
        "sent a record (number {number}, {}) that fails its check under {suite}: it was altered, or belongs elsewhere",
        .kind.name()
    )]
    Record {
        /// Its number, from 0.
        number: u64,
        /// What it says that it is.
        kind: Kind,
        /// What protects it.
        suite: ChannelSuite,
    },
    /// A direction of the channel was used as often as its keys allow.
    #[error("has used its keys as often as they may be used; make a new connection")]
    KeysUsedUp,
    /// Something came after the last record of a direction.
    #[error("sent something after the end")]
    AfterEnd,
    /// A message that is longer than this side will hold.
    #[error("sent a message of more than {0} bytes, the most that is taken here")]
    MessageLength(usize),
    /// The answer to a message is no acknowledgement.
    #[error("answered with something other than an acknowledgement")]
    NotAcknowledged,
    /// Not the peer's fault: the library of cryptography refused, for want of randomness or memory.
    #[error("cannot be served: this machine has no randomness or memory for cryptography")]
    NoCryptography,
    /// The peer gave up.
    #[error("gave up: alert {0}")]
    Alerted(Alert),
}

impl Failure {
    /// What the peer is told: nothing that could help an attacker to find out which check failed.
    pub fn alert(&self) -> Option<Alert> {
        match self {
            Self::Version(_) => Some(Alert::UnsupportedVersion),
            Self::Hash(_) => Some(Alert::UnsupportedHash),
            Self::NoCommonSuite => Some(Alert::NoCommonSuite),
            // The peer knows already.
            Self::Alerted(_) => None,
            _ => Some(Alert::Failure),
        }
    }
}

/// Why a side gives up, as far as the other is told. What is said of the hellos is public; after them, every reason is
/// the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Alert {
    /// Something failed; only the side that gave up knows what.
    Failure = 1,
    /// The hello is of an unknown version.
    UnsupportedVersion = 2,
    /// The hello offers no known cipher suite.
    NoCommonSuite = 3,
    /// The hello wants an unknown hash function.
    UnsupportedHash = 4,
}

impl Alert {
    const ALL: [Self; 4] = [Self::Failure, Self::UnsupportedVersion, Self::NoCommonSuite, Self::UnsupportedHash];
}

/// What cannot be read is a failure without a name.
impl From<Option<u8>> for Alert {
    fn from(number: Option<u8>) -> Self {
        Self::ALL.into_iter().find(|alert| Some(*alert as u8) == number).unwrap_or(Self::Failure)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failure => "failure",
            Self::UnsupportedVersion => "unsupported_version",
            Self::NoCommonSuite => "no_common_suite",
            Self::UnsupportedHash => "unsupported_hash",
        })
    }
}
