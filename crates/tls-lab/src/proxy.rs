//! The man in the middle: what anyone can do who owns a CA that others trust.
//!
//! ```text
//! victim ── TLS under an issued certificate ── proxy ── TLS, verified ── real server
//! ```
//!
//! The victim asks for a server by name (SNI, or the host of an HTTP `CONNECT`). The proxy connects to the real one and
//! verifies it, then signs itself a certificate for that name, and the victim, who trusts the CA, has no means to tell.
//! All that passes is in clear here. What the lesson is: a CA that is trusted for every name can impersonate everyone,
//! which is why a lab's CA should be constrained to names of the lab, and why clients pin keys and CAs are watched
//! (Certificate Transparency, RFC 9162). It also shows what the proxy cannot do: present the victim's certificate to
//! a server that asks for one, or deceive a victim that does not trust its CA.

mod certificate_cache;
mod hello;
mod relay;
mod transcript;

use std::{
    fmt,
    io::Write,
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use labnet::{
    Error,
    escape::escape,
    net::{self, Connection, Deadline, Families, Server},
    tls::{self, NegotiatedTls, ServerVerifier},
};
use rustls::{
    ClientConfig, ClientConnection, ServerConfig,
    client::Resumption,
    pki_types::ServerName,
    server::{Accepted, NoServerSessionStorage, ResolvesServerCertUsingSni},
    version::{TLS12, TLS13},
};

use crate::{
    anchors::Anchors,
    server::{cannot_set_up, handshake::HandshakeStream},
    server_check::{CertificateCheck, Checks},
};
use certificate_cache::CertificateCache;
use hello::Hello;
use transcript::Transcript;

/// How many victims are served at once (ours).
pub const MAX_VICTIMS: usize = 200;

/// The port of a real server that nobody named (RFC 9110, section 4.2.2).
const HTTPS_PORT: u16 = 443;

/// What a proxy does, and with which means.
#[derive(Clone, Debug)]
pub struct ProxySettings {
    /// The certificate of the CA that victims trust.
    pub ca_certificate: PathBuf,
    /// Its private key.
    pub ca_key: PathBuf,
    /// Where every real server is, whatever its name.
    pub to: Option<Server>,
    /// Whom the proxy itself trusts.
    pub anchors: Anchors,
    /// How long each side may take over each step before data passes.
    pub timeout: Duration,
    /// How many bytes of each direction are shown.
    pub show: u64,
}

/// A proxy that is ready for victims.
pub struct Proxy {
    cache: CertificateCache,
    /// What all victims see, but for the certificate and the application protocol.
    to_victims: ServerConfig,
    /// What all servers see, but for the application protocols.
    to_servers: ClientConfig,
    anchors: Anchors,
    to: Option<Server>,
    timeout: Duration,
    show: u64,
}

/// A server as a victim means it.
struct Route {
    /// What its certificate must say, and what the issued one will.
    name: String,
    address: Server,
}

/// Why nothing is relayed, in plain words, and what the victim hears of it.
struct Refusal {
    why: String,
    alert: Option<Alert>,
}

/// RFC 8446, section 6, with its numbers.
#[derive(Clone, Copy)]
enum Alert {
    HandshakeFailure = 40,
    InternalError = 80,
    UnrecognizedName = 112,
}

impl Refusal {
    fn new(alert: Alert, why: impl Into<String>) -> Self {
        Self { why: why.into(), alert: Some(alert) }
    }

    /// The victim knows already, or is gone.
    fn without_alert(why: impl Into<String>) -> Self {
        Self { why: why.into(), alert: None }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::new(Alert::InternalError, error.to_string())
    }
}

impl Proxy {
    /// Reads and checks the CA's files, and makes the key for what will be issued.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Credentials`], which names the file and what is wrong with it.
    pub fn new(settings: ProxySettings) -> Result<Self, Error> {
        let cache = CertificateCache::load(&settings.ca_certificate, &settings.ca_key)?;
        let versions = [&TLS13, &TLS12];
        let builder = ServerConfig::builder_with_provider(tls::provider());
        let builder = builder.with_protocol_versions(&versions).map_err(cannot_set_up)?.with_no_client_auth();
        // The certificate comes with each victim.
        let mut to_victims = builder.with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        // Each connection is verified and shown as a whole: none continues an earlier one.
        to_victims.send_tls13_tickets = 0;
        to_victims.session_storage = Arc::new(NoServerSessionStorage {});
        let builder = ClientConfig::builder_with_provider(tls::provider());
        let builder = builder.with_protocol_versions(&versions).map_err(cannot_set_up)?;
        let mut to_servers =
            builder.dangerous().with_custom_certificate_verifier(verifier(&settings.anchors)).with_no_client_auth();
        to_servers.resumption = Resumption::disabled();
        let to = settings.to.map(|to| to.or_port(HTTPS_PORT));
        let ProxySettings { anchors, timeout, show, .. } = settings;
        Ok(Self { cache, to_victims, to_servers, anchors, to, timeout, show })
    }

    /// One victim, from its first byte to the end of both connections. `say` gets each line of what passes.
    pub fn serve(&self, stream: TcpStream, peer: SocketAddr, say: &(dyn Fn(String) + Sync)) {
        let say = |line: fmt::Arguments<'_>| say(format!("{peer} {}", escape(line.to_string().as_bytes())));
        let mut victim = Connection::new(stream, peer);
        match self.intercept(&mut victim, &say) {
            Err(refusal) => {
                say(format_args!("refused: {}", refusal.why));
                if let Some(alert) = refusal.alert {
                    // A victim that is gone needs no reason.
                    let _ = victim.write_all(&record(alert));
                }
                victim.close();
            }
            Ok((with_victim, server, with_server)) => {
                // Both block.
                let (Some(victim), Some(server)) = (victim.into_stream(), server.into_stream()) else { return };
                let victim = relay::Endpoint::new(victim, with_victim.into(), "the victim");
                let server = relay::Endpoint::new(server, with_server.into(), "the server");
                let ending =
                    relay::relay(&victim, &server, self.timeout, |arrow| Transcript::new(&say, arrow, self.show));
                say(format_args!("end: {ending}"));
                net::close(victim.into_stream());
            }
        }
    }

    /// Up to where data can pass: both handshakes, the real server's first.
    fn intercept(
        &self,
        victim: &mut Connection,
        say: &dyn Fn(fmt::Arguments<'_>),
    ) -> Result<(rustls::ServerConnection, Connection, ClientConnection), Refusal> {
        victim.set_stall(Some(self.timeout));
        victim.set_nodelay()?;
        victim.set_limits(None, Deadline::after(self.timeout))?;
        let Hello { accepted, connect } = hello::receive(victim).map_err(Refusal::without_alert)?;
        let hello = accepted.client_hello();
        let offers: Vec<Vec<u8>> = hello.alpn().map(|offers| offers.map(<[u8]>::to_vec).collect()).unwrap_or_default();
        let route = self.route(hello.server_name(), connect.as_ref())?;
        say(format_args!("asks for {}, whose address is {}", route.name, route.address));

        let (server, with_server) = self.reach(&route, offers)?;
        let negotiated = NegotiatedTls::of(&with_server);
        say(format_args!("the real server is verified: {}", Terms(&negotiated)));
        victim.set_limits(None, Deadline::after(self.timeout))?;
        let (with_victim, serial) = self.impersonate(victim, accepted, &route.name, negotiated.alpn)?;
        let negotiated = NegotiatedTls::of(&with_victim);
        say(format_args!("the victim is deceived: {}, with certificate {serial}", Terms(&negotiated)));
        Ok((with_victim, server, with_server))
    }

    /// Whom the victim means, and where that is.
    fn route(&self, sni: Option<&str>, connect: Option<&Server>) -> Result<Route, Refusal> {
        let nameless = "named no server, neither in its ClientHello (SNI) nor by CONNECT; --to would name one";
        let host = |server: &Server| server.without_zone().host().to_owned();
        let hosts = [sni.map(str::to_owned), connect.map(host), self.to.as_ref().map(host)];
        let name = hosts.into_iter().flatten().next().map(|name| name.trim_end_matches('.').to_owned());
        let name = name.ok_or_else(|| Refusal::new(Alert::UnrecognizedName, nameless))?;
        let address = self.to.as_ref().or(connect).cloned().unwrap_or_else(|| Server::new(name.clone(), HTTPS_PORT));
        Ok(Route { name, address })
    }

    /// Connects to the real server and verifies it.
    fn reach(&self, route: &Route, offers: Vec<Vec<u8>>) -> Result<(Connection, ClientConnection), Refusal> {
        let no_name = |_| Refusal::new(Alert::UnrecognizedName, format!("'{}' is no name of a server", route.name));
        let name = ServerName::try_from(route.name.clone()).map_err(no_name)?;
        let deadline = Deadline::after(self.timeout);
        let mut server = net::connect(&route.address, Families::Both, deadline)?;
        server.set_stall(Some(self.timeout));
        server.set_limits(None, deadline)?;
        server.set_nodelay()?;
        let mut config = self.to_servers.clone();
        config.alpn_protocols = offers;
        config.dangerous().set_certificate_verifier(verifier(&self.anchors));
        let failed = |complaint: String| {
            let Route { name, address } = route;
            Refusal::new(Alert::HandshakeFailure, format!("the real server, {name} at {address}, {complaint}"))
        };
        let mut tls = ClientConnection::new(Arc::new(config), name).map_err(|error| failed(tls::complaint(&error)))?;
        HandshakeStream::new(&mut server).complete(&mut tls).map_err(failed)?;
        Ok((server, tls))
    }

    /// Finishes with the victim, under a certificate for the name it asked for. Yields its serial number too.
    fn impersonate(
        &self,
        victim: &mut Connection,
        accepted: Accepted,
        name: &str,
        alpn: Option<Vec<u8>>,
    ) -> Result<(rustls::ServerConnection, String), Refusal> {
        let (resolver, serial) = self.cache.certificate_for(name)?;
        let mut config = self.to_victims.clone();
        config.cert_resolver = Arc::new(resolver);
        config.alpn_protocols = alpn.into_iter().collect();
        let refused = |complaint: String| Refusal::without_alert(format!("the victim {complaint}"));
        let mut handshake = HandshakeStream::new(victim);
        let mut tls = accepted.into_connection(Arc::new(config)).map_err(|(error, mut alert)| {
            let _ = alert.write_all(&mut handshake);
            refused(tls::complaint(&error))
        })?;
        handshake.accept(&mut tls).map_err(refused)?;
        Ok((tls, serial))
    }
}

/// Checks a real server as tls-client does. For one connection.
fn verifier(anchors: &Anchors) -> Arc<ServerVerifier<CertificateCheck>> {
    Arc::new(ServerVerifier::new(CertificateCheck::new(anchors.clone(), Checks::All)))
}

/// An alert that is fatal, as a record of its own: before the handshake nothing is encrypted (RFC 8446, section 6).
fn record(alert: Alert) -> [u8; 7] {
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    [ALERT, 3, 3, 0, 2, FATAL, alert as u8]
}

/// What a handshake agreed on, with the application protocol.
struct Terms<'a>(&'a NegotiatedTls);

impl fmt::Display for Terms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.alpn {
            Some(protocol) => write!(f, "{} {}", self.0, escape(protocol)),
            None => write!(f, "{}", self.0),
        }
    }
}
