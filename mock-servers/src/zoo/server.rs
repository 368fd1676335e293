//! One client of the zoo, from its ClientHello to the close.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use labnet::{
    Error,
    net::{ClientLimits, ClientStream, Clock, Connection, Deadline, End, block_on},
    tls::{self, FixedCertificate, complete_handshake},
};
use rustls::{
    ServerConfig, ServerConnection, Stream, SupportedProtocolVersion,
    crypto::aws_lc_rs::default_provider,
    pki_types::CertificateDer,
    server::{Accepted, Acceptor, NoServerSessionStorage},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

use super::{
    Case, NAME, NAMELESS,
    case::Behaviour,
    cases,
    certificate_builder::failed,
    certificates,
    defects::{self, Defect, Hello, Then, Version, alert},
    issuers::{Chain, Issuers},
};
use crate::event::{ClientExit, ClientId, Event, ZooOutcome, ZooPhase};

/// The longest request that is read, in bytes (ours).
const MAX_REQUEST_LEN: usize = 8192;

/// All cases, by name.
pub(super) struct Zoo(HashMap<&'static str, CaseServer>);

/// A case, and the configuration of its server.
struct CaseServer {
    case: &'static Case,
    config: Arc<ServerConfig>,
}

/// A client that has said whom it asks for.
struct Caller<'a> {
    /// The name in its ClientHello, in lower case.
    name: Option<String>,
    /// The server of that name, if there is one.
    server: Option<&'a CaseServer>,
    hello: Hello,
    accepted: Accepted,
}

impl Zoo {
    /// Makes every certificate.
    pub(super) fn open(issuers: &Issuers) -> Result<Self, Error> {
        let server = |case: &'static Case| {
            let make = match case.behaviour {
                Behaviour::Certificate(make) => make,
                Behaviour::Protocol(_) => certificates::good,
            };
            let config = Arc::new(config(make(issuers, case.name)?, &versions(case))?);
            Ok((case.name, CaseServer { case, config }))
        };
        cases().iter().map(server).collect::<Result<_, _>>().map(Self)
    }

    /// Serves one client.
    pub(super) fn serve(&self, stream: TcpStream, peer: SocketAddr, limits: &ClientLimits, clock: &dyn Clock) -> Event {
        let mut connection = Connection::new(stream, peer);
        let (name, class, outcome) = match self.meet(&mut connection, limits) {
            Ok(Caller { name, server: Some(server), hello, accepted }) => {
                let outcome = server.serve(&hello, accepted, &mut connection, limits, clock);
                (name, Some(server.case.class), outcome)
            }
            Ok(Caller { name, server: None, .. }) => {
                // A client that is gone needs no alert.
                let _ = connection.write_all(&defects::fatal(alert::UNRECOGNIZED_NAME));
                (name, None, ZooOutcome::NoSuchCase)
            }
            Err(outcome) => (None, None, outcome),
        };
        connection.finish(if outcome == ZooOutcome::Reset { End::Reset } else { End::Fin });
        Event::Visited { client: ClientId::new(NAME, peer), name: name.map(Into::into), class, outcome }
    }

    /// Whom a client asks for.
    fn meet(&self, connection: &mut Connection, limits: &ClientLimits) -> Result<Caller<'_>, ZooOutcome> {
        set_limits(connection, limits)?;
        let (hello, accepted) = receive_hello(connection)?;
        let name = accepted.client_hello().server_name().map(str::to_ascii_lowercase);
        let server = self.0.get(name.as_deref().unwrap_or(NAMELESS));
        Ok(Caller { name, server, hello, accepted })
    }
}

/// What a case speaks.
fn versions(case: &Case) -> Vec<&'static SupportedProtocolVersion> {
    match case.behaviour {
        Behaviour::Protocol(Defect::Only(Version::Tls12) | Defect::Flight(Version::Tls12, ..)) => vec![&TLS12],
        Behaviour::Protocol(Defect::Only(Version::Tls13) | Defect::Flight(Version::Tls13, ..)) => vec![&TLS13],
        _ => vec![&TLS13, &TLS12],
    }
}

fn config(chain: Chain, versions: &[&'static SupportedProtocolVersion]) -> Result<ServerConfig, Error> {
    let certificates = chain.certificates.into_iter().map(CertificateDer::from).collect();
    // Not `CertifiedKey::from_der`, which refuses what the zoo is for.
    let certified = Arc::new(CertifiedKey::new(certificates, chain.key.signer));
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .map_err(failed)?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(FixedCertificate(certified)));
    // Every handshake is a full one.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

fn set_limits(connection: &mut Connection, limits: &ClientLimits) -> Result<(), Error> {
    connection.set_limits(None, Deadline::after(limits.silence))?;
    connection.set_stall(Some(limits.stall));
    connection.set_nodelay()
}

/// A reader that keeps what has passed.
struct Tee<'c>(&'c mut Connection, &'c mut Vec<u8>);

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buffer)?;
        self.1.extend_from_slice(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

/// The ClientHello as it came, and as rustls reads it, which bounds its length.
fn receive_hello(connection: &mut Connection) -> Result<(Hello, Accepted), ZooOutcome> {
    let phase = ZooPhase::ClientHello;
    let (mut hello, mut acceptor) = (Hello::default(), Acceptor::default());
    loop {
        match acceptor.read_tls(&mut Tee(connection, &mut hello.0)) {
            Ok(0) => return Err(ZooOutcome::Ended { phase, exit: ClientExit::Left }),
            Ok(_) => {}
            Err(error) => return Err(ZooOutcome::ended(phase)(error)),
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok((hello, accepted)),
            Ok(None) => {}
            Err((error, mut alert)) => {
                // A client that is gone needs no alert.
                let _ = alert.write_all(connection);
                let fault = tls::handshake_error(io::Error::other(error), &hello.0);
                return Err(ZooOutcome::NoClientHello { reason: fault.to_string().into() });
            }
        }
    }
}

impl CaseServer {
    /// Serves the case to a client.
    fn serve(
        &self,
        hello: &Hello,
        accepted: Accepted,
        connection: &mut Connection,
        limits: &ClientLimits,
        clock: &dyn Clock,
    ) -> ZooOutcome {
        let defect = match self.case.behaviour {
            Behaviour::Certificate(_) => None,
            Behaviour::Protocol(defect) => Some(defect),
        };
        let served = match defect {
            Some(Defect::Answers(answer, then)) => send(&answer(hello), then, connection, limits, clock),
            Some(Defect::Flight(_, cut, then)) => self
                .flight(accepted, connection)
                .and_then(|flight| send(&cut(&flight), then, connection, limits, clock)),
            defect => self.converse(accepted, defect, connection, limits),
        };
        served.unwrap_or_else(|outcome| outcome)
    }

    fn accept(&self, accepted: Accepted, connection: &mut Connection) -> Result<ServerConnection, ZooOutcome> {
        accepted.into_connection(Arc::clone(&self.config)).map_err(|(error, mut alert)| {
            let _ = alert.write_all(connection);
            ZooOutcome::NoHandshake { reason: tls::complaint(&error).into() }
        })
    }

    /// What rustls answers to the ClientHello.
    fn flight(&self, accepted: Accepted, connection: &mut Connection) -> Result<Vec<u8>, ZooOutcome> {
        let mut tls = self.accept(accepted, connection)?;
        let mut flight = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut flight).map_err(ZooOutcome::ended(ZooPhase::Defect))?;
        }
        Ok(flight)
    }

    /// A whole handshake, then the page.
    fn converse(
        &self,
        accepted: Accepted,
        defect: Option<Defect>,
        connection: &mut Connection,
        limits: &ClientLimits,
    ) -> Result<ZooOutcome, ZooOutcome> {
        let mut tls = self.accept(accepted, connection)?;
        complete_handshake(&mut tls, connection).map_err(ZooOutcome::ended(ZooPhase::Handshake))?;
        set_limits(connection, limits)?;
        let served = self.serve_page(&mut tls, defect, connection);
        if !matches!(defect, Some(Defect::NoCloseNotify)) {
            tls.send_close_notify();
            let _ = tls.write_tls(connection);
        }
        if matches!(defect, Some(Defect::DataAfterCloseNotify)) {
            // An application_data record of its own making: what comes now is to be ignored unread.
            let _ = connection.write_all(&[&[23, 3, 3, 0, 32], [0x5a; 32].as_slice()].concat());
        }
        served.map_err(ZooOutcome::ended(ZooPhase::Page))
    }

    /// The page, if the client asks for it.
    fn serve_page(
        &self,
        tls: &mut ServerConnection,
        defect: Option<Defect>,
        connection: &mut Connection,
    ) -> io::Result<ZooOutcome> {
        let mut stream = Stream::new(tls, connection);
        if !receive_request(&mut stream)? {
            return Ok(ZooOutcome::NoRequest);
        }
        let body = format!("{}\n{}\n", self.case.name, self.case.what);
        // The answer that ends without a word has no other end either.
        let length = match defect {
            Some(Defect::NoCloseNotify) => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n";
        stream.write_all(format!("{head}{length}\r\n{body}").as_bytes())?;
        stream.flush()?;
        Ok(ZooOutcome::Page)
    }
}

/// Reads the head of an HTTP request, of which nothing matters but its end; `false` when there is none.
fn receive_request(client: &mut impl Read) -> io::Result<bool> {
    let (mut request, mut buffer) = (Vec::new(), [0; 1024]);
    while request.len() < MAX_REQUEST_LEN {
        match client.read(&mut buffer)? {
            0 => return Ok(!request.is_empty()),
            n => request.extend_from_slice(buffer.get(..n).unwrap_or_default()),
        }
        // Lines that end without CR come from a keyboard (`openssl s_client`); RFC 9112, section 2.2 allows for them.
        if [b"\n\r\n".as_slice(), b"\n\n"].iter().any(|end| contains(&request, end)) {
            break;
        }
    }
    Ok(true)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Sends the bytes of a defect, and what follows.
fn send(
    bytes: &[u8],
    then: Then,
    connection: &mut Connection,
    limits: &ClientLimits,
    clock: &dyn Clock,
) -> Result<ZooOutcome, ZooOutcome> {
    let phase = ZooPhase::Defect;
    if let Then::Drip = then {
        return drip(bytes, connection, limits, clock).map_err(ZooOutcome::ended(phase));
    }
    connection.write_all(bytes).map_err(ZooOutcome::ended(phase))?;
    match then {
        Then::Reset => Ok(ZooOutcome::Reset),
        Then::Silence => Ok(ZooOutcome::Silence { left: outwait(connection) }),
        Then::Again => {
            let answered = connection.read(&mut [0; 4096]).map_err(ZooOutcome::ended(phase))?;
            if answered == 0 {
                return Err(ZooOutcome::Ended { phase, exit: ClientExit::Left });
            }
            connection.write_all(bytes).map_err(ZooOutcome::ended(phase))?;
            Ok(ZooOutcome::Twice)
        }
        Then::Fin | Then::Drip => Ok(ZooOutcome::Bytes { bytes: bytes.len() as u64 }),
    }
}

/// Waits until the client goes, or until it has been silent long enough; whether it went.
fn outwait(connection: &mut Connection) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match connection.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        }
    }
}

/// One byte a second, for as long as a client may be silent.
fn drip(bytes: &[u8], connection: &mut Connection, limits: &ClientLimits, clock: &dyn Clock) -> io::Result<ZooOutcome> {
    const PAUSE: Duration = Duration::from_secs(1);
    let end = clock.now() + limits.silence;
    let mut sent = 0;
    for byte in bytes {
        connection.write_all(&[*byte])?;
        sent += 1;
        if clock.now() >= end || !block_on(connection.wait(PAUSE, clock))? {
            break;
        }
    }
    Ok(ZooOutcome::Drip { bytes: sent })
}
