//! The proxy in the middle, between real clients and real servers: who is deceived, who is not, and what is shown.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    fs,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Barrier, mpsc},
    thread,
    time::{Duration, Instant},
};

use lab_process::{Outcome, Program, Stream};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Longer than anything takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

const PAGE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

type Client = StreamOwned<ClientConnection, TcpStream>;

/// A CA of its own, and what it has issued.
struct Ca(TempDir);

impl Ca {
    /// One that may vouch for the lab's names only.
    fn new() -> Self {
        Self::with(false)
    }

    fn with(any_name: bool) -> Self {
        let ca = Self(tempfile::tempdir().unwrap());
        ca.directory().init(&CaOptions { key: KeyKind::P256, any_name, ..CaOptions::default() }, false).unwrap();
        ca
    }

    fn directory(&self) -> CaDirectory {
        CaDirectory::new(self.0.path())
    }

    fn certificate(&self) -> PathBuf {
        self.directory().ca_certificate()
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("cakey.pem")
    }

    fn issue(&self, subject: &str, names: &[&str], options: CertificateOptions) {
        let names = names.iter().map(|name| name.parse().unwrap()).collect();
        self.directory().issue(subject, KeyKind::P256, None, &CertificateOptions { names, ..options }).unwrap();
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.certificate()).unwrap()).unwrap();
        roots
    }

    /// A client that trusts this CA.
    fn client(&self, alpn: &[&str]) -> Arc<ClientConfig> {
        let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        let config = config.with_protocol_versions(&[&TLS13, &TLS12]).unwrap();
        let mut config = config.with_root_certificates(self.roots()).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// A server under a certificate that was issued.
    fn server_config(&self, subject: &str) -> Arc<ServerConfig> {
        let chain = vec![CertificateDer::from_pem_file(self.directory().certificate(subject)).unwrap()];
        let key = PrivateKeyDer::from_pem_file(self.directory().key(subject)).unwrap();
        let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap())
    }
}

fn finish(program: Program) -> Outcome {
    program.finish(PATIENCE).unwrap_or_else(|failure| panic!("{failure}"))
}

/// A program that listens.
struct Listening {
    program: Program,
    address: SocketAddr,
}

fn listening(mut program: Program) -> Listening {
    let line = program.line_with("listen", PATIENCE, |line| line.text.contains("listening on "));
    let line = line.unwrap_or_else(|failure| panic!("{failure}")).text;
    let address = line.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    Listening { program, address }
}

impl Listening {
    /// The next line on stdout that has these words.
    fn line(&mut self, words: &str) -> String {
        let is_wanted = |line: &lab_process::Line| line.stream == Stream::Stdout && line.text.contains(words);
        let line = self.program.line_with(&format!("write '{words}'"), PATIENCE, is_wanted);
        line.unwrap_or_else(|failure| panic!("{failure}")).text
    }

    /// How many descriptors it has open.
    #[cfg(target_os = "linux")]
    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.program.id())).unwrap().count()
    }
}

/// The real server, under a certificate of `ca` for localhost.
fn server(ca: &Ca) -> Listening {
    ca.issue(
        "localhost",
        &["localhost", "a.test", "b.test", "127.0.0.1"],
        CertificateOptions { force: true, ..CertificateOptions::default() },
    );
    server_with(ca, "localhost")
}

fn server_with(ca: &Ca, subject: &str) -> Listening {
    let mut server = Command::new(env!("CARGO_BIN_EXE_tls-server"));
    server.args([ca.directory().certificate(subject), ca.directory().key(subject)]).args([
        "--port",
        "0",
        "--timeout",
        "60",
    ]);
    listening(Program::spawn(server).unwrap())
}

/// A proxy with a CA of its own that trusts the CA of the real servers.
fn proxy(forged_by: &Ca, trusted: &Ca, options: &str) -> Listening {
    listening(start_proxy(&forged_by.certificate(), &forged_by.key(), &trusted.certificate(), options))
}

fn start_proxy(certificate: &Path, key: &Path, trusted: &Path, options: &str) -> Program {
    let mut proxy = Command::new(env!("CARGO_BIN_EXE_tls-proxy"));
    proxy.arg("--ca").args([certificate, key]).arg("--cafile").arg(trusted).args(["--listen", "127.0.0.1:0"]);
    proxy.args(options.split_whitespace());
    Program::spawn(proxy).unwrap()
}

fn tcp(address: SocketAddr) -> TcpStream {
    let tcp = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.set_write_timeout(Some(PATIENCE)).unwrap();
    tcp.set_nodelay(true).unwrap();
    tcp
}

fn over(tcp: TcpStream, name: &str, config: &Arc<ClientConfig>) -> Client {
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name.to_owned().try_into().unwrap()).unwrap(), tcp)
}

fn connect(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Client {
    over(tcp(address), name, config)
}

/// After the handshake.
fn greeted(mut client: Client) -> io::Result<Client> {
    while client.conn.is_handshaking() || client.conn.wants_write() {
        client.conn.complete_io(&mut client.sock)?;
    }
    Ok(client)
}

fn exchange(mut client: Client, request: &str) -> io::Result<Vec<u8>> {
    client.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer)?;
    Ok(answer)
}

fn get(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> io::Result<String> {
    exchange(connect(address, name, config), PAGE).map(|answer| String::from_utf8(answer).unwrap())
}

/// Serial number and names of the certificate that was presented.
fn presented(client: &Client) -> (String, String, Vec<String>) {
    let (_, leaf) = X509Certificate::from_der(&client.conn.peer_certificates().unwrap()[0]).unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap();
    let names = names.value.general_names.iter().map(ToString::to_string).collect();
    (leaf.raw_serial_as_string(), leaf.issuer().to_string(), names)
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

/// A real server that answers one connection as it is told.
fn one_shot(answer: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || answer(listener.accept().unwrap().0));
    address
}

#[test]
fn a_victim_that_trusts_the_ca_cannot_tell_and_all_that_passes_is_shown() {
    let (real, forged) = (Ca::new(), Ca::new());
    let mut server = server(&real);
    let mut proxy = proxy(&forged, &real, &format!("--to {}", server.address));
    let victim = greeted(connect(proxy.address, "a.test", &forged.client(&["http/1.1"]))).unwrap();
    let (serial, _, names) = presented(&victim);
    assert_eq!(names, ["DNSName(a.test)"]);
    let peer = victim.sock.local_addr().unwrap();
    let page = String::from_utf8(exchange(victim, PAGE).unwrap()).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("</html>\n"), "{page}");
    // The real server was asked for the same name, with the same protocol.
    assert!(page.contains("<td>a.test</td>") && page.contains("<td>http/1.1</td>"), "{page}");
    server.line("sni=a.test");
    assert_eq!(proxy.line("asks for"), format!("{peer} asks for a.test, whose address is {}", server.address));
    let terms = "TLSv1.3 TLS_AES_256_GCM_SHA384 http/1.1";
    assert_eq!(proxy.line("verified"), format!("{peer} the real server is verified: {terms}"));
    assert_eq!(proxy.line("deceived"), format!("{peer} the victim is deceived: {terms}, with certificate {serial}"));
    assert_eq!(proxy.line("GET"), format!("{peer} > GET / HTTP/1.1"));
    assert_eq!(proxy.line("Host"), format!("{peer} > Host: localhost"));
    assert_eq!(proxy.line("HTTP/1.1 200"), format!("{peer} < HTTP/1.1 200 OK"));
    proxy.line("< <!DOCTYPE html>");
    let (to_server, to_victim) = (PAGE.len(), page.len());
    let end = format!("{peer} end: {to_server} bytes to the server, {to_victim} bytes to the victim");
    assert_eq!(proxy.line("end:"), end);
    proxy.program.interrupt();
    assert_eq!(finish(proxy.program).code(), 0);
}

#[test]
fn a_victim_that_does_not_trust_the_ca_is_not_deceived() {
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let mut proxy = proxy(&forged, &real, &format!("--to {}", server.address));
    let error = get(proxy.address, "localhost", &real.client(&[])).unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    let line = proxy.line("refused: ");
    assert!(line.contains("the victim refused the handshake with the alert "), "{line}");
}

#[test]
fn a_constrained_ca_deceives_nobody_about_other_names_and_an_unconstrained_one_everybody() {
    let real = Ca::with(true);
    real.issue("bank", &["bank.com"], CertificateOptions::default());
    let server = server_with(&real, "bank");
    for (forged, is_deceived) in [(Ca::new(), false), (Ca::with(true), true)] {
        let proxy = proxy(&forged, &real, &format!("--to {}", server.address));
        let seen = get(proxy.address, "bank.com", &forged.client(&[]));
        assert_eq!(seen.is_ok(), is_deceived, "{seen:?}");
    }
}

#[test]
fn each_name_has_one_certificate() {
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let proxy = proxy(&forged, &real, &format!("--to {}", server.address));
    let shown = |name: &str| presented(&greeted(connect(proxy.address, name, &forged.client(&[]))).unwrap());
    let first = shown("a.test");
    assert_eq!(shown("a.test"), first);
    let second = shown("b.test");
    assert_ne!(second.0, first.0);
    assert_eq!(second.2, ["DNSName(b.test)"]);
}

#[test]
fn a_real_server_that_cannot_be_verified_or_reached_is_not_impersonated() {
    let (real, forged, strangers) = (Ca::new(), Ca::new(), Ca::new());
    real.issue(
        "expired",
        &["localhost"],
        CertificateOptions { starts_in: -20, days: 10, ..CertificateOptions::default() },
    );
    real.issue("other", &["other.test"], CertificateOptions::default());
    strangers.issue("stranger", &["localhost"], CertificateOptions::default());
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let plain = one_shot(|mut tcp| {
        tcp.write_all(b"220 hello\r\n").unwrap();
        let _ = tcp.read_to_end(&mut Vec::new());
    });
    let closed = one_shot(drop);
    let servers = [server_with(&real, "expired"), server_with(&real, "other"), server_with(&strangers, "stranger")];
    let [expired, other, stranger] = &servers;
    for (to, alert, words) in [
        (expired.address, "HandshakeFailure", "has a certificate that expired"),
        (other.address, "HandshakeFailure", "was to be localhost, but its certificate is for other.test"),
        (stranger.address, "HandshakeFailure", "has a certificate "),
        (plain, "HandshakeFailure", "does not speak TLS"),
        (closed, "HandshakeFailure", "within the handshake"),
        (nobody, "InternalError", "cannot connect to"),
    ] {
        let mut proxy = proxy(&forged, &real, &format!("--to {to}"));
        let error = get(proxy.address, "localhost", &forged.client(&[])).unwrap_err();
        assert!(error.to_string().contains(alert), "{words}: {error}");
        let line = proxy.line("refused: ");
        assert!(line.contains(words), "no '{words}' in {line}");
    }
}

#[test]
fn the_protocol_is_the_one_that_the_real_server_chose() {
    let (real, forged) = (Ca::new(), Ca::new());
    real.issue("localhost", &[], CertificateOptions::default());
    let mut server = Command::new(env!("CARGO_BIN_EXE_tls-server"));
    server.args([real.directory().certificate("localhost"), real.directory().key("localhost")]);
    server.args(["--port", "0", "--alpn", "lab/2"]);
    let server = listening(Program::spawn(server).unwrap());
    let proxy = proxy(&forged, &real, &format!("--to {}", server.address));
    for (offered, chosen) in [(&["lab/1", "lab/2"][..], Some("lab/2")), (&[], None)] {
        let victim = greeted(connect(proxy.address, "localhost", &forged.client(offered))).unwrap();
        assert_eq!(victim.conn.alpn_protocol(), chosen.map(str::as_bytes));
    }
    let error = get(proxy.address, "localhost", &forged.client(&["lab/1"])).unwrap_err();
    assert!(error.to_string().contains("HandshakeFailure"), "{error}");
}

#[test]
fn curl_goes_through_it_by_connect() {
    if lacks("curl") {
        return;
    }
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let mut proxy = proxy(&forged, &real, "");
    let via = format!("http://{}", proxy.address);
    let ca = forged.certificate();
    let port = server.address.port();
    let curl = |url: &str| {
        let arguments = ["-sS", "--noproxy", "", "-x", &via, "--cacert", ca.to_str().unwrap(), url];
        finish(Program::start("curl", &arguments).unwrap())
    };
    for (host, shown) in [("localhost", "<td>localhost</td>"), ("127.0.0.1", "<td>none</td>")] {
        let outcome = curl(&format!("https://{host}:{port}/"));
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        assert!(outcome.stdout().contains(shown), "{}", outcome.stdout());
        let line = proxy.line("asks for");
        assert!(line.ends_with(&format!(" asks for {host}, whose address is {host}:{port}")), "{line}");
        proxy.line("> User-Agent: curl/");
        proxy.line("end: ");
    }
    let plain = curl(&format!("http://localhost:{port}/"));
    assert!(plain.stdout().contains("CONNECT HOST:PORT"), "{}", plain.stdout());
    proxy.line("refused: the victim asked 'GET http://localhost");
}

#[test]
fn what_is_no_tunnel_gets_a_status_that_says_why() {
    let (real, forged) = (Ca::new(), Ca::new());
    let mut proxy = proxy(&forged, &real, "");
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "405 "),
        ("POST http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "405 "),
        ("CONNECT a HTTP/1.1\r\n\r\n", "400 "),
        ("CONNECT a:99999 HTTP/1.1\r\n\r\n", "400 "),
        ("X\x1b\r\n\r\n", "400 "),
        (&format!("CONNECT a:1 HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(9000)), "431 "),
    ] {
        let mut victim = tcp(proxy.address);
        victim.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        victim.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert_eq!(answer.contains("Allow: CONNECT\r\n"), status == "405 ", "{answer}");
        assert!(!proxy.line("refused: the victim asked").contains('\x1b'));
    }
}

#[test]
fn a_victim_that_names_nobody_is_refused_unless_there_is_a_default() {
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let mut nowhere = proxy(&forged, &real, "");
    // To an address no SNI is sent.
    let error = get(nowhere.address, "127.0.0.1", &forged.client(&[])).unwrap_err();
    assert!(error.to_string().contains("Unrecogni"), "{error}");
    nowhere.line("refused: named no server");
    let mut somewhere = proxy(&forged, &real, &format!("--to {}", server.address));
    let victim = greeted(connect(somewhere.address, "127.0.0.1", &forged.client(&[]))).unwrap();
    assert_eq!(presented(&victim).2, ["IPAddress(7f:00:00:01)"]);
    somewhere.line("asks for 127.0.0.1, ");
}

#[test]
fn only_the_beginning_is_shown_and_it_is_escaped() {
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let mut proxy = proxy(&forged, &real, &format!("--to {} --show 60", server.address));
    let request = "GET /\x1b[2J HTTP/1.1\r\n\r\n";
    let answer = exchange(connect(proxy.address, "localhost", &forged.client(&[])), request).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400 "));
    proxy.line("> GET /\\x1b[2J HTTP/1.1");
    proxy.line("< … the rest is not shown (--show BYTES)");
    proxy.line("end: ");
    let shown: Vec<_> = proxy.program.lines().iter().filter(|line| line.text.contains(" < ")).collect();
    assert_eq!(shown.len(), 3, "{shown:?}");
}

#[test]
fn sixteen_mebibytes_pass_unchanged_both_ways() {
    const LEN: usize = 16 << 20;
    let (real, forged) = (Ca::new(), Ca::new());
    real.issue("localhost", &[], CertificateOptions::default());
    let content: Vec<u8> = (0..LEN as u32 / 4).flat_map(u32::to_le_bytes).collect();
    // An echo that answers while it is still being asked.
    let config = real.server_config("localhost");
    let echo = one_shot(move |tcp| {
        let mut server = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
        let mut buffer = vec![0; 50_000];
        loop {
            match server.read(&mut buffer).unwrap() {
                0 => break,
                n => server.write_all(&buffer[..n]).unwrap(),
            }
        }
        server.conn.send_close_notify();
        server.flush().unwrap();
    });
    let mut proxy = proxy(&forged, &real, &format!("--to {echo}"));
    let mut victim = greeted(connect(proxy.address, "localhost", &forged.client(&[]))).unwrap();
    let mut answer = Vec::new();
    for piece in content.chunks(100_000) {
        victim.write_all(piece).unwrap();
        let mut echoed = vec![0; piece.len()];
        victim.read_exact(&mut echoed).unwrap();
        answer.extend(echoed);
    }
    victim.conn.send_close_notify();
    victim.flush().unwrap();
    assert_eq!(victim.read(&mut [0; 1]).unwrap(), 0, "close_notify is passed on and answered");
    assert!(answer == content);
    let end = proxy.line("end: ");
    assert!(end.ends_with(&format!(" end: {LEN} bytes to the server, {LEN} bytes to the victim")), "{end}");
}

#[test]
fn an_end_without_close_notify_is_passed_on_as_such() {
    let (real, forged) = (Ca::new(), Ca::new());
    real.issue("localhost", &[], CertificateOptions::default());
    let config = real.server_config("localhost");
    let rude = one_shot(move |tcp| {
        let mut server = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
        server.write_all(b"half an ans").unwrap();
        server.flush().unwrap();
        server.sock.shutdown(Shutdown::Write).unwrap();
        let _ = server.read_to_end(&mut Vec::new());
    });
    let mut proxy = proxy(&forged, &real, &format!("--to {rude}"));
    let mut victim = connect(proxy.address, "localhost", &forged.client(&[]));
    let mut answer = Vec::new();
    let error = victim.read_to_end(&mut answer).unwrap_err();
    assert_eq!((error.kind(), answer.as_slice()), (io::ErrorKind::UnexpectedEof, &b"half an ans"[..]));
    drop(victim);
    let end = proxy.line("end: ");
    assert!(end.contains("the server ended without close_notify"), "{end}");
}

#[test]
fn a_side_that_vanishes_ends_the_other_and_one_that_never_ends_is_given_up() {
    let (real, forged) = (Ca::new(), Ca::new());
    real.issue("localhost", &[], CertificateOptions::default());
    // The server never says a word after its handshake.
    let config = real.server_config("localhost");
    let (test_ends, until_then) = mpsc::channel::<()>();
    let mute = one_shot(move |tcp| {
        let mut server = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
        let _ = server.read_to_end(&mut Vec::new());
        let _ = until_then.recv();
    });
    let mut first = proxy(&forged, &real, &format!("--to {mute} --timeout 2"));
    let mut victim = greeted(connect(first.address, "localhost", &forged.client(&[]))).unwrap();
    victim.conn.send_close_notify();
    victim.flush().unwrap();
    let end = first.line("end: ");
    assert!(end.contains("the other side did not end in its turn"), "{end}");
    drop(test_ends);

    // The server breaks the rules of TLS within the stream.
    let config = real.server_config("localhost");
    let broken = one_shot(move |tcp| {
        let mut server = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
        server.conn.complete_io(&mut server.sock).unwrap();
        server.sock.write_all(b"\x17\x03\x03\x00\x20garbage garbage garbage garbage!").unwrap();
        let _ = server.sock.read_to_end(&mut Vec::new());
    });
    let mut second = proxy(&forged, &real, &format!("--to {broken}"));
    let mut victim = connect(second.address, "localhost", &forged.client(&[]));
    assert!(victim.read(&mut [0; 1]).is_err());
    let end = second.line("end: ");
    assert!(end.contains("the server sent a TLS record that cannot be decrypted"), "{end}");
}

#[test]
fn a_rude_victim_costs_a_deadline_and_the_next_one_is_served() {
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let mut proxy = proxy(&forged, &real, &format!("--to {} --timeout 2", server.address));
    let mut garbage = tcp(proxy.address);
    garbage.write_all(b"\x00garbage").unwrap();
    let mut answer = Vec::new();
    garbage.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"");
    proxy.line("speaks neither TLS nor HTTP");
    let mut nearly = tcp(proxy.address);
    nearly.write_all(b"\x16\x03\x01\xff\xff").unwrap();
    let _ = nearly.read_to_end(&mut Vec::new());
    proxy.line("does not speak TLS");
    let mut tunnel = tcp(proxy.address);
    tunnel.write_all(b"CONNECT localhost:443 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n").unwrap();
    tunnel.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
    proxy.line("spoke plain HTTP");
    drop(tcp(proxy.address));
    proxy.line("left without a options");

    let begun = Instant::now();
    let silent = tcp(proxy.address);
    let mut slow = tcp(proxy.address);
    slow.write_all(b"CONNECT a").unwrap();
    let mut half = tcp(proxy.address);
    half.write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    for _ in 0..3 {
        proxy.line("too slow");
    }
    assert!(begun.elapsed() >= Duration::from_secs(2));
    drop((silent, slow, half));

    // One that leaves the real server waiting: it is asked, and then the victim is silent.
    let config = forged.client(&[]);
    let mut hello = ClientConnection::new(Arc::clone(&config), "localhost".try_into().unwrap()).unwrap();
    let mut half_way = tcp(proxy.address);
    hello.write_tls(&mut half_way).unwrap();
    proxy.line("the victim was too slow in the handshake");

    assert!(get(proxy.address, "localhost", &config).unwrap().starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_silent_real_server_costs_a_deadline() {
    let (real, forged) = (Ca::new(), Ca::new());
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let to = silent.local_addr().unwrap();
    let mut proxy = proxy(&forged, &real, &format!("--to {to} --timeout 1"));
    let error = get(proxy.address, "localhost", &forged.client(&[])).unwrap_err();
    assert!(error.to_string().contains("HandshakeFailure"), "{error}");
    proxy.line("was too slow in the handshake");
}

#[test]
fn two_hundred_victims_are_served_at_once_and_nothing_is_left_open() {
    const VICTIMS: usize = 200;
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let mut proxy = proxy(&forged, &real, &format!("--to {} --timeout 60", server.address));
    let (address, config) = (proxy.address, forged.client(&[]));
    #[cfg(target_os = "linux")]
    let before = proxy.descriptors();
    let together = Arc::new(Barrier::new(VICTIMS));
    let victims: Vec<_> = (0..VICTIMS)
        .map(|i| {
            let (config, together) = (Arc::clone(&config), Arc::clone(&together));
            thread::spawn(move || {
                let victim = greeted(connect(address, ["a.test", "b.test"][i % 2], &config)).unwrap();
                together.wait();
                if i % 10 == 9 {
                    // Gone without a word.
                    return;
                }
                let request = format!("GET /bytes/{i} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                let answer = exchange(victim, &request).unwrap();
                assert!(answer.ends_with(format!("\r\n\r\n{}", "\0".repeat(i)).as_bytes()));
            })
        })
        .collect();
    for victim in victims {
        victim.join().unwrap();
    }
    for _ in 0..VICTIMS {
        proxy.line("end: ");
    }
    // The report comes just before the close.
    #[cfg(target_os = "linux")]
    {
        let until = Instant::now() + PATIENCE;
        while proxy.descriptors() > before && Instant::now() < until {
            thread::yield_now();
        }
        assert_eq!(proxy.descriptors(), before);
    }
}

#[test]
fn what_is_wrong_with_a_file_or_an_option_is_said_before_the_port_is_opened() {
    let ca = Ca::new();
    ca.issue("localhost", &[], CertificateOptions::default());
    let other = Ca::new();
    let check = |certificate: &Path, key: &Path, trusted: &Path, options: &str, code: i32, word: &str| {
        let outcome = finish(start_proxy(certificate, key, trusted, options));
        let stderr = outcome.stderr();
        assert_eq!((outcome.code(), outcome.stdout()), (code, String::new()), "{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(word), "no '{word}' in {stderr}");
    };
    let (certificate, key) = (ca.certificate(), ca.key());
    check(
        &ca.directory().certificate("localhost"),
        &ca.directory().key("localhost"),
        &certificate,
        "",
        1,
        "is no CA's",
    );
    check(&certificate, &other.key(), &certificate, "", 1, "match");
    check(Path::new("missing"), &key, &certificate, "", 1, "missing");
    check(&certificate, &key, Path::new("missing"), "", 1, "missing");
    check(&certificate, &key, &certificate, "--to a:b:c", 2, "no server");
    check(&certificate, &key, &certificate, "--timeout 0", 2, "seconds");
    let outcome = finish(Program::start(env!("CARGO_BIN_EXE_tls-proxy"), &["--help"]).unwrap());
    assert!(outcome.stdout().contains("can impersonate anyone"), "{}", outcome.stdout());
}
