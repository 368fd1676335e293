//! The TLS client of the lab: makes a TCP connection, then a TLS handshake, and shows what each step did.
//!
//! Usage: `tls-client HOST` · `tls-client HOST 4433 --step` · `tls-client www.example.test --connect 127.0.0.1:4433 --trace`

use std::{
    cell::RefCell,
    fs::File,
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    rc::Rc,
    time::{Duration, Instant},
};

use clap::{Parser, ValueEnum};
use rustls::{
    SupportedProtocolVersion,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};

use labnet::{
    Error,
    cli::{self, Console},
    net::{self, Deadline, Families, Server},
    tls::{self, KeyLogFile},
};
use tls_lab::{
    anchors::{AnchorOptions, Anchors},
    client::{Checks, Client, ClientSettings, CloseOutcome},
    describe::HandshakeReport,
    http,
};
use tls_trace::{Entry, Timeline};

/// Walk through a TLS handshake
#[derive(Parser)]
#[command(
    name = "tls-client",
    version,
    after_help = "Examples:
  tls-client www.example.org         what was agreed, and the certificates
  tls-client www.example.org --step  a pause after TCP, and one after TLS
  tls-client localhost 4433 --cafile certs/cacert.pem --trace
  tls-client expired.test 4443 --connect 127.0.0.1 --cafile certs/zoo_cacert.pem
  tls-client localhost 4433 --cafile certs/cacert.pem --http / --output -

With --connect the server is reached at another address, but must still prove
that it is HOST."
)]
struct Arguments {
    /// The server's name, which its certificate must be for
    host: String,
    /// Its port
    #[arg(default_value_t = 443)]
    port: u16,
    #[command(flatten)]
    anchors: AnchorOptions,
    /// Wait for a key after the TCP connection, and after the TLS handshake
    #[arg(long)]
    step: bool,
    /// Where the server is, if not at HOST: an address, with or without a port
    #[arg(long, value_name = "ADDRESS")]
    connect: Option<Server>,
    /// Verify the chain, but not the name
    #[arg(long, conflicts_with = "no_verify")]
    no_check_hostname: bool,
    /// Believe whoever answers
    #[arg(long)]
    no_verify: bool,
    /// Speak this version only
    #[arg(long, value_enum)]
    tls: Option<Version>,
    /// Offer an application protocol, such as http/1.1; several in the order of preference
    #[arg(long, value_name = "PROTOCOL")]
    alpn: Vec<String>,
    /// Fetch a page after the handshake
    #[arg(long, value_name = "PATH")]
    http: Option<String>,
    /// Write the page to a file, or with - alone to stdout
    #[arg(long, value_name = "FILE", requires = "http")]
    output: Option<PathBuf>,
    /// Print what was learned as one JSON object
    #[arg(long)]
    json: bool,
    /// Tell on stderr everything that happens, with its time
    #[arg(long)]
    trace: bool,
    /// Append the secrets of the connection to a file, for Wireshark
    #[arg(long, value_name = "FILE", env = "SSLKEYLOGFILE", hide_env_values = true)]
    keylog: Option<PathBuf>,
    /// Seconds for connection and handshake each, and the longest silence
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = cli::parse_seconds)]
    timeout: Duration,
}

#[derive(Clone, Copy, ValueEnum)]
enum Version {
    #[value(name = "1.2")]
    Tls12,
    #[value(name = "1.3")]
    Tls13,
}

fn main() -> ExitCode {
    cli::run(client)
}

fn client(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let anchors = arguments.anchors.load()?;
    anchors.warn(&console.err);
    let settings = settings(&arguments, anchors.clone())?;
    let host: Server = arguments.host.parse()?;
    let request =
        arguments.http.as_ref().map(|path| http::request(&host.without_zone().to_string(), path)).transpose()?;
    let server = arguments.connect.clone().unwrap_or(host).or_port(arguments.port);
    let mut output = TraceOutput::new(&arguments, console)?;
    if arguments.no_verify {
        console
            .err
            .warn("the server is not verified: anyone on the way can pretend to be it, read and change everything");
    }

    tls::gather_randomness();
    let begun = Instant::now();
    let timeline = Rc::new(RefCell::new(Timeline::new()));
    let act = |text: &str| timeline.borrow_mut().act(begun.elapsed(), text);
    act(&format!("socket(), connect() to {server}: TCP sends SYN and waits for SYN-ACK"));
    let connection = net::connect(&server, Families::Both, Deadline::after(arguments.timeout))?;
    connection.set_nodelay()?;
    let address = connection.peer().to_string();
    act(&format!("connect() has returned: the ACK is out, the connection to {address} is ESTABLISHED"));
    output.tell(timeline.borrow_mut().drain());
    if arguments.step {
        pause("after the TCP handshake, before that of TLS", console);
        act("the key was pressed: until now TLS has sent nothing");
    }

    act("the TLS handshake begins");
    let mut client = Client::new(connection, &settings, Rc::clone(&timeline), begun)?;
    let outcome = client.handshake(Deadline::after(arguments.timeout));
    if outcome.is_ok() {
        client.act("the TLS handshake is complete");
    }
    output.tell(client.drain());
    output.log_keys(&client)?;
    let outcome = outcome.inspect_err(|_| output.tell(timeline.borrow_mut().finish()))?;
    if let Some(problem) = &outcome.overlooked {
        console.err.warn(format_args!("{} {problem}", arguments.host));
    }
    let mut report = HandshakeReport::new(&arguments.host, &address, &outcome, &anchors, client.summary());
    let is_body_alone = arguments.output.as_deref() == Some(Path::new("-"));
    if !is_body_alone && !arguments.json {
        console.out.line(&report)?;
    }
    if arguments.step {
        pause("after the TLS handshake", console);
    }

    let fetched = match request {
        Some(request) => fetch(&mut client, &request, &arguments, console),
        None => Ok(()),
    };
    output.tell(client.drain());
    output.log_keys(&client)?;
    let close_outcome = client.shutdown(arguments.timeout)?;
    output.tell(timeline.borrow_mut().finish());
    if arguments.json && !is_body_alone {
        report.trace = std::mem::take(&mut output.told);
        console.out.json(&report)?;
    }
    match close_outcome {
        CloseOutcome::CloseNotify => {}
        CloseOutcome::BareFin => console.err.note("the server ended without close_notify"),
        CloseOutcome::Silence => console.err.note("the server did not end the connection in its turn"),
    }
    fetched
}

fn settings(arguments: &Arguments, anchors: Anchors) -> Result<ClientSettings, Error> {
    // A zone is of this machine, and in no certificate.
    let host = match arguments.host.contains('%') {
        true => arguments.host.parse::<Server>()?.without_zone().host().to_owned(),
        false => arguments.host.clone(),
    };
    let name = ServerName::try_from(host)
        .map_err(|_| Error::Usage(format!("'{}' is no name of a server, such as localhost", arguments.host)))?;
    let checks = match (arguments.no_verify, arguments.no_check_hostname) {
        (true, _) => Checks::None,
        (false, true) => Checks::NoName,
        (false, false) => Checks::All,
    };
    let versions: Vec<&'static SupportedProtocolVersion> = match arguments.tls {
        None => vec![&TLS13, &TLS12],
        Some(Version::Tls13) => vec![&TLS13],
        Some(Version::Tls12) => vec![&TLS12],
    };
    if let Some(wrong) = arguments.alpn.iter().find(|protocol| !(1..=255).contains(&protocol.len())) {
        return Err(Error::Usage(format!("'{}' is no protocol: it has 1 to 255 bytes", wrong)));
    }
    Ok(ClientSettings { anchors, checks, versions, alpn: arguments.alpn.clone(), name })
}

/// Waits for Return, as the source does; without a keyboard for a line or the end of stdin.
fn pause(when: &str, console: &Console) {
    console.err.line(format_args!("pause {when}: press Return to go on"));
    // An end is as good as a key.
    let _ = io::stdin().lock().read_line(&mut String::new());
    if io::stdin().is_terminal() {
        console.err.line("");
    }
}

/// Asks for a page and puts it where it is wanted.
fn fetch(client: &mut Client, request: &[u8], arguments: &Arguments, console: &Console) -> Result<(), Error> {
    let complain = |complaint: String| Error::Tls { peer: arguments.host.clone(), complaint };
    let mut file = match &arguments.output {
        Some(path) if path != Path::new("-") => {
            Some((path, File::create(path).map_err(|source| file_error(path, source))?))
        }
        _ => None,
    };
    client.send(request)?;
    let mut answer = http::Answer::default();
    let mut buffer = vec![0; 1 << 16];
    while !answer.is_complete() {
        let bytes = match client.recv(&mut buffer, arguments.timeout) {
            // What has a length of its own needs no close_notify to be whole.
            Err(Error::NoCloseNotify { .. }) if answer.is_complete() => break,
            received => received?,
        };
        if bytes.is_empty() {
            answer.finish().map_err(complain)?;
            break;
        }
        let body = answer.feed(bytes).map_err(complain)?;
        match &mut file {
            Some((path, file)) => file.write_all(&body).map_err(|source| file_error(path, source))?,
            None if arguments.json && arguments.output.is_none() => {}
            None => console.out.write(&body)?,
        }
    }
    match answer.status() {
        Some(status @ 400..) => Err(complain(format!("answered with the HTTP status {status}"))),
        _ => Ok(()),
    }
}

fn file_error(path: &Path, source: io::Error) -> Error {
    Error::File { attempt: "write", path: path.display().to_string(), source }
}

/// Where the timeline and the secrets go.
struct TraceOutput<'a> {
    console: &'a Console,
    is_told: bool,
    /// What JSON repeats at the end.
    told: Vec<Entry>,
    keylog: Option<KeyLogFile>,
}

impl<'a> TraceOutput<'a> {
    fn new(arguments: &Arguments, console: &'a Console) -> Result<Self, Error> {
        let keylog = arguments.keylog.as_deref().map(KeyLogFile::open).transpose()?;
        Ok(Self { console, is_told: arguments.trace, told: Vec::new(), keylog })
    }

    fn tell(&mut self, entries: Vec<Entry>) {
        if self.is_told {
            for entry in &entries {
                self.console.err.line(entry);
            }
            self.told.extend(entries);
        }
    }

    fn log_keys(&mut self, client: &Client) -> Result<(), Error> {
        self.keylog.as_ref().map_or(Ok(()), |key_log| key_log.append(client.key_log()))
    }
}
