//! What servers report: facts as data, whose [`Display`](fmt::Display) is the line on the terminal.
//!
//! As JSON an event is one object, with its kind in the field `event`; README.md of this crate lists them all.
//!
//! ```
//! use mock_servers::Event;
//!
//! let line = r#"{"event":"listening","server":"pmu","protocol":"TCP","address":"127.0.0.1:5003"}"#;
//! let event: Event = serde_json::from_str(line).unwrap();
//! assert_eq!(event.to_string(), "listening pmu TCP 127.0.0.1:5003");
//! ```

mod zoo;

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use labnet::{
    Error,
    count::Count,
    error::reason,
    escape::Printable,
    net::{Dialogue, Family, NoCommand, ServeEvent},
    tls::NegotiatedTls,
};

pub use zoo::{ClientExit, ZooOutcome, ZooPhase};

use crate::{fault::Fault, zoo::Class};

/// One thing that happened. What came from a client is [`Printable`]; any other `reason` is the system's, or what
/// the client did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    // The program's start.
    /// A socket is open.
    Listening {
        /// Whose it is.
        server: ServerName,
        /// Its protocol.
        protocol: TransportProtocol,
        /// Where it can be reached.
        address: SocketAddr,
    },
    /// The certificate of a server's CA was written to a file.
    Authority {
        /// The server.
        server: ServerName,
        /// The file, in PEM.
        certificate: PathBuf,
    },
    /// All sockets are open.
    Ready,

    // Any server.
    /// This machine has no IPv6; the server's other addresses are served.
    NoIpv6 {
        /// The server.
        server: ServerName,
        /// The system's reason.
        reason: String,
    },
    /// There was no descriptor or no thread for a client. Once for each time that this lasts.
    CannotAccept {
        /// The server.
        server: ServerName,
        /// The system's reason.
        reason: String,
    },
    /// As many clients are connected as are allowed; further ones are turned away. Once for each time that this lasts.
    AtCapacity {
        /// The server.
        server: ServerName,
        /// How many that is.
        clients: usize,
    },
    /// A client cannot be sent to.
    CannotSend {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// The system's reason.
        reason: String,
    },
    /// A client cannot be received from.
    CannotReceive {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// The system's reason.
        reason: String,
    },
    /// The socket of all clients cannot be received from.
    SocketFailed {
        /// The server.
        server: ServerName,
        /// The system's reason.
        reason: String,
    },
    /// Something else went wrong.
    Trouble {
        /// The server.
        server: ServerName,
        /// The whole sentence.
        reason: String,
    },
    /// Nobody read the events in time: some are left out here.
    LeftOut {
        /// How many.
        events: u64,
    },

    /// A client meets faults that the server was told to have.
    Faulty {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// Its number among the clients of this server, from 1 in the order in which they came.
        number: u64,
        /// The faults.
        faults: Vec<Fault>,
    },

    // The dialogue of part 2, over TCP, WebSocket or TLS.
    /// A client was answered, as far as it stayed.
    Answered {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// What the client asked for.
        command: String,
        /// How many sends were made: messages, or one flood.
        sends: u64,
        /// How many bytes they had.
        bytes: u64,
    },
    /// A client was answered with its own messages, until it left (`ws --echo`).
    Echoed {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// How many messages came back.
        messages: u64,
        /// How many bytes they had.
        bytes: u64,
    },
    /// A client was gone, or took nothing for too long.
    Gone {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// What it had asked for, if that was known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        command: Option<String>,
        /// The system's reason.
        reason: String,
    },
    /// What a client sent is no command.
    UnknownCommand {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// What it sent.
        received: Printable,
    },
    /// A client left without a command.
    NoCommand {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
    },
    /// A client did not finish its command in time.
    TooSlow {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
    },
    /// A client sent nothing after its WebSocket handshake.
    Silent {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// For how long.
        seconds: f64,
    },
    /// A handshake, of TLS or WebSocket, did not succeed.
    HandshakeFailed {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// What the client did.
        reason: Printable,
    },
    /// A client broke the rules of WebSocket after its handshake.
    ProtocolError {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// What the client did.
        reason: Printable,
    },

    // The proxy.
    /// A client's connection was passed on, until one side ended it.
    Relayed {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// Where to.
        to: SocketAddr,
        /// How many bytes the server sent, before the faults.
        bytes: u64,
    },
    /// The server behind the proxy cannot be reached.
    NoUpstream {
        /// Which client asked for it.
        #[serde(flatten)]
        client: ClientId,
        /// The whole sentence.
        reason: String,
    },

    // The clock reset of part 3.
    /// A family has begun to answer, or has ceased to.
    FamilyChanged {
        /// The server.
        server: ServerName,
        /// The family.
        family: Family,
        /// Whether it answers now.
        answers: bool,
    },
    /// A reset was acknowledged.
    Acknowledged {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// What it sent.
        request: Printable,
        /// The acknowledgement, as it was sent.
        reply: String,
        /// The offset in it.
        offset: u64,
    },
    /// What a client sent is no reset, and was told so.
    WrongCommand {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// What it sent.
        request: Printable,
        /// What it was told.
        reply: String,
    },
    /// A datagram was lost on purpose: it has no answer.
    Lost {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// What it sent.
        request: Printable,
    },
    /// The system refused to send an answer.
    CannotAnswer {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// The system's reason.
        reason: String,
    },

    // The group of part 4.
    /// Somebody sent to the group.
    Heard {
        /// Who sent it.
        #[serde(flatten)]
        client: ClientId,
        /// Its identity.
        identity: Printable,
        /// What it said, without one newline at the end.
        text: Printable,
    },
    /// A datagram to the group was too short for an identity.
    TooShort {
        /// Who sent it.
        #[serde(flatten)]
        client: ClientId,
        /// How many bytes it had.
        bytes: usize,
    },
    /// An identity has sent enough and was answered in the group.
    Thanked {
        /// The server.
        server: ServerName,
        /// The identity.
        identity: Printable,
        /// How many characters it has sent.
        characters: u64,
    },

    // The zoo.
    /// A client has been at the zoo.
    Visited {
        /// Which client.
        #[serde(flatten)]
        client: ClientId,
        /// The name that it asked for (SNI), if it asked for one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Printable>,
        /// What is wrong there, if there is such a case.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<Class>,
        /// What came of it.
        #[serde(flatten)]
        outcome: ZooOutcome,
    },
}

/// A client of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientId {
    /// The server.
    pub server: ServerName,
    /// The client's address.
    pub peer: SocketAddr,
    /// What TLS agreed on, after a handshake of the TLS PMU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsParameters>,
}

impl ClientId {
    pub(crate) fn new(server: ServerName, peer: SocketAddr) -> Self {
        Self { server, peer, tls: None }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.server, self.peer)?;
        match &self.tls {
            Some(TlsParameters { version, cipher_suite }) => write!(f, " {version} {cipher_suite}"),
            None => Ok(()),
        }
    }
}

/// A server of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ServerName {
    /// The PMU of part 2.
    Pmu,
    /// The clock reset of part 3.
    Reset,
    /// The broadcaster of part 4.
    Multicast,
    /// The PMU of part 5, over WebSocket.
    Ws,
    /// The PMU of part 6, over TLS.
    Tls,
    /// The TLS servers with one thing wrong each.
    Zoo,
    /// What stands in front of another server.
    Proxy,
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pmu => "pmu",
            Self::Reset => "reset",
            Self::Multicast => "multicast",
            Self::Ws => "ws",
            Self::Tls => "tls",
            Self::Zoo => "zoo",
            Self::Proxy => "proxy",
        })
    }
}

/// What a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TransportProtocol {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
}

impl fmt::Display for TransportProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// What a TLS handshake agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsParameters {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The suite's IANA name.
    pub cipher_suite: String,
}

impl From<NegotiatedTls> for TlsParameters {
    fn from(NegotiatedTls { version, cipher_suite, .. }: NegotiatedTls) -> Self {
        Self { version, cipher_suite }
    }
}

/// The thanks of the broadcaster to an identity.
pub(crate) fn thanks(identity: impl fmt::Display, characters: u64) -> String {
    let characters = Count::new(characters, "character");
    format!("{identity}, you have sent {characters}. Thank you for taking part!")
}

impl Event {
    /// What a server reports that belongs to no client.
    pub(crate) fn of_serve(server: ServerName, event: ServeEvent) -> Self {
        match event {
            ServeEvent::NoIpv6 { reason } => Self::NoIpv6 { server, reason },
            ServeEvent::CannotAccept { reason } => Self::CannotAccept { server, reason },
            ServeEvent::AtCapacity { clients } => Self::AtCapacity { server, clients },
        }
    }

    /// What there is to report of a dialogue.
    pub(crate) fn of_dialogue(client: ClientId, dialogue: &Dialogue) -> Self {
        match dialogue {
            Dialogue::Answered { command, sent } => {
                Self::Answered { client, command: command.to_string(), sends: sent.sends, bytes: sent.bytes }
            }
            Dialogue::Gone { command, error } => {
                Self::Gone { client, command: Some(command.to_string()), reason: reason(error) }
            }
            Dialogue::Unanswered(NoCommand::Unknown(bytes)) if bytes.is_empty() => Self::NoCommand { client },
            Dialogue::Unanswered(NoCommand::Unknown(bytes)) => {
                Self::UnknownCommand { client, received: bytes.as_slice().into() }
            }
            Dialogue::Unanswered(NoCommand::Silent) => Self::TooSlow { client },
            Dialogue::Unanswered(NoCommand::Broken(error)) => {
                Self::Gone { client, command: None, reason: reason(error) }
            }
        }
    }

    /// What an error says of a client after its handshake.
    pub(crate) fn of_error(client: ClientId, error: &Error) -> Self {
        match error {
            Error::WebSocket { complaint, .. } | Error::Tls { complaint, .. } => {
                Self::ProtocolError { client, reason: complaint.as_str().into() }
            }
            Error::Silent { after, .. } => Self::Silent { client, seconds: labnet::seconds::number(*after) },
            Error::Receive { source, .. } => Self::CannotReceive { client, reason: reason(source) },
            Error::Send { source, .. } => Self::CannotSend { client, reason: reason(source) },
            error => Self::Trouble { server: client.server, reason: error.to_string() },
        }
    }

    /// What an error says of a client's handshake.
    pub(crate) fn of_handshake(client: ClientId, error: &Error) -> Self {
        match Self::of_error(client, error) {
            Self::ProtocolError { client, reason } => Self::HandshakeFailed { client, reason },
            event => event,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { server, protocol, address } => write!(f, "listening {server} {protocol} {address}"),
            Self::Authority { server, certificate } => write!(f, "{server} CA {}", certificate.display()),
            Self::Ready => f.write_str("ready"),
            Self::Faulty { client, number, faults } => {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                write!(f, "{client} is client {number} and meets {}", faults.join(", "))
            }
            Self::Relayed { client, to, bytes } => {
                write!(f, "{client} had {} from {to}", Count::new(*bytes, "byte"))
            }
            Self::NoUpstream { client, reason } => write!(f, "{client} has no server: {reason}"),
            Self::LeftOut { events } => {
                let events = Count::new(*events, "event");
                write!(f, "{events} {} left out: nobody read them in time", events.are())
            }

            Self::NoIpv6 { server, reason } => {
                write!(f, "{server} {}", ServeEvent::NoIpv6 { reason: reason.clone() })
            }
            Self::CannotAccept { server, reason } => {
                write!(f, "{server} {}", ServeEvent::CannotAccept { reason: reason.clone() })
            }
            Self::AtCapacity { server, clients } => {
                write!(f, "{server} {}", ServeEvent::AtCapacity { clients: *clients })
            }
            Self::CannotSend { client, reason } => {
                write!(f, "{} cannot send to {}: {reason}", client.server, client.peer)
            }
            Self::CannotReceive { client, reason } => {
                write!(f, "{} cannot receive from {}: {reason}", client.server, client.peer)
            }
            Self::SocketFailed { server, reason } => write!(f, "{server} cannot receive: {reason}"),
            Self::Trouble { server, reason } => write!(f, "{server} {reason}"),

            Self::Answered { client, command, sends, .. } => match client.server {
                ServerName::Tls => write!(f, "{client} {command}: {} sent", Count::new(*sends, "message")),
                ServerName::Ws => write!(f, "{client} {command}: answered in {}", Count::new(*sends, "message")),
                _ => write!(f, "{client} {command}: answered in {}", Count::new(*sends, "send")),
            },
            Self::Echoed { client, messages, .. } => {
                write!(f, "{client} echoed {}, then left", Count::new(*messages, "message"))
            }
            Self::Gone { client, command: Some(command), reason } => write!(f, "{client} {command}: gone: {reason}"),
            Self::Gone { client, command: None, reason } => write!(f, "{client} gone: {reason}"),
            Self::UnknownCommand { client, received } => write!(f, "{client} unknown command '{received}'"),
            Self::NoCommand { client } => write!(f, "{client} left without a command"),
            Self::TooSlow { client } => write!(f, "{client} too slow with its command"),
            Self::Silent { client, seconds } => {
                write!(f, "{} nothing received from {} for {seconds:.3} s", client.server, client.peer)
            }
            Self::HandshakeFailed { client, reason } | Self::ProtocolError { client, reason } => {
                write!(f, "{client} {reason}")
            }

            Self::FamilyChanged { server, family, answers } => {
                write!(f, "{server} {family} {} now", if *answers { "answers" } else { "does not answer" })
            }
            Self::Acknowledged { client, request, reply, .. } | Self::WrongCommand { client, request, reply } => {
                write!(f, "{client} {request}: {reply}")
            }
            Self::Lost { client, request } => write!(f, "{client} {request}: lost"),
            Self::CannotAnswer { client, reason } => write!(f, "{client} cannot be answered: {reason}"),

            Self::Heard { client, identity, text } => write!(f, "{client} {identity}: {text}"),
            Self::TooShort { client, bytes } => {
                write!(f, "{client} sent {}, too few for an identity", Count::of_len(*bytes, "byte"))
            }
            Self::Thanked { server, identity, characters } => {
                write!(f, "{server} answered: {}", thanks(identity, *characters))
            }

            Self::Visited { client, name, class, outcome } => {
                write!(f, "{client} {} ", name.as_ref().map_or("-", Printable::as_str))?;
                match class {
                    Some(class) => write!(f, "{class} {outcome}"),
                    None if *outcome == ZooOutcome::NoSuchCase => write!(f, "unknown {outcome}"),
                    None => write!(f, "- {outcome}"),
                }
            }
        }
    }
}

/// Where servers report what happens.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    /// Calls `report` from the server's threads.
    pub fn new(report: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    pub(crate) fn report(&self, event: Event) {
        (self.0)(event);
    }

    /// What one server calls for what belongs to none of its clients.
    pub(crate) fn of_serve(&self, server: ServerName) -> impl Fn(ServeEvent) + Clone + Send + Sync + 'static {
        let events = self.clone();
        move |event| events.report(Event::of_serve(server, event))
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new(drop)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}
