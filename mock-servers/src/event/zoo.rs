//! What came of a visit to the zoo.

use std::{fmt, io};

use labnet::{count::Count, escape::Printable, tls::in_words};
use serde::{Deserialize, Serialize};

/// What a client of the zoo was shown, or why not. As JSON its kind is in the field `outcome`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum ZooOutcome {
    /// There is no case of the name that it asked for.
    NoSuchCase,
    /// It made the handshake, asked for the page and got it.
    Page,
    /// It made the handshake and ended its side.
    NoRequest,
    /// It was sent bytes that break the protocol.
    Bytes {
        /// How many.
        bytes: u64,
    },
    /// It was sent bytes one by one, a second apart.
    Drip {
        /// How many, until it left or its time was over.
        bytes: u64,
    },
    /// It was sent the same bytes before and after its answer.
    Twice,
    /// Its connection was reset.
    Reset,
    /// It was sent nothing.
    Silence {
        /// Whether it left before its time was over.
        left: bool,
    },
    /// It sent something other than a ClientHello.
    NoClientHello {
        /// What it did instead.
        reason: Printable,
    },
    /// There is no handshake for it.
    NoHandshake {
        /// Why.
        reason: Printable,
    },
    /// The system refused.
    Trouble {
        /// The whole sentence.
        reason: String,
    },
    /// Its connection ended earlier than it was to.
    Ended {
        /// When.
        phase: ZooPhase,
        /// How.
        #[serde(flatten)]
        exit: ClientExit,
    },
}

/// When a connection to the zoo ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZooPhase {
    /// Before the whole ClientHello had come.
    ClientHello,
    /// While it was sent bytes that break the protocol.
    Defect,
    /// In the handshake.
    Handshake,
    /// After it.
    Page,
}

/// Why a client of the zoo is no longer served. As JSON its kind is in the field `exit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "exit", rename_all = "kebab-case")]
pub enum ClientExit {
    /// It ended its side.
    Left,
    /// It sent nothing for too long.
    TooSlow,
    /// It sent an alert, or what is no good TLS.
    Refused {
        /// What it did.
        reason: Printable,
    },
    /// The connection broke.
    Gone {
        /// The system's reason.
        reason: String,
    },
}

impl ClientExit {
    /// What a failed read or write means.
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::TooSlow,
            io::ErrorKind::UnexpectedEof => Self::Left,
            io::ErrorKind::InvalidData => Self::Refused { reason: error.to_string().into() },
            _ => Self::Gone { reason: labnet::error::reason(error) },
        }
    }
}

impl ZooOutcome {
    /// What a failed read or write means in a phase.
    pub(crate) fn ended(phase: ZooPhase) -> impl Fn(io::Error) -> Self {
        move |error| Self::Ended { phase, exit: ClientExit::of(&in_words(error)) }
    }
}

impl From<labnet::Error> for ZooOutcome {
    fn from(error: labnet::Error) -> Self {
        Self::Trouble { reason: error.to_string() }
    }
}

impl fmt::Display for ClientExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => f.write_str("left"),
            Self::TooSlow => f.write_str("was too slow"),
            Self::Refused { reason } => reason.fmt(f),
            Self::Gone { reason } => write!(f, "gone: {reason}"),
        }
    }
}

impl fmt::Display for ZooOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchCase => f.write_str("there is no such case; see --list"),
            Self::Page => f.write_str("made the handshake and got the page"),
            Self::NoRequest => f.write_str("made the handshake and asked for nothing"),
            Self::Bytes { bytes } => write!(f, "was shown {}", Count::new(*bytes, "byte")),
            Self::Drip { bytes } => write!(f, "was shown {}, one a second", Count::new(*bytes, "byte")),
            Self::Twice => f.write_str("was shown the same twice"),
            Self::Reset => f.write_str("was shown a reset"),
            Self::Silence { left: true } => f.write_str("was shown silence, and left"),
            Self::Silence { left: false } => f.write_str("was shown silence, and stayed to the end"),
            Self::NoClientHello { reason } => write!(f, "sent no ClientHello: {reason}"),
            Self::NoHandshake { reason } => reason.fmt(f),
            Self::Trouble { reason } => f.write_str(reason),
            Self::Ended { phase: ZooPhase::ClientHello, exit: ClientExit::Left } => {
                f.write_str("left without a ClientHello")
            }
            Self::Ended { phase: ZooPhase::ClientHello | ZooPhase::Defect, exit } => exit.fmt(f),
            Self::Ended { phase: ZooPhase::Handshake, exit } => write!(f, "{exit} (in the handshake)"),
            Self::Ended { phase: ZooPhase::Page, exit } => write!(f, "{exit} (after the handshake)"),
        }
    }
}
