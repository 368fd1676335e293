//! Part 6 among PMUs that cannot be trusted or do no good: each is an error, or a warning, that a student understands.
//!
//! The PDC is a program of its own, so that the test can be its PMU in plain order: what it sends, what appears.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use lab_process::{Outcome, Program, Stream};
use labnet::pmu::Device;
use mock_servers::{Events, ServerSettings, pmu, tls};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use socket2::SockRef;
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};

/// Longer than anything takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A CA in `cacert.pem`, which the PDC trusts, and a certificate for localhost in `cert.pem` and `key.pem`.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        let directory = CaDirectory::new(files.0.path());
        directory.init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
        directory.issue("localhost", KeyKind::P256, None, &CertificateOptions::default()).unwrap();
        fs::rename(directory.certificate("localhost"), files.path("cert.pem")).unwrap();
        fs::rename(directory.key("localhost"), files.path("key.pem")).unwrap();
        files
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(file), text).unwrap();
    }

    /// Replaces the certificate by one of the same CA, from the usual one on.
    fn issue(&self, change: impl FnOnce(&mut CertificateParams)) {
        let ca_key = KeyPair::from_pem(&self.read("cakey.pem")).unwrap();
        self.mint_by(&Issuer::from_ca_cert_pem(&self.read("cacert.pem"), ca_key).unwrap(), change);
    }

    fn mint_by(&self, issuer: &Issuer<'_, KeyPair>, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        self.write("cert.pem", params.signed_by(&key, issuer).unwrap().pem());
        self.write("key.pem", key.serialize_pem());
    }

    fn start(&self, server: SocketAddr, arguments: &str) -> Program {
        let mut pdc = Command::new(env!("CARGO_BIN_EXE_part6-pdc"));
        pdc.args(arguments.split_whitespace()).args(["cacert.pem", "--server", &server.to_string()]);
        pdc.current_dir(self.0.path());
        Program::spawn(pdc).unwrap()
    }

    /// What the PDC makes of a PMU under this certificate.
    fn ask(&self, arguments: &str) -> Outcome {
        let (certificate, key) = (self.path("cert.pem"), self.path("key.pem"));
        let identity = tls::CertificateSource::Files { certificate, key };
        let config = tls::Config { port: 0, device: Device::default(), certificate: identity };
        let pmu = tls::spawn(&config, &ServerSettings::default()).unwrap();
        finish(self.start(pmu.address(), arguments))
    }

    /// The PDC refuses this certificate in these words, also without looking at the name if `even_nameless`.
    fn check_refused(&self, words: &[&str], even_nameless: bool) {
        check_failed(&self.ask("CMD_short:0"), "", words);
        let outcome = self.ask("CMD_short:0 --no-check-hostname");
        if even_nameless {
            check_failed(&outcome, "", words);
        } else {
            assert_eq!((outcome.code(), outcome.stdout(), outcome.stderr()), (0, lines(1..11), String::new()));
        }
    }
}

fn finish(program: Program) -> Outcome {
    program.finish(PATIENCE).unwrap_or_else(|failure| panic!("{failure}"))
}

fn lines(numbers: std::ops::Range<u64>) -> String {
    numbers.map(|i| format!("This is PMU data {i}\n")).collect()
}

fn message(i: u64) -> String {
    format!("This is PMU data {i}")
}

/// The PDC ends with status 1 after `stdout`, and its one error has each of `words`.
fn check_failed(outcome: &Outcome, stdout: &str, words: &[&str]) {
    let stderr = outcome.stderr();
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (1, stdout), "{}: {stderr}", outcome.command_line);
    let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(matches!(errors[..], [error] if words.iter().all(|word| error.contains(word))), "{words:?}: {stderr}");
    assert!(!stderr.chars().any(|character| character.is_control() && character != '\n'), "{stderr:?}");
    assert!(stderr.len() < 1000, "{stderr}");
}

// Certificates.

#[test]
fn a_certificate_of_an_unknown_ca_is_refused_and_the_pmu_is_told() {
    let files = Files::new();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, "Another CA");
    files.mint_by(&Issuer::new(ca, KeyPair::generate().unwrap()), |_| ());
    files.check_refused(&["unknown CA"], true);

    let (sender, events) = mpsc::channel();
    let site = ServerSettings {
        events: Events::new(move |event| drop(sender.send(event.to_string()))),
        ..ServerSettings::default()
    };
    let identity = tls::CertificateSource::Files { certificate: files.path("cert.pem"), key: files.path("key.pem") };
    let pmu = tls::spawn(&tls::Config { port: 0, device: Device::default(), certificate: identity }, &site).unwrap();
    assert_eq!(finish(files.start(pmu.address(), "CMD_short:0")).code(), 1);
    let event = events.recv_timeout(PATIENCE).unwrap();
    assert!(event.contains("alert unknown_ca"), "{event}");
}

#[test]
fn a_certificate_of_another_ca_of_the_same_name_is_one_of_another_ca() {
    // Each student's CA has the name of the lab's.
    let (files, other) = (Files::new(), Files::new());
    files.write("cacert.pem", other.read("cacert.pem"));
    files.check_refused(&["another CA"], true);
}

#[test]
fn a_wrong_name_is_shown_beside_the_right_ones() {
    let files = Files::new();
    files.issue(|params| params.subject_alt_names.truncate(1));
    files.check_refused(&["127.0.0.1", "is for localhost"], false);
    let outcome = files.ask("CMD_short:0 --name pdc.test");
    check_failed(&outcome, "", &["was to be pdc.test", "is for localhost"]);
}

#[test]
fn a_certificate_without_san_is_refused_with_the_way_out() {
    let files = Files::new();
    files.issue(|params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
    });
    files.check_refused(&["no SAN", "--no-check-hostname"], false);
    // That way out leads no further than the name.
    files.issue(|params| {
        params.subject_alt_names.clear();
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    files.check_refused(&["expired"], true);
}

#[test]
fn a_certificate_out_of_its_time_is_refused() {
    let files = Files::new();
    files
        .issue(|params| (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1)));
    files.check_refused(&["expired"], true);
    files
        .issue(|params| (params.not_before, params.not_after) = (date_time_ymd(4000, 1, 1), date_time_ymd(4001, 1, 1)));
    files.check_refused(&["not valid yet", "clock"], true);
}

#[test]
fn a_ca_certificate_is_no_servers_own() {
    let files = Files::new();
    // As `openssl req -x509` makes one, which is then its own CA.
    let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    files.write("cert.pem", &pem);
    files.write("cacert.pem", &pem);
    files.write("key.pem", key.serialize_pem());
    files.check_refused(&["CA certificate", "openssl req -x509"], true);
}

#[test]
fn a_certificate_for_clients_or_beyond_its_ca_is_refused() {
    let files = Files::new();
    files.issue(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    files.check_refused(&["another purpose"], true);
    files.issue(|params| {
        params.subject_alt_names.push(rcgen::SanType::DnsName("www.epfl.ch".try_into().unwrap()));
    });
    files.check_refused(&["may not vouch"], true);
}

#[test]
fn a_certificate_whose_ca_is_left_out_of_the_chain_is_refused() {
    let files = Files::new();
    let root_key = KeyPair::from_pem(&files.read("cakey.pem")).unwrap();
    let root = Issuer::from_ca_cert_pem(&files.read("cacert.pem"), root_key).unwrap();
    let mut middle = CertificateParams::default();
    middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    middle.distinguished_name.push(rcgen::DnType::CommonName, "In the middle");
    let middle_key = KeyPair::generate().unwrap();
    let middle_pem = middle.signed_by(&middle_key, &root).unwrap().pem();
    files.mint_by(&Issuer::new(middle, middle_key), |_| ());
    files.check_refused(&["unknown CA"], true);
    files.write("cert.pem", files.read("cert.pem") + &middle_pem);
    let outcome = files.ask("CMD_short:0");
    assert_eq!((outcome.code(), outcome.stdout(), outcome.stderr()), (0, lines(1..11), String::new()));
}

#[test]
fn a_certificate_of_x509_version_1_is_refused_by_its_version() {
    let files = Files::new();
    let openssl = |arguments: &str| {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments.split_whitespace()).current_dir(files.0.path());
        Program::spawn(openssl).ok().map(finish)
    };
    let skip = |reason: &str| {
        let test = thread::current().name().unwrap_or_default().to_owned();
        io::stderr().write_all(format!("skipped: {test}: {reason}\n").as_bytes()).unwrap();
    };
    if openssl("req -new -key key.pem -subj /CN=Ada_and_Grace -out x.csr").is_none() {
        return skip("no openssl here");
    }
    openssl("x509 -req -in x.csr -CA cacert.pem -CAkey cakey.pem -set_serial 7 -out cert.pem");
    if !openssl("x509 -in cert.pem -noout -text").is_some_and(|text| text.stdout().contains("Version: 1 (0x0)")) {
        return skip("this openssl makes no certificate of X.509 version 1");
    }
    files.check_refused(&["X.509 version 1"], true);
}

// No TLS.

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The next client, within our patience.
fn accept(listener: &TcpListener) -> TcpStream {
    let (sender, clients) = mpsc::channel();
    let listener = listener.try_clone().unwrap();
    thread::spawn(move || sender.send(listener.accept().unwrap().0));
    let client = clients.recv_timeout(PATIENCE).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.set_write_timeout(Some(PATIENCE)).unwrap();
    client.set_nodelay(true).unwrap();
    client
}

/// Leaves with a reset instead of a FIN.
fn reset(tcp: &TcpStream) {
    SockRef::from(tcp).set_linger(Some(Duration::ZERO)).unwrap();
}

/// What the PDC makes of a server that does this instead of a handshake.
fn check_no_handshake(server: impl FnOnce(TcpStream), words: &[&str]) {
    let files = Files::new();
    let (listener, address) = listen();
    let pdc = files.start(address, "CMD_short:0");
    let tcp = accept(&listener);
    // It has begun: a reset before that would be a connection refused.
    assert_eq!(tcp.peek(&mut [0]).unwrap(), 1);
    server(tcp);
    check_failed(&finish(pdc), "", &[&[address.to_string().as_str()], words].concat());
}

/// All of the ClientHello, so that what follows is a FIN and no reset.
fn hear(tcp: &mut TcpStream) {
    let mut header = [0; 5];
    tcp.read_exact(&mut header).unwrap();
    let mut body = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    tcp.read_exact(&mut body).unwrap();
}

#[test]
fn a_server_that_does_not_speak_tls_is_named_as_such() {
    for text in [&b"This is PMU data 1"[..], b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\0\0\0", &[0xff; 100]] {
        check_no_handshake(|mut tcp| tcp.write_all(text).unwrap(), &["TLS"]);
    }
    let closes = |mut tcp: TcpStream| {
        hear(&mut tcp);
    };
    check_no_handshake(closes, &["closed", "TLS"]);
    // As a PMU of part 2 does that reads 1,024 bytes and closes, while more of the ClientHello waits.
    check_no_handshake(|tcp| reset(&tcp), &["TLS"]);
    check_no_handshake(|mut tcp| tcp.read_exact(&mut [0; 100]).unwrap(), &["TLS"]);
}

#[test]
fn the_pmu_of_part_2_is_named_as_no_tls() {
    let part2 = pmu::spawn(&pmu::Config { port: 0, ..pmu::Config::default() }, &ServerSettings::default()).unwrap();
    check_failed(&finish(Files::new().start(part2.address(), "CMD_short:0")), "", &["TLS"]);
}

#[test]
fn an_alert_or_a_version_of_the_past_is_translated() {
    let alert = |mut tcp: TcpStream| {
        hear(&mut tcp);
        tcp.write_all(&[21, 3, 3, 0, 2, 2, 40]).unwrap();
    };
    check_no_handshake(alert, &["refused the handshake", "handshake_failure"]);
    // A ServerHello of version 3.2: random, no session, a suite, no compression (RFC 4346, section 7.4.1.3).
    let tls_1_1 = |mut tcp: TcpStream| {
        hear(&mut tcp);
        let body = [&[3, 2][..], &[7; 32], &[0], &[0xc0, 0x14], &[0]].concat();
        let handshake = [&[2, 0, 0, body.len() as u8], &body[..]].concat();
        tcp.write_all(&[&[22, 3, 2, 0, handshake.len() as u8], &handshake[..]].concat()).unwrap();
        hear(&mut tcp);
    };
    check_no_handshake(tls_1_1, &["TLS version"]);
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let files = Files::new();
    let (listener, address) = listen();
    // The system accepts for it.
    let outcome = finish(files.start(address, "CMD_short:0 --connect-timeout 0.3"));
    check_failed(&outcome, "", &[&address.to_string(), "handshake", "in time"]);
    drop(accept(&listener));
    // A byte now and then is no answer either.
    let pdc = files.start(address, "CMD_short:0 --connect-timeout 1");
    let mut tcp = accept(&listener);
    tcp.write_all(&[22, 3, 3, 0x3f, 0xff]).unwrap();
    let begun = Instant::now();
    while tcp.write_all(&[0]).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "a handshake may take for ever");
        thread::sleep(Duration::from_millis(100));
    }
    check_failed(&finish(pdc), "", &["handshake", "in time"]);
}

// A PMU that is verified, and then does no good.

type Pdc = StreamOwned<ServerConnection, TcpStream>;

/// A PDC that has sent its command, and the PMU's side of it.
fn asked(version: &'static SupportedProtocolVersion, arguments: &str) -> (Program, Pdc, Files) {
    let files = Files::new();
    let chain = vec![CertificateDer::from_pem_file(files.path("cert.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(files.path("key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into());
    let config = config.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
    let config = config.with_single_cert(chain, key).unwrap();
    let (listener, address) = listen();
    let program = files.start(address, arguments);
    let mut pdc = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), accept(&listener));
    let command = arguments.split_whitespace().next().unwrap();
    let mut heard = vec![0; command.len()];
    pdc.read_exact(&mut heard).unwrap();
    assert_eq!(heard, command.as_bytes());
    (program, pdc, files)
}

fn say(pdc: &mut Pdc, text: impl AsRef<[u8]>) {
    pdc.write_all(text.as_ref()).unwrap();
    pdc.flush().unwrap();
}

fn say_goodbye(pdc: &mut Pdc) {
    pdc.conn.send_close_notify();
    pdc.flush().unwrap();
}

#[test]
fn each_message_is_shown_when_it_arrives_and_close_notify_ends_them_all() {
    for version in VERSIONS {
        let (mut program, mut pdc, _files) = asked(version, "CMD_short:1");
        for i in 1..4 {
            say(&mut pdc, message(i));
            let line = program.line_with("show a message", PATIENCE, |line| line.stream == Stream::Stdout).unwrap();
            assert_eq!(line.text, message(i));
        }
        say_goodbye(&mut pdc);
        // The TCP connection is still open.
        let outcome = finish(program);
        assert_eq!((outcome.code(), outcome.stdout(), outcome.stderr()), (0, lines(1..4), String::new()));
        let mut rest = Vec::new();
        assert_eq!(pdc.read_to_end(&mut rest).unwrap(), 0, "the PDC says goodbye in its turn");
    }
}

#[test]
fn a_bare_fin_is_a_warning_with_what_it_means_and_how_to_mend_it() {
    for version in VERSIONS {
        for (command, answer, stdout) in [
            ("CMD_short:0", (1..11).map(message).collect(), lines(1..11)),
            ("CMD_short:0", "This is PMU data 1\n".to_owned(), lines(1..2)),
            ("CMD_floodme", "a flood".to_owned(), "a flood\n".to_owned()),
        ] {
            let (program, mut pdc, _files) = asked(version, command);
            say(&mut pdc, &answer);
            drop(pdc);
            let outcome = finish(program);
            let stderr = outcome.stderr();
            assert_eq!((outcome.code(), outcome.stdout()), (0, stdout.clone()), "{stderr}");
            assert!(stderr.starts_with("warning: ") && stderr.lines().count() == 1, "{stderr}");
            for word in ["close_notify", "cut off", "unwrap()"] {
                assert!(stderr.contains(word), "no '{word}' in {stderr}");
            }

            let (program, mut pdc, _files) = asked(version, &format!("{command} --strict"));
            say(&mut pdc, &answer);
            drop(pdc);
            check_failed(&finish(program), &stdout, &["close_notify", "cut off"]);
        }
    }
}

#[test]
fn strict_is_content_with_close_notify() {
    let (program, mut pdc, _files) = asked(&TLS13, "CMD_short:0 --strict");
    say(&mut pdc, message(1));
    say_goodbye(&mut pdc);
    let outcome = finish(program);
    assert_eq!((outcome.code(), outcome.stdout(), outcome.stderr()), (0, lines(1..2), String::new()));
}

#[test]
fn an_answer_that_ends_within_a_message_is_an_error_whatever_its_end() {
    let leaves: [fn(Pdc); 2] = [drop, |mut pdc| say_goodbye(&mut pdc)];
    for leave in leaves {
        let (program, mut pdc, _files) = asked(&TLS13, "CMD_short:0");
        say(&mut pdc, "This is PMU data 1This is PM");
        leave(pdc);
        check_failed(&finish(program), &lines(1..2), &["within a message", "This is PM"]);
    }
}

#[test]
fn a_reset_in_the_middle_is_an_error_after_what_has_arrived() {
    for version in VERSIONS {
        let (mut program, mut pdc, _files) = asked(version, "CMD_short:1");
        say(&mut pdc, "This is PMU data 1This is PMU data 2This is");
        program.line_with("show two", PATIENCE, |line| line.text == message(2)).unwrap();
        reset(&pdc.sock);
        drop(pdc);
        let outcome = finish(program);
        check_failed(&outcome, &lines(1..3), &["cannot receive", "reset"]);
        assert!(outcome.stderr().contains("cut within a message: 'This is'"), "{}", outcome.stderr());
    }
}

#[test]
fn what_is_no_message_is_shown_in_the_error_after_the_messages_before_it() {
    let (program, mut pdc, _files) = asked(&TLS13, "CMD_short:0");
    say(&mut pdc, "This is PMU data 1This is \x1b[31mnonsense");
    say_goodbye(&mut pdc);
    check_failed(&finish(program), &lines(1..2), &["This is \\x1b[31mnonsense"]);
}

#[test]
fn a_record_that_was_damaged_on_its_way_is_an_error() {
    for version in VERSIONS {
        let (mut program, mut pdc, _files) = asked(version, "CMD_short:0");
        say(&mut pdc, message(1));
        program.line_with("show one", PATIENCE, |line| line.text == message(1)).unwrap();
        let mut record = Vec::new();
        pdc.conn.writer().write_all(message(2).as_bytes()).unwrap();
        pdc.conn.write_tls(&mut record).unwrap();
        *record.last_mut().unwrap() ^= 1;
        pdc.sock.write_all(&record).unwrap();
        check_failed(&finish(program), &lines(1..2), &["TLS"]);
    }
}

#[test]
fn timeout_gives_up_a_silent_pmu_after_what_has_arrived() {
    let (program, mut pdc, _files) = asked(&TLS13, "CMD_short:1 --timeout 0.5");
    say(&mut pdc, message(1));
    check_failed(&finish(program), &lines(1..2), &["nothing received", "0.5"]);
}
