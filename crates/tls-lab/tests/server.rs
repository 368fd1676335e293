//! The TLS server as its visitors see it: what the page says, which certificate is shown to whom, and what rude
//! visitors cost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use lab_process::{Outcome, Program, Stream};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};
use x509_parser::prelude::{FromDer, X509Certificate};

const SERVER: &str = env!("CARGO_BIN_EXE_tls-server");

/// Longer than anything takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

const PAGE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

type Client = StreamOwned<ClientConnection, TcpStream>;

/// A CA, and what it has issued.
struct Files(TempDir);

impl Files {
    /// With a certificate for localhost.
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.directory().init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
        files.issue("localhost", &[]);
        files
    }

    fn directory(&self) -> CaDirectory {
        CaDirectory::new(self.0.path())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn issue(&self, subject: &str, names: &[&str]) {
        let names = names.iter().map(|name| name.parse().unwrap()).collect();
        self.directory()
            .issue(subject, KeyKind::P256, None, &CertificateOptions { names, ..CertificateOptions::default() })
            .unwrap();
    }

    /// The server, run in the folder with a command line that ends so.
    fn run(&self, arguments: &str) -> Program {
        let mut server = Command::new(SERVER);
        server.args(["localhost_cert.pem", "localhost_key.pem", "--port", "0"]);
        server.args(arguments.split_whitespace()).current_dir(self.0.path());
        Program::spawn(server).unwrap()
    }

    fn server(&self, arguments: &str) -> Server {
        let mut program = self.run(arguments);
        let line = program.line_with("listen", PATIENCE, |line| line.text.contains("listening on "));
        let line = line.unwrap_or_else(|failure| panic!("{failure}")).text;
        assert!(line.starts_with("note: listening on ") && line.ends_with(" (TLS)"), "{line}");
        let address = line.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
        Server { program, address, ca: self.path("cacert.pem") }
    }

    fn check_refused(&self, arguments: &str, code: i32, word: &str) {
        let outcome = finish(self.run(arguments));
        let stderr = outcome.stderr();
        assert_eq!((outcome.code(), outcome.stdout()), (code, String::new()), "{arguments}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(word), "{arguments}: no '{word}' in {stderr}");
    }

    /// A client configuration that presents a certificate of this CA.
    fn with_certificate(&self, name: &str) -> Arc<ClientConfig> {
        let certificate = CertificateDer::from_pem_file(self.path(&format!("{name}_cert.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}_key.pem"))).unwrap();
        let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots(&self.path("cacert.pem")));
        Arc::new(config.with_client_auth_cert(vec![certificate], key).unwrap())
    }
}

fn finish(program: Program) -> Outcome {
    program.finish(PATIENCE).unwrap_or_else(|failure| panic!("{failure}"))
}

/// A server that listens.
struct Server {
    program: Program,
    address: SocketAddr,
    ca: PathBuf,
}

impl Server {
    /// The next report that has these words.
    fn report(&mut self, words: &str) -> String {
        let is_wanted = |line: &lab_process::Line| line.stream == Stream::Stdout && line.text.contains(words);
        let report = self.program.line_with(&format!("report '{words}'"), PATIENCE, is_wanted);
        report.unwrap_or_else(|failure| panic!("{failure}")).text
    }

    /// Awaits so many reports with each of these words, in any order.
    fn reports(&mut self, wanted: &[(&str, usize)]) {
        let mut missing: Vec<&str> = wanted.iter().flat_map(|(words, times)| vec![*words; *times]).collect();
        while !missing.is_empty() {
            let report = self.report("");
            missing.iter().position(|words| report.contains(words)).map(|found| missing.remove(found));
        }
    }

    fn config(&self, versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> Arc<ClientConfig> {
        let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        let config = config.with_protocol_versions(versions).unwrap();
        let mut config = config.with_root_certificates(roots(&self.ca)).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    fn default_config(&self) -> Arc<ClientConfig> {
        self.config(&[&TLS13, &TLS12], &[])
    }

    fn get(&self, request: &str) -> String {
        String::from_utf8(self.exchange("localhost", &self.default_config(), request).unwrap()).unwrap()
    }

    fn exchange(&self, name: &str, config: &Arc<ClientConfig>, request: &str) -> io::Result<Vec<u8>> {
        let mut client = connect(self.address, name, config);
        client.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn tcp(&self) -> TcpStream {
        tcp(self.address)
    }

    /// The first DNS name of the certificate that is shown to one who asks for `name`.
    fn name_shown(&self, name: &str) -> String {
        let mut config = ClientConfig::clone(&self.default_config());
        let blind = Arc::new(Blind);
        config.dangerous().set_certificate_verifier(blind);
        let mut client = connect(self.address, name, &Arc::new(config));
        client.conn.complete_io(&mut client.sock).unwrap();
        let chain = client.conn.peer_certificates().unwrap();
        let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
        leaf.subject_alternative_name().unwrap().unwrap().value.general_names[0].to_string()
    }
}

fn tcp(address: SocketAddr) -> TcpStream {
    let tcp = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.set_write_timeout(Some(PATIENCE)).unwrap();
    tcp.set_nodelay(true).unwrap();
    tcp
}

fn connect(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Client {
    let tls = ClientConnection::new(Arc::clone(config), name.to_owned().try_into().unwrap()).unwrap();
    StreamOwned::new(tls, tcp(address))
}

fn roots(ca: &PathBuf) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    roots
}

/// Believes anyone: for looking at a certificate.
#[derive(Debug)]
struct Blind;

impl rustls::client::danger::ServerCertVerifier for Blind {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Whether a tool is missing; then the test says that it is left out.
fn lacks(tool: &str) -> bool {
    let lacks = Program::start(tool, &["--version"]).and_then(|tool| tool.finish(PATIENCE)).is_err();
    if lacks {
        let test = thread::current().name().unwrap_or_default().to_owned();
        io::stderr().write_all(format!("skipped: {test}: no {tool} here\n").as_bytes()).unwrap();
    }
    lacks
}

fn row<'a>(page: &'a str, label: &str) -> &'a str {
    let start = format!("<th>{label}</th><td>");
    let (_, rest) = page.split_once(&start).unwrap_or_else(|| panic!("no {label} in {page}"));
    rest.split_once("</td>").unwrap().0
}

#[test]
fn the_page_shows_what_was_negotiated() {
    let files = Files::new();
    let mut server = files.server("");
    for (version, name) in [(&TLS13, "TLSv1.3"), (&TLS12, "TLSv1.2")] {
        let config = server.config(&[version], &["h2", "http/1.1"]);
        let page = String::from_utf8(server.exchange("localhost", &config, PAGE).unwrap()).unwrap();
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert_eq!(row(&page, "TLS version"), name);
        let suite = row(&page, "Cipher suite (IANA)").to_owned();
        assert!(suite.starts_with("TLS_") && suite.contains("AES_256_GCM_SHA384"), "{suite}");
        let openssl = row(&page, "Cipher suite (OpenSSL)");
        assert!(["TLS_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"].contains(&openssl), "{openssl}");
        assert!(row(&page, "Key exchange group").starts_with("X25519"), "{page}");
        assert_eq!(row(&page, "Application protocol (ALPN)"), "http/1.1");
        assert_eq!(row(&page, "Server name you asked for (SNI)"), "localhost");
        assert_eq!(row(&page, "Subject of your certificate"), "you presented none");
        assert!(row(&page, "Your address").starts_with("127.0.0.1:"));
        let (_, body) = page.split_once("\r\n\r\n").unwrap();
        assert!(page.contains(&format!("Content-Length: {}\r\n", body.len())), "{page}");
        let report = server.report("GET /");
        let (peer, rest) = report.split_once(' ').unwrap();
        assert_eq!(peer, row(&page, "Your address"));
        assert_eq!(rest, format!("{name} {suite} sni=localhost \"GET / HTTP/1.1\" 200 {}", body.len()));
    }
    server.program.interrupt();
    assert_eq!(finish(server.program).code(), 0);
}

#[test]
fn one_version_can_be_asked_for() {
    let files = Files::new();
    for (option, spoken, other) in [("1.2", &TLS12, &TLS13), ("1.3", &TLS13, &TLS12)] {
        let mut server = files.server(&format!("--tls {option}"));
        assert!(server.exchange("localhost", &server.config(&[spoken], &[]), PAGE).is_ok());
        let refused = server.exchange("localhost", &server.config(&[other], &[]), PAGE).unwrap_err();
        assert!(refused.to_string().contains("ProtocolVersion"), "{refused}");
        let report = server.report("no TLS version");
        assert!(report.starts_with("127.0.0.1:"), "{report}");
    }
}

#[test]
fn the_application_protocol_is_one_that_the_server_was_told() {
    let files = Files::new();
    let server = files.server("--alpn lab/2 --alpn lab/1");
    let agreed = |alpn: &[&str]| {
        let config = server.config(&[&TLS13], alpn);
        let page = server.exchange("localhost", &config, PAGE)?;
        Ok::<_, io::Error>(row(&String::from_utf8(page).unwrap(), "Application protocol (ALPN)").to_owned())
    };
    assert_eq!(agreed(&["lab/1", "lab/2"]).unwrap(), "lab/2");
    assert_eq!(agreed(&["lab/1"]).unwrap(), "lab/1");
    assert_eq!(agreed(&[]).unwrap(), "none");
    assert!(agreed(&["http/1.1"]).unwrap_err().to_string().contains("NoApplicationProtocol"));
}

#[test]
fn a_name_gets_the_certificate_that_is_for_it() {
    let files = Files::new();
    files.issue("a", &["a.lab.test", "b.lab.test"]);
    files.issue("wild", &["*.lab.test"]);
    files.issue("exact", &["c.lab.test"]);
    let server = files
        .server("--more a_cert.pem a_key.pem --more wild_cert.pem wild_key.pem --more exact_cert.pem exact_key.pem");
    for (name, shown) in [
        ("localhost", "DNSName(localhost)"),
        ("a.lab.test", "DNSName(a.lab.test)"),
        ("B.LAB.test", "DNSName(a.lab.test)"),
        ("z.lab.test", "DNSName(*.lab.test)"),
        ("c.lab.test", "DNSName(c.lab.test)"),
        ("y.z.lab.test", "DNSName(localhost)"),
        ("lab.test", "DNSName(localhost)"),
        ("unknown.example", "DNSName(localhost)"),
        ("127.0.0.1", "DNSName(localhost)"),
    ] {
        assert_eq!(server.name_shown(name), shown, "{name}");
    }
}

#[test]
fn client_certificates_are_optional_or_required_and_shown() {
    let files = Files::new();
    files.issue("client", &["client"]);
    let strangers = Files::new();
    strangers.issue("client", &["client"]);
    let subject = |page: Vec<u8>| row(&String::from_utf8(page).unwrap(), "Subject of your certificate").to_owned();

    let mut optional = files.server("--client-ca cacert.pem");
    let page = optional.exchange("localhost", &optional.default_config(), PAGE).unwrap();
    assert_eq!(subject(page), "you presented none");
    let page = optional.exchange("localhost", &files.with_certificate("client"), PAGE).unwrap();
    assert_eq!(subject(page), "CN=client");
    let mut stranger = ClientConfig::clone(&strangers.with_certificate("client"));
    stranger.dangerous().set_certificate_verifier(Arc::new(Blind));
    let stranger = Arc::new(stranger);
    assert!(optional.exchange("localhost", &stranger, PAGE).is_err());
    optional.report("has a certificate");

    let mut required = files.server("--client-ca cacert.pem --require-client");
    let refused = required.exchange("localhost", &required.default_config(), PAGE).unwrap_err();
    assert!(refused.to_string().contains("CertificateRequired"), "{refused}");
    required.report("presented no certificate");
    let page = required.exchange("localhost", &files.with_certificate("client"), PAGE).unwrap();
    assert_eq!(subject(page), "CN=client");
}

#[test]
fn a_file_and_any_number_of_bytes_can_be_downloaded_whole() {
    let files = Files::new();
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(files.path("big"), &content).unwrap();
    let mut server = files.server("--file big");
    let body = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = server.exchange("localhost", &server.default_config(), &request).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end..].to_vec())
    };
    let (head, file) = body("/download?now");
    assert!(head.contains("Content-Length: 12000000\r\n") && file == content, "{head}: {} bytes", file.len());
    for len in [0, 1, 16_384, 1_000_000] {
        let (head, zeros) = body(&format!("/bytes/{len}"));
        assert!(head.contains(&format!("Content-Length: {len}\r\n")), "{head}");
        assert!(zeros.len() == len && zeros.iter().all(|&byte| byte == 0), "{} bytes", zeros.len());
    }
    for path in ["/bytes/", "/bytes/-1", "/bytes/+1", "/bytes/17179869185", "/bytes/99999999999999999999999"] {
        assert!(body(path).0.starts_with("HTTP/1.1 400 "), "{path}");
    }
    let head = server.get("HEAD /bytes/17179869184 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(head.contains("Content-Length: 17179869184\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(server.report("HEAD").ends_with(" 200 0"));
}

#[test]
fn a_file_that_shrinks_within_an_answer_is_cut_off_without_close_notify() {
    let files = Files::new();
    fs::write(files.path("big"), vec![7; 64 << 20]).unwrap();
    let mut server = files.server("--file big");
    let mut client = connect(server.address, "localhost", &server.default_config());
    client.write_all(b"GET /download HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    client.read_exact(&mut [0; 1000]).unwrap();
    fs::File::options().write(true).open(files.path("big")).unwrap().set_len(1000).unwrap();
    let error = client.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    server.report("(the file ends early)");
    fs::remove_file(files.path("big")).unwrap();
    assert!(server.get("GET /download HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 500 "));
}

#[test]
fn what_cannot_be_answered_gets_a_status_that_says_why() {
    let files = Files::new();
    let mut server = files.server("");
    for (request, status) in [
        ("GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "404 Not Found"),
        ("GET /download HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "404 Not Found"),
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request"),
        ("nonsense\r\n\r\n", "400 Bad Request"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "405 Method Not Allowed"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP Version Not Supported"),
        (&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000)), "414 URI Too Long"),
        (&format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "a".repeat(17_000)), "431 Request Header"),
    ] {
        let answer = server.get(request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert_eq!(answer.contains("Allow: GET, HEAD\r\n"), status.starts_with("405"), "{answer}");
        server.report(&format!(" {} ", &status[..3]));
    }
}

#[test]
fn a_connection_is_kept_for_further_requests() {
    let files = Files::new();
    let mut server = files.server("");
    let mut client = connect(server.address, "localhost", &server.default_config());
    client.write_all(b"GET /bytes/3 HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    client.write_all(b"GET /bytes/4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answers = String::new();
    client.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 3, "{answers}");
    assert!(answers.ends_with("\r\n\r\n\0\0\0\0"), "{answers}");
    for report in ["\"GET /bytes/3 HTTP/1.1\" 200 3", "\"HEAD / HTTP/1.1\" 200 0", "\"GET /bytes/4 HTTP/1.1\" 200 4"] {
        server.report(report);
    }
}

#[test]
fn what_a_visitor_sends_is_shown_escaped_on_one_line() {
    let files = Files::new();
    let mut server = files.server("");
    server.get("GET /\x1b[2J\"<script> HTTP/1.1\r\nHost: a\r\n\r\n");
    let report = server.report("script");
    assert!(report.contains("\"GET /\\x1b[2J\\\"<script> HTTP/1.1\" 400 "), "{report}");
    let config = server.config(&[&TLS13], &["<b>\u{1b}"]);
    assert!(server.exchange("localhost", &config, PAGE).is_err());
    server.report("127.0.0.1");
}

#[test]
fn the_page_escapes_the_protocol_that_was_agreed_on() {
    let files = Files::new();
    let server = files.server("--alpn <b>&");
    let page = server.exchange("localhost", &server.config(&[&TLS13], &["<b>&"]), PAGE).unwrap();
    assert_eq!(row(&String::from_utf8(page).unwrap(), "Application protocol (ALPN)"), "&lt;b&gt;&amp;");
}

#[test]
fn a_rude_visitor_costs_a_deadline_and_the_next_one_is_served() {
    let files = Files::new();
    let mut server = files.server("--timeout 2");
    let mut plain = server.tcp();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"", "plain HTTP is answered by closing");
    server.report("spoke plain HTTP");

    let mut garbage = server.tcp();
    garbage.write_all(b"\x00\x01garbage\r\n\r\n").unwrap();
    garbage.read_to_end(&mut Vec::new()).unwrap();
    server.report("does not speak TLS");

    drop(server.tcp());
    server.report("left within the handshake");

    let begun = Instant::now();
    let silent = server.tcp();
    let mut half = server.tcp();
    half.write_all(b"\x16\x03\x01").unwrap();
    let mut quiet = connect(server.address, "localhost", &server.default_config());
    quiet.conn.complete_io(&mut quiet.sock).unwrap();
    let mut slow = connect(server.address, "localhost", &server.default_config());
    slow.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    server.reports(&[("too slow in the handshake", 2), ("too slow with its request", 2)]);
    drop((silent, half, quiet, slow));
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());

    let mut gone = connect(server.address, "localhost", &server.default_config());
    gone.write_all(b"GET / HT").unwrap();
    drop(gone);
    server.report("left within a request");

    assert!(server.get(PAGE).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_visitor_that_takes_nothing_of_its_answer_is_given_up() {
    let files = Files::new();
    let mut server = files.server("--timeout 1");
    let mut greedy = connect(server.address, "localhost", &server.default_config());
    greedy.write_all(b"GET /bytes/1000000000 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let report = server.report("/bytes/1000000000");
    assert!(report.contains("(gone: "), "{report}");
}

#[test]
fn a_hundred_and_twenty_visitors_are_served_at_once() {
    const VISITORS: usize = 120;
    let files = Files::new();
    let mut server = files.server("--timeout 60");
    let (address, config) = (server.address, server.default_config());
    let together = Arc::new(Barrier::new(VISITORS));
    let visitors: Vec<_> = (0..VISITORS)
        .map(|i| {
            let (config, together) = (Arc::clone(&config), Arc::clone(&together));
            thread::spawn(move || {
                let mut client = connect(address, "localhost", &config);
                client.conn.complete_io(&mut client.sock).unwrap();
                // Nobody asks before all are connected.
                together.wait();
                let request = format!("GET /bytes/{i} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                client.write_all(request.as_bytes()).unwrap();
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).unwrap();
                assert!(answer.ends_with(format!("\r\n\r\n{}", "\0".repeat(i)).as_bytes()));
            })
        })
        .collect();
    for visitor in visitors {
        visitor.join().unwrap();
    }
    server.program.terminate();
    let outcome = finish(server.program);
    assert_eq!(outcome.code(), 0);
    assert_eq!(outcome.stdout().matches(" 200 ").count(), VISITORS);
}

#[test]
fn what_is_wrong_with_a_file_or_an_option_is_said_before_the_port_is_opened() {
    let files = Files::new();
    files.issue("other", &["a.test"]);
    fs::write(files.path("empty"), "").unwrap();
    files.check_refused("--more other_cert.pem localhost_key.pem", 1, "match");
    files.check_refused("--client-ca empty", 1, "empty");
    files.check_refused("--client-ca missing", 1, "missing");
    files.check_refused("--file missing", 1, "missing");
    files.check_refused("--file .", 1, "no regular file");
    files.check_refused("--require-client", 2, "--client-ca");
    files.check_refused("--more other_cert.pem", 2, "--more");
    files.check_refused("--tls 1.1", 2, "1.2");
    files.check_refused("--timeout 0", 2, "seconds");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    files.check_refused(&format!("--port {}", taken.local_addr().unwrap().port()), 2, "--port");
}

#[test]
fn curl_and_openssl_and_python_are_served() {
    let files = Files::new();
    let server = files.server("");
    let port = server.address.port().to_string();
    let url = format!("https://localhost:{port}/");
    let ca = server.ca.to_str().unwrap().to_owned();
    if !lacks("curl") {
        let curl =
            finish(Program::start("curl", &["-sS4", "--cacert", &ca, &url, &format!("{url}bytes/70000")]).unwrap());
        assert_eq!(curl.code(), 0, "{}", curl.stderr());
        assert!(curl.stdout().contains("<h1>Your TLS connection</h1>"), "{}", curl.stdout());
        assert!(curl.stdout.len() > 70_000, "both on one connection");
        let http10 = finish(Program::start("curl", &["-sS4", "-0", "--cacert", &ca, &url]).unwrap());
        assert_eq!(http10.code(), 0, "{}", http10.stderr());
    }
    if !lacks("openssl") {
        for version in ["-tls1_2", "-tls1_3"] {
            let at = format!("127.0.0.1:{port}");
            let arguments =
                ["s_client", "-connect", &at, version, "-CAfile", &ca, "-ign_eof", "-servername", "localhost"];
            let mut client = Program::start("openssl", &arguments).unwrap();
            client.input(PAGE.as_bytes());
            let outcome = finish(client);
            let shown = outcome.stdout();
            assert!(shown.contains("Verify return code: 0 (ok)") && shown.contains("</html>"), "{shown}");
        }
    }
    if !lacks("python3") {
        let script = "import ssl,sys,urllib.request\n\
                      c=ssl.create_default_context(cafile=sys.argv[2])\n\
                      print(len(urllib.request.urlopen(sys.argv[1]+'bytes/12345',context=c).read()))";
        let python = finish(Program::start("python3", &["-c", script, &url, &ca]).unwrap());
        assert_eq!(python.stdout(), "12345\n", "{}", python.stderr());
    }
}
