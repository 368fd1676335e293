//! The zoo, visited by rustls, by OpenSSL and by Python: each says of every case what the table says it does.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use lab_process::Program;
use labnet::net::ClientLimits;
use mock_servers::{
    Events, Running, ServerSettings,
    zoo::{self, Case, Class, DetectedBy, Expectation, Opinion, Phase, cases},
};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, RootCertStore,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tempfile::TempDir;

/// How long the zoo keeps a client waiting; ours is less patient where its patience is the judge.
const SILENCE: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(3);

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: zoo\r\nConnection: close\r\n\r\n";

/// A zoo, its CA, and what it reports.
struct Zoo {
    running: Running,
    ca: PathBuf,
    events: Arc<Mutex<Vec<String>>>,
    _folder: TempDir,
}

impl Zoo {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("new/zoo_cacert.pem");
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&events);
        let site = ServerSettings {
            limits: ClientLimits { silence: SILENCE, ..ClientLimits::default() },
            events: Events::new(move |event| heard.lock().unwrap().push(event.to_string())),
            ..ServerSettings::default()
        };
        let running = zoo::spawn(&zoo::Config { port: 0, ca: ca.clone() }, &site).unwrap();
        Self { running, ca, events, _folder: folder }
    }

    fn address(&self) -> SocketAddr {
        self.running.address()
    }

    fn has_reported(&self, what: &str) -> bool {
        self.events.lock().unwrap().iter().any(|event| event.contains(what))
    }
}

/// What a client says: a verdict, and why in its own words.
#[derive(Debug)]
struct Said {
    verdict: Expectation,
    class: Class,
    words: String,
}

impl Said {
    fn accept() -> Self {
        Self { verdict: Expectation::Accept, class: Class::Good, words: "accepted".to_owned() }
    }

    fn refuse(class: Class, words: impl ToString) -> Self {
        Self { verdict: Expectation::Refuse, class, words: words.to_string() }
    }
}

/// Visits every case, several at once: most of the time is spent waiting.
fn visit_all(visit: impl Fn(&'static Case) -> Said + Sync) -> Vec<(&'static Case, Said)> {
    let next = Mutex::new(cases().iter());
    let said = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some(case) = { next.lock().unwrap().next() } {
                    let words = visit(case);
                    said.lock().unwrap().push((case, words));
                }
            });
        }
    });
    said.into_inner().unwrap()
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

// rustls.

fn client_config(ca: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// A stream that is read and written until a moment, and no longer.
struct Until(TcpStream, Instant);

impl Until {
    fn connect(address: SocketAddr, name: &str) -> Self {
        let stream = TcpStream::connect_timeout(&address, lab_test::PATIENCE).unwrap();
        let is_slow = cases().iter().any(|case| case.name == name && case.detected_by == DetectedBy::Deadline);
        Self(stream, Instant::now() + if is_slow { PATIENCE } else { lab_test::PATIENCE })
    }
}

impl Read for Until {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.1.saturating_duration_since(Instant::now());
        self.0.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        self.0.read(buffer)
    }
}

impl Write for Until {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What plain rustls with webpki says.
fn rustls(address: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> Said {
    let mut stream = Until::connect(address, name);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    while tls.is_handshaking() {
        if let Err(error) = tls.complete_io(&mut stream) {
            let _ = tls.write_tls(&mut stream);
            return explain(&error);
        }
    }
    let mut tls = rustls::Stream::new(&mut tls, &mut stream);
    let mut page = Vec::new();
    match tls.write_all(REQUEST).and_then(|()| tls.read_to_end(&mut page)) {
        Ok(_) if page.starts_with(b"HTTP/1.1 200 OK\r\n") => Said::accept(),
        Ok(_) => panic!("no page: {:?}", String::from_utf8_lossy(&page)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Said::refuse(Class::NoCloseNotify, error),
        Err(error) => explain(&error),
    }
}

fn explain(error: &io::Error) -> Said {
    let inner = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    let class = match (inner, error.kind()) {
        (Some(error), _) => class(error),
        (None, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Class::Silence,
        (None, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => Class::Reset,
        (None, io::ErrorKind::UnexpectedEof) => Class::HandshakeCut,
        _ => panic!("{error:?}"),
    };
    Said::refuse(class, format!("{error:?}"))
}

/// The table's words for those of rustls.
fn class(error: &rustls::Error) -> Class {
    use rustls::{AlertDescription as Alert, Error, InvalidMessage};
    match error {
        Error::InvalidCertificate(error) => certificate_class(error),
        Error::NoCertificatesPresented => Class::NoCertificate,
        Error::AlertReceived(Alert::ProtocolVersion) => Class::ProtocolVersion,
        Error::AlertReceived(Alert::HandshakeFailure) => Class::NoCommonSuite,
        Error::AlertReceived(_) => Class::Alert,
        Error::PeerIncompatible(_) => Class::ProtocolVersion,
        Error::PeerMisbehaved(_) => Class::IllegalParameter,
        Error::InappropriateHandshakeMessage { .. } | Error::InappropriateMessage { .. } => Class::UnexpectedMessage,
        Error::DecryptError => Class::Tampered,
        Error::InvalidMessage(InvalidMessage::MessageTooLarge | InvalidMessage::InvalidEmptyPayload) => {
            Class::BadRecord
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => Class::NotTls,
        Error::InvalidMessage(_) => Class::Malformed,
        error => panic!("{error:?}"),
    }
}

fn certificate_class(error: &CertificateError) -> Class {
    use CertificateError as Error;
    match error {
        Error::Expired | Error::ExpiredContext { .. } => Class::Expired,
        Error::NotValidYet | Error::NotValidYetContext { .. } => Class::NotYetValid,
        Error::NotValidForName | Error::NotValidForNameContext { .. } => Class::WrongHost,
        Error::UnknownIssuer => Class::UnknownIssuer,
        Error::BadSignature => Class::BadSignature,
        Error::InvalidPurpose | Error::InvalidPurposeContext { .. } => Class::Purpose,
        Error::BadEncoding => Class::Malformed,
        Error::UnhandledCriticalExtension => Class::CriticalExtension,
        Error::UnsupportedSignatureAlgorithmContext { .. } => Class::WeakSignature,
        Error::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Class::KeyMismatch,
        Error::Other(other) => match other.to_string().split(['(', ' ', '{']).next().unwrap() {
            "UnsupportedCriticalExtension" => Class::CriticalExtension,
            "CaUsedAsEndEntity" => Class::CaAsLeaf,
            "EndEntityUsedAsCa" => Class::NotACa,
            "PathLenConstraintViolated" => Class::PathLength,
            "NameConstraintViolation" => Class::NameConstraints,
            "MaximumPathDepthExceeded" => Class::ChainTooLong,
            _ => Class::Malformed,
        },
        error => panic!("{error:?}"),
    }
}

#[test]
fn rustls_says_what_the_table_says_but_where_the_client_is_to_judge() {
    let zoo = Zoo::open();
    let config = client_config(&zoo.ca);
    let wrong = |(case, said): &(&Case, Said)| {
        let agrees = said.verdict == case.expected && said.class == case.class;
        (agrees != (case.detected_by != DetectedBy::Client)).then(|| {
            format!(
                "{}: {} {} ({:?}), but {} {}: {}",
                case.name, case.expected, case.class, case.detected_by, said.verdict, said.class, said.words
            )
        })
    };
    let said = visit_all(|case| rustls(zoo.address(), &config, case.name));
    assert_none(&said.iter().filter_map(wrong).collect::<Vec<_>>());
    let is_silent = |case: &&Case| !comes_true(|| zoo.has_reported(&event_of(case)));
    assert_none(
        &cases().iter().filter(is_silent).map(|case| format!("{} is not reported", case.name)).collect::<Vec<_>>(),
    );
}

/// What an event says of a case.
fn event_of(case: &Case) -> String {
    let name = if case.name == zoo::NAMELESS { "-" } else { case.name };
    format!(" {name} {} ", case.class)
}

/// Whether something becomes true in time.
fn comes_true(mut is_true: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + lab_test::PATIENCE;
    while Instant::now() < end {
        if is_true() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn a_name_that_is_not_in_the_zoo_gets_an_alert() {
    let zoo = Zoo::open();
    let said = rustls(zoo.address(), &client_config(&zoo.ca), "nobody.test");
    assert!(said.words.contains("AlertReceived(UnrecognisedName)"), "{}", said.words);
    assert!(comes_true(|| zoo.has_reported(" nobody.test unknown ")));
}

#[test]
fn clients_that_speak_no_tls_or_nothing_at_all_disturb_nobody() {
    let zoo = Zoo::open();
    let config = client_config(&zoo.ca);
    let silent = TcpStream::connect(zoo.address()).unwrap();
    drop(TcpStream::connect(zoo.address()).unwrap());
    let mut plain = TcpStream::connect(zoo.address()).unwrap();
    plain.write_all(REQUEST).unwrap();
    plain.set_read_timeout(Some(lab_test::PATIENCE)).unwrap();
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.first(), Some(&21), "an alert: {answer:?}");
    let said = rustls(zoo.address(), &config, zoo::GOOD);
    assert_eq!(said.verdict, Expectation::Accept, "{}", said.words);
    for event in [" - - left without a ClientHello", " - - sent no ClientHello: ", " - - was too slow"] {
        assert!(comes_true(|| zoo.has_reported(event)), "{event}");
    }
    drop(silent);
}

#[test]
fn every_zoo_has_a_ca_of_its_own_of_which_only_the_certificate_is_written() {
    let (one, other) = (Zoo::open(), Zoo::open());
    let pem = fs::read_to_string(&one.ca).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n") && pem.ends_with("-----END CERTIFICATE-----\n"), "{pem}");
    assert_eq!(pem.matches("BEGIN").count(), 1);
    assert_eq!(fs::read_dir(one.ca.parent().unwrap()).unwrap().count(), 1);
    let said = rustls(one.address(), &client_config(&other.ca), zoo::GOOD);
    assert_eq!(said.class, Class::BadSignature, "{}", said.words);
}

// The program.

#[test]
fn the_list_is_a_case_a_line() {
    let outcome =
        Program::start(env!("CARGO_BIN_EXE_mock-servers"), &["--list"]).unwrap().finish(lab_test::PATIENCE).unwrap();
    assert_eq!((outcome.code(), outcome.stderr().as_str()), (0, ""));
    let expected: String = cases().iter().map(|case| format!("{case}\n")).collect();
    assert_eq!(outcome.stdout(), expected);
    assert!(outcome.stdout().lines().all(|line| line.split('\t').count() == 4));
}

/// A program that is ready, its first address, and what it said before.
fn start(ca: &Path) -> (Program, SocketAddr, Vec<String>) {
    let arguments =
        ["zoo", "--zoo-port", "0", "--zoo-ca", ca.to_str().unwrap(), "--client-timeout", "4", "--seed", "1"];
    let mut program = Program::start(env!("CARGO_BIN_EXE_mock-servers"), &arguments).unwrap();
    program.line_with("be ready", lab_test::PATIENCE, |line| line.text == "ready").unwrap();
    let said: Vec<String> = program.lines().iter().map(|line| line.text.clone()).collect();
    let address = said[0].strip_prefix("listening zoo TCP ").unwrap().parse().unwrap();
    (program, address, said)
}

#[test]
fn the_program_names_the_certificate_of_its_ca_before_it_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let (program, address, said) = start(&ca);
    assert_eq!(said[said.len() - 2..], [format!("zoo CA {}", ca.display()), "ready".to_owned()]);
    assert_eq!(rustls(address, &client_config(&ca), zoo::GOOD).verdict, Expectation::Accept);
    drop(program);
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_stays_open_when_everybody_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let (mut program, address, _) = start(&ca);
    let descriptors = format!("/proc/{}/fd", program.id());
    let open = || fs::read_dir(&descriptors).unwrap().count();
    let before = open();
    let config = client_config(&ca);
    visit_all(|case| rustls(address, &config, case.name));
    assert!(comes_true(|| open() == before), "{before} descriptors before, {} after", open());
    for case in cases() {
        let event = event_of(case);
        let mut is_reported = || program.lines().iter().any(|line| line.text.contains(&event));
        assert!(comes_true(&mut is_reported), "{event}");
    }
}

// Other implementations.

fn check_opinions(said: Vec<(&Case, Said)>, opinion: impl Fn(&Case) -> Opinion) {
    let wrong = |(case, said): &(&Case, Said)| {
        let agrees = said.verdict == case.expected;
        (agrees != (opinion(case) == Opinion::Same))
            .then(|| format!("{}: {} {}, but {}: {}", case.name, case.expected, case.class, said.verdict, said.words))
    };
    assert_none(&said.iter().filter_map(wrong).collect::<Vec<_>>());
}

/// Whether a program is installed in the version of which the table speaks; says so if not.
fn is_installed(test: &str, program: &str, arguments: &[&str], expected: &str) -> bool {
    let output = Command::new(program).args(arguments).output();
    let version = output.map_or("none".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let is_expected = version.starts_with(expected);
    if !is_expected {
        let skipped = format!("skipped: {test}: the table speaks of {expected}, installed is {version}\n");
        io::stderr().write_all(skipped.as_bytes()).unwrap();
    }
    is_expected
}

fn openssl(zoo: &Zoo, case: &Case) -> Said {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-verify_return_error", "-quiet", "-ign_eof", "-CAfile"]).arg(&zoo.ca);
    command.args(["-connect", &zoo.address().to_string()]);
    if case.name.parse::<IpAddr>().is_ok() {
        command.args(["-noservername", "-verify_ip", case.name]);
    } else {
        command.args(["-servername", case.name, "-verify_hostname", case.name]);
    }
    let client = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut client = client.unwrap();
    // It may have left already.
    let _ = client.stdin.take().unwrap().write_all(REQUEST);
    let output = client.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).replace('\n', " | ");
    match output.status.success() {
        true => Said { words, ..Said::accept() },
        false => Said::refuse(case.class, words),
    }
}

#[test]
fn openssl_says_what_the_table_says_of_it() {
    if !is_installed("openssl_says_what_the_table_says_of_it", "openssl", &["version"], "OpenSSL 3.0.") {
        return;
    }
    let zoo = Zoo::open();
    check_opinions(visit_all(|case| openssl(&zoo, case)), |case| case.openssl);
}

/// Visits the names that it is given, in a default context.
const PYTHON: &str = r#"
import socket, ssl, sys
from concurrent.futures import ThreadPoolExecutor
port, ca, patience = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
context = ssl.create_default_context(cafile=ca)
def visit(name):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=patience) as tcp:
            with context.wrap_socket(tcp, server_hostname=name, suppress_ragged_eofs=False) as tls:
                tls.sendall(b"GET / HTTP/1.1\r\nHost: zoo\r\nConnection: close\r\n\r\n")
                while tls.recv(4096):
                    pass
        return name, "accept", ""
    except (OSError, ValueError) as error:
        return name, "refuse", repr(error)
with ThreadPoolExecutor(6) as pool:
    for answer in pool.map(visit, sys.stdin.read().split()):
        print(*answer, sep="\t", flush=True)
"#;

fn python(zoo: &Zoo) -> HashMap<String, Said> {
    let mut command = Command::new("python3");
    command
        .args(["-c", PYTHON, &zoo.address().port().to_string()])
        .arg(&zoo.ca)
        .arg(lab_test::PATIENCE.as_secs().to_string());
    let mut client = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let names: String = cases().iter().map(|case| format!("{}\n", case.name)).collect();
    client.stdin.take().unwrap().write_all(names.as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let said = said.lines().map(|line| {
        let mut fields = line.splitn(3, '\t');
        let (name, verdict, words) = (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
        let accepts = Said { words: words.to_owned(), ..Said::accept() };
        (name.to_owned(), if verdict == "accept" { accepts } else { Said::refuse(Class::Good, words) })
    });
    said.collect()
}

#[test]
fn python_says_what_the_table_says_of_it() {
    let version =
        "import ssl, sys; print('strict' if sys.version_info >= (3, 13) else 'Python with', ssl.OPENSSL_VERSION)";
    if !is_installed("python_says_what_the_table_says_of_it", "python3", &["-c", version], "Python with OpenSSL 3.0.") {
        return;
    }
    let zoo = Zoo::open();
    let mut said = python(&zoo);
    check_opinions(cases().iter().map(|case| (case, said.remove(case.name).unwrap())).collect(), |case| case.python);
}

// The table.

#[test]
fn the_table_is_complete_and_every_name_is_there_once() {
    assert!(cases().len() >= 60, "{}", cases().len());
    let names: HashSet<_> = cases().iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases().len());
    for case in cases() {
        assert_eq!(case.expected == Expectation::Accept, case.class == Class::Good, "{}", case.name);
        assert!(!case.what.is_empty() && !case.reason.is_empty() && !case.to_string().contains('\n'), "{}", case.name);
        assert!(case.name.ends_with(".test") || case.name == zoo::NAMELESS, "{}", case.name);
    }
    let classes: HashSet<_> = cases().iter().map(|case| case.class).collect();
    let words: HashSet<_> = classes.iter().map(|class| class.name()).collect();
    assert_eq!(words.len(), classes.len());
    assert!(words.iter().all(|word| word.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase())), "{words:?}");
    assert!(cases().iter().any(|case| case.phase == Phase::AtEnd));
}
