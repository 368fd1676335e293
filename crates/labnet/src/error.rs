//! The errors of this crate, worded for whoever runs the program.
//!
//! Each message is one line that says what was attempted on what; [`Error::hint`] says what to do, where we know.

mod credentials;

use std::{io, net::SocketAddr, path::Path, time::Duration};

use crate::{
    count::Count,
    escape::escape,
    zone::{self, Zoned},
};

pub use credentials::{CredentialsFault, MIN_RSA_BITS};

/// Why something that this crate does failed. All text in it is escaped when shown, whoever it came from.
///
/// The crates above have errors of their own, with this one as a variant: see [`Diagnosis`](crate::cli::Diagnosis).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // To blame: the command line.
    /// An argument is wrong; the text says which and what was expected.
    #[error("{}", escape(.0))]
    Usage(String),

    // To blame: this machine, or the way to the peer.
    /// A name has no address.
    #[error("cannot find the address of '{}': {}", escape(.host), escape(.reason))]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's reason.
        reason: String,
    },
    /// A name has addresses, but none that this part can use.
    #[error("'{}' has no {family} address, and this part needs one", escape(.host))]
    NoAddress {
        /// The name.
        host: String,
        /// `IPv4`, or `IPv4 or IPv6`.
        family: &'static str,
    },
    /// No address of the server could be reached.
    #[error("cannot connect to {}: {}", escape(.server), list(.attempts))]
    Connect {
        /// The server as it was named.
        server: String,
        /// Each address that was tried, and why it failed.
        attempts: Vec<(SocketAddr, io::Error)>,
    },
    /// A local port could not be had.
    #[error("cannot listen on {protocol} port {}: {}", Zoned(*.address), reason(.source))]
    Listen {
        /// `TCP` or `UDP`.
        protocol: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// A local port that this program has already.
    #[error("cannot listen on {protocol} port {}: {} listens on {} already", Zoned(*.address), escape(.owner), Zoned(*.taken))]
    OwnPort {
        /// `TCP` or `UDP`.
        protocol: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
        /// The address that is in its way.
        taken: SocketAddr,
        /// Whose that is, such as `this program`.
        owner: String,
    },
    /// A multicast group could not be joined or addressed.
    #[error("cannot {attempt} the group {group} on {}: {}", escape(.interface), reason(.source))]
    Group {
        /// `join` or `send to`.
        attempt: &'static str,
        /// The group.
        group: SocketAddr,
        /// The interface, or `the default interface`.
        interface: String,
        /// Whether that is this machine alone.
        is_loopback: bool,
        /// The system's reason.
        source: io::Error,
    },
    /// A datagram or stream could not be sent.
    #[error("cannot send to {}: {}", Zoned(*.to), reason(.source))]
    Send {
        /// The peer.
        to: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// A connection broke, or a socket failed.
    #[error("cannot receive from {}: {}", Zoned(*.from), reason(.source))]
    Receive {
        /// The peer.
        from: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// A file could not be used.
    #[error("cannot {attempt} {}: {}", escape(.path), reason(.source))]
    File {
        /// `read`, `write to`, …
        attempt: &'static str,
        /// The file.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The system refused something that is neither a peer nor a file.
    #[error("cannot {attempt}: {}", reason(.source))]
    System {
        /// What was attempted.
        attempt: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// Standard output cannot take the answer.
    #[error("cannot write the answer to standard output: {}", reason(.0))]
    Output(#[source] io::Error),
    /// The reader of standard output went away; not an error to the user.
    #[error("standard output is closed")]
    OutputClosed,

    // To blame: the peer.
    /// The peer was silent for too long.
    #[error("nothing received from {} for {:.3} s", Zoned(*.from), .after.as_secs_f64())]
    Silent {
        /// The peer.
        from: SocketAddr,
        /// For how long.
        after: Duration,
    },
    /// A byte of a PMU's answer belongs to no message.
    #[error("expected a message of the PMU, but byte {offset} of its answer begins '{}'", escape(.shown))]
    Garbage {
        /// What stands there, abridged.
        shown: Vec<u8>,
        /// Where it begins, in bytes from the start of the answer.
        offset: u64,
    },
    /// A PMU's answer ended within a message.
    #[error("the PMU ended its answer within a message: '{}' at byte {offset}", escape(.shown))]
    Incomplete {
        /// The part that arrived.
        shown: Vec<u8>,
        /// Where it begins, in bytes from the start of the answer.
        offset: u64,
    },
    /// No acknowledgement came.
    #[error("the PMU acknowledged nothing in {} of {:.3} s", Count::new(*.rounds, "round"), .timeout.as_secs_f64())]
    NoAcknowledgement {
        /// How many rounds were sent.
        rounds: u64,
        /// How long each waited.
        timeout: Duration,
    },
    /// The peer does not speak WebSocket, or broke its rules.
    #[error("{} {}", escape(.peer), escape(.complaint))]
    WebSocket {
        /// The server's URL or the client's address.
        peer: String,
        /// What it did, as the end of a sentence.
        complaint: String,
    },
    /// The peer does not speak TLS, or broke its rules, or cannot be trusted.
    #[error("{} {}", escape(.peer), escape(.complaint))]
    Tls {
        /// The peer.
        peer: String,
        /// What it did, as the end of a sentence.
        complaint: String,
    },
    /// A TLS peer ended the TCP connection without saying so in TLS.
    #[error(
        "{} ended the connection without close_notify: the end of its answer could have been cut off by anyone on \
         the way; it would mend that by ending TLS first (in Python: connection.unwrap() before close())",
        Zoned(*.peer)
    )]
    NoCloseNotify {
        /// The peer.
        peer: SocketAddr,
    },
    /// A certificate or key cannot be used.
    #[error("{}: {fault}", escape(.path))]
    Credentials {
        /// The file.
        path: String,
        /// What is wrong with it.
        fault: CredentialsFault,
    },
}

impl Error {
    /// A file of certificates or keys that cannot be used, and why.
    pub fn credentials(path: &Path, fault: impl Into<CredentialsFault>) -> Self {
        Self::Credentials { path: path.display().to_string(), fault: fault.into() }
    }

    /// What to do about it, where we know. Where the program makes a difference, [`cli::run`](crate::cli::run) says
    /// more.
    pub fn hint(&self) -> Option<String> {
        if let Some(address) = self.without_zone() {
            return Some(zone::advice(address));
        }
        let hint = match self {
            Self::Resolve { .. } => "is the name right, and is there a network?",
            Self::NoAddress { .. } => "give an address of the server: --server 127.0.0.1",
            Self::Connect { attempts, .. } if attempts.iter().all(|(_, error)| refused(error)) => {
                "nothing listens there: start the server first"
            }
            Self::Connect { .. } => "is it the right address, and is there a network?",
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                "another program has that port; stop it, or choose another port"
            }
            Self::OwnPort { .. } => "give each address once; 0.0.0.0 and :: include all of their family",
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "ports below 1024 are for root; choose a higher one"
            }
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrNotAvailable => {
                "that is no address of this machine"
            }
            Self::Group { is_loopback: true, .. } => "is the loopback interface up?",
            Self::Group { .. } => NO_ROUTE,
            Self::Credentials { fault, .. } => return fault.hint(),
            Self::NoAcknowledgement { .. } => {
                "is it running, at that address and port? `mock-servers reset` is one; without --max-rounds this goes on"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// The address that could not be used because it needs a zone and has none.
    pub(crate) fn without_zone(&self) -> Option<SocketAddr> {
        let (Self::Listen { address, .. } | Self::Send { to: address, .. } | Self::Receive { from: address, .. }) =
            self
        else {
            let Self::Connect { attempts, .. } = self else { return None };
            let all = attempts.iter().all(|(address, _)| zone::is_missing(*address));
            return attempts.first().map(|(address, _)| *address).filter(|_| all);
        };
        Some(*address).filter(|address| zone::is_missing(*address))
    }
}

/// What to do when a group cannot be reached.
pub(crate) const NO_ROUTE: &str = "to stay on this machine, pass --interface 127.0.0.1 to receiver and sender alike";

fn refused(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionRefused
}

/// The system's reason, without the number that Rust appends.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or(&text).to_owned()
}

fn list(attempts: &[(SocketAddr, io::Error)]) -> String {
    let attempts: Vec<_> =
        attempts.iter().map(|(address, error)| format!("{}: {}", Zoned(*address), reason(error))).collect();
    attempts.join("; ")
}
