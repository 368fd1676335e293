//! The client's side: a handshake that verifies the server, and what the end of its answer proves.

use std::{
    fmt,
    io::{self, Read, Write},
    net::SocketAddr,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, Stream, SupportedProtocolVersion,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};

use serde::{Deserialize, Serialize};

use super::{
    Credentials, FixedCertificate, KeyLogFile, NegotiatedTls, Roots, TlsRole, explain,
    handshake::{RESET_BY_SERVER, complete_handshake, handshake_complaint, is_reset},
    name::{ExpectedName, parse_name, server_name},
    provider,
    records::{CountedStream, Records},
    verify::{ChainAndName, ServerVerifier},
};
use crate::{
    Error,
    net::{self, Connection, Counted, Deadline, Families, Server},
};

/// How a client connects, and which CAs it trusts.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The CAs that it trusts.
    pub roots: Roots,
    /// The name that the certificate must be for, if it is not the host's: one in its SAN, or the common name of one
    /// without SAN, which may be any text.
    pub name: Option<String>,
    /// Whether the name is checked at all.
    pub checks_name: bool,
    /// The end of look-up, connection and handshake together.
    pub connect: Deadline,
    /// The longest silence of the server.
    pub silence: Option<Duration>,
    /// What the client proves itself with, should the server ask.
    pub credentials: Option<Credentials>,
    /// The one version to speak; by default TLS 1.2 and 1.3.
    pub version: Option<TlsVersion>,
    /// Where the secrets of the connection are written down.
    pub key_log: Option<KeyLogFile>,
}

impl ClientOptions {
    /// A client that trusts these CAs, checks the name of the server, and has no time limit.
    pub fn trusting(roots: Roots) -> Self {
        Self {
            roots,
            name: None,
            checks_name: true,
            connect: Deadline::NONE,
            silence: None,
            credentials: None,
            version: None,
            key_log: None,
        }
    }
}

/// A version of TLS that this library speaks. In JSON, its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[serde(rename = "1.2")]
    Tls12,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    Tls13,
}

impl TlsVersion {
    /// Both, the older one first.
    pub const ALL: [Self; 2] = [Self::Tls12, Self::Tls13];

    /// `1.2` or `1.3`.
    pub fn number(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }

    /// What rustls has for it.
    pub(super) fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &TLS12,
            Self::Tls13 => &TLS13,
        }
    }
}

/// `TLS 1.2` or `TLS 1.3`.
impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS {}", self.number())
    }
}

/// `1.2` or `1.3`.
impl FromStr for TlsVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|version| version.number() == text);
        known.ok_or_else(|| "expected 1.2 or 1.3".to_owned())
    }
}

/// What the server's certificate must be for, and the name in the ClientHello (SNI), which is that of a host.
fn names(server: &Server, options: &ClientOptions) -> Result<(ExpectedName, ServerName<'static>), Error> {
    let given = options.name.as_deref();
    let asked = match given.and_then(server_name) {
        Some(name) => name,
        None => parse_name(server.host())?,
    };
    let expected = match given {
        _ if !options.checks_name => ExpectedName::Any,
        Some(name) => ExpectedName::Given { name: name.to_owned(), may_be_skipped: true },
        None => ExpectedName::Host(asked.clone()),
    };
    Ok((expected, asked))
}

/// A TLS connection to a server that was verified.
#[derive(Debug)]
pub struct Client {
    tls: ClientConnection,
    connection: CountedStream<Connection>,
    /// Whether the server said that nothing more comes; `None` before the end.
    has_close_notify: Option<bool>,
    recv_calls: u64,
    bytes: u64,
}

impl Client {
    /// Connects over TCP, then makes the handshake.
    ///
    /// # Errors
    /// Those of [`net::connect`]; [`Error::Tls`] with what the server did.
    pub fn connect(server: &Server, options: &ClientOptions) -> Result<Self, Error> {
        let failed = |complaint: String| Error::Tls { peer: server.to_string(), complaint };
        let (expected, asked) = names(server, options)?;
        let verifier = ServerVerifier::new(ChainAndName { roots: options.roots.clone(), name: expected });
        let versions: Vec<_> = match options.version {
            None => TlsVersion::ALL.iter().map(|version| version.supported()).collect(),
            Some(version) => vec![version.supported()],
        };
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&versions)
            .map_err(|error| Error::System { attempt: "set up TLS", source: io::Error::other(error) })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &options.credentials {
            Some(credentials) => {
                config.with_client_cert_resolver(Arc::new(FixedCertificate(credentials.certified_key())))
            }
            None => config.with_no_client_auth(),
        };
        if let Some(key_log) = &options.key_log {
            config.key_log = Arc::new(key_log.clone());
        }
        let mut connection = net::connect(server, Families::Both, options.connect).map_err(|error| match error {
            // So quickly that connecting and the reset are one to the system.
            Error::Connect { attempts, .. } if attempts.iter().any(|(_, error)| is_reset(error)) => {
                failed(RESET_BY_SERVER.to_owned())
            }
            error => error,
        })?;
        connection.set_limits(None, options.connect)?;
        connection.set_nodelay()?;
        let mut connection = CountedStream::new(connection);
        let mut tls =
            ClientConnection::new(Arc::new(config), asked).map_err(|error| failed(explain::complaint(&error)))?;
        complete_handshake(&mut tls, &mut connection).map_err(|error| {
            let complaint = handshake_complaint(&error, TlsRole::Server);
            complaint.map_or_else(|| connection.explain(error), failed)
        })?;
        connection.set_limits(options.silence, Deadline::NONE)?;
        Ok(Self { tls, connection, has_close_notify: None, recv_calls: 0, bytes: 0 })
    }

    /// What the handshake agreed on.
    pub fn negotiated(&self) -> NegotiatedTls {
        NegotiatedTls::of(&self.tls)
    }

    /// The server's certificate, in DER.
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        super::leaf(&self.tls)
    }

    /// What has passed over the wire so far.
    pub fn records(&self) -> Records {
        self.connection.records()
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// [`Error::Send`].
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut stream = Stream::new(&mut self.tls, &mut self.connection);
        let sent = stream.write_all(bytes).and_then(|()| stream.flush());
        sent.map_err(|error| Error::Send { to: self.connection.peer(), source: explain::in_words(error) })
    }

    /// One recv: the bytes that have come, at most a bufferful; none at the end of the stream, which
    /// [`check_end`](Self::check_end) looks at.
    ///
    /// # Errors
    /// [`Error::Tls`], [`Error::Silent`] or [`Error::Receive`].
    pub fn recv<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b [u8], Error> {
        let n = match Stream::new(&mut self.tls, &mut self.connection).read(buffer) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.has_close_notify = Some(false);
                0
            }
            Err(error) => return Err(self.explain(error)),
        };
        if n == 0 {
            self.has_close_notify.get_or_insert(true);
        }
        self.recv_calls += 1;
        self.bytes += n as u64;
        Ok(buffer.get(..n).unwrap_or_default())
    }

    fn explain(&self, error: io::Error) -> Error {
        match explain::fault_within(&error) {
            Some(complaint) => Error::Tls { peer: self.peer().to_string(), complaint },
            None => self.connection.explain(error),
        }
    }

    /// Whether the end of the stream was the server's own word.
    ///
    /// # Errors
    /// [`Error::NoCloseNotify`] after a bare FIN.
    pub fn check_end(&self) -> Result<(), Error> {
        match self.has_close_notify {
            Some(false) => Err(Error::NoCloseNotify { peer: self.connection.peer() }),
            _ => Ok(()),
        }
    }
}

/// Bytes are those of the answer, without what TLS adds; segments are those of the connection, handshake included.
impl Counted for Client {
    fn peer(&self) -> SocketAddr {
        self.connection.peer()
    }

    fn recv_calls(&self) -> u64 {
        self.recv_calls
    }

    fn bytes_received(&self) -> u64 {
        self.bytes
    }

    fn data_segments_in(&self) -> Option<u64> {
        self.connection.data_segments_in()
    }
}

/// Sends close_notify.
impl Drop for Client {
    fn drop(&mut self) {
        self.tls.send_close_notify();
        // The server may be gone.
        let _ = self.tls.write_tls(&mut self.connection);
    }
}
