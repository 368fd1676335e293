//! A TLS client whose steps are explicit: first the TCP connection, then the handshake, then data, then the end.
//!
//! rustls sends nothing by itself: every byte leaves in [`Client::handshake`], [`Client::send`] or [`Client::shutdown`].

use std::{
    cell::RefCell,
    fmt,
    io::{self, IoSlice, Read, Write},
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use labnet::{
    Error,
    net::{Connection, Deadline},
    tls::{self, NegotiatedTls, ServerVerifier, TlsRole},
};
use rustls::{
    ClientConfig, ClientConnection, Error as TlsError, KeyLog, SupportedProtocolVersion,
    client::Resumption,
    pki_types::{CertificateDer, ServerName},
};
use tls_trace::{Direction, Entry, Summary, Timeline};

pub use crate::server_check::Checks;
use crate::{anchors::Anchors, server_check::CertificateCheck};

/// What a client wants.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Whom it trusts.
    pub anchors: Anchors,
    /// What it checks.
    pub checks: Checks,
    /// Which versions it speaks.
    pub versions: Vec<&'static SupportedProtocolVersion>,
    /// Which application protocols it offers.
    pub alpn: Vec<String>,
    /// Whom it wants to talk to.
    pub name: ServerName<'static>,
}

/// What a client knows after a handshake.
#[derive(Clone, Debug)]
pub struct HandshakeOutcome {
    /// What both sides agreed on.
    pub negotiated: NegotiatedTls,
    /// How the server signed the handshake, such as `RSA_PSS_SHA256`.
    pub signature_scheme: Option<String>,
    /// The server's chain in DER, the leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Whether the certificate is that of the server, by its name.
    pub is_verified: bool,
    /// What is wrong with the certificate, when that was not to be checked.
    pub overlooked: Option<String>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseOutcome {
    /// The server said that nothing more comes.
    CloseNotify,
    /// A mere end of the stream, which anyone on the way can forge.
    BareFin,
    /// Neither, in the time that there was.
    Silence,
}

/// A TCP connection that becomes a TLS one.
pub struct Client {
    tls: ClientConnection,
    wire: TracedConnection,
    verifier: Arc<ServerVerifier<CertificateCheck>>,
    secrets: Arc<KeyLogBuffer>,
    peer: String,
}

impl Client {
    /// Prepares a handshake over a connection; nothing is sent.
    ///
    /// # Errors
    /// [`Error::System`], should rustls refuse the settings.
    pub fn new(
        connection: Connection,
        settings: &ClientSettings,
        timeline: Rc<RefCell<Timeline>>,
        begun: Instant,
    ) -> Result<Self, Error> {
        let failed = |error: TlsError| Error::System { attempt: "set up TLS", source: io::Error::other(error) };
        let (anchors, checks) = (settings.anchors.clone(), settings.checks);
        let check = CertificateCheck::new(anchors, checks);
        let verifier = Arc::new(ServerVerifier::new(check));
        let secrets = Arc::new(KeyLogBuffer::default());
        let mut config = ClientConfig::builder_with_provider(tls::provider())
            .with_protocol_versions(&settings.versions)
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
            .with_no_client_auth();
        config.alpn_protocols = settings.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
        config.resumption = Resumption::disabled();
        config.key_log = Arc::clone(&secrets) as _;
        let tls = ClientConnection::new(Arc::new(config), settings.name.clone()).map_err(failed)?;
        let peer = format!("{} ({})", settings.name.to_str(), connection.peer());
        Ok(Self { tls, wire: TracedConnection { connection, timeline, begun }, verifier, secrets, peer })
    }

    /// The second handshake of the connection: that of TLS.
    ///
    /// # Errors
    /// [`Error::Tls`] with what the server did, in words; [`Error::Receive`] or [`Error::Send`].
    pub fn handshake(&mut self, deadline: Deadline) -> Result<HandshakeOutcome, Error> {
        self.wire.connection.set_limits(None, deadline)?;
        let made = tls::complete_handshake(&mut self.tls, &mut self.wire);
        self.tell_secrets();
        made.map_err(|error| self.handshake_failed(error))?;
        let check = &self.verifier.check;
        let overlooked = check.overlooked.get().cloned();
        Ok(HandshakeOutcome {
            negotiated: NegotiatedTls::of(&self.tls),
            signature_scheme: self.verifier.signature_scheme().map(|scheme| format!("{scheme:?}")),
            chain: self.tls.peer_certificates().unwrap_or_default().to_vec(),
            is_verified: check.checks != Checks::NoName && overlooked.is_none(),
            overlooked,
        })
    }

    fn handshake_failed(&self, error: io::Error) -> Error {
        match tls::handshake_complaint(&error, TlsRole::Server) {
            Some(complaint) => Error::Tls { peer: self.peer.clone(), complaint },
            None => self.wire.connection.explain(error),
        }
    }

    /// Sends data.
    ///
    /// # Errors
    /// [`Error::Send`].
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut stream = rustls::Stream::new(&mut self.tls, &mut self.wire);
        let sent = stream.write_all(bytes).and_then(|()| stream.flush());
        sent.map_err(|error| Error::Send { to: self.wire.connection.peer(), source: tls::in_words(error) })
    }

    /// Receives data, at most a bufferful; none at the end.
    ///
    /// # Errors
    /// [`Error::NoCloseNotify`] at an end that anyone could have forged; [`Error::Tls`], [`Error::Silent`],
    /// [`Error::Receive`].
    pub fn recv<'b>(&mut self, buffer: &'b mut [u8], silence: Duration) -> Result<&'b [u8], Error> {
        self.wire.connection.set_limits(Some(silence), Deadline::NONE)?;
        let read = rustls::Stream::new(&mut self.tls, &mut self.wire).read(buffer);
        self.tell_secrets();
        match read {
            Ok(n) => Ok(buffer.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(Error::NoCloseNotify { peer: self.wire.connection.peer() })
            }
            Err(error) => Err(match tls::fault_within(&error) {
                Some(complaint) => Error::Tls { peer: self.peer.clone(), complaint },
                None => self.wire.connection.explain(error),
            }),
        }
    }

    /// Ends both directions: close_notify and a FIN, then waits for the server's.
    ///
    /// # Errors
    /// [`Error::System`]; a server that is gone already is none.
    pub fn shutdown(mut self, patience: Duration) -> Result<CloseOutcome, Error> {
        self.tls.send_close_notify();
        // The server may be gone.
        let _ = self.tls.write_tls(&mut self.wire);
        self.wire.act("shutdown(): close_notify is out, and behind it a FIN");
        let _ = self.wire.connection.end();
        self.wire.connection.set_limits(None, Deadline::after(patience))?;
        // It may have said so already, behind its data.
        let has_closed = self.tls.process_new_packets().is_ok_and(|state| state.peer_has_closed());
        let mut close_outcome = if has_closed { CloseOutcome::CloseNotify } else { CloseOutcome::BareFin };
        loop {
            match self.tls.read_tls(&mut self.wire) {
                Ok(0) => break,
                Ok(_) => match self.tls.process_new_packets() {
                    Ok(state) if state.peer_has_closed() => close_outcome = CloseOutcome::CloseNotify,
                    Ok(_) => discard(&mut self.tls),
                    Err(_) => break,
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let is_silence = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                    if is_silence && close_outcome != CloseOutcome::CloseNotify {
                        close_outcome = CloseOutcome::Silence;
                    }
                    break;
                }
            }
        }
        self.wire.act("close(): the connection is over");
        Ok(close_outcome)
    }

    /// Notes something that the program does, or waits for.
    pub fn act(&self, text: &str) {
        self.wire.act(text);
    }

    /// What can be told of the timeline by now.
    pub fn drain(&self) -> Vec<Entry> {
        self.wire.timeline.borrow_mut().drain()
    }

    /// What the handshake consisted of.
    pub fn summary(&self) -> Summary {
        self.wire.timeline.borrow().summary()
    }

    /// The lines of a key log (SSLKEYLOGFILE) that have come up since the last call.
    pub fn key_log(&self) -> Vec<String> {
        std::mem::take(&mut *self.secrets.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands the secrets of this connection to the timeline, which decrypts with them.
    fn tell_secrets(&mut self) {
        let fresh = std::mem::take(&mut *self.secrets.fresh.lock().unwrap_or_else(PoisonError::into_inner));
        let mut timeline = self.wire.timeline.borrow_mut();
        for KeyLogEntry { label, random, secret } in fresh {
            timeline.secret(&label, &random, &secret);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// Data that nobody reads any more.
fn discard(tls: &mut ClientConnection) {
    let mut rest = [0; 4096];
    while let Ok(1..) = tls.reader().read(&mut rest) {}
}

/// The connection; what passes over it is noted with its time.
struct TracedConnection {
    connection: Connection,
    timeline: Rc<RefCell<Timeline>>,
    begun: Instant,
}

impl TracedConnection {
    fn act(&self, text: &str) {
        self.timeline.borrow_mut().act(self.begun.elapsed(), text);
    }

    fn note(&self, direction: Direction, bytes: &[u8]) {
        self.timeline.borrow_mut().bytes(self.begun.elapsed(), direction, bytes);
    }
}

impl Read for TracedConnection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.connection.read(buffer)?;
        self.note(Direction::Received, buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

impl Write for TracedConnection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let n = self.connection.write_vectored(pieces)?;
        let all: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).take(n).collect();
        self.note(Direction::Sent, &all);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.connection.flush()
    }
}

/// The secrets of a connection, as rustls tells them.
#[derive(Debug, Default)]
struct KeyLogBuffer {
    fresh: Mutex<Vec<KeyLogEntry>>,
    lines: Mutex<Vec<String>>,
}

struct KeyLogEntry {
    label: String,
    random: Vec<u8>,
    secret: zeroize::Zeroizing<Vec<u8>>,
}

/// Without the secret.
impl fmt::Debug for KeyLogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLogEntry").field("label", &self.label).finish_non_exhaustive()
    }
}

impl KeyLog for KeyLogBuffer {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = tls::key_log_line(label, client_random, secret);
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        let secret = KeyLogEntry {
            label: label.to_owned(),
            random: client_random.to_vec(),
            secret: zeroize::Zeroizing::new(secret.to_vec()),
        };
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner).push(secret);
    }
}
