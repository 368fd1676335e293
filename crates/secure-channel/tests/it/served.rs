//! A server that listens, a well-behaved client for it, and the ways in which a peer misbehaves.

use std::{
    fs,
    io::{ErrorKind, Read},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use lab_process::{Line, Outcome, Program, Stream};
use lab_test::{Listening, PATIENCE, patient};
use labnet::{
    cli::Console,
    net::{self, Deadline},
    tls::{Credentials, Roots},
};
use secure_channel::{
    ChannelSuite, Error,
    message::ClientHello,
    steps::{ChannelStats, Client, Narrator, Step},
};
use socket2::SockRef;
use ttp::CaDirectory;

use crate::{CLIENT, place::Place};

/// The patience of the programs where silence is what is tried.
pub(crate) const SHORT: [&str; 2] = ["--timeout", "0.5"];

/// Where another limit is to come first.
pub(crate) const LONG: [&str; 2] = ["--timeout", "100"];

/// What half a second looks like from outside, on any machine; less than the patience of the others.
pub(crate) const ABOUT_HALF_A_SECOND: std::ops::Range<Duration> = Duration::from_millis(400)..Duration::from_secs(60);

pub(crate) const MESSAGE: &[u8] = b"The OTP for transferring Rs 1,00,000 to your friend's account is 256345.";

pub(crate) const STEPS: [Step; 3] = [Step::Plain, Step::Secure, Step::Tls];

/// What gives up tells the peer: alert, one byte, failure.
pub(crate) const ALERT: [u8; 4] = [16, 0, 1, 1];

impl Place {
    pub(crate) fn roots(&self) -> Roots {
        Roots::load(&CaDirectory::new(self.certs()).ca_certificate()).unwrap()
    }

    pub(crate) fn credentials(&self, name: &str) -> Credentials {
        let directory = CaDirectory::new(self.certs());
        Credentials::load(&directory.certificate(name), &directory.key(name)).unwrap()
    }

    pub(crate) fn client(&self, step: Step, at: SocketAddr, options: &[&str]) -> Program {
        self.start(CLIENT, &[&["--server", &at.to_string(), "--step", &step.to_string()], options].concat())
    }
}

/// A server that listens.
pub(crate) struct Served {
    pub(crate) program: Program,
    pub(crate) door: Door,
    pub(crate) place: Place,
}

/// The way to a server, and a well-behaved client for it, for any number of threads.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
}

impl Door {
    pub(crate) fn tcp(&self) -> TcpStream {
        patient(TcpStream::connect_timeout(&self.address, PATIENCE).unwrap())
    }

    /// Fetches the message as it should be done.
    pub(crate) fn fetch(&self) -> Result<Vec<u8>, Error> {
        let server = net::Server::new(self.address.ip().to_string(), self.address.port());
        let stats = Console::new().statistics.begin(false, ChannelStats::of(Step::Secure));
        self.client.fetch(&server, Deadline::after(PATIENCE), PATIENCE, &Narrator::silent(), &stats)
    }

    /// Fetches it from a server whose patience may be shorter than this machine is busy with something else.
    pub(crate) fn persist(&self) -> Vec<u8> {
        (0..5).find_map(|_| self.fetch().ok()).unwrap_or_else(|| self.fetch().unwrap())
    }

    pub(crate) fn check_serves(&self) {
        assert_eq!(self.persist().escape_ascii().to_string(), MESSAGE.escape_ascii().to_string());
    }
}

impl Served {
    pub(crate) fn start(step: Step, options: &[&str]) -> Self {
        let place = Place::new();
        Self::at(place, step, options)
    }

    pub(crate) fn at(place: Place, step: Step, options: &[&str]) -> Self {
        let Listening { program, address } = place.serve(&[&["--step", &step.to_string()], options].concat());
        let client = Client::new(step, &place.certs(), &ChannelSuite::ALL).unwrap();
        Self { program, door: Door { address, client }, place }
    }

    /// With a message of some length.
    pub(crate) fn with_message(step: Step, len: usize, options: &[&str]) -> Self {
        let place = Place::new();
        fs::write(place.0.path().join("message"), vec![b'x'; len]).unwrap();
        Self::at(place, step, &[&["--message-file", "message"], options].concat())
    }

    pub(crate) fn await_line(&mut self, what: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        let is_wanted = |line: &Line| line.stream == Stream::Stdout && is_wanted(&line.text);
        self.program.line_with(what, PATIENCE, is_wanted).unwrap_or_else(|failure| panic!("{failure}")).text
    }

    /// Waits for what is said of a client that did not acknowledge, with one of these words in it.
    pub(crate) fn check_report(&mut self, peer: SocketAddr, words: &[&str]) -> String {
        self.check_report_with(&peer.to_string(), words)
    }

    /// The same of the next client that is reported. Its session is told when it is over, should the one before it still be
    /// on its way out: so there is no line of it to wait for before.
    pub(crate) fn check_next_report(&mut self, words: &[&str]) -> String {
        self.check_report_with("", words)
    }

    pub(crate) fn check_report_with(&mut self, peer: &str, words: &[&str]) -> String {
        let is_report = |line: &str| line.starts_with("not acknowledged: ") && line.contains(peer);
        let report = self.await_line("report the client", is_report);
        assert!(words.iter().any(|word| report.contains(word)), "none of {words:?} in: {report}");
        assert!(!report.contains(char::is_control), "{}", report.escape_debug());
        report
    }

    /// Waits for so many clients that acknowledged.
    pub(crate) fn await_verdicts(&mut self, count: usize) {
        for i in 0..count {
            self.await_line(&format!("have verdict {i} of {count}"), |line| {
                line.ends_with("the client has the message") || line.starts_with("ACK received")
            });
        }
    }
}

/// Two servers of a step: one for those who are silent, and one that is not the first to have had enough.
pub(crate) struct Pair {
    pub(crate) hasty: Served,
    pub(crate) patient: Served,
}

impl Pair {
    pub(crate) fn start(step: Step) -> Self {
        Self { hasty: Served::start(step, &SHORT), patient: Served::start(step, &LONG) }
    }
}

/// A program that failed with one error on one line, and a hint at most, with one of these words in it.
pub(crate) fn check_failed(outcome: &Outcome, words: &[&str]) {
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
pub(crate) enum Leave {
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
    pub(crate) fn from(self, mut tcp: TcpStream) -> (Vec<u8>, Option<TcpStream>) {
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
pub(crate) fn client_hello() -> Vec<u8> {
    ClientHello::new([7; 32], &ChannelSuite::ALL).encode().unwrap().as_bytes().to_vec()
}

/// The first message of TLS, as far as its record's header.
pub(crate) const TLS_HELLO: &[u8] = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00";

pub(crate) const HTTP: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

pub(crate) const SILENT: &[&str] = &["nothing received from "];

pub(crate) const SLOW: &[&str] = &["was too slow in the handshake"];
