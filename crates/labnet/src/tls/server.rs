//! The server's side: handshakes with a deadline, and streams that end with close_notify.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ServerConfig, ServerConnection,
    server::{NoClientAuth, NoServerSessionStorage, danger::ClientCertVerifier},
};

use super::{
    Credentials, FixedCertificate, HandshakeCut, NegotiatedTls, Roots, TlsRole, TlsVersion,
    client_verifier::ClientVerifier,
    explain,
    handshake::{accept_handshake_async, handshake_complaint},
    provider,
    records::{CountedStream, Records},
};
use crate::{
    Error,
    net::{self, ClientLimits, ClientStream, Clock, Connection, Deadline, Dialogue, End, Operation},
    pmu::Device,
};

/// Turns TCP connections into TLS ones.
#[derive(Clone, Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    cut: Option<HandshakeCut>,
}

impl Acceptor {
    /// For TLS 1.2 and 1.3, with the server's order of suites: AES-256-GCM first.
    ///
    /// # Errors
    /// [`Error::System`], should the provider lack both versions.
    pub fn new(credentials: &Credentials) -> Result<Self, Error> {
        Self::with_versions(credentials, &TlsVersion::ALL)
    }

    /// The same, for these versions alone.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn with_versions(credentials: &Credentials, versions: &[TlsVersion]) -> Result<Self, Error> {
        Self::with_verifier(credentials, versions, Arc::new(NoClientAuth))
    }

    /// The same, whose handshakes all end in the middle of a message, with a FIN.
    pub fn with_cut(self, cut: HandshakeCut) -> Self {
        Self { cut: Some(cut), ..self }
    }

    /// The same, for clients that prove with a certificate of these CAs that they are `client`.
    ///
    /// # Errors
    /// Those of [`new`](Self::new); [`Error::Usage`] for what is no name.
    pub fn mutual(credentials: &Credentials, roots: &Roots, client: &str) -> Result<Self, Error> {
        Self::with_verifier(credentials, &TlsVersion::ALL, Arc::new(ClientVerifier::new(roots, client)?))
    }

    fn with_verifier(
        credentials: &Credentials,
        versions: &[TlsVersion],
        clients: Arc<dyn ClientCertVerifier>,
    ) -> Result<Self, Error> {
        let versions: Vec<_> = versions.iter().map(|version| version.supported()).collect();
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&versions)
            .map_err(|error| Error::System { attempt: "set up TLS", source: io::Error::other(error) })?;
        let builder = builder.with_client_cert_verifier(clients);
        let mut config = builder.with_cert_resolver(Arc::new(FixedCertificate(credentials.certified_key())));
        config.ignore_client_order = true;
        // Connections are short, and their messages are counted (Q25): every handshake is a full one.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self { config: Arc::new(config), cut: None })
    }

    /// Completes the handshake with a client, within the limits of its silence.
    ///
    /// # Errors
    /// [`Error::Tls`] with what the client did, [`Error::Silent`] or [`Error::Receive`]. The alert, if one is due,
    /// has been sent.
    pub fn accept(&self, stream: TcpStream, peer: SocketAddr, limits: &ClientLimits) -> Result<TlsConnection, Error> {
        net::block_on(self.accept_async(Connection::new(stream, peer), limits))
    }

    /// The same on a connection with a thread of its own or without.
    ///
    /// # Errors
    /// Those of [`accept`](Self::accept).
    pub async fn accept_async(
        &self,
        mut connection: Connection,
        limits: &ClientLimits,
    ) -> Result<TlsConnection, Error> {
        connection.set_limits(None, Deadline::after(limits.silence))?;
        connection.set_stall(Some(limits.stall));
        connection.set_nodelay()?;
        let mut connection = CountedStream::new(connection);
        let tls = ServerConnection::new(Arc::clone(&self.config));
        let mut tls = tls
            .map(Box::new)
            .map_err(|error| Error::System { attempt: "set up TLS", source: io::Error::other(error) })?;
        let made = accept_handshake_async(&mut tls, &mut connection, self.cut).await;
        made.map_err(|error| explained(error, &connection))?;
        Ok(TlsConnection { tls, connection })
    }
}

fn explained(error: io::Error, connection: &Connection) -> Error {
    match handshake_complaint(&error, TlsRole::Client) {
        Some(complaint) => Error::Tls { peer: connection.peer().to_string(), complaint },
        None => connection.explain(error),
    }
}

/// A TLS connection from a client.
#[derive(Debug)]
pub struct TlsConnection {
    /// In a box: it is large, and the connection is handed on.
    tls: Box<ServerConnection>,
    connection: CountedStream<Connection>,
}

impl TlsConnection {
    /// What the handshake agreed on.
    pub fn negotiated(&self) -> NegotiatedTls {
        NegotiatedTls::of(&self.tls)
    }

    /// The client's certificate, in DER, if it was asked for one.
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        super::leaf(&self.tls)
    }

    /// What has passed over the wire so far.
    pub fn records(&self) -> Records {
        self.connection.records()
    }

    /// The dialogue of part 2, one record for each message.
    pub fn converse(&mut self, device: &Device, limits: &ClientLimits, clock: &dyn Clock) -> Dialogue {
        net::block_on(self.converse_async(device, limits, clock))
    }

    /// The same without a thread of its own: see [`converse`](Self::converse).
    pub async fn converse_async(&mut self, device: &Device, limits: &ClientLimits, clock: &dyn Clock) -> Dialogue {
        net::converse_async(self, limits, |command| device.answer(command), 0, clock).await
    }

    /// Says that nothing more is sent (close_notify); receiving goes on.
    ///
    /// # Errors
    /// That of the connection.
    pub fn end(&mut self) -> io::Result<()> {
        self.tls.send_close_notify();
        self.flush()
    }

    /// What a failed read or write means.
    pub fn explain(&self, error: io::Error) -> Error {
        let peer = || self.connection.peer().to_string();
        match explain::fault_within(&error) {
            Some(complaint) => Error::Tls { peer: peer(), complaint },
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                Error::Tls { peer: peer(), complaint: "ended the connection where more was due".to_owned() }
            }
            None => self.connection.explain(error),
        }
    }

    /// Ends the connection with a reset, or as [`close`](Self::close) does.
    pub fn finish(self, end: End) {
        net::block_on(self.finish_async(end));
    }

    /// Says that nothing more comes (close_notify), then ends the TCP connection with a FIN.
    pub fn close(self) {
        self.finish(End::Fin);
    }

    /// The same without a thread of its own: see [`finish`](Self::finish).
    pub async fn finish_async(mut self, end: End) {
        if end == End::Fin {
            self.say_farewell().await;
        }
        self.connection.into_inner().finish_async(end).await;
    }

    /// Sends close_notify. The client may be gone.
    async fn say_farewell(&mut self) {
        self.tls.send_close_notify();
        let _ = net::send_all(self, &[]).await;
    }
}

impl Read for TlsConnection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        rustls::Stream::new(&mut *self.tls, &mut self.connection).read(buffer).map_err(explain::in_words)
    }
}

impl Write for TlsConnection {
    /// One call is one record, up to 16,384 bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        rustls::Stream::new(&mut *self.tls, &mut self.connection).write(bytes).map_err(explain::in_words)
    }

    fn flush(&mut self) -> io::Result<()> {
        rustls::Stream::new(&mut *self.tls, &mut self.connection).flush().map_err(explain::in_words)
    }
}

impl ClientStream for TlsConnection {
    fn set_patience(&mut self, patience: Option<Duration>) -> io::Result<()> {
        // A record may come in many pieces: it is all of them that must come in time.
        let deadline = patience.map_or(Deadline::NONE, Deadline::after);
        self.connection.set_limits(None, deadline).map_err(io::Error::other)
    }

    async fn ready(&mut self, _: Operation) -> io::Result<()> {
        // A read may have to write first, and a write never reads.
        let operation = if self.tls.wants_write() { Operation::Write } else { Operation::Read };
        self.connection.ready(operation).await
    }

    async fn wait(&mut self, duration: Duration, clock: &dyn Clock) -> io::Result<bool> {
        self.connection.wait(duration, clock).await
    }

    async fn end_output(&mut self) {
        self.say_farewell().await;
        let _ = self.connection.end();
    }

    fn begin_send(&mut self) {
        self.connection.begin_send();
    }

    fn end_send(&mut self) {
        self.connection.end_send();
    }
}
