//! The steps of the channel as its programs run them: each serves a message, and fetches one.
//!
//! | step | what protects the message |
//! |---|---|
//! | `plain` | nothing |
//! | `secure` | this crate: certificates, handshake, record protocol |
//! | `tls` | TLS 1.3 with the same certificates |

pub mod plain;
pub mod secure;
pub mod tls;

mod narrator;
mod stats;

use std::{
    fmt,
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use clap::ValueEnum;
use labnet::{
    cli::Stats,
    net::{self, Connection, Deadline, Families},
    zone::Zoned,
};
use ttp::CaDirectory;

pub use narrator::{Floor, Narrator};
pub use stats::ChannelStats;

use crate::{
    ChannelSuite, Error, Facts,
    identity::{CLIENT, SERVER},
};

/// The message of the source.
pub const MESSAGE: &str = "The OTP for transferring Rs 1,00,000 to your friend's account is 256345.";

/// How far the channel is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// The message as it is
    Plain,
    /// Certificates, handshake and record protocol
    Secure,
    /// TLS 1.3 with the same certificates
    Tls,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Secure => "secure",
            Self::Tls => "tls",
        })
    }
}

/// The certificates in a folder, made first for both parties if `party` has none. Each needs no key but its own.
///
/// # Errors
/// Those of [`CaDirectory::complete`].
pub fn certificates(folder: &Path, party: &str) -> Result<CaDirectory, ttp::Error> {
    let directory = CaDirectory::new(folder);
    if !directory.holds(party) {
        directory.complete(&[SERVER, CLIENT])?;
    }
    // No part of the handshake, whose time is shown.
    labnet::tls::gather_randomness();
    Ok(directory)
}

/// A client, as a server of any step talks to it.
#[derive(Debug)]
pub struct Visitor {
    /// Its connection.
    pub stream: TcpStream,
    /// Its address.
    pub peer: SocketAddr,
    /// How long it may be silent when it owes something.
    pub timeout: Duration,
}

impl Visitor {
    fn connection(self) -> Result<Connection, labnet::Error> {
        let mut connection = Connection::new(self.stream, self.peer);
        limit(&mut connection, self.timeout)?;
        Ok(connection)
    }
}

/// No wait is longer, and nothing that is sent waits for more.
fn limit(connection: &mut Connection, timeout: Duration) -> Result<(), labnet::Error> {
    connection.set_limits(Some(timeout), Deadline::NONE)?;
    connection.set_stall(Some(timeout));
    connection.set_nodelay()
}

/// The server of a step.
#[derive(Debug)]
pub enum Server {
    /// Has nothing to prove.
    Plain,
    /// Has certificates.
    Secure(Box<secure::Party>),
    /// Has the same.
    Tls(tls::TlsServer),
}

impl Server {
    /// With the certificates in a folder, which are made if there are none.
    ///
    /// # Errors
    /// Those of [`certificates`] and of reading them.
    pub fn new(step: Step, folder: &Path) -> Result<Self, Error> {
        Ok(match step {
            Step::Plain => Self::Plain,
            Step::Secure => Self::Secure(Box::new(secure::Party::server(folder)?)),
            Step::Tls => Self::Tls(tls::TlsServer::new(folder)?),
        })
    }

    /// Sends the message to a client and waits for its acknowledgement.
    ///
    /// # Errors
    /// [`Error`] with what failed; then nothing proves that the client has the message.
    pub fn serve(
        &self,
        visitor: Visitor,
        message: &[u8],
        narrator: &Narrator,
        stats: &Stats<ChannelStats>,
    ) -> Result<(), Error> {
        narrator.say(format_args!("{} connected", visitor.peer))?;
        match self {
            Self::Plain => plain::serve(visitor, message, narrator, stats),
            Self::Secure(party) => party.serve(visitor, message, narrator, stats),
            Self::Tls(server) => server.serve(visitor, message, narrator, stats),
        }
    }
}

/// The client of a step.
#[derive(Debug)]
pub enum Client {
    /// Has nothing to prove.
    Plain,
    /// Has certificates, and suites to offer.
    Secure(Box<secure::Party>, Vec<ChannelSuite>),
    /// Has the same certificates.
    Tls(tls::TlsClient),
}

impl Client {
    /// With the certificates in a folder, which are made if there are none.
    ///
    /// # Errors
    /// Those of [`certificates`] and of reading them.
    pub fn new(step: Step, folder: &Path, suites: &[ChannelSuite]) -> Result<Self, Error> {
        Ok(match step {
            Step::Plain => Self::Plain,
            Step::Secure => Self::Secure(Box::new(secure::Party::client(folder)?), suites.to_vec()),
            Step::Tls => Self::Tls(tls::TlsClient::new(folder)?),
        })
    }

    /// Connects to a server, receives the message and acknowledges it.
    ///
    /// # Errors
    /// [`Error`] with what failed; then there is no message to be had.
    pub fn fetch(
        &self,
        server: &net::Server,
        connect: Deadline,
        timeout: Duration,
        narrator: &Narrator,
        stats: &Stats<ChannelStats>,
    ) -> Result<Vec<u8>, Error> {
        let connected = || -> Result<Connection, labnet::Error> {
            let connection = net::connect(server, Families::Both, connect)?;
            narrator.say(format_args!("connected to {}", Zoned(connection.peer())))?;
            Ok(connection)
        };
        match self {
            Self::Plain => plain::fetch(connected()?, timeout, narrator, stats),
            Self::Secure(party, suites) => party.fetch(connected()?, suites, timeout, narrator, stats),
            Self::Tls(client) => client.fetch(server, connect, timeout, narrator, stats),
        }
    }
}

/// What the source shows of a certificate, whose owner is yet to be verified.
fn show_certificate(facts: Option<&Facts>, narrator: &Narrator) -> Result<(), labnet::Error> {
    let Some(facts) = facts else {
        return narrator.say("the certificate cannot be read");
    };
    let escaped = |text: &str| labnet::escape::escape(text.as_bytes()).to_string();
    narrator.say(format_args!("common name: {}", escaped(&facts.common_name)))?;
    narrator.say(format_args!("issuer country: {}", escaped(&facts.issuer_country)))?;
    narrator.say(format_args!("version: {}", facts.version))
}

/// How a number of bytes is written.
fn bytes(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if count == 1 { text + " byte" } else { text + " bytes" }
}

/// The beginning of some bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    /// How much is shown: what fits on a line.
    const SHOWN: usize = 40;
    let shown: String = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > SHOWN { shown + "…" } else { shown }
}
