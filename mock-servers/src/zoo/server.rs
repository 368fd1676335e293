//! One client of the zoo, from its ClientHello to the close.

use std::{
    collections::HashMap,
    fmt::Display,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use labnet::{
    Error,
    net::{self, Clock, Connection, Deadline, Limits},
};
use rustls::{
    ServerConfig, ServerConnection, Stream, SupportedProtocolVersion,
    crypto::aws_lc_rs::default_provider,
    pki_types::CertificateDer,
    server::{Accepted, Acceptor, ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

use super::{
    Case, NAMELESS,
    case::Exhibit,
    cases, certificates,
    defects::{self, Defect, Hello, Then, Version, alert},
    draft::failed,
    keeper::{Chain, Keeper},
};

/// The longest request that is read, in bytes (ours).
const MAX_REQUEST_LEN: usize = 8192;

/// All exhibits, by name.
pub(super) struct Zoo(HashMap<&'static str, Shown>);

/// A case, and the server that shows it.
struct Shown {
    case: &'static Case,
    config: Arc<ServerConfig>,
}

/// How a connection ends.
enum End {
    Fin,
    Reset,
}

/// Whatever certificate there is, for everybody.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl Zoo {
    /// Makes every certificate.
    pub(super) fn open(keeper: &Keeper) -> Result<Self, Error> {
        let shown = |case: &'static Case| {
            let make = match case.exhibit {
                Exhibit::Certificate(make) => make,
                Exhibit::Protocol(_) => certificates::good,
            };
            let config = Arc::new(config(make(keeper, case.name)?, &versions(case))?);
            Ok((case.name, Shown { case, config }))
        };
        cases().iter().map(shown).collect::<Result<_, _>>().map(Self)
    }

    /// Serves one client; what there is to report of it.
    pub(super) fn serve(&self, stream: TcpStream, peer: SocketAddr, limits: &Limits, clock: &dyn Clock) -> String {
        let mut connection = Connection::new(stream, peer);
        let (event, end) = match self.meet(&mut connection, limits) {
            Ok((name, Some(shown), hello, accepted)) => {
                let (outcome, end) = shown.show(&hello, accepted, &mut connection, limits, clock);
                (format!("{peer} {name} {} {outcome}", shown.case.class), end)
            }
            Ok((name, None, ..)) => {
                // A client that is gone needs no alert.
                let _ = connection.write_all(&defects::fatal(alert::UNRECOGNIZED_NAME));
                (format!("{peer} {name} unknown there is no such case; see --list"), End::Fin)
            }
            Err(why) => (format!("{peer} - - {why}"), End::Fin),
        };
        match end {
            End::Fin => connection.close(),
            End::Reset => net::abort(connection.into_stream()),
        }
        event
    }

    /// Whom a client asks for.
    fn meet(
        &self,
        connection: &mut Connection,
        limits: &Limits,
    ) -> Result<(String, Option<&Shown>, Hello, Accepted), String> {
        set_limits(connection, limits).map_err(|error| error.to_string())?;
        let (hello, accepted) = receive_hello(connection)?;
        let name = accepted.client_hello().server_name().map(str::to_ascii_lowercase);
        let shown = self.0.get(name.as_deref().unwrap_or(NAMELESS));
        Ok((name.unwrap_or_else(|| "-".to_owned()), shown, hello, accepted))
    }
}

/// What a case speaks.
fn versions(case: &Case) -> Vec<&'static SupportedProtocolVersion> {
    match case.exhibit {
        Exhibit::Protocol(Defect::Only(Version::Tls12) | Defect::Flight(Version::Tls12, ..)) => vec![&TLS12],
        Exhibit::Protocol(Defect::Only(Version::Tls13) | Defect::Flight(Version::Tls13, ..)) => vec![&TLS13],
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
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(Always(certified)));
    // Each visit is a full one.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

fn set_limits(connection: &mut Connection, limits: &Limits) -> Result<(), Error> {
    connection.set_limits(None, Deadline::after(limits.silence))?;
    connection.set_stall(Some(limits.stall))?;
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
fn receive_hello(connection: &mut Connection) -> Result<(Hello, Accepted), String> {
    let (mut hello, mut acceptor) = (Hello::default(), Acceptor::default());
    loop {
        match acceptor.read_tls(&mut Tee(connection, &mut hello.0)) {
            Ok(0) => return Err("left without a ClientHello".to_owned()),
            Ok(_) => {}
            Err(error) => return Err(gone(&error)),
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok((hello, accepted)),
            Ok(None) => {}
            Err((error, mut alert)) => {
                // A client that is gone needs no alert.
                let _ = alert.write_all(connection);
                return Err(format!("sent no ClientHello: {error}"));
            }
        }
    }
}

/// Why a client is no longer served.
fn gone(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "was too slow".to_owned(),
        io::ErrorKind::UnexpectedEof => "left".to_owned(),
        io::ErrorKind::InvalidData => format!("refused: {error}"),
        _ => format!("gone: {}", labnet::error::reason(error)),
    }
}

impl Shown {
    /// Shows the case to a client: what there is to report, and how it ends.
    fn show(
        &self,
        hello: &Hello,
        accepted: Accepted,
        connection: &mut Connection,
        limits: &Limits,
        clock: &dyn Clock,
    ) -> (String, End) {
        let defect = match self.case.exhibit {
            Exhibit::Certificate(_) => None,
            Exhibit::Protocol(defect) => Some(defect),
        };
        let shown = match defect {
            Some(Defect::Answers(answer, then)) => send(&answer(hello), then, connection, limits, clock),
            Some(Defect::Flight(_, cut, then)) => self
                .flight(accepted, connection)
                .and_then(|flight| send(&cut(&flight), then, connection, limits, clock)),
            defect => self.converse(accepted, defect, connection, limits),
        };
        let is_reset = matches!(defect, Some(Defect::Answers(_, Then::Reset) | Defect::Flight(_, _, Then::Reset)));
        (shown.unwrap_or_else(|why| why), if is_reset { End::Reset } else { End::Fin })
    }

    fn accept(&self, accepted: Accepted, connection: &mut Connection) -> Result<ServerConnection, String> {
        accepted.into_connection(Arc::clone(&self.config)).map_err(|(error, mut alert)| {
            let _ = alert.write_all(connection);
            format!("no handshake: {error}")
        })
    }

    /// What rustls answers to the ClientHello.
    fn flight(&self, accepted: Accepted, connection: &mut Connection) -> Result<Vec<u8>, String> {
        let mut tls = self.accept(accepted, connection)?;
        let mut flight = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut flight).map_err(|error| gone(&error))?;
        }
        Ok(flight)
    }

    /// A whole handshake, then the page.
    fn converse(
        &self,
        accepted: Accepted,
        defect: Option<Defect>,
        connection: &mut Connection,
        limits: &Limits,
    ) -> Result<String, String> {
        let mut tls = self.accept(accepted, connection)?;
        while tls.is_handshaking() {
            if let Err(error) = tls.complete_io(connection) {
                // The client is told why, if it still listens.
                let _ = tls.write_tls(connection);
                return Err(format!("{} (in the handshake)", gone(&error)));
            }
        }
        set_limits(connection, limits).map_err(|error| error.to_string())?;
        let served = self.serve_page(&mut tls, defect, connection);
        if !matches!(defect, Some(Defect::NoCloseNotify)) {
            tls.send_close_notify();
            let _ = tls.write_tls(connection);
        }
        if matches!(defect, Some(Defect::DataAfterCloseNotify)) {
            // An application_data record of its own making: what comes now is to be ignored unread.
            let _ = connection.write_all(&[&[23, 3, 3, 0, 32], [0x5a; 32].as_slice()].concat());
        }
        served.map_err(|error| format!("{} (after the handshake)", gone(&error)))
    }

    /// The page, if the client asks for it.
    fn serve_page(
        &self,
        tls: &mut ServerConnection,
        defect: Option<Defect>,
        connection: &mut Connection,
    ) -> io::Result<String> {
        let mut stream = Stream::new(tls, connection);
        if !receive_request(&mut stream)? {
            return Ok("made the handshake and asked for nothing".to_owned());
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
        Ok("made the handshake and got the page".to_owned())
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
    limits: &Limits,
    clock: &dyn Clock,
) -> Result<String, String> {
    let told = |what: &dyn Display| Ok(format!("was shown {what}"));
    match then {
        Then::Drip => return drip(bytes, connection, limits, clock),
        _ => connection.write_all(bytes).map_err(|error| gone(&error))?,
    }
    match then {
        Then::Reset => told(&"a reset"),
        Then::Silence => told(&format_args!("silence, and {}", outwait(connection))),
        Then::Again => {
            let answered = connection.read(&mut [0; 4096]).map_err(|error| gone(&error))?;
            if answered == 0 {
                return Err("left".to_owned());
            }
            connection.write_all(bytes).map_err(|error| gone(&error))?;
            told(&"the same twice")
        }
        Then::Fin | Then::Drip => told(&format_args!("{} bytes", bytes.len())),
    }
}

/// Waits until the client goes, or until it has been silent long enough.
fn outwait(connection: &mut Connection) -> &'static str {
    let mut buffer = [0; 4096];
    loop {
        match connection.read(&mut buffer) {
            Ok(0) => return "left",
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return "stayed to the end";
            }
            Err(_) => return "left",
        }
    }
}

/// One byte a second, for as long as a client may be silent.
fn drip(bytes: &[u8], connection: &mut Connection, limits: &Limits, clock: &dyn Clock) -> Result<String, String> {
    const PAUSE: Duration = Duration::from_secs(1);
    let end = clock.now() + limits.silence;
    let mut sent = 0;
    for byte in bytes {
        connection.write_all(&[*byte]).map_err(|error| gone(&error))?;
        sent += 1;
        if clock.now() >= end || !connection.wait(PAUSE, clock).map_err(|error| gone(&error))? {
            break;
        }
    }
    Ok(format!("was shown {sent} bytes, one a second"))
}
