//! Part 6 as a client sees it: the PMU behind TLS and the ten messages it sends (handout, section 6; Q25 to Q28).

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use lab_process::{Outcome, Program, Stream};
use lab_test::{Listening, PATIENCE, check_error, finish, lacks, next_line};
use labnet::pmu::{FLOOD_LEN, FloodText};
use rustls::{
    ClientConfig, ClientConnection, IoState, RootCertStore, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};

use crate::PMU;

/// What a TLS 1.2 client gets that offers it (handout, Q26).
const HANDOUTS_SUITE: &str = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";

/// A certificate for localhost with a key of RSA, by a CA of the lab: `localhost_cert.pem`, its key, `cacert.pem`.
fn identity() -> TempDir {
    const FILES: [&str; 3] = ["localhost_cert.pem", "localhost_key.pem", "cacert.pem"];
    static TEXTS: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    let texts = TEXTS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let directory = CaDirectory::new(folder.path());
        directory.init(&CaOptions::default(), false).unwrap();
        directory.issue("localhost", KeyKind::Rsa2048, None, &CertificateOptions::default()).unwrap();
        FILES.map(|file| std::fs::read(folder.path().join(file)).unwrap())
    });
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in FILES.iter().zip(texts) {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    folder
}

/// A PMU that listens, and the folder of its certificate.
struct Pmu {
    program: Program,
    address: SocketAddr,
    folder: TempDir,
}

impl Pmu {
    fn start(options: &str) -> Self {
        let folder = identity();
        let Listening { program, address } =
            Listening::of(Program::start(PMU, &arguments(&folder, "0", options)).unwrap());
        Self { program, address, folder }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// What it reports of one connection: the next line on stdout.
    fn report(&mut self) -> String {
        next_line(&mut self.program, Stream::Stdout, "")
    }

    fn connect(&self, version: &'static SupportedProtocolVersion) -> Client {
        Client::new(self, ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into()), version)
    }
}

fn arguments(folder: &TempDir, port: &str, options: &str) -> Vec<String> {
    let path = |file: &str| folder.path().join(file).to_str().unwrap().to_owned();
    let files = [path("localhost_cert.pem"), path("localhost_key.pem")];
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    [words(port), files.into(), words(options)].concat()
}

/// A TLS client that takes one record at a time, so that it knows what each of them carries.
struct Client {
    tls: ClientConnection,
    tcp: TcpStream,
}

impl Client {
    /// After a handshake in which the certificate was verified, for localhost.
    fn new(
        pmu: &Pmu,
        config: rustls::ConfigBuilder<ClientConfig, rustls::WantsVersions>,
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(PathBuf::from(pmu.file("cacert.pem"))).unwrap()).unwrap();
        let config =
            config.with_protocol_versions(&[version]).unwrap().with_root_certificates(roots).with_no_client_auth();
        let tls = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let tcp = TcpStream::connect_timeout(&pmu.address, PATIENCE).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        tcp.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self { tls, tcp };
        while client.tls.is_handshaking() {
            client.flush();
            if client.tls.is_handshaking() {
                client.record();
            }
        }
        client.flush();
        client
    }

    fn flush(&mut self) {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.tcp).unwrap();
        }
    }

    /// Takes the next record: type, version, length in two bytes (RFC 8446, section 5.1), then that many.
    fn record(&mut self) -> IoState {
        let mut record = vec![0; 5];
        self.tcp.read_exact(&mut record).unwrap();
        record.resize(5 + usize::from(u16::from_be_bytes([record[3], record[4]])), 0);
        self.tcp.read_exact(&mut record[5..]).unwrap();
        let mut rest = record.as_slice();
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest).unwrap();
        }
        self.tls.process_new_packets().unwrap()
    }

    fn say(&mut self, text: &str) {
        self.tls.writer().write_all(text.as_bytes()).unwrap();
        self.flush();
    }

    /// Closes the connection, for which the PMU waits a moment: its own address, which the PMU knows it by.
    fn leave(self) -> SocketAddr {
        self.tcp.local_addr().unwrap()
    }

    /// The text in each record that has some, until close_notify, which the FIN follows.
    fn answer(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            let state = self.record();
            let mut text = vec![0; state.plaintext_bytes_to_read()];
            self.tls.reader().read_exact(&mut text).unwrap();
            if !text.is_empty() {
                texts.push(String::from_utf8_lossy(&text).into_owned());
            }
            if state.peer_has_closed() {
                assert_eq!(self.tcp.read(&mut [0]).unwrap(), 0, "more after close_notify");
                return texts;
            }
        }
    }
}

fn messages(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(|i| format!("This is PMU data {i}")).collect()
}

/// The answer to a command, record by record, in both versions, and what is reported of it.
fn check(options: &str, command: &str, expected: &[String]) {
    let mut pmu = Pmu::start(options);
    for (version, suite) in [(&TLS13, "TLSv1.3 TLS_AES_256_GCM_SHA384"), (&TLS12, &format!("TLSv1.2 {HANDOUTS_SUITE}"))]
    {
        let mut client = pmu.connect(version);
        client.say(command);
        assert_eq!(client.answer(), expected, "{options} {command} {suite}");
        let peer = client.leave();
        let report = pmu.report();
        assert!(report.starts_with(&format!("{peer} {suite} {}", command.trim())), "{report}");
        let sent = if command.contains("flood") { 1 } else { expected.len() };
        assert!(report.contains(&format!(" {sent} ")), "{report}");
    }
}

fn run(arguments: &[String]) -> Outcome {
    finish(Program::start(PMU, arguments).unwrap())
}

// Messages.

#[test]
fn each_message_is_one_record_and_close_notify_the_end() {
    check("", "CMD_short:0", &messages(1..11));
}

#[test]
fn messages_and_first_are_as_told() {
    check("--messages 17 --first 0", "CMD_short:0", &messages(0..17));
    check("--first 1 --messages 15", "CMD_short:0", &messages(1..16));
    check("--messages 1", "CMD_short:0\r\n", &messages(1..2));
    check("--messages 0", "CMD_short:0", &[]);
}

#[test]
fn a_flood_comes_whole_in_records_of_the_largest_size() {
    // RFC 8446, section 5.1: at most 16,384 bytes.
    const RECORD_LEN: usize = 16_384;
    let mut pmu = Pmu::start("");
    for version in [&TLS12, &TLS13] {
        let mut client = pmu.connect(version);
        client.tls.writer().write_all(b"CMD_floodme").unwrap();
        client.flush();
        let mut flood = Vec::new();
        let mut records = 0;
        loop {
            let state = client.record();
            let len = flood.len();
            flood.resize(len + state.plaintext_bytes_to_read(), 0);
            client.tls.reader().read_exact(&mut flood[len..]).unwrap();
            records += usize::from(flood.len() > len);
            if state.peer_has_closed() {
                break;
            }
        }
        assert!(flood == FloodText::Ascii.text(FLOOD_LEN), "{} bytes", flood.len());
        assert_eq!(records, FLOOD_LEN.div_ceil(RECORD_LEN));
        client.leave();
        assert!(pmu.report().contains("CMD_floodme"));
    }
}

#[test]
fn with_d_above_0_the_messages_come_d_seconds_apart() {
    let pmu = Pmu::start("--messages 4");
    let mut client = pmu.connect(&TLS13);
    let begun = Instant::now();
    client.say("CMD_short:0.2");
    assert_eq!(client.answer(), messages(1..5));
    assert!(begun.elapsed() >= Duration::from_millis(600), "{:?}", begun.elapsed());
}

// Suites.

#[test]
fn q26_a_client_of_tls_1_2_that_offers_it_gets_the_handouts_suite_whatever_its_order() {
    let mut pmu = Pmu::start("");
    let all = aws_lc_rs::default_provider().cipher_suites;
    let reversed: Vec<_> = all.iter().rev().copied().collect();
    let last = |name: &str| {
        let (is, is_not): (Vec<_>, Vec<_>) =
            all.iter().copied().partition(|suite| format!("{:?}", suite.suite()) == name);
        assert_eq!(is.len(), 1, "{name}");
        [is_not, is].concat()
    };
    for (suites, version, expected) in [
        (all.clone(), &TLS12, HANDOUTS_SUITE),
        (reversed.clone(), &TLS12, HANDOUTS_SUITE),
        (last(HANDOUTS_SUITE), &TLS12, HANDOUTS_SUITE),
        (last("TLS13_AES_256_GCM_SHA384"), &TLS13, "TLS_AES_256_GCM_SHA384"),
    ] {
        let provider = rustls::crypto::CryptoProvider { cipher_suites: suites, ..aws_lc_rs::default_provider() };
        let mut client = Client::new(&pmu, ClientConfig::builder_with_provider(provider.into()), version);
        client.say("CMD_short:0");
        assert_eq!(client.answer(), messages(1..11));
        client.leave();
        let report = pmu.report();
        assert_eq!(report.split(' ').nth(2), Some(expected), "{report}");
    }
}

#[test]
fn openssl_is_answered_in_both_versions_and_gets_the_handouts_suite_in_any_order() {
    if lacks("openssl") {
        return;
    }
    let mut pmu = Pmu::start("");
    let (address, ca) = (pmu.address.to_string(), pmu.file("cacert.pem"));
    let handouts = format!("TLSv1.2 {HANDOUTS_SUITE}");
    for (options, agreed) in [
        ("-tls1_3", "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        ("-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256"),
        ("-tls1_2", &handouts),
        (
            "-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384",
            &handouts,
        ),
        ("-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384", &handouts),
    ] {
        // With -quiet it goes on after the end of its input, until the PMU closes.
        let verify = ["-CAfile", &ca, "-verify_return_error", "-verify_hostname", "localhost"];
        let arguments = [&["s_client", "-quiet", "-connect", &address], &verify[..]].concat();
        let arguments: Vec<_> = arguments.into_iter().chain(options.split_whitespace()).collect();
        let mut openssl = Program::start("openssl", &arguments).unwrap();
        openssl.input(b"CMD_short:0\n");
        let outcome = finish(openssl);
        assert_eq!(
            (outcome.code(), outcome.stdout()),
            (0, messages(1..11).concat()),
            "{options}: {}",
            outcome.stderr()
        );
        let report = pmu.report();
        assert!(report.contains(&format!(" {agreed} CMD_short:0")), "{options}: {report}");
    }
}

#[test]
fn a_server_name_that_is_no_dns_name_is_ignored() {
    if lacks("openssl") {
        return;
    }
    let mut pmu = Pmu::start("");
    let (address, ca) = (pmu.address.to_string(), pmu.file("cacert.pem"));
    let long = "a".repeat(255);
    for name in ["my server", "my_server", "127.0.0.1", "::1", "localhost.", "a..b", ".", "-", "*", "Zürich", &long] {
        // With P-384 first the server asks for a second ClientHello.
        for options in ["-tls1_2", "-tls1_3", "-tls1_3 -groups P-521:P-384"] {
            let arguments = [
                "s_client",
                "-quiet",
                "-connect",
                &address,
                "-CAfile",
                &ca,
                "-verify_return_error",
                "-servername",
                name,
            ];
            let arguments: Vec<_> = arguments.into_iter().chain(options.split_whitespace()).collect();
            let mut openssl = Program::start("openssl", &arguments).unwrap();
            openssl.input(b"CMD_short:0\n");
            let outcome = finish(openssl);
            let seen = (outcome.code(), outcome.stdout());
            assert_eq!(seen, (0, messages(1..11).concat()), "{name} {options}: {}", outcome.stderr());
            assert!(pmu.report().contains(" CMD_short:0"), "{name} {options}");
        }
    }
}

#[test]
fn python_is_answered_with_its_default_context_and_with_the_handouts() {
    if lacks("python3") {
        return;
    }
    let mut pmu = Pmu::start("");
    let (port, ca) = (pmu.address.port().to_string(), pmu.file("cacert.pem"));
    for (context, version) in [
        ("ssl.create_default_context(cafile=sys.argv[2])", "TLSv1.3"),
        ("ssl.SSLContext(ssl.PROTOCOL_SSLv23)", "TLSv1.3"),
        ("ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)", "TLSv1.3"),
        ("ssl.SSLContext(ssl.PROTOCOL_TLSv1_2)", "TLSv1.2"),
    ] {
        let script = format!(
            "
import socket, ssl, sys
context = {context}
context.load_verify_locations(sys.argv[2])
context.verify_mode = ssl.CERT_REQUIRED
with socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=100) as tcp:
    with context.wrap_socket(tcp, server_hostname='localhost', suppress_ragged_eofs=False) as pmu:
        pmu.sendall(b'CMD_short:0')
        # A record at a time, as recv returns them.
        texts = list(iter(lambda: pmu.recv(1024).decode(), ''))
        print(pmu.version(), *texts, sep='|')
"
        );
        let outcome = finish(Program::start("python3", &["-W", "ignore", "-c", &script, &port, &ca]).unwrap());
        let expected = format!("{version}|{}\n", messages(1..11).join("|"));
        assert_eq!((outcome.code(), outcome.stdout()), (0, expected), "{context}: {}", outcome.stderr());
        assert!(pmu.report().contains(version));
    }
}

// Beginning and end.

#[test]
fn ctrl_c_and_sigterm_end_the_pmu_with_status_0_in_the_middle_of_an_answer() {
    for end in [Program::interrupt, Program::terminate] {
        let mut pmu = Pmu::start("");
        let mut client = pmu.connect(&TLS13);
        client.say("CMD_short:3600");
        while client.record().plaintext_bytes_to_read() == 0 {}
        end(&mut pmu.program);
        let outcome = finish(pmu.program);
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let outcome = run(&arguments(&identity(), &address.port().to_string(), ""));
    check_error(&outcome, 1, &[&address.to_string(), "in use", "hint: "]);
}

#[test]
fn the_port_may_be_left_out_and_is_then_the_handouts() {
    let folder = identity();
    let mut program = Program::start(PMU, &arguments(&folder, "", "")).unwrap();
    // Whether or not somebody has that port.
    let line = program.line_with("name its port", PATIENCE, |line| line.text.contains("127.0.0.1:5003")).unwrap();
    assert!(line.text.contains("listening on") || line.text.contains("in use"), "{}", line.text);
}

#[test]
fn a_pmu_that_was_stopped_starts_again_at_once_on_its_port() {
    let mut pmu = Pmu::start("");
    let mut client = pmu.connect(&TLS13);
    client.say("CMD_short:0");
    client.answer();
    client.leave();
    pmu.report();
    pmu.program.interrupt();
    assert_eq!(finish(pmu.program).code(), 0);
    let mut again = Program::start(PMU, &arguments(&pmu.folder, &pmu.address.port().to_string(), "")).unwrap();
    let listening = format!("listening on {}", pmu.address);
    again.line_with("listen again", PATIENCE, |line| line.text.contains(&listening)).unwrap();
}

#[test]
fn bind_names_another_address() {
    if TcpListener::bind("[::1]:0").is_ok() {
        let mut pmu = Pmu::start("--bind ::1");
        assert!(pmu.address.is_ipv6());
        let mut client = pmu.connect(&TLS13);
        client.say("CMD_short:0");
        assert_eq!(client.answer(), messages(1..11));
        let peer = client.leave().to_string();
        assert_eq!(pmu.report().split(' ').next(), Some(peer.as_str()));
    }
    // An address of documentation (RFC 5737), which no machine has.
    let outcome = run(&arguments(&identity(), "0", "--bind 192.0.2.1"));
    check_error(&outcome, 1, &["cannot listen", "192.0.2.1"]);
}

#[test]
fn a_wrong_command_line_is_status_2() {
    let folder = identity();
    for (port, options) in [
        ("x", ""),
        ("-1", ""),
        ("65536", ""),
        ("5003 5003", ""),
        ("0", "--first 2"),
        ("0", "--messages x"),
        ("0", "--messages -1"),
        ("0", "--bind localhost"),
        ("0", "--nonsense"),
    ] {
        check_error(&run(&arguments(&folder, port, options)), 2, &[]);
    }
    for arguments in [&[][..], &["cert.pem"]] {
        check_error(&finish(Program::start(PMU, arguments).unwrap()), 2, &["CERTIFICATE", "KEY"]);
    }
}

#[test]
fn help_has_examples_and_version_the_version() {
    let help = run(&["--help".to_owned()]);
    for example in ["Examples", "[PORT] CERTIFICATE KEY", "part6-pmu 123456_cert.pem 123456_key.pem", "2048"] {
        assert!(help.stdout().contains(example), "no '{example}' in {}", help.stdout());
    }
    let version = run(&["--version".to_owned()]);
    assert_eq!(version.stdout(), concat!("part6-pmu ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!((help.code(), version.code()), (0, 0));
}
