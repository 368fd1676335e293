//! tls-client as its users see it: what it shows, when it waits, what it writes, and what it says when it fails.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use lab_process::{Line, Outcome, Program, Stream};
use lab_test::{Listening, PATIENCE, lacks, nobody, uninterrupted};
use ttp::CaDirectory;

use crate::{CLIENT, SERVER};

/// Certificates for `server`, `client` and localhost, made once.
fn directory() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        CaDirectory::new(folder.path()).complete(&["server", "client"]).unwrap();
        folder
    });
    folder.path()
}

fn file(name: &str) -> String {
    directory().join(name).display().to_string()
}

/// tls-server on a free port.
fn server(options: &[&str]) -> (Program, String) {
    let (certificate, key) = (file("server_cert.pem"), file("server_key.pem"));
    let arguments = [&[certificate.as_str(), &key, "--port", "0"], options].concat();
    let server = Listening::of(lab_test::start(SERVER, &arguments));
    let port = server.port();
    (server.program, port)
}

fn start(arguments: &[&str]) -> Program {
    lab_test::start(CLIENT, arguments)
}

/// The client of a server on this machine, which trusts its CA.
fn client(port: &str, options: &[&str]) -> Outcome {
    let ca = file("cacert.pem");
    start(&[&["localhost", port, "--cafile", &ca], options].concat()).finish(PATIENCE).unwrap()
}

fn check_failed(outcome: &Outcome, status: i32, words: &[&str]) {
    let stderr = outcome.stderr();
    assert_eq!(outcome.code(), status, "{stderr}");
    let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{stderr}");
    for word in words {
        assert!(errors[0].contains(word), "no '{word}' in {stderr}");
    }
}

#[test]
fn what_was_agreed_is_shown_with_the_certificate_and_its_anchor() {
    let (_server, port) = server(&["--alpn", "http/1.1"]);
    for (version, suite) in
        [("1.3", "TLS_AES_256_GCM_SHA384 (OpenSSL: TLS_AES_256_GCM_SHA384), 256 bits"), ("1.2", "256 bits")]
    {
        let outcome = client(&port, &["--tls", version, "--alpn", "http/1.1"]);
        let stdout = outcome.stdout();
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()), "{stdout}");
        for line in [
            &format!("protocol version:    TLSv{version}"),
            suite,
            "key exchange group:  X25519",
            "signature scheme:    RSA_PSS_",
            "ALPN:                http/1.1",
            "server hostname:     localhost (verified)",
            "server certificate:  1 of 1 in the chain",
            "  subject:           CN=server",
            "  issuer:            C=CH, CN=Socket Lab CA",
            "  names (SAN):       server, localhost, 127.0.0.1, ::1",
            "trust anchor:        C=CH, CN=Socket Lab CA, from ",
        ] {
            assert!(stdout.contains(line), "no '{line}' in {stdout}");
        }
    }
}

#[test]
fn with_step_no_byte_of_tls_leaves_before_the_first_key() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut program = start(&["localhost", &port, "--connect", "127.0.0.1", "--step", "--no-verify"]);
    let (mut peer, _) = listener.accept().unwrap();
    program.line_with("pause", PATIENCE, |line| line.text.starts_with("pause after the TCP handshake")).unwrap();
    peer.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut bytes = [0; 1024];
    assert!(uninterrupted(|| peer.read(&mut bytes)).is_err(), "TLS began before the key");
    program.input(b"\n");
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let len = uninterrupted(|| peer.read(&mut bytes)).unwrap();
    // A record that is a handshake, of a ClientHello.
    assert_eq!((bytes[0], bytes[5], len > 100), (22, 1, true));
    drop(peer);
    check_failed(&program.finish(PATIENCE).unwrap(), 1, &["within the TLS handshake"]);
}

#[test]
fn the_timeline_tells_tcp_first_then_each_message_and_the_end() {
    let (_server, port) = server(&[]);
    let outcome = client(&port, &["--trace", "--http", "/"]);
    let told = outcome.stderr();
    let mut at = 0;
    for event in [
        "connect() to localhost",
        "ESTABLISHED",
        "the TLS handshake begins",
        "ClientHello",
        "cipher suites: 9",
        "extension server_name: localhost",
        "ServerHello",
        "EncryptedExtensions [decrypted]",
        "Certificate [decrypted]",
        "CertificateVerify [decrypted]",
        "Finished [decrypted]",
        "Finished [decrypted]",
        "the TLS handshake is complete",
        "ApplicationData [decrypted]",
        "close_notify [decrypted]",
        "close(): the connection is over",
    ] {
        let found = told[at..].find(event).unwrap_or_else(|| panic!("no '{event}' in its place in {told}"));
        at += found + event.len();
    }
    assert!(
        outcome.stdout().contains("7 messages (ClientHello, ServerHello, EncryptedExtensions, "),
        "{}",
        outcome.stdout()
    );
}

#[test]
fn json_is_one_object_with_the_same_facts() {
    let (_server, port) = server(&[]);
    let outcome = client(&port, &["--json", "--trace"]);
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout()).unwrap();
    assert_eq!(json["version"], "TLSv1.3");
    assert_eq!(json["cipher_suite"]["iana"], "TLS_AES_256_GCM_SHA384");
    assert_eq!(json["verified"], true);
    assert_eq!(json["certificates"][0]["subject"], "CN=server");
    assert_eq!(json["handshake"]["proposed"].as_array().unwrap().len(), 9);
    assert!(json["trace"].as_array().unwrap().len() > 10);
}

#[test]
fn a_page_is_shown_after_the_facts_or_alone_or_in_a_file() {
    let (_server, port) = server(&[]);
    let shown = client(&port, &["--http", "/"]).stdout();
    let page = shown.find("<!DOCTYPE html>").unwrap();
    assert!(shown[..page].contains("trust anchor: "));
    let alone = client(&port, &["--http", "/bytes/100000", "--output", "-"]);
    assert!(alone.stdout == vec![0; 100_000], "{} bytes", alone.stdout.len());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page");
    let outcome = client(&port, &["--http", "/bytes/300000", "--output", path.to_str().unwrap()]);
    assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
    assert!(outcome.stdout().contains("trust anchor: ") && !outcome.stdout().contains("<!DOCTYPE"));
    assert_eq!(fs::metadata(&path).unwrap().len(), 300_000);
    check_failed(&client(&port, &["--http", "/nowhere"]), 1, &["answered with the HTTP status 404"]);
}

#[cfg(unix)]
#[test]
fn the_key_log_is_for_its_owner_alone_and_has_what_wireshark_needs() {
    use std::os::unix::fs::PermissionsExt;
    let (_server, port) = server(&[]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    // Also when it was there before, readable for others.
    fs::write(&path, "# mine\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(client(&port, &["--keylog", path.to_str().unwrap()]).code(), 0);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# mine\n"), "{text}");
    for label in ["CLIENT_HANDSHAKE_TRAFFIC_SECRET ", "SERVER_HANDSHAKE_TRAFFIC_SECRET ", "CLIENT_TRAFFIC_SECRET_0 "] {
        assert!(text.contains(label), "{text}");
    }
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_folder_of_authorities_may_hold_plain_files_or_openssls_links() {
    let (_server, port) = server(&[]);
    let folder = tempfile::tempdir().unwrap();
    fs::copy(file("cacert.pem"), folder.path().join("0a1b2c3d.0")).unwrap();
    fs::write(folder.path().join("README"), "no certificate").unwrap();
    let trust = |folder: &Path| {
        let arguments = ["localhost", &port, "--cadir", folder.to_str().unwrap()];
        start(&arguments).finish(PATIENCE).unwrap()
    };
    let outcome = trust(folder.path());
    assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()));
    // A file that is damaged is passed over, by name, once for all links to it.
    let good = fs::read_to_string(file("cacert.pem")).unwrap();
    fs::write(folder.path().join("cut.pem"), &good[..good.len() / 2]).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("cut.pem", folder.path().join("1b2c3d4e.0")).unwrap();
    let no_certificate = "-----BEGIN CERTIFICATE-----\nMAMCAQc=\n-----END CERTIFICATE-----\n";
    fs::write(folder.path().join("none.pem"), no_certificate).unwrap();
    fs::write(folder.path().join("list.pem"), no_certificate.replace("CERTIFICATE", "X509 CRL")).unwrap();
    let outcome = trust(folder.path());
    let stderr = outcome.stderr();
    assert_eq!((outcome.code(), stderr.lines().count()), (0, 2), "{stderr}");
    assert!(stderr.contains("cut.pem: its certificate is cut short") || stderr.contains("1b2c3d4e.0: its"), "{stderr}");
    assert!(stderr.contains("none.pem: holds a certificate that is damaged\n"), "{stderr}");
    assert!(stderr.lines().all(|line| line.starts_with("warning: passed over: ")), "{stderr}");
    let empty = tempfile::tempdir().unwrap();
    check_failed(&trust(empty.path()), 1, &["holds no file with a certificate"]);
    check_failed(&trust(&empty.path().join("gone")), 1, &["cannot read"]);
}

#[test]
fn the_lists_of_the_public_trust_no_authority_of_the_lab() {
    let (_server, port) = server(&[]);
    let outcome = start(&["localhost", &port, "--roots", "webpki"]).finish(PATIENCE).unwrap();
    check_failed(&outcome, 1, &["of an unknown CA"]);
}

#[test]
fn another_address_does_not_change_who_must_be_there() {
    let (_server, port) = server(&[]);
    let (ca, at) = (file("cacert.pem"), format!("127.0.0.1:{port}"));
    let ask = |name: &str, at: &str| start(&[name, &port, "--cafile", &ca, "--connect", at]).finish(PATIENCE).unwrap();
    assert_eq!(ask("server", &at).code(), 0);
    assert_eq!(ask("server", "127.0.0.1").code(), 0);
    check_failed(&ask("www.example.test", &at), 1, &["was to be www.example.test, but its certificate is for server"]);
}

#[test]
fn wrong_command_lines_and_absent_servers_are_told_in_a_line() {
    let (_taken, nobody) = nobody();
    let nobody = nobody.port().to_string();
    let ca = file("cacert.pem");
    for (arguments, status, words) in [
        (&["no name"][..], 2, "is no name of a server"),
        (&["localhost", "x"], 2, "x"),
        (&["localhost", &nobody, "--cafile", &ca, "--http", "no path"], 2, "is no path"),
        (&["localhost", &nobody, "--cafile", &ca, "--output", "x"], 2, "--http"),
        (&["localhost", &nobody, "--cafile", &ca, "--no-verify", "--no-check-hostname"], 2, "cannot be used with"),
        (&["localhost", &nobody, "--cafile", &ca], 1, "Connection refused"),
        (&["localhost", &nobody, "--cafile", "/nonexistent/ca.pem"], 1, "cannot read /nonexistent/ca.pem"),
    ] {
        check_failed(&start(arguments).finish(PATIENCE).unwrap(), status, &[words]);
    }
}

/// A server of one connection, which does what it is told with it.
fn hostile(act: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    thread::spawn(move || act(listener.accept().unwrap().0));
    port
}

#[test]
fn a_server_that_never_answers_costs_the_time_that_it_was_given() {
    let port = hostile(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let begun = Instant::now();
    let outcome = client(&port, &["--timeout", "0.5"]);
    check_failed(&outcome, 1, &["did not finish the TLS handshake in time"]);
    assert!(begun.elapsed() >= Duration::from_millis(500));
}

#[test]
fn a_server_that_is_none_of_tls_is_named_as_that() {
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSH-2.0-x\r\n", &[0; 100], &[22, 3, 3, 0xff, 0xff]] {
        let port = hostile(move |mut stream| {
            stream.write_all(answer).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        });
        check_failed(&client(&port, &["--timeout", "5"]), 1, &["does not speak TLS"]);
    }
}

/// An `openssl s_server` with the lab's certificate, on a free port; `None` where there is no OpenSSL.
fn s_server(options: &[&str]) -> Option<(Program, String)> {
    if lacks("openssl") {
        return None;
    }
    let (certificate, key) = (file("server_cert.pem"), file("server_key.pem"));
    let arguments = ["s_server", "-accept", "127.0.0.1:0", "-cert", &certificate, "-key", &key, "-www"];
    let mut program = lab_test::start("openssl", &[&arguments[..], options].concat());
    let is_ready = |line: &Line| line.stream == Stream::Stdout && line.text.starts_with("ACCEPT ");
    let line = program.line_with("listen", PATIENCE, is_ready).unwrap();
    let port = line.text.rsplit(':').next().unwrap().to_owned();
    Some((program, port))
}

#[test]
fn openssl_s_server_is_a_server_like_any_other() {
    for (options, version) in [(&["-tls1_3"][..], "TLSv1.3"), (&["-tls1_2"], "TLSv1.2")] {
        let Some((_server, port)) = s_server(options) else { return };
        let outcome = client(&port, &["--trace", "--http", "/"]);
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        assert!(outcome.stdout().contains(&format!("protocol version:    {version}")), "{}", outcome.stdout());
        assert!(outcome.stderr().contains("Finished [decrypted]"), "{}", outcome.stderr());
    }
}

#[test]
fn each_program_calls_itself_by_its_name() {
    let programs: [PathBuf; 3] = [CLIENT, SERVER, env!("CARGO_BIN_EXE_tls-proxy")].map(PathBuf::from);
    for program in programs {
        let outcome = Program::start(&program, &["--version"]).unwrap().finish(PATIENCE).unwrap();
        let name = program.file_stem().unwrap().to_string_lossy().into_owned();
        assert_eq!(outcome.stdout(), format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
    }
}
