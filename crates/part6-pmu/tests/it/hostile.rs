//! Part 6 among clients that are many, slow, rude or gone: whatever one of them does, the next is served.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use lab_process::{Program, Stream};
use lab_test::{Listening, PATIENCE, next_line};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use socket2::SockRef;
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};

use crate::{PMU, TEN};

/// How long the PMU waits for a client that owes it something (the lab's contract).
const SILENCE: Duration = Duration::from_secs(10);

type Client = StreamOwned<ClientConnection, TcpStream>;

/// A PMU that listens, under a certificate of its own.
struct Pmu {
    program: Program,
    door: Door,
    _folder: TempDir,
}

/// The way to a PMU, for any number of threads.
struct Door {
    address: SocketAddr,
    ca: PathBuf,
    config: Arc<ClientConfig>,
}

impl Pmu {
    fn start(options: &str) -> Self {
        Self::run(Command::new(PMU), options)
    }

    /// Runs a command that ends with the PMU's.
    fn run(mut command: Command, options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = CaDirectory::new(folder.path());
        directory.init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
        directory.issue("localhost", KeyKind::P256, None, &CertificateOptions::default()).unwrap();
        command
            .arg("0")
            .args([directory.certificate("localhost"), directory.key("localhost")])
            .args(options.split_whitespace());
        let Listening { program, address } = Listening::of(Program::spawn(command).unwrap());
        let ca = directory.ca_certificate();
        let config = config(&ca, &[&TLS13, &TLS12]);
        Self { program, door: Door { address, ca, config }, _folder: folder }
    }

    /// Waits for the report of a connection that says so.
    fn await_report(&mut self, words: &str) -> String {
        next_line(&mut self.program, Stream::Stdout, words)
    }
}

impl Door {
    fn tcp(&self) -> TcpStream {
        lab_test::connect(self.address)
    }

    /// A client before its handshake.
    fn hello(&self) -> ClientConnection {
        ClientConnection::new(Arc::clone(&self.config), "localhost".try_into().unwrap()).unwrap()
    }

    /// A client after its handshake.
    fn connect(&self) -> Client {
        let mut client = StreamOwned::new(self.hello(), self.tcp());
        while client.conn.is_handshaking() || client.conn.wants_write() {
            client.conn.complete_io(&mut client.sock).unwrap();
        }
        client
    }

    /// Whether the next client is served.
    fn check_serves(&self) {
        let mut client = self.connect();
        client.write_all(b"CMD_short:0").unwrap();
        assert_eq!(rest(&mut client), TEN);
    }
}

fn config(ca: &Path, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
    let config = config.with_protocol_versions(versions).unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

/// All that comes, to close_notify: a bare FIN and a reset are errors.
fn rest(client: &mut Client) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

/// Sends what has been written so far, in a record of its own.
fn flush(client: &mut Client) {
    while client.conn.wants_write() {
        client.conn.write_tls(&mut client.sock).unwrap();
    }
}

/// What a connection still brings; the end may be a FIN or a reset, and comes within our patience.
fn end_of(mut tcp: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = tcp.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    bytes
}

/// Leaves with a reset instead of a FIN.
fn reset(tcp: TcpStream) {
    SockRef::from(&tcp).set_linger(Some(Duration::ZERO)).unwrap();
}

/// The bytes of a handshake's first message.
fn client_hello(door: &Door) -> Vec<u8> {
    let mut bytes = Vec::new();
    door.hello().write_tls(&mut bytes).unwrap();
    bytes
}

// Many.

#[test]
fn a_hundred_clients_at_once_are_answered_among_as_many_that_say_nothing_or_no_tls() {
    let pmu = Pmu::start("");
    let _silent: Vec<_> = (0..50).map(|_| pmu.door.tcp()).collect();
    let _rude: Vec<_> = (0..50).map(|_| pmu.door.tcp().write_all(b"hello there")).collect();
    thread::scope(|scope| {
        let handshakes: Vec<_> = (0..100).map(|_| scope.spawn(|| pmu.door.connect())).collect();
        // All of them are connected before the first says anything.
        let clients: Vec<_> = handshakes.into_iter().map(|client| client.join().unwrap()).collect();
        for mut client in clients {
            scope.spawn(move || {
                client.write_all(b"CMD_short:0.01").unwrap();
                assert_eq!(rest(&mut client), TEN);
            });
        }
    });
}

#[test]
fn a_client_that_waits_for_its_messages_keeps_nobody_waiting() {
    let mut pmu = Pmu::start("--messages 2");
    let mut slow = pmu.door.connect();
    slow.write_all(b"CMD_short:3600").unwrap();
    let mut first = [0; 18];
    slow.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"This is PMU data 1");
    let mut quick = pmu.door.connect();
    quick.write_all(b"CMD_short:0").unwrap();
    assert_eq!(rest(&mut quick), "This is PMU data 1This is PMU data 2");
    drop(quick);
    pmu.await_report("CMD_short:0: ");
}

// Slow or silent.

#[test]
fn a_silent_or_slow_client_is_given_up_after_ten_seconds_and_others_are_served_meanwhile() {
    let pmu = Pmu::start("");
    let hello = client_hello(&pmu.door);
    // What it does, to the end of its connection.
    let silent = |mut tcp: TcpStream, hello: &[u8]| {
        tcp.write_all(hello).unwrap();
        end_of(tcp);
    };
    let a_byte_at_a_time = |mut tcp: TcpStream| {
        for byte in &hello {
            if tcp.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("a handshake may take {} bytes, ten a second", hello.len());
    };
    let without_command = || assert_eq!(rest(&mut pmu.door.connect()), "");
    let half_a_command = || {
        let mut client = pmu.door.connect();
        client.write_all(b"CMD_").unwrap();
        assert_eq!(rest(&mut client), "");
    };
    let clients: [&(dyn Fn() + Sync); 6] = [
        &|| silent(pmu.door.tcp(), &[]),
        &|| silent(pmu.door.tcp(), &hello[..3]),
        &|| silent(pmu.door.tcp(), &hello[..hello.len() - 1]),
        &|| a_byte_at_a_time(pmu.door.tcp()),
        &without_command,
        &half_a_command,
    ];
    thread::scope(|scope| {
        for client in clients {
            scope.spawn(move || {
                let begun = Instant::now();
                client();
                assert!(begun.elapsed() > SILENCE - Duration::from_millis(100), "{:?}", begun.elapsed());
            });
        }
        pmu.door.check_serves();
    });
}

// No TLS, or too old.

#[test]
fn a_plain_text_client_is_told_and_sent_away() {
    let mut pmu = Pmu::start("");
    for text in [
        &b"CMD_short:0"[..],
        b"CMD_floodme",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\0\0\0\0\0\0\0\0",
        b"\x16\x03\x01\xff\xff and so on",
        b"\x80\x2e\x01\x03\x01 as SSL 2 began",
        b"\x17\x03\x03\x00\x02hi",
        b"\x15\x03\x03\x00\x02\x02\x28",
    ] {
        let mut tcp = pmu.door.tcp();
        let peer = tcp.local_addr().unwrap();
        tcp.write_all(text).unwrap();
        let told = end_of(tcp);
        // An alert is a record of type 21 (RFC 8446, section 5.1), but no answer to an alert.
        assert!(told.first().is_none_or(|first| *first == 21), "{}: {}", text.escape_ascii(), told.escape_ascii());
        pmu.await_report(&peer.to_string());
        pmu.door.check_serves();
    }
    pmu.door.tcp().write_all(b"CMD_short:0").unwrap();
    pmu.await_report("does not speak TLS");
}

#[test]
fn a_client_that_breaks_the_rules_of_tls_is_told_by_the_rule() {
    let mut pmu = Pmu::start("");
    // A record of TLS 1.0 to 1.3 with a handshake message (RFC 8446, section 5.1).
    let record =
        |kind: u8, body: &[u8]| [&[kind, 3, 1][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat();
    // A ClientHello of TLS 1.3 whose list of key shares is one share without a key.
    let extensions = [
        &[0, 43, 0, 3, 2, 3, 4][..],
        &[0, 10, 0, 4, 0, 2, 0, 29],
        &[0, 13, 0, 4, 0, 2, 4, 3],
        &[0, 51, 0, 6, 0, 4, 0, 29, 0, 0],
    ]
    .concat();
    let body =
        [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0, 0, extensions.len() as u8], &extensions].concat();
    let empty_share = [&[1, 0, 0, body.len() as u8], &body[..]].concat();
    // One of 64 KiB and more: of its five records the first says so.
    let too_long = [&[1, 1, 0, 0][..], &[0; 16_000]].concat();
    for (sent, words) in [
        (record(22, &too_long), "more than 64 KiB"),
        (record(22, &empty_share), "empty and may not be"),
        // A heartbeat (RFC 6520).
        (record(24, &[1, 0, 1, 9]), "such as a heartbeat"),
        (record(22, &[1, 0, 0, 3, 3, 3, 7]), "ends before all of it is there"),
    ] {
        let mut tcp = pmu.door.tcp();
        tcp.write_all(&sent).unwrap();
        let told = end_of(tcp);
        let report = pmu.await_report(words);
        // For too long a message rustls has no alert.
        assert!(told.first().is_none_or(|first| *first == 21), "{report}");
        assert!(!report.contains("does not speak TLS"), "{report}");
    }
}

#[test]
fn a_client_of_tls_1_1_is_told_that_its_version_is_too_old() {
    let mut pmu = Pmu::start("");
    // RFC 4346, section 7.4.1.2: version 3.2, random, no session, two suites, no compression.
    let body = [&[3, 2][..], &[7; 32], &[0], &[0, 4, 0xc0, 0x14, 0, 0x35], &[1, 0]].concat();
    let handshake = [&[1, 0, 0, body.len() as u8], &body[..]].concat();
    let record = [&[22, 3, 1, 0, handshake.len() as u8], &handshake[..]].concat();
    let mut tcp = pmu.door.tcp();
    tcp.write_all(&record).unwrap();
    let told = end_of(tcp);
    // RFC 8446, section 6: alert, length 2, fatal; protocol_version (70), or handshake_failure (40) for what came later.
    assert!(matches!(told[..], [21, 3, _, 0, 2, 2, 70 | 40]), "{told:?}");
    pmu.await_report("TLS version");
    pmu.door.check_serves();
}

// Gone.

#[test]
fn a_client_that_leaves_within_the_handshake_takes_nobody_with_it() {
    let mut pmu = Pmu::start("");
    let hello = client_hello(&pmu.door);
    for len in [0, 1, 5, 100, hello.len()] {
        for leave in [drop::<TcpStream>, reset] {
            let mut tcp = pmu.door.tcp();
            let peer = tcp.local_addr().unwrap();
            tcp.write_all(&hello[..len]).unwrap();
            if len == hello.len() {
                // The first record of the PMU's answer: it is in the middle of things.
                tcp.read_exact(&mut [0; 5]).unwrap();
            }
            leave(tcp);
            pmu.await_report(&peer.to_string());
            pmu.door.check_serves();
        }
    }
}

#[test]
fn a_client_that_completes_the_handshake_and_leaves_is_served_when_it_comes_back() {
    let mut pmu = Pmu::start("");
    let goodbye = |mut client: Client| {
        client.conn.send_close_notify();
        flush(&mut client);
    };
    let leaves: [fn(Client); 2] = [drop, |client| reset(client.sock)];
    for leave in leaves.into_iter().chain([goodbye as fn(Client)]) {
        let client = pmu.door.connect();
        let peer = client.sock.local_addr().unwrap();
        leave(client);
        pmu.door.check_serves();
        pmu.await_report(&peer.to_string());
    }
}

#[test]
fn a_client_that_leaves_within_its_answer_is_noticed() {
    let mut pmu = Pmu::start("--messages 1000000");
    let leaves: [fn(Client); 2] = [drop, |client| reset(client.sock)];
    // A FIN alone may be a half-close: it shows with the next message that the client is gone, a reset at once.
    for (command, leave) in
        [("CMD_short:0.01", leaves[0]), ("CMD_short:0.01", leaves[1]), ("CMD_short:3600", leaves[1])]
    {
        let mut client = pmu.door.connect();
        let peer = client.sock.local_addr().unwrap();
        client.write_all(command.as_bytes()).unwrap();
        client.read_exact(&mut [0; 18]).unwrap();
        leave(client);
        pmu.await_report(&peer.to_string());
    }
}

#[test]
fn a_connection_that_is_damaged_after_the_handshake_ends_alone() {
    let mut pmu = Pmu::start("");
    for garbage in [&b"CMD_short:0"[..], b"\x17\x03\x03\x00\x20 thirty-two bytes with no meaning!"] {
        let mut client = pmu.door.connect();
        let peer = client.sock.local_addr().unwrap();
        client.sock.write_all(garbage).unwrap();
        assert!(client.read(&mut [0]).is_err(), "{}", garbage.escape_ascii());
        drop(client);
        pmu.await_report(&peer.to_string());
        pmu.door.check_serves();
    }
}

// Commands.

/// What a client receives that sends a command in records of its own for each piece.
fn check_pieces(door: &Door, pieces: &[&str], expected: &str) {
    let mut client = door.connect();
    for piece in pieces {
        client.conn.writer().write_all(piece.as_bytes()).unwrap();
        flush(&mut client);
    }
    assert_eq!(rest(&mut client), expected, "{pieces:?}");
}

#[test]
fn a_command_may_be_split_over_records() {
    let mut pmu = Pmu::start("");
    check_pieces(&pmu.door, &["CMD_short:0"], TEN);
    check_pieces(&pmu.door, &["CMD_", "short:0"], TEN);
    check_pieces(&pmu.door, &["CMD_short:", "0"], TEN);
    check_pieces(&pmu.door, &["C", "M", "D", "_", "s", "h", "o", "r", "t", ":", "0", "\r", "\n"], TEN);
    check_pieces(&pmu.door, &["CMD_sh", "ort:0.", "001"], TEN);
    pmu.await_report("CMD_short:0.001");
}

#[test]
fn a_record_may_be_split_over_segments() {
    let pmu = Pmu::start("");
    let mut client = pmu.door.connect();
    client.conn.writer().write_all(b"CMD_short:0").unwrap();
    let mut record = Vec::new();
    client.conn.write_tls(&mut record).unwrap();
    for byte in record {
        client.sock.write_all(&[byte]).unwrap();
    }
    assert_eq!(rest(&mut client), TEN);
}

#[test]
fn a_command_is_whole_when_the_client_says_that_no_more_comes() {
    let mut pmu = Pmu::start("");
    for version in [&TLS12, &TLS13] {
        pmu.door.config = config(&pmu.door.ca, &[version]);
        let mut client = pmu.door.connect();
        for piece in ["CMD_sh", "ort:0"] {
            client.conn.writer().write_all(piece.as_bytes()).unwrap();
            flush(&mut client);
        }
        client.conn.send_close_notify();
        flush(&mut client);
        client.sock.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut client), TEN, "{version:?}");
    }
}

#[test]
fn an_unknown_command_gets_no_answer_but_close_notify() {
    let mut pmu = Pmu::start("");
    let long = "CMD_short:".to_owned() + &"0".repeat(30_000);
    for command in ["HELLO", "CMD_short:x", "CMD_short:-1", "CMD_short:3601", "CMD_flood me", "cmd_short:0", &long] {
        check_pieces(&pmu.door, &[command], "");
    }
    pmu.await_report("unknown command 'HELLO'");
    let mut client = pmu.door.connect();
    client.write_all(b"\xff\x1b[2J").unwrap();
    assert_eq!(rest(&mut client), "");
    drop(client);
    let report = pmu.await_report("\\xff");
    assert!(!report.contains(char::is_control), "{}", report.escape_debug());
    pmu.door.check_serves();
}

#[test]
fn new_keys_may_come_before_the_command() {
    let pmu = Pmu::start("");
    let mut client = pmu.door.connect();
    for _ in 0..3 {
        client.conn.refresh_traffic_keys().unwrap();
    }
    client.write_all(b"CMD_short:0").unwrap();
    assert_eq!(rest(&mut client), TEN);
}

#[cfg(unix)]
#[test]
fn clients_beyond_what_the_system_gives_wait_and_are_served_later() {
    // Three streams, the port, a pipe for signals, and little else.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 16 && exec \"$0\" \"$@\"", PMU]);
    let mut pmu = Pmu::run(command, "");
    let crowd: Vec<_> = (0..40).map(|_| pmu.door.tcp()).collect();
    pmu.program.line_with("complain", PATIENCE, |line| line.text.contains("cannot take a client")).unwrap();
    drop(crowd);
    pmu.door.check_serves();
}
