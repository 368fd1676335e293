//! Part 6 as a student sees it: the PDC that verifies a PMU, then shows its messages as in part 2 (handout, section 6).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use lab_process::{Outcome, Program, Stream};
use labnet::pmu::{Device, FLOOD_LEN, flood_text};
use mock_servers::{Running, ServerSettings, tls};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind, Name};

/// Longer than anything takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// A CA, and a certificate by it for the names that are given.
struct Certified {
    folder: TempDir,
}

impl Certified {
    /// For localhost, 127.0.0.1 and ::1.
    fn here() -> Self {
        Self::new(KeyKind::P256, &[])
    }

    fn new(kind: KeyKind, names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = CaDirectory::new(folder.path());
        directory.init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
        let names: Vec<Name> = names.iter().map(|name| name.parse().unwrap()).collect();
        directory.issue("123456", kind, None, &CertificateOptions { names, ..CertificateOptions::default() }).unwrap();
        Self { folder }
    }

    fn directory(&self) -> CaDirectory {
        CaDirectory::new(self.folder.path())
    }

    /// A PMU under this certificate, on both families.
    fn serve(&self, device: Device) -> Running {
        let (certificate, key) = (self.directory().certificate("123456"), self.directory().key("123456"));
        let config = tls::Config { port: 0, device, certificate: tls::CertificateSource::Files { certificate, key } };
        tls::spawn(&config, &ServerSettings::default()).unwrap()
    }

    /// A PDC that trusts this CA.
    fn start(&self, environment: &[(&str, &str)], arguments: &str) -> Program {
        let mut pdc = Command::new(env!("CARGO_BIN_EXE_part6-pdc"));
        pdc.args(arguments.replace("CA", "cacert.pem").split_whitespace()).current_dir(self.folder.path());
        pdc.env_remove("LAB_SERVER").envs(environment.iter().copied());
        Program::spawn(pdc).unwrap()
    }

    fn pdc(&self, arguments: &str) -> Outcome {
        finish(self.start(&[], arguments))
    }
}

fn finish(program: Program) -> Outcome {
    program.finish(PATIENCE).unwrap_or_else(|failure| panic!("{failure}"))
}

fn lines(numbers: std::ops::Range<u64>) -> String {
    numbers.map(|i| format!("This is PMU data {i}\n")).collect()
}

/// What the PDC shows of a PMU's answer, to the byte, and nothing else.
fn check(device: Device, arguments: &str, expected: &[u8]) {
    let certified = Certified::here();
    let pmu = certified.serve(device);
    check_outcome(&certified.pdc(&format!("{arguments} CA --server {}", pmu.address())), expected);
}

fn check_outcome(outcome: &Outcome, expected: &[u8]) {
    assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()), "{}", outcome.command_line);
    assert!(outcome.stdout == expected, "{}: {:.300}", outcome.command_line, outcome.stdout());
}

fn check_error(outcome: &Outcome, code: i32, words: &[&str]) {
    let (command_line, stderr) = (&outcome.command_line, outcome.stderr());
    assert_eq!((outcome.code(), outcome.stdout()), (code, String::new()), "{command_line}: {stderr}");
    assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{command_line}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{command_line}: no '{word}' in {stderr}");
    }
}

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

// Answers.

#[test]
fn each_message_is_on_its_own_line() {
    check(Device::default(), "CMD_short:0", lines(1..11).as_bytes());
    check(Device::default(), "CMD_short:0.02", lines(1..11).as_bytes());
    check(Device { first: 0, messages: 17, ..Device::default() }, "CMD_short:0", lines(0..17).as_bytes());
    check(Device { messages: 1, ..Device::default() }, "CMD_short:0", lines(1..2).as_bytes());
}

#[test]
fn a_small_receive_buffer_changes_nothing() {
    for len in [1, 7, 18, 19] {
        check(Device::default(), &format!("--recv-buffer {len} CMD_short:0"), lines(1..11).as_bytes());
    }
    let flood: Arc<[u8]> = b"all of it\n"[..].into();
    check(Device { flood, ..Device::default() }, "--recv-buffer 1 CMD_floodme", b"all of it\n");
}

#[test]
fn a_flood_is_shown_as_received_with_one_newline_at_the_end() {
    let text = flood_text(FLOOD_LEN);
    check(Device::default(), "CMD_floodme", &[&text, b"\n".as_slice()].concat());
    let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).chain(*b"\n").collect();
    check(Device { flood: bytes.as_slice().into(), ..Device::default() }, "CMD_floodme", &bytes);
}

#[test]
fn no_message_at_all_is_an_empty_answer_with_a_warning() {
    let certified = Certified::here();
    let pmu = certified.serve(Device { messages: 0, ..Device::default() });
    let outcome = certified.pdc(&format!("CMD_short:0 CA --server {}", pmu.address()));
    assert_eq!((outcome.code(), outcome.stdout()), (0, String::new()));
    assert!(outcome.stderr().starts_with("warning: "), "{}", outcome.stderr());
}

// Whom it believes.

#[test]
fn the_name_that_is_checked_is_the_servers_or_the_one_that_is_given() {
    let certified = Certified::new(KeyKind::P256, &["pmu.test", "*.lab.test", "127.0.0.1"]);
    let pmu = certified.serve(Device::default());
    let port = pmu.address().port();
    for (options, is_ok) in [
        (format!("--server 127.0.0.1:{port}"), true),
        (format!("--server localhost:{port} --name pmu.test"), true),
        (format!("--server localhost:{port} --name PMU.test"), true),
        (format!("--server localhost:{port} --name any.lab.test"), true),
        (format!("--server localhost:{port} --name 127.0.0.1"), true),
        (format!("--server localhost:{port} --no-check-hostname"), true),
        (format!("--server localhost:{port}"), false),
        (format!("--server 127.0.0.1:{port} --name pdc.test"), false),
        (format!("--server 127.0.0.1:{port} --name 127.0.0.2"), false),
        (format!("--server 127.0.0.1:{port} --name a.b.lab.test"), false),
    ] {
        let outcome = certified.pdc(&format!("CMD_short:0 CA {options}"));
        if is_ok {
            check_outcome(&outcome, lines(1..11).as_bytes());
        } else {
            let wanted = options.split_whitespace().skip(1).last().unwrap().trim_end_matches(&format!(":{port}"));
            check_error(&outcome, 1, &[wanted, "pmu.test, *.lab.test, 127.0.0.1"]);
        }
    }
}

#[test]
fn a_pmu_is_reached_over_ipv6() {
    if !has_ipv6() {
        return;
    }
    let certified = Certified::here();
    let pmu = certified.serve(Device::default());
    let port = pmu.address().port();
    check_outcome(&certified.pdc(&format!("CMD_short:0 CA --server [::1]:{port}")), lines(1..11).as_bytes());
    // One that is there alone is found by the name of both.
    let site = ServerSettings { bind: vec!["::1".parse().unwrap()], ..ServerSettings::default() };
    let identity = tls::CertificateSource::Files {
        certificate: certified.directory().certificate("123456"),
        key: certified.directory().key("123456"),
    };
    let alone = tls::spawn(&tls::Config { port: 0, device: Device::default(), certificate: identity }, &site).unwrap();
    let outcome = certified.pdc(&format!("CMD_short:0 CA --server localhost:{}", alone.address().port()));
    check_outcome(&outcome, lines(1..11).as_bytes());
}

#[test]
fn of_several_cas_in_the_file_one_is_enough_and_another_is_none() {
    let (certified, other) = (Certified::here(), Certified::here());
    let pmu = certified.serve(Device::default());
    let ca = |certified: &Certified| std::fs::read_to_string(certified.directory().ca_certificate()).unwrap();
    std::fs::write(certified.folder.path().join("all.pem"), ca(&other) + &ca(&certified)).unwrap();
    let outcome = certified.pdc(&format!("CMD_short:0 all.pem --server {}", pmu.address()));
    check_outcome(&outcome, lines(1..11).as_bytes());
    std::fs::write(certified.folder.path().join("other.pem"), ca(&other)).unwrap();
    check_error(&certified.pdc(&format!("CMD_short:0 other.pem --server {}", pmu.address())), 1, &["CA"]);
}

// Statistics.

/// A PMU of one version that answers one client with `records`, then close_notify.
fn serve_once(
    certified: &Certified,
    version: &'static SupportedProtocolVersion,
    records: Vec<Vec<u8>>,
) -> (SocketAddr, mpsc::Receiver<()>) {
    let chain = vec![CertificateDer::from_pem_file(certified.directory().certificate("123456")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certified.directory().key("123456")).unwrap();
    let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into());
    let config = config.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, done) = mpsc::channel();
    thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut pdc = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
        pdc.read_exact(&mut [0; 11]).unwrap();
        for record in records {
            pdc.write_all(&record).unwrap();
        }
        pdc.conn.send_close_notify();
        pdc.conn.complete_io(&mut pdc.sock).unwrap();
        sender.send(()).unwrap();
    });
    (address, done)
}

#[test]
fn stats_count_the_answer_without_what_tls_adds_and_name_version_and_suite() {
    let certified = Certified::new(KeyKind::Rsa2048, &[]);
    let messages: Vec<_> = (1..11).map(|i| format!("This is PMU data {i}").into_bytes()).collect();
    for (version, name, suite) in
        [(&TLS12, "TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), (&TLS13, "TLSv1.3", "TLS_AES_256_GCM_SHA384")]
    {
        let (address, done) = serve_once(&certified, version, messages.clone());
        let outcome = certified.pdc(&format!("CMD_short:0 CA --server {address} --stats"));
        done.recv_timeout(PATIENCE).unwrap();
        assert_eq!((outcome.code(), outcome.stdout()), (0, lines(1..11)));
        assert_eq!(outcome.stderr().lines().count(), 1, "{}", outcome.stderr());
        let stats = &outcome.stats()[0];
        let mut keys: Vec<_> = stats.as_object().unwrap().keys().collect();
        keys.sort_unstable();
        let expected = ["bytes", "cipher_suite", "command", "data_segments_in", "elapsed_s", "messages", "recv_calls"];
        assert_eq!(keys, [&expected[..], &["tls_version"]].concat());
        assert_eq!((&stats["command"], &stats["messages"]), (&"CMD_short:0".into(), &10.into()));
        assert_eq!(stats["bytes"], messages.concat().len());
        assert_eq!((&stats["tls_version"], &stats["cipher_suite"]), (&name.into(), &suite.into()));
        // At least one with messages and the empty one at the end; at most one for each record besides.
        assert!(stats["recv_calls"].as_u64().is_some_and(|calls| (2..=11).contains(&calls)), "{stats}");
        let segments = &stats["data_segments_in"];
        assert!(if cfg!(target_os = "linux") { segments.as_u64() > Some(0) } else { segments.is_null() }, "{stats}");
    }
}

#[test]
fn stats_are_the_last_line_also_after_an_error() {
    let certified = Certified::here();
    let pmu = certified.serve(Device::default());
    let (_taken, nobody) = nobody();
    for arguments in [
        format!("CA --server {} --name pdc.test", pmu.address()),
        format!("CA --server {nobody}"),
        format!("missing.pem --server {}", pmu.address()),
    ] {
        let outcome = certified.pdc(&format!("CMD_short:0 {arguments} --stats"));
        assert_eq!(outcome.code(), 1);
        let stats = outcome.stats();
        assert_eq!(stats.len(), 1, "{arguments}: {}", outcome.stderr());
        assert_eq!((&stats[0]["command"], &stats[0]["messages"]), (&"CMD_short:0".into(), &0.into()));
    }
}

/// An address where nobody listens, nor will while the stream is kept: the port of a connection's other end.
fn nobody() -> (TcpStream, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let address = taken.local_addr().unwrap();
    (taken, address)
}

// The command line, the beginning and the end.

#[test]
fn lab_server_is_a_host_and_the_command_line_overrides_it() {
    let certified = Certified::here();
    let pmu = certified.serve(Device::default());
    let elsewhere = [("LAB_SERVER", "pmu.invalid")];
    let named = finish(certified.start(&elsewhere, &format!("CMD_short:0 CA --server {}", pmu.address())));
    check_outcome(&named, lines(1..11).as_bytes());
    let hint = ["'pmu.invalid'", "hint: ", "mock-servers", "--server localhost"];
    check_error(&finish(certified.start(&elsewhere, "CMD_short:0 CA")), 1, &hint);
    let with_port = finish(certified.start(&[("LAB_SERVER", "127.0.0.1:5003")], "CMD_short:0 CA"));
    check_error(&with_port, 2, &["LAB_SERVER"]);
}

#[test]
fn the_default_server_is_the_pmu_of_this_machine() {
    let certified = Certified::here();
    // Whether or not somebody has that port: it is no PMU of this CA.
    let outcome = certified.pdc("CMD_short:0 CA --connect-timeout 5");
    check_error(&outcome, 1, &["localhost:5003"]);
}

#[test]
fn a_wrong_command_line_is_status_2() {
    let certified = Certified::here();
    for arguments in [
        "",
        "CMD_short:0",
        "CA CMD_short:0",
        "CMD_short:x CA",
        "CMD_short:3601 CA",
        "CMD_nonsense CA",
        "CMD_short:0 CA extra",
        "CMD_short:0 CA --server host:0",
        "CMD_short:0 CA --name pmu.test --no-check-hostname",
        "CMD_short:0 CA --recv-buffer 0",
        "CMD_short:0 CA --timeout 0",
        "CMD_short:0 CA --connect-timeout -1",
        "CMD_short:0 CA --nonsense",
    ] {
        check_error(&certified.pdc(arguments), 2, &[]);
    }
    check_error(
        &certified.pdc("CMD_short:0 CA --name a..b --server 127.0.0.1:1"),
        2,
        &["'a..b' is no name of a server"],
    );
}

#[test]
fn a_ca_file_that_is_missing_empty_or_wrong_is_named() {
    let certified = Certified::here();
    let write = |file: &str, text: &str| std::fs::write(certified.folder.path().join(file), text).unwrap();
    write("empty.pem", "");
    write("text.pem", "no certificate\n");
    write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let (_taken, nobody) = nobody();
    for (file, what) in [
        ("missing.pem", "cannot read missing.pem"),
        ("empty.pem", "empty.pem: is empty"),
        ("text.pem", "BEGIN CERTIFICATE"),
        ("broken.pem", "damaged"),
        ("cakey.pem", "a private key"),
        ("123456.csr", "certificate request"),
        (".", "cannot read ."),
    ] {
        // Before anybody is called.
        let outcome = certified.pdc(&format!("CMD_short:0 {file} --server {nobody}"));
        check_error(&outcome, 1, &[file, what]);
        assert!(!outcome.stderr().contains("connect"), "{}", outcome.stderr());
    }
}

#[test]
fn a_port_where_nobody_listens_is_named() {
    let (_taken, address) = nobody();
    let outcome = Certified::here().pdc(&format!("CMD_short:0 CA --server {address}"));
    check_error(&outcome, 1, &[&format!("cannot connect to {address}"), "refused", "hint: "]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_pdc_after_what_it_has_and_its_statistics() {
    let certified = Certified::here();
    let pmu = certified.serve(Device::default());
    for (end, code) in [(Program::interrupt as fn(&mut Program), 130), (Program::terminate, 143)] {
        let mut pdc = certified.start(&[], &format!("CMD_short:3600 CA --stats --server {}", pmu.address()));
        pdc.line_with("show a message", PATIENCE, |line| line.stream == Stream::Stdout).unwrap();
        end(&mut pdc);
        let outcome = finish(pdc);
        assert_eq!((outcome.code(), outcome.stdout()), (code, lines(1..2)), "{}", outcome.stderr());
        let stats = outcome.stats();
        assert_eq!(stats.len(), 1, "{}", outcome.stderr());
        assert_eq!((&stats[0]["messages"], &stats[0]["tls_version"]), (&1.into(), &"TLSv1.3".into()));
    }
}

#[test]
fn help_has_examples_that_can_be_typed_and_version_the_version() {
    let certified = Certified::here();
    let help = certified.pdc("--help");
    assert_eq!((help.code(), help.stderr()), (0, String::new()));
    let examples: Vec<_> =
        help.stdout().lines().filter_map(|line| line.trim().strip_prefix("part6-pdc ").map(str::to_owned)).collect();
    assert!(examples.len() >= 3, "{}", help.stdout());
    for example in examples {
        // What follows two spaces is a remark. No example is a wrong command line.
        let arguments = example.split("  ").next().unwrap();
        let outcome = certified.pdc(&format!("{arguments} --connect-timeout 5"));
        assert_ne!(outcome.code(), 2, "{arguments}: {}", outcome.stderr());
    }
    check_outcome(&certified.pdc("--version"), concat!("part6-pdc ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
}

#[test]
fn q26_one_version_can_be_asked_for_and_secrets_are_written_for_wireshark() {
    let certified = Certified::here();
    let pmu = certified.serve(Device::default());
    for (version, agreed, label) in
        [("1.2", "TLSv1.2", "CLIENT_RANDOM "), ("1.3", "TLSv1.3", "CLIENT_HANDSHAKE_TRAFFIC_SECRET ")]
    {
        let log = certified.folder.path().join(format!("keys-{version}.log"));
        let at = format!("localhost:{}", pmu.address().port());
        let arguments = format!("CMD_short:0 CA --server {at} --stats --tls {version} --keylog {}", log.display());
        let outcome = certified.pdc(&arguments);
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        assert_eq!(outcome.stats()[0]["tls_version"], agreed);
        let keys = std::fs::read_to_string(&log).unwrap();
        assert!(keys.lines().any(|line| line.starts_with(label)), "{keys}");
        // As browsers and Python do, by the environment.
        let log = certified.folder.path().join(format!("environment-{version}.log"));
        let environment = [("SSLKEYLOGFILE", log.to_str().unwrap())];
        finish(certified.start(&environment, &format!("CMD_short:0 CA --server {at} --tls {version}")));
        assert!(std::fs::read_to_string(&log).unwrap().contains(label));
    }
    let outcome = certified.pdc("CMD_short:0 CA --tls 1.1");
    assert_eq!((outcome.code(), outcome.stderr().contains("expected 1.2 or 1.3")), (2, true), "{}", outcome.stderr());
}
