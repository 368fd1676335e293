//! The channel among peers that are silent, rude or gone: each side ends within its patience, and says what happened.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    collections::BTreeMap,
    fs,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    sync::{
        Barrier, OnceLock,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use lab_process::{Outcome, Program, Stream};
use labnet::{
    cli::Console,
    net::{self, ClientLimits, ClientStream, Connection, Deadline},
    tls::{self, Acceptor, ClientOptions, Credentials, Roots},
};
use secure_channel::{
    Channel, ChannelSuite, Error, PartyIdentity, Trust,
    channel::{self, ACKNOWLEDGEMENT},
    message::ClientHello,
    steps::{ChannelStats, Client, Narrator, Step},
};
use socket2::SockRef;
use tempfile::TempDir;
use ttp::CaDirectory;

/// Longer than anything takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

const SERVER: &str = env!("CARGO_BIN_EXE_channel-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_channel-client");

/// The patience of the programs where silence is what is tried.
const SHORT: [&str; 2] = ["--timeout", "0.5"];

/// Where another limit is to come first.
const LONG: [&str; 2] = ["--timeout", "100"];

/// What half a second looks like from outside, on any machine.
const ABOUT_HALF_A_SECOND: std::ops::Range<Duration> = Duration::from_millis(400)..Duration::from_secs(10);

const MESSAGE: &[u8] = b"The OTP for transferring Rs 1,00,000 to your friend's account is 256345.";

const STEPS: [Step; 3] = [Step::Plain, Step::Secure, Step::Tls];

/// What gives up tells the peer: alert, one byte, failure.
const ALERT: [u8; 4] = [16, 0, 1, 1];

/// A folder with `certs` in it, the same for everyone.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        static TEXTS: OnceLock<BTreeMap<PathBuf, Vec<u8>>> = OnceLock::new();
        let texts = TEXTS.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            CaDirectory::new(folder.path()).complete(&["server", "client"]).unwrap();
            let paths = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
            paths.map(|path| (path.file_name().unwrap().into(), fs::read(&path).unwrap())).collect()
        });
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.certs()).unwrap();
        for (file, text) in texts {
            fs::write(place.certs().join(file), text).unwrap();
        }
        place
    }

    fn certs(&self) -> PathBuf {
        self.0.path().join("certs")
    }

    fn roots(&self) -> Roots {
        Roots::load(&CaDirectory::new(self.certs()).ca_certificate()).unwrap()
    }

    fn credentials(&self, name: &str) -> Credentials {
        let directory = CaDirectory::new(self.certs());
        Credentials::load(&directory.certificate(name), &directory.key(name)).unwrap()
    }

    fn start(&self, program: &str, arguments: &[&str]) -> Program {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.0.path()).env_remove("LAB_SERVER");
        Program::spawn(command).unwrap()
    }

    fn client(&self, step: Step, at: SocketAddr, options: &[&str]) -> Program {
        self.start(CLIENT, &[&["--server", &at.to_string(), "--step", &step.to_string()], options].concat())
    }
}

/// A server that listens.
struct Served {
    program: Program,
    door: Door,
    place: Place,
}

/// The way to a server, and a well-behaved client for it, for any number of threads.
struct Door {
    address: SocketAddr,
    client: Client,
}

impl Door {
    fn tcp(&self) -> TcpStream {
        patient(TcpStream::connect_timeout(&self.address, PATIENCE).unwrap())
    }

    /// Fetches the message as it should be done.
    fn fetch(&self) -> Result<Vec<u8>, Error> {
        let server = net::Server::new(self.address.ip().to_string(), self.address.port());
        let stats = Console::new().statistics.begin(false, ChannelStats::of(Step::Secure));
        self.client.fetch(&server, Deadline::after(PATIENCE), PATIENCE, &Narrator::silent(), &stats)
    }

    /// Fetches it from a server whose patience may be shorter than this machine is busy with something else.
    fn persist(&self) -> Vec<u8> {
        (0..5).find_map(|_| self.fetch().ok()).unwrap_or_else(|| self.fetch().unwrap())
    }

    fn check_serves(&self) {
        assert_eq!(self.persist().escape_ascii().to_string(), MESSAGE.escape_ascii().to_string());
    }
}

impl Served {
    fn start(step: Step, options: &[&str]) -> Self {
        let place = Place::new();
        Self::at(place, step, options)
    }

    fn at(place: Place, step: Step, options: &[&str]) -> Self {
        let mut program = place.start(SERVER, &[&["--port", "0", "--step", &step.to_string()], options].concat());
        let is_note = |line: &lab_process::Line| line.text.starts_with("note: listening on ");
        let note = program.line_with("listen", PATIENCE, is_note).unwrap_or_else(|failure| panic!("{failure}"));
        let address = note.text.split([' ', ',']).find_map(|word| word.parse().ok()).unwrap();
        let client = Client::new(step, &place.certs(), &ChannelSuite::ALL).unwrap();
        Self { program, door: Door { address, client }, place }
    }

    /// With a message of some length.
    fn with_message(step: Step, len: usize, options: &[&str]) -> Self {
        let place = Place::new();
        fs::write(place.0.path().join("message"), vec![b'x'; len]).unwrap();
        Self::at(place, step, &[&["--message-file", "message"], options].concat())
    }

    fn await_line(&mut self, what: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        let is_wanted = |line: &lab_process::Line| line.stream == Stream::Stdout && is_wanted(&line.text);
        self.program.line_with(what, PATIENCE, is_wanted).unwrap_or_else(|failure| panic!("{failure}")).text
    }

    /// Waits for what is said of a client that did not acknowledge, with one of these words in it.
    fn check_report(&mut self, peer: SocketAddr, words: &[&str]) -> String {
        self.check_report_with(&peer.to_string(), words)
    }

    /// The same of the next client that is reported. Its session is told when it is over, should the one before it still be
    /// on its way out: so there is no line of it to wait for before.
    fn check_next_report(&mut self, words: &[&str]) -> String {
        self.check_report_with("", words)
    }

    fn check_report_with(&mut self, peer: &str, words: &[&str]) -> String {
        let is_report = |line: &str| line.starts_with("not acknowledged: ") && line.contains(peer);
        let report = self.await_line("report the client", is_report);
        assert!(words.iter().any(|word| report.contains(word)), "none of {words:?} in: {report}");
        assert!(!report.contains(char::is_control), "{}", report.escape_debug());
        report
    }

    /// Waits for so many clients that acknowledged.
    fn await_verdicts(&mut self, count: usize) {
        for i in 0..count {
            self.await_line(&format!("have verdict {i} of {count}"), |line| {
                line.ends_with("the client has the message") || line.starts_with("ACK received")
            });
        }
    }
}

/// Two servers of a step: one for those who are silent, and one that is not the first to have had enough.
struct Pair {
    hasty: Served,
    patient: Served,
}

impl Pair {
    fn start(step: Step) -> Self {
        Self { hasty: Served::start(step, &SHORT), patient: Served::start(step, &LONG) }
    }
}

fn patient(tcp: TcpStream) -> TcpStream {
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.set_write_timeout(Some(PATIENCE)).unwrap();
    tcp.set_nodelay(true).unwrap();
    tcp
}

fn finish(program: Program) -> Outcome {
    program.finish(PATIENCE).unwrap_or_else(|failure| panic!("{failure}"))
}

/// A program that failed with one error on one line, and a hint at most, with one of these words in it.
fn check_failed(outcome: &Outcome, words: &[&str]) {
    let (command_line, stderr) = (&outcome.command_line, outcome.stderr());
    assert_eq!(outcome.code(), 1, "{command_line}: {stderr}");
    let is_beside = |line: &&str| line.starts_with("note: listening on ") || line.starts_with("hint: ");
    let lines: Vec<_> = stderr.lines().filter(|line| !is_beside(line)).collect();
    let [error] = lines[..] else { panic!("{command_line}: {stderr}") };
    assert!(error.starts_with("error: ") && error.contains("127.0.0.1:"), "{command_line}: {stderr}");
    assert!(words.iter().any(|word| error.contains(word)), "{command_line}: none of {words:?} in {stderr}");
    assert!(!error.contains(char::is_control), "{command_line}: {}", stderr.escape_debug());
    assert!(!outcome.stdout().contains("acknowledged"), "{command_line}: {}", outcome.stdout());
}

/// How a peer leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leave {
    /// Not at all: it is silent until it is left.
    Not,
    /// It says that it sends no more, and reads on.
    Fin,
    /// It closes, whatever is on its way.
    Close,
    /// With a reset instead of a FIN.
    Reset,
}

impl Leave {
    /// What had come until the peer ended in its turn; and the connection, which is kept as long as that.
    fn from(self, mut tcp: TcpStream) -> (Vec<u8>, Option<TcpStream>) {
        let mut bytes = Vec::new();
        match self {
            Self::Close => return (bytes, None),
            Self::Reset => {
                SockRef::from(&tcp).set_linger(Some(Duration::ZERO)).unwrap();
                return (bytes, None);
            }
            Self::Fin => tcp.shutdown(Shutdown::Write).unwrap(),
            Self::Not => {}
        }
        if let Err(error) = tcp.read_to_end(&mut bytes) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
        }
        (bytes, (self == Self::Not).then_some(tcp))
    }
}

/// The frame of a client hello as it should be.
fn client_hello() -> Vec<u8> {
    ClientHello::new([7; 32], &ChannelSuite::ALL).encode().unwrap().as_bytes().to_vec()
}

/// The first message of TLS, as far as its record's header.
const TLS_HELLO: &[u8] = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00";

const HTTP: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

const SILENT: &[&str] = &["nothing received from "];

const SLOW: &[&str] = &["was too slow in the handshake"];

// Clients that misbehave.

/// What the server of a step says of a client that sends `bytes` and leaves; the next client is served. What the
/// client received.
fn check_client(servers: &mut Pair, bytes: &[u8], leave: Leave, words: &[&str]) -> Vec<u8> {
    let is_silent = leave == Leave::Not && (words == SILENT || words == SLOW);
    let served = if is_silent { &mut servers.hasty } else { &mut servers.patient };
    let begun = Instant::now();
    let mut tcp = served.door.tcp();
    let peer = tcp.local_addr().unwrap();
    tcp.write_all(bytes).unwrap();
    let (received, mut kept) = leave.from(tcp);
    if !is_silent {
        // It would only be waited for.
        kept = None;
    }
    served.check_report(peer, words);
    if is_silent {
        assert!(ABOUT_HALF_A_SECOND.contains(&begun.elapsed()), "{}: {:?}", bytes.escape_ascii(), begun.elapsed());
    }
    drop(kept);
    served.door.check_serves();
    received
}

#[test]
fn in_step_secure_a_client_that_stops_before_its_hello_is_whole_is_given_up() {
    let mut servers = Pair::start(Step::Secure);
    let hello = client_hello();
    for bytes in [&b""[..], b"\x01", b"\x01\x00", &hello[..20], &hello[..hello.len() - 1]] {
        assert_eq!(check_client(&mut servers, bytes, Leave::Not, SILENT), b"");
        let gone = ["ended the connection where more (client hello) was due"];
        assert_eq!(check_client(&mut servers, bytes, Leave::Fin, &gone), b"");
        check_client(&mut servers, bytes, Leave::Close, &gone);
        check_client(&mut servers, bytes, Leave::Reset, &["cannot receive from "]);
    }
}

#[test]
fn in_step_secure_a_client_that_stops_after_its_hello_is_given_up() {
    let mut servers = Pair::start(Step::Secure);
    let hello = client_hello();
    let mut stops = |more: &[u8]| {
        let bytes = [&hello, more].concat();
        let flight = check_client(&mut servers, &bytes, Leave::Not, SILENT);
        // Server hello, certificate, and an empty certificate request at its end.
        assert_eq!((flight[0], &flight[flight.len() - 3..]), (2, &[4, 0, 0][..]));
        check_client(&mut servers, &bytes, Leave::Fin, &["ended the connection where more (certificate) was due"]);
        // What was not read turns closing into a reset.
        check_client(&mut servers, &bytes, Leave::Close, &["more (certificate) was due", "cannot receive from "]);
        check_client(&mut servers, &bytes, Leave::Reset, &["cannot receive from "]);
    };
    stops(b"");
    stops(b"\x03\x04\x00half of a certificate");
}

#[test]
fn in_step_secure_a_client_that_speaks_something_else_is_told_and_named() {
    let mut servers = Pair::start(Step::Secure);
    let hello = client_hello();
    let mut other_version = hello.clone();
    other_version[4] = 2;
    let mut no_suite = hello.clone();
    let end = no_suite.len();
    no_suite[end - 4..].copy_from_slice(&[0, 0, 0xff, 0xff]);
    let twice = [&hello[..], &hello].concat();
    for (bytes, alert, words) in [
        (HTTP, 1, "unknown kind 71"),
        (TLS_HELLO, 1, "unknown kind 22"),
        (b"ACK", 1, "unknown kind 65"),
        (&[0xff; 1000], 1, "unknown kind 255"),
        (&[0; 1000], 1, "unknown kind 0"),
        (b"\x01\xff\xff", 1, "(client hello) of 65535 bytes, and 255 are the most"),
        (b"\x10\x00\x02", 1, "(alert) of 2 bytes, and 1 are the most"),
        (b"\x20\xff\xff", 1, "(data) of 65535 bytes"),
        (b"\x01\x00\x00", 1, "damaged message (client hello)"),
        (b"\x07\x00\x00", 1, "(finished) where another (client hello) is due"),
        (b"\x22\x00\x03ACK", 1, "(acknowledgement) where another (client hello) is due"),
        (&twice, 1, "(client hello) where another (certificate) is due"),
        (&other_version, 2, "version 2"),
        (&no_suite, 3, "no cipher suite"),
    ] {
        let told = check_client(&mut servers, bytes, Leave::Not, &[words]);
        assert!(told.ends_with(&[16, 0, 1, alert]), "{words}: {}", told.escape_ascii());
    }
    // Who gives up is not told to give up.
    for (bytes, why) in [(&ALERT, "alert failure"), (&[16, 0, 1, 3], "alert no_common_suite")] {
        assert_eq!(check_client(&mut servers, bytes, Leave::Not, &[why]), b"");
    }
}

#[test]
fn in_step_plain_every_answer_but_ack_is_named() {
    let mut servers = Pair::start(Step::Plain);
    for (bytes, leave, words) in [
        (&b""[..], Leave::Not, SILENT),
        (b"AC", Leave::Not, SILENT),
        (b"", Leave::Fin, &["left without an acknowledgement"]),
        (b"", Leave::Reset, &["cannot receive from ", "cannot send to "]),
        (b"AC", Leave::Fin, &["answered 'AC', which is no ACK"]),
        (b"ack", Leave::Not, &["answered 'ack', which is no ACK"]),
        (b"NOPE", Leave::Not, &["answered 'NOPE', which is no ACK"]),
        (b"ACKNOWLEDGED", Leave::Not, &["answered 'ACKNOWLEDGED', which is no ACK"]),
        (b"\x1b[2J", Leave::Not, &["answered '\\x1b[2J', which is no ACK"]),
        (HTTP, Leave::Not, &["answered 'GET / HTTP/1.1"]),
        (TLS_HELLO, Leave::Not, &["which is no ACK"]),
        (&client_hello(), Leave::Not, &["which is no ACK"]),
        (&[b'x'; 100_000], Leave::Not, &["which is no ACK"]),
    ] {
        let received = check_client(&mut servers, bytes, leave, words);
        assert!(received == MESSAGE || leave == Leave::Reset, "{}", received.escape_ascii());
    }
}

#[test]
fn in_step_plain_an_ack_may_come_in_pieces_and_with_the_newline_of_who_types_it() {
    let mut served = Served::start(Step::Plain, &LONG);
    for pieces in [&[&b"ACK"[..]][..], &[b"A", b"C", b"K"], &[b"ACK\n"], &[b"ACK\r\n"]] {
        let mut tcp = served.door.tcp();
        let mut message = Vec::new();
        tcp.read_to_end(&mut message).unwrap();
        assert_eq!(message, MESSAGE);
        pieces.iter().for_each(|piece| tcp.write_all(piece).unwrap());
        drop(tcp);
        served.await_verdicts(1);
    }
}

#[test]
fn in_step_tls_a_client_that_stops_or_speaks_something_else_is_named() {
    let mut servers = Pair::start(Step::Tls);
    for bytes in [&b""[..], b"\x16", TLS_HELLO.split_last().unwrap().1] {
        check_client(&mut servers, bytes, Leave::Not, SLOW);
        check_client(&mut servers, bytes, Leave::Fin, &["left within the handshake"]);
        check_client(&mut servers, bytes, Leave::Close, &["left within the handshake"]);
        check_client(&mut servers, bytes, Leave::Reset, &["cannot receive from "]);
    }
    for bytes in [HTTP, b"ACK and so on", &client_hello(), &[0xff; 1000]] {
        let told = check_client(&mut servers, bytes, Leave::Not, &["does not speak TLS"]);
        // An alert is a record of type 21 (RFC 8446, section 5.1).
        assert_eq!(told.first(), Some(&21), "{}", told.escape_ascii());
    }
}

/// A channel with the server, after the handshake.
fn connected(served: &Served) -> (Channel<Connection>, SocketAddr) {
    let tcp = served.door.tcp();
    let peer = tcp.local_addr().unwrap();
    let identity = PartyIdentity::new(&served.place.credentials("client")).unwrap();
    let trust = Trust::in_server(served.place.roots());
    let connection = Connection::new(tcp, served.door.address);
    (Channel::connect(connection, &ChannelSuite::ALL, &identity, &trust, &mut |_| ()).unwrap(), peer)
}

#[test]
fn in_step_secure_a_client_that_stops_after_the_handshake_is_given_up() {
    let Pair { mut hasty, patient: mut served } = Pair::start(Step::Secure);
    // Takes nothing, or all, and does not answer.
    for takes in [false, true] {
        let begun = Instant::now();
        let (mut channel, peer) = connected(&hasty);
        if takes {
            assert_eq!(channel.receive().unwrap().text, MESSAGE);
        }
        hasty.check_report(peer, SILENT);
        assert!(ABOUT_HALF_A_SECOND.contains(&begun.elapsed()), "{:?}", begun.elapsed());
        drop(channel);
        hasty.door.check_serves();
    }
    // Takes all, and leaves.
    let (mut channel, peer) = connected(&served);
    channel.receive().unwrap();
    drop(channel);
    served.check_report(peer, &["ended the connection where more (acknowledgement) was due"]);
    // Leaves with what it was sent still on its way.
    let (channel, peer) = connected(&served);
    drop(channel);
    served.check_report(peer, &["more (acknowledgement) was due", "cannot receive from ", "cannot send to "]);
    served.door.check_serves();
}

#[test]
fn in_step_secure_a_client_that_sends_a_message_instead_of_an_acknowledgement_is_refused() {
    let mut served = Served::start(Step::Secure, &LONG);
    let (mut channel, peer) = connected(&served);
    assert_eq!(channel.receive().unwrap().text, MESSAGE);
    channel.send(ACKNOWLEDGEMENT).unwrap();
    let told = channel.receive().unwrap_err();
    assert!(told.to_string().contains("alert failure") || matches!(told, channel::Error::Io(_)), "{told}");
    drop(channel);
    served.check_report(peer, &["(data) where another (acknowledgement) is due"]);
    served.door.check_serves();
}

/// A client of TLS after its handshake.
fn connected_over_tls(served: &Served) -> tls::Client {
    let options = ClientOptions {
        name: Some("server".to_owned()),
        connect: Deadline::after(PATIENCE),
        silence: Some(PATIENCE),
        credentials: Some(served.place.credentials("client")),
        ..ClientOptions::trusting(served.place.roots())
    };
    let server = net::Server::new(served.door.address.ip().to_string(), served.door.address.port());
    tls::Client::connect(&server, &options).unwrap()
}

#[test]
fn in_step_tls_every_answer_but_ack_is_named() {
    let mut servers = Pair::start(Step::Tls);
    for (answer, leaves, words) in [
        (&b""[..], false, SILENT),
        (b"AC", false, SILENT),
        (b"", true, &["ended the connection where more was due"]),
        (b"AC", true, &["ended the connection where more was due"]),
        (b"NAK", false, &["answered with something other than an acknowledgement"]),
    ] {
        let served = if words == SILENT { &mut servers.hasty } else { &mut servers.patient };
        let begun = Instant::now();
        let mut client = connected_over_tls(served);
        let mut buffer = [0; 1000];
        assert_eq!(client.recv(&mut buffer).unwrap(), MESSAGE);
        client.send(answer).unwrap();
        let mut client = Some(client);
        if leaves {
            client = None;
        }
        served.check_next_report(words);
        assert!(words != SILENT || ABOUT_HALF_A_SECOND.contains(&begun.elapsed()), "{:?}", begun.elapsed());
        drop(client);
        served.door.check_serves();
        served.await_verdicts(1);
    }
}

/// More than the buffers of two sockets hold.
const FLOOD_LEN: usize = 8 << 20;

/// A client that connects, makes the handshake of its step, and does no more as long as it is kept.
fn connected_in(step: Step, served: &Served) -> Box<dyn std::any::Any> {
    match step {
        Step::Plain => Box::new(served.door.tcp()),
        Step::Secure => Box::new(connected(served)),
        Step::Tls => Box::new(connected_over_tls(served)),
    }
}

#[test]
fn a_client_that_takes_nothing_of_a_long_message_is_given_up() {
    let check = |step: Step| {
        let mut served = Served::with_message(step, FLOOD_LEN, &SHORT);
        let begun = Instant::now();
        let stays = connected_in(step, &served);
        let report = served.await_line("report the client", |line| line.starts_with("not acknowledged: "));
        assert!(report.contains("127.0.0.1:") && !report.contains("acknowledgement"), "{report}");
        // Twice its patience, as what the system has room for counts as taken, and a second of farewell.
        assert!((500..30_000).contains(&begun.elapsed().as_millis()), "{step}: {:?}", begun.elapsed());
        drop(stays);
        assert_eq!(served.door.persist().len(), FLOOD_LEN);
    };
    thread::scope(|scope| STEPS.iter().for_each(|step| drop(scope.spawn(move || check(*step)))));
}

#[test]
fn a_client_that_leaves_within_a_long_message_is_noticed() {
    for step in STEPS {
        let mut served = Served::with_message(step, FLOOD_LEN, &LONG);
        match step {
            Step::Plain => {
                let mut tcp = served.door.tcp();
                tcp.read_exact(&mut [0; 10_000]).unwrap();
            }
            Step::Secure => drop(connected(&served)),
            Step::Tls => {
                let mut client = connected_over_tls(&served);
                client.recv(&mut [0; 1000]).unwrap();
            }
        }
        served.await_line("report the client", |line| {
            line.starts_with("not acknowledged: ") && line.contains("127.0.0.1:")
        });
        assert_eq!(served.door.fetch().unwrap().len(), FLOOD_LEN);
    }
}

/// A stream that sends in pieces, with a pause before each.
struct Dawdling(Connection);

impl Dawdling {
    const PAUSE: Duration = Duration::from_secs(1);
    /// A hello and an acknowledgement are one piece, certificate and key exchange several.
    const PIECE_LEN: usize = 600;
}

impl Read for Dawdling {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Dawdling {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        thread::sleep(Self::PAUSE);
        self.0.write(&bytes[..bytes.len().min(Self::PIECE_LEN)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl channel::Stream for Dawdling {
    fn end(&mut self) -> std::io::Result<()> {
        channel::Stream::end(&mut self.0)
    }

    fn set_patience(&mut self, patience: Duration) -> std::io::Result<()> {
        channel::Stream::set_patience(&mut self.0, patience)
    }
}

#[test]
fn a_client_may_take_longer_than_the_servers_patience_as_long_as_it_is_never_silent_for_so_long() {
    let mut served = Served::start(Step::Secure, &["--timeout", "4"]);
    let begun = Instant::now();
    let identity = PartyIdentity::new(&served.place.credentials("client")).unwrap();
    let trust = Trust::in_server(served.place.roots());
    let stream = Dawdling(Connection::new(served.door.tcp(), served.door.address));
    let mut channel = Channel::connect(stream, &ChannelSuite::ALL, &identity, &trust, &mut |_| ()).unwrap();
    assert_eq!(channel.receive().unwrap().text, MESSAGE);
    channel.acknowledge().unwrap();
    served.await_verdicts(1);
    assert!(begun.elapsed() > Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn a_server_with_once_fails_with_what_its_only_client_did() {
    let closes: &[&str] = &["(client hello) was due", "left within the handshake", "left without an acknowledgement"];
    let speaks_http: &[&str] = &["unknown kind 71", "does not speak TLS", "'GET / HTTP/1.1"];
    let silent: &[&str] = &["nothing received from ", "was too slow in the handshake"];
    let check = |step: Step, (bytes, leave, words, options): (&[u8], Leave, &[&str], &[&str])| {
        let served = Served::start(step, &[&["--once"], options].concat());
        let mut tcp = served.door.tcp();
        tcp.write_all(bytes).unwrap();
        let _kept = leave.from(tcp);
        check_failed(&finish(served.program), words);
    };
    thread::scope(|scope| {
        for step in STEPS {
            for case in [
                (&b""[..], Leave::Fin, closes, &LONG[..]),
                (HTTP, Leave::Not, speaks_http, &LONG),
                (b"", Leave::Not, silent, &SHORT),
            ] {
                scope.spawn(move || check(step, case));
            }
        }
    });
}

// Servers that misbehave.

/// What a client of a step says to a server that does as `act` says, and what that saw.
fn against<T: Send + 'static>(
    place: &Place,
    step: Step,
    options: &[&str],
    act: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Outcome, Receiver<T>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let client = place.client(step, listener.local_addr().unwrap(), options);
    let (sender, seen) = mpsc::channel();
    thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        // The port is closed before anything is done: nobody else is let in.
        drop(listener);
        let _ = sender.send(act(patient(tcp)));
    });
    (finish(client), seen)
}

/// What a client says of a server that sends `bytes` and leaves, and what the server received.
fn check_server(place: &Place, step: Step, bytes: &'static [u8], leave: Leave, words: &[&str]) -> Vec<u8> {
    let options = ["--timeout", "0.5", "--connect-timeout", "0.5"];
    let patient = ["--timeout", "100", "--connect-timeout", "100"];
    let is_silent =
        leave == Leave::Not && words.iter().any(|word| word.contains("nothing") || word.contains("in time"));
    let (outcome, seen) = against(place, step, if is_silent { &options } else { &patient }, move |mut tcp| {
        tcp.write_all(bytes).unwrap();
        if leave == Leave::Reset {
            // The client has asked for something by then.
            let _ = tcp.read(&mut [0; 1]);
        }
        leave.from(tcp).0
    });
    check_failed(&outcome, words);
    if is_silent {
        assert!(ABOUT_HALF_A_SECOND.contains(&outcome.elapsed), "{:?}", outcome.elapsed);
    }
    seen.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn in_step_secure_a_server_that_stops_or_speaks_something_else_is_named() {
    let place = Place::new();
    for bytes in [&b""[..], b"\x02", b"\x02\x00\x25half of a hello"] {
        check_server(&place, Step::Secure, bytes, Leave::Not, SILENT);
        let gone = ["ended the connection where more (server hello) was due"];
        check_server(&place, Step::Secure, bytes, Leave::Fin, &gone);
        // What was not read turns closing into a reset.
        check_server(&place, Step::Secure, bytes, Leave::Close, &[gone[0], "cannot receive from ", "cannot send to "]);
        check_server(&place, Step::Secure, bytes, Leave::Reset, &["cannot receive from "]);
    }
    for (bytes, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "unknown kind 72"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "unknown kind 21"),
        (MESSAGE, "unknown kind 84"),
        (b"\x00", "ended the connection where more"),
        (&[0xff; 1000], "unknown kind 255"),
        (b"\x02\xff\xff", "(server hello) of 65535 bytes, and 255 are the most"),
        (b"\x02\x00\x00", "damaged message (server hello)"),
        (b"\x07\x00\x00", "(finished) where another (server hello) is due"),
        (b"\x21\x00\x00", "(end) where another (server hello) is due"),
    ] {
        let told = check_server(&place, Step::Secure, bytes, Leave::Fin, &[words]);
        // A client hello, and why it was the last word.
        assert_eq!(told[..2], [1, 0], "{words}: {}", told.escape_ascii());
        assert_eq!(told.ends_with(&ALERT), bytes != b"\x00", "{words}: {}", told.escape_ascii());
    }
    check_server(&place, Step::Secure, &ALERT, Leave::Fin, &["gave up: alert failure"]);
    check_server(&place, Step::Secure, b"\x10\x00\x01\x03", Leave::Fin, &["gave up: alert no_common_suite"]);
}

#[test]
fn in_step_tls_a_server_that_stops_or_speaks_something_else_is_named() {
    let place = Place::new();
    for bytes in [&b""[..], b"\x16", b"\x16\x03\x03\x01\x00half of a hello"] {
        check_server(&place, Step::Tls, bytes, Leave::Not, &["did not finish the TLS handshake in time"]);
        check_server(&place, Step::Tls, bytes, Leave::Fin, &["closed the connection within the TLS handshake"]);
        let gone = ["closed the connection within the TLS handshake", "reset the connection within the TLS handshake"];
        check_server(&place, Step::Tls, bytes, Leave::Close, &gone);
        check_server(&place, Step::Tls, bytes, Leave::Reset, &gone);
    }
    for bytes in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], MESSAGE, b"\x02\x00\x25 a hello of the channel", &[0xff; 1000]]
    {
        check_server(&place, Step::Tls, bytes, Leave::Fin, &["does not speak TLS"]);
    }
    check_server(&place, Step::Tls, b"\x15\x03\x03\x00\x02\x02\x28", Leave::Fin, &["alert handshake_failure"]);
}

#[test]
fn in_step_plain_a_server_that_says_nothing_or_breaks_off_is_named() {
    let place = Place::new();
    check_server(&place, Step::Plain, b"", Leave::Not, SILENT);
    let told = check_server(&place, Step::Plain, b"", Leave::Fin, &["ended the connection without a message"]);
    assert_eq!(told, b"");
    check_server(&place, Step::Plain, b"", Leave::Close, &["ended the connection without a message"]);
    let (outcome, _seen) = against(&place, Step::Plain, &LONG, |mut tcp| {
        tcp.write_all(b"The OTP").unwrap();
        Leave::Reset.from(tcp)
    });
    // The beginning may have been lost with the connection.
    check_failed(&outcome, &["cannot receive from ", "cannot send to ", "cannot connect to "]);
    assert!(!outcome.stdout().contains("The OTP"), "{}", outcome.stdout());
}

#[test]
fn in_step_plain_a_message_is_acknowledged_after_half_a_second_if_its_server_does_not_end_it() {
    let place = Place::new();
    for pieces in [vec![MESSAGE], vec![&MESSAGE[..10], &MESSAGE[10..]]] {
        let (outcome, seen) = against(&place, Step::Plain, &LONG, move |mut tcp| {
            let begun = Instant::now();
            pieces.iter().for_each(|piece| tcp.write_all(piece).unwrap());
            let mut answer = [0; 3];
            tcp.read_exact(&mut answer).unwrap();
            (answer, begun.elapsed(), Leave::Fin.from(tcp).0)
        });
        let (answer, waited, rest) = seen.recv_timeout(PATIENCE).unwrap();
        assert_eq!((&answer, rest), (b"ACK", vec![]));
        assert!(ABOUT_HALF_A_SECOND.contains(&waited), "{waited:?}");
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()));
        assert!(outcome.stdout.ends_with(&[MESSAGE, b"\n"].concat()), "{}", outcome.stdout());
    }
    // It may also leave in a hurry, or not at all.
    for leave in [Leave::Not, Leave::Close, Leave::Reset] {
        let (outcome, _seen) = against(&place, Step::Plain, &SHORT, move |mut tcp| {
            tcp.write_all(MESSAGE).unwrap();
            tcp.read_exact(&mut [0; 3]).unwrap();
            leave.from(tcp)
        });
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()), "{leave:?}");
        assert!(outcome.stdout.ends_with(&[MESSAGE, b"\n"].concat()), "{leave:?}: {}", outcome.stdout());
    }
}

#[test]
fn in_step_plain_a_message_may_come_a_byte_at_a_time() {
    let place = Place::new();
    let (outcome, seen) = against(&place, Step::Plain, &LONG, |mut tcp| {
        MESSAGE.iter().for_each(|byte| tcp.write_all(&[*byte]).unwrap());
        Leave::Fin.from(tcp).0
    });
    assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()));
    assert!(outcome.stdout.ends_with(&[MESSAGE, b"\n"].concat()), "{}", outcome.stdout());
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), ACKNOWLEDGEMENT);
}

#[test]
fn in_step_secure_a_server_that_stops_after_the_handshake_is_named_and_nothing_is_shown() {
    let place = Place::new();
    let (certificate, roots) = (place.credentials("server"), place.roots());
    let accept = move |tcp: TcpStream| {
        let peer = tcp.peer_addr().unwrap();
        let identity = PartyIdentity::new(&certificate).unwrap();
        let trust = Trust::in_client(roots.clone());
        let copy = tcp.try_clone().unwrap();
        let connection = Connection::new(tcp, peer);
        (Channel::accept(connection, &identity, &trust, &mut |_| ()).unwrap(), copy)
    };
    let silent = accept.clone();
    let (outcome, _seen) = against(&place, Step::Secure, &SHORT, move |tcp| {
        let (_channel, tcp) = silent(tcp);
        Leave::Not.from(tcp)
    });
    check_failed(&outcome, SILENT);
    assert!(outcome.stdout().lines().last().unwrap().starts_with("handshake complete: "), "{}", outcome.stdout());
    let leaves = accept.clone();
    let (outcome, _seen) = against(&place, Step::Secure, &LONG, move |tcp| drop(leaves(tcp)));
    check_failed(&outcome, &["ended the connection where more (data) was due"]);
    // What is no record of this channel is refused.
    let garbles = accept;
    let (outcome, seen) = against(&place, Step::Secure, &LONG, move |tcp| {
        let (_channel, mut tcp) = garbles(tcp);
        tcp.write_all(&[&[32, 0, 72][..], MESSAGE].concat()).unwrap();
        Leave::Fin.from(tcp).0
    });
    check_failed(&outcome, &["sent a record (number 0, data) that fails its check"]);
    assert!(!outcome.stdout().contains("OTP"), "{}", outcome.stdout());
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), ALERT);
}

#[test]
fn in_step_tls_a_server_that_stops_after_the_handshake_is_named_and_nothing_is_shown() {
    let place = Place::new();
    let acceptor = Acceptor::mutual(&place.credentials("server"), &place.roots(), "client").unwrap();
    for message in [&b""[..], MESSAGE] {
        for (options, is_silent, words) in [(SHORT, true, SILENT), (LONG, false, &["without close_notify"][..])] {
            let acceptor = acceptor.clone();
            let (outcome, _seen) = against(&place, Step::Tls, &options, move |tcp| {
                let peer = tcp.peer_addr().unwrap();
                let mut client = acceptor.accept(tcp, peer, &ClientLimits::default()).unwrap();
                client.write_all(message).unwrap();
                if is_silent {
                    client.set_patience(Some(PATIENCE)).unwrap();
                    let _ = client.read(&mut [0]);
                }
            });
            check_failed(&outcome, words);
            assert!(!outcome.stdout().contains("OTP"), "{}", outcome.stdout());
        }
    }
}

// The wire is cut.

/// What a wire between both programs carries from the server to the client, and what happens then.
#[derive(Clone, Copy, Debug)]
struct Cut {
    after: u64,
    leave: Leave,
}

/// A session over a wire that is cut: the outcomes of server and client, and how much passed from one to the other.
fn session_over(place: &Place, step: Step, cut: Cut) -> (Outcome, Outcome, u64) {
    let patience = if cut.leave == Leave::Not { SHORT } else { LONG };
    let options = [&["--once", "--message-file", "message"], &patience[..]].concat();
    let mut server = place.start(SERVER, &[&["--port", "0", "--step", &step.to_string()], &options[..]].concat());
    let is_note = |line: &lab_process::Line| line.text.starts_with("note: listening on ");
    let note = server.line_with("listen", PATIENCE, is_note).unwrap_or_else(|failure| panic!("{failure}"));
    let address: SocketAddr = note.text.split([' ', ',']).find_map(|word| word.parse().ok()).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let connects = ["--connect-timeout", if cut.leave == Leave::Not { "2" } else { "100" }];
    let client = place.client(step, at, &[&["--quiet"], &patience[..], &connects].concat());
    let (sender, carried) = mpsc::channel();
    thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let (client, server) = (patient(client), patient(TcpStream::connect(address).unwrap()));
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = std::io::copy(&mut &client, &mut &server);
                let _ = server.shutdown(Shutdown::Write);
            });
            let n = std::io::copy(&mut (&server).take(cut.after), &mut &client).unwrap_or(0);
            let _ = sender.send(n);
            match cut.leave {
                Leave::Fin => client.shutdown(Shutdown::Write).unwrap_or(()),
                Leave::Reset | Leave::Close => {
                    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
                    // Ends the other direction, which holds the stream open.
                    let _ = client.shutdown(Shutdown::Both);
                }
                Leave::Not => {}
            }
            // What is cut off is lost.
            let _ = std::io::copy(&mut &server, &mut std::io::sink());
        });
    });
    let client = finish(client);
    (finish(server), client, carried.recv_timeout(PATIENCE).unwrap())
}

#[test]
fn a_wire_that_is_cut_anywhere_is_noticed_by_both_sides_and_nothing_of_the_message_is_shown() {
    let place = Place::new();
    let message = "0123456789\n".repeat(10_000);
    fs::write(place.0.path().join("message"), &message).unwrap();
    for step in [Step::Secure, Step::Tls] {
        let (server, client, all) = session_over(&place, step, Cut { after: u64::MAX, leave: Leave::Fin });
        assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
        assert!(client.stdout() == message && all > message.len() as u64, "{all}");
        let begins = all - message.len() as u64;
        thread::scope(|scope| {
            for after in [0, 1, begins / 2, begins, all / 2, all - 40, all - 1] {
                for leave in [Leave::Not, Leave::Fin] {
                    let place = &place;
                    scope.spawn(move || {
                        let cut = Cut { after, leave };
                        let (server, client, _) = session_over(place, step, cut);
                        let words: &[&str] = match (leave, step) {
                            (Leave::Not, _) => &["nothing received from ", "in time"],
                            (_, Step::Tls) => &["within the TLS handshake", "without close_notify"],
                            _ => &["ended the connection where more ("],
                        };
                        check_failed(&client, words);
                        assert_eq!(client.stdout(), "", "{cut:?}");
                        check_failed(&server, &["127.0.0.1:"]);
                    });
                }
            }
        });
    }
}

#[test]
fn in_step_plain_a_message_that_was_cut_is_taken_for_the_whole() {
    let place = Place::new();
    fs::write(place.0.path().join("message"), MESSAGE).unwrap();
    let (server, client, _) = session_over(&place, Step::Plain, Cut { after: 50, leave: Leave::Fin });
    assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
    assert_eq!(client.stdout, [&MESSAGE[..50], b"\n"].concat());
}

// Two steps.

#[test]
fn a_server_and_a_client_of_different_steps_both_say_so_and_end() {
    // Where both wait for the other, the client is the first to have had enough.
    let (waits, gone) = ("nothing received from ", ["ended the connection where more", "left within the handshake"]);
    for (server_step, client_step, of_client, of_server) in [
        (Step::Plain, Step::Secure, &["which is no ACK"][..], "unknown kind 84"),
        (Step::Plain, Step::Tls, &["which is no ACK"], "does not speak TLS"),
        (Step::Secure, Step::Plain, &gone, waits),
        (Step::Secure, Step::Tls, &["unknown kind 22"], "does not speak TLS"),
        (Step::Tls, Step::Plain, &gone, waits),
        (Step::Tls, Step::Secure, &["does not speak TLS"], "unknown kind 21"),
    ] {
        let served = Served::start(server_step, &[&["--once"], &LONG[..]].concat());
        let patience = if of_server == waits { SHORT } else { LONG };
        let client = finish(served.place.client(client_step, served.door.address, &patience));
        check_failed(&client, &[of_server]);
        check_failed(&finish(served.program), of_client);
    }
}

#[test]
fn a_plain_client_of_a_server_that_waits_for_a_hello_fails_whoever_is_the_first_to_have_had_enough() {
    for step in [Step::Secure, Step::Tls] {
        let served = Served::start(step, &[&["--once"], &SHORT[..]].concat());
        let client = finish(served.place.client(Step::Plain, served.door.address, &LONG));
        check_failed(&finish(served.program), &["nothing received from ", "was too slow in the handshake"]);
        check_failed(&client, &["ended the connection without a message; is its step plain as well?"]);
    }
}

// Many.

/// How often a session is repeated in each step: plain ones are the quickest, and their code the least.
const SESSIONS: [(Step, usize); 3] = [(Step::Plain, 200), (Step::Secure, 1000), (Step::Tls, 200)];

#[test]
fn a_thousand_sessions_in_a_row_are_served_and_leave_nothing_behind() {
    for (step, count) in SESSIONS {
        let mut served = Served::start(step, &LONG);
        for _ in 0..count {
            served.door.check_serves();
        }
        served.await_verdicts(count);
        #[cfg(target_os = "linux")]
        {
            let open = fs::read_dir(format!("/proc/{}/fd", served.program.id())).unwrap().count();
            assert!(open < 30, "{open} descriptors are open after {count} sessions");
        }
        served.door.check_serves();
    }
}

/// The lines of a whole session on the server's side, by their beginnings.
fn whole(step: Step) -> &'static [&'static str] {
    match step {
        Step::Plain => &["127.0.0.1:", "sending the message", "ACK received"],
        Step::Secure => &[
            "127.0.0.1:",
            "handshake begins",
            "message: client hello",
            "  protocol",
            "  cipher suites",
            "  hash",
            "  random bytes",
            "client hello received",
            "message: server hello",
            "  protocol",
            "  cipher suite:",
            "  hash",
            "  random bytes",
            "server hello sent",
            "verifying",
            "common name",
            "issuer country",
            "version",
            "client certificate verified",
            "symmetric keys",
            "handshake complete",
            "sending",
            "acknowledgement verified",
        ],
        Step::Tls => &[
            "127.0.0.1:",
            "hellos exchanged",
            "common name",
            "issuer country",
            "version",
            "client certificate verified",
            "handshake complete",
            "sending",
            "acknowledgement received",
        ],
    }
}

/// Takes a session off the front of the lines: how many sessions that were, and what follows. Within one that is told
/// live there may be others, each in one piece.
fn take_session<'a>(lines: &'a [&'a str], whole: &[&str], is_live: bool) -> (usize, &'a [&'a str]) {
    let (mut count, mut rest) = (1, lines);
    for (i, beginning) in whole.iter().enumerate() {
        while i > 0 && is_live && rest.first().is_some_and(|line| line.starts_with(whole[0])) {
            let (more, after) = take_session(rest, whole, false);
            (count, rest) = (count + more, after);
        }
        let (line, after) = rest.split_first().unwrap_or_else(|| panic!("'{beginning}' is missing at the end"));
        assert!(line.starts_with(beginning), "'{beginning}' was to be line {}, not '{line}'", lines.len() - rest.len());
        rest = after;
    }
    (count, rest)
}

/// Fetches the message so many times at once.
fn fetch_at_once(door: &Door, count: usize) {
    let all = Barrier::new(count);
    thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                all.wait();
                door.check_serves();
            });
        }
    });
}

#[test]
fn a_hundred_clients_at_once_are_served_and_their_sessions_are_told_apart() {
    const CLIENTS: usize = 100;
    for step in STEPS {
        let mut served = Served::start(step, &LONG);
        fetch_at_once(&served.door, CLIENTS);
        served.await_verdicts(CLIENTS);
        served.program.interrupt();
        let outcome = finish(served.program);
        let stdout = outcome.stdout();
        let lines: Vec<_> = stdout.lines().skip(1).collect();
        let (mut count, mut rest) = (0, &lines[..]);
        while !rest.is_empty() {
            let (more, after) = take_session(rest, whole(step), true);
            (count, rest) = (count + more, after);
        }
        assert_eq!(count, CLIENTS, "{step}");
    }
}

#[test]
fn a_silent_client_hinders_nobody_and_what_is_told_meanwhile_is_in_one_piece() {
    const CLIENTS: usize = 30;
    for step in STEPS {
        let mut served = Served::start(step, &LONG);
        let silent = served.door.tcp();
        let peer = silent.local_addr().unwrap();
        served.await_line("see the client", |line| line == format!("{peer} connected"));
        let _more: Vec<_> = (0..50).map(|_| served.door.tcp()).collect();
        fetch_at_once(&served.door, CLIENTS);
        served.await_verdicts(CLIENTS);
        served.program.interrupt();
        let outcome = finish(served.program);
        assert_eq!(outcome.code(), 0);
        let stdout = outcome.stdout();
        let lines: Vec<_> = stdout.lines().collect();
        assert_eq!(lines[1], format!("{peer} connected"));
        // What the silent one is sent.
        let mut rest = if step == Step::Plain { &lines[3..] } else { &lines[2..] };
        let mut count = 0;
        while !rest.is_empty() {
            let (_, after) = take_session(rest, whole(step), false);
            (count, rest) = (count + 1, after);
        }
        assert_eq!(count, CLIENTS, "{step}");
    }
}

#[test]
fn those_who_are_given_up_meanwhile_are_told_in_one_piece_too() {
    let mut served = Served::start(Step::Secure, &SHORT);
    let rude: Vec<_> = (0..20).map(|_| served.door.tcp()).collect();
    let mut peers: Vec<_> = rude.iter().map(|tcp| tcp.local_addr().unwrap()).collect();
    thread::scope(|scope| rude.into_iter().for_each(|tcp| drop(scope.spawn(|| Leave::Not.from(tcp)))));
    served.door.check_serves();
    for _ in 0..peers.len() {
        let report = served.await_line("report a client", |line| line.starts_with("not acknowledged: "));
        peers.retain(|peer| !report.contains(&peer.to_string()));
    }
    assert_eq!(peers, []);
    served.program.interrupt();
    let stdout = finish(served.program).stdout();
    let lines: Vec<_> = stdout.lines().skip(1).collect();
    // Of the first of them alone, beginning and end may be apart.
    let is_pair = |pair: &[&str]| {
        let peer = pair[0].strip_suffix(" connected");
        peer.is_some_and(|peer| pair[1] == format!("not acknowledged: nothing received from {peer} for 0.500 s"))
    };
    assert!(lines.windows(2).filter(|pair| is_pair(pair)).count() >= 19, "{stdout}");
}
