//! A small HTTPS server: shows each client what the handshake agreed on, and serves bytes to measure with.
//!
//! ```text
//! GET /           a page about this very connection: what was agreed, the handshake, the certificate
//! GET /download   the file that the server was started with
//! GET /bytes/N    N zero bytes
//! ```
//!
//! It speaks HTTP/1.1 (RFC 9112), whatever ALPN chose, to any number of clients, a thread each.

mod certificates;
mod connection;
pub(crate) mod handshake;
mod page;
mod recording;
mod request;
mod response;

use std::{
    io,
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use labnet::{Error, escape::escape, tls};
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    server::{NoClientAuth, NoServerSessionStorage, ResolvesServerCert, danger::ClientCertVerifier},
};

use certificates::ByName;
use connection::HttpsConnection;

pub use request::MAX_HEAD_LEN;
pub use response::MAX_BYTES;

/// What a server shows, and to whom.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Certificates and their keys; the first is for clients who name no server, or one that no other is for.
    pub certificates: Vec<(PathBuf, PathBuf)>,
    /// The versions that it speaks.
    pub versions: Vec<&'static SupportedProtocolVersion>,
    /// The application protocols that it agrees to, in its order; none to leave ALPN out.
    pub alpn: Vec<String>,
    /// Whether clients are asked for certificates.
    pub client_certificates: ClientCertificates,
    /// How long a client may take for its handshake, for each request, and to take something of an answer.
    pub timeout: Duration,
    /// What is at `/download`.
    pub file: Option<PathBuf>,
    /// Whether browsers are told to use HTTPS alone (HSTS).
    pub hsts: bool,
}

/// Whether clients are asked for certificates.
#[derive(Clone, Debug)]
pub enum ClientCertificates {
    /// They are not.
    NotAsked,
    /// They may present one of the CAs in this file.
    Optional(PathBuf),
    /// They must.
    Required(PathBuf),
}

/// A server that is ready for clients.
#[derive(Clone, Debug)]
pub struct Server {
    tls: Arc<ServerConfig>,
    certificates: Arc<ByName>,
    timeout: Duration,
    file: Option<PathBuf>,
    hsts: bool,
}

impl Server {
    /// Reads and checks all files.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Credentials`], which names the file and what is wrong with it.
    pub fn new(settings: &ServerSettings) -> Result<Self, Error> {
        let certificates = Arc::new(ByName::load(&settings.certificates)?);
        if let Some(file) = &settings.file {
            response::open(file).map_err(|source| Error::File {
                attempt: "serve",
                path: file.display().to_string(),
                source,
            })?;
        }
        let mut config = ServerConfig::builder_with_provider(tls::provider())
            .with_protocol_versions(&settings.versions)
            .map_err(cannot_set_up)?
            .with_client_cert_verifier(verifier(&settings.client_certificates)?)
            .with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
        config.ignore_client_order = true;
        config.alpn_protocols = settings.alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        // What is shown and measured are whole handshakes: none is abridged by a ticket of an earlier one.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self {
            tls: Arc::new(config),
            certificates,
            timeout: settings.timeout,
            file: settings.file.clone(),
            hsts: settings.hsts,
        })
    }

    /// One client, from its handshake to the close. `report` gets a line for each request, or one that says why there
    /// was none.
    pub fn serve(&self, stream: TcpStream, peer: SocketAddr, report: impl Fn(String)) {
        match HttpsConnection::begin(&self.tls, &self.certificates, stream, peer, self.timeout) {
            Err(error) => report(escape(error.to_string().as_bytes()).to_string()),
            Ok(mut client) => {
                self.answer(&mut client, &report);
                client.close();
            }
        }
    }

    /// Request after request, until either side has had enough.
    fn answer(&self, client: &mut HttpsConnection, report: &impl Fn(String)) {
        let mut requests = request::Requests::default();
        let mut answered = 0;
        loop {
            if client.set_deadline(self.timeout).is_err() {
                return;
            }
            match requests.next(client) {
                Ok(request) => {
                    let outcome = response::answer(client, &request, self.file.as_deref(), self.hsts);
                    report(format!("{client} \"{}\" {outcome}", request.line()));
                    answered += 1;
                    if outcome.is_last() {
                        return;
                    }
                }
                // Between two requests a client may leave, or fall silent, as it likes.
                Err(gone) => {
                    if answered == 0 || gone.was_within_a_request() {
                        report(format!("{client} {}", escape(gone.to_string().as_bytes())));
                    }
                    return;
                }
            }
        }
    }
}

/// Who checks what clients present.
fn verifier(asked: &ClientCertificates) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let file = match asked {
        ClientCertificates::NotAsked => return Ok(Arc::new(NoClientAuth)),
        ClientCertificates::Optional(file) | ClientCertificates::Required(file) => file,
    };
    tls::client_verifier(&tls::Roots::load(file)?, matches!(asked, ClientCertificates::Required(_)))
}

/// rustls refuses what it was told to do.
pub(crate) fn cannot_set_up(error: rustls::Error) -> Error {
    Error::System { attempt: "set up TLS", source: io::Error::other(error) }
}
