//! A client's TLS connection, with a deadline on all that the client owes.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use labnet::{
    Error,
    escape::escape,
    net::{Connection, Deadline},
    tls::{self, NegotiatedTls},
};
use rustls::{KeyLog, ServerConfig, ServerConnection, sign::CertifiedKey};
use tls_trace::Entry;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    cannot_set_up,
    certificates::ByName,
    handshake::HandshakeStream,
    recording::{HandshakeRecording, HandshakeSecrets},
};

/// A client after its handshake; shown as the report's lines begin: `PEER VERSION SUITE sni=NAME`.
#[derive(Debug)]
pub(super) struct HttpsConnection {
    tls: ServerConnection,
    connection: Connection,
    negotiated: NegotiatedTls,
    /// The certificates that the client saw, in DER, its own first.
    chain: Arc<CertifiedKey>,
    recording: HandshakeRecording,
    secrets: Arc<HandshakeSecrets>,
}

impl HttpsConnection {
    /// The handshake; a connection where it fails is closed.
    pub(super) fn begin(
        config: &ServerConfig,
        certificates: &ByName,
        stream: TcpStream,
        peer: SocketAddr,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let mut connection = Connection::new(stream, peer);
        connection.set_limits(None, Deadline::after(timeout))?;
        connection.set_stall(Some(timeout));
        connection.set_nodelay()?;
        let (secrets, mut recording) = (Arc::new(HandshakeSecrets::default()), HandshakeRecording::new());
        // Secrets are for the page of this connection alone.
        let mut config = config.clone();
        config.key_log = Arc::clone(&secrets) as Arc<dyn KeyLog>;
        let mut tls = ServerConnection::new(Arc::new(config)).map_err(cannot_set_up)?;
        if let Err(complaint) = HandshakeStream::recorded(&mut connection, &mut recording).accept(&mut tls) {
            // In order, so that the alert arrives.
            connection.close();
            return Err(Error::Tls { peer: peer.to_string(), complaint });
        }
        let negotiated = NegotiatedTls::of(&tls);
        let chain = certificates.for_client(tls.server_name());
        Ok(Self { tls, connection, negotiated, chain, recording, secrets })
    }

    /// The client has so much time for what it owes next.
    pub(super) fn set_deadline(&mut self, timeout: Duration) -> Result<(), Error> {
        self.connection.set_limits(None, Deadline::after(timeout))
    }

    pub(super) fn negotiated(&self) -> &NegotiatedTls {
        &self.negotiated
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.connection.peer()
    }

    /// The name that the client asked for.
    pub(super) fn server_name(&self) -> Option<&str> {
        self.tls.server_name()
    }

    /// The certificates that the client saw, in DER.
    pub(super) fn chain(&self) -> impl Iterator<Item = &[u8]> {
        self.chain.cert.iter().map(AsRef::as_ref)
    }

    /// The messages of the handshake.
    pub(super) fn handshake(&self) -> Vec<Entry> {
        self.recording.messages(&self.secrets)
    }

    /// The subject of the client's certificate, if it presented one.
    pub(super) fn subject(&self) -> Option<String> {
        let leaf = self.tls.peer_certificates()?.first()?;
        let (_, leaf) = X509Certificate::from_der(leaf).ok()?;
        Some(tls::name(leaf.subject()).to_string())
    }

    /// Says that nothing more comes (close_notify), then ends the TCP connection with a FIN.
    pub(super) fn close(mut self) {
        self.tls.send_close_notify();
        // The client may be gone.
        let _ = self.tls.write_tls(&mut self.connection);
        self.connection.close();
    }

    /// Ends the connection without close_notify: the answer is not complete.
    pub(super) fn break_off(&mut self) {
        // Without a connection there is nothing to end.
        let _ = self.connection.end();
    }
}

impl Read for HttpsConnection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        rustls::Stream::new(&mut self.tls, &mut self.connection).read(buffer).map_err(tls::in_words)
    }
}

impl Write for HttpsConnection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        rustls::Stream::new(&mut self.tls, &mut self.connection).write(bytes).map_err(tls::in_words)
    }

    fn flush(&mut self) -> io::Result<()> {
        rustls::Stream::new(&mut self.tls, &mut self.connection).flush().map_err(tls::in_words)
    }
}

impl fmt::Display for HttpsConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.server_name().unwrap_or("-");
        write!(f, "{} {} sni={}", self.peer(), self.negotiated, escape(name.as_bytes()))
    }
}
