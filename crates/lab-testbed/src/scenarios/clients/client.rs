//! One client of a PMU, in this process.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use labnet::{
    Error,
    net::{Deadline, Server},
    tls::{Client, ClientOptions, KeyLogFile, Roots},
};

use crate::facts::{AnswerEnd, ClientKind, PmuClient};

use super::super::pmu::LOCAL_NAME;

/// The command of the handout.
pub(super) const SHORT: &str = "CMD_short:0";

/// The time for the TCP connection and the handshake (ours: a PMU may have to load its library first).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(6);

/// How long one recv waits (ours); between two of them the client looks at the clock.
const SLICE: Duration = Duration::from_millis(100);

/// How long a client without TLS waits for an answer, and a silent one stays (ours).
const PLAIN_TIMEOUT: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_millis(300);

/// The maximum of kept text (ours).
const MAX_EARLY: usize = 1000;
const MAX_ANSWER: usize = 4000;

/// The maximum of bytes that are read of an answer (ours): sixteen floods.
const MAX_READ: usize = 1 << 20;

/// How long a client waits (ours).
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For bytes before its command.
    early: Duration,
    /// For the first bytes after it.
    first: Duration,
    /// For more bytes, or the end, after some.
    silence: Duration,
    /// In all, from the command on.
    all: Duration,
}

impl Patience {
    pub(super) const ANSWER: Self = Self {
        early: Duration::ZERO,
        first: Duration::from_secs(6),
        silence: Duration::from_secs(3),
        all: Duration::from_secs(10),
    };
    pub(super) const FIRST: Self = Self { early: Duration::from_millis(400), ..Self::ANSWER };
    /// Nothing follows from silence after a command that the handout does not ask for.
    pub(super) const OTHER: Self =
        Self { first: Duration::from_secs(1), silence: Duration::from_secs(1), ..Self::ANSWER };
    /// Long enough for the second message, if it is a second later than the first.
    pub(super) const PACED: Self = Self { all: Duration::from_millis(1500), ..Self::ANSWER };
}

fn visitor(kind: ClientKind, command: &str) -> PmuClient {
    PmuClient {
        kind,
        start: 0,
        command: command.to_owned(),
        is_accepted: false,
        is_secured: false,
        complaint: None,
        early: String::new(),
        answer: String::new(),
        bytes: 0,
        times: None,
        end: AnswerEnd::None,
        pmu_status: None,
    }
}

/// Asks over TLS, and reads to the end or to the end of its patience.
pub(super) fn ask(
    address: SocketAddr,
    (roots, keys): (&Roots, &KeyLogFile),
    kind: ClientKind,
    command: &str,
    patience: Patience,
) -> PmuClient {
    let mut visitor = visitor(kind, command);
    let options = ClientOptions {
        name: Some(LOCAL_NAME.to_owned()),
        checks_name: false,
        connect: Deadline::after(CONNECT_TIMEOUT),
        silence: Some(SLICE),
        key_log: Some(keys.clone()),
        ..ClientOptions::trusting(roots.clone())
    };
    let server = Server::new(address.ip().to_string(), address.port());
    let mut client = match Client::connect(&server, &options) {
        Ok(client) => client,
        Err(error) => {
            visitor.is_accepted = !matches!(error, Error::Connect { .. });
            visitor.complaint = Some(error.to_string());
            return visitor;
        }
    };
    (visitor.is_accepted, visitor.is_secured) = (true, true);
    let early = read(&mut client, Patience { first: patience.early, all: patience.early, ..patience });
    visitor.early = text(&early.bytes, MAX_EARLY);
    if early.end != AnswerEnd::Open {
        (visitor.bytes, visitor.end) = (early.bytes.len() as u64, early.end);
        return visitor;
    }
    let answer = match client.send(command.as_bytes()) {
        Ok(()) => read(&mut client, patience),
        Err(_) => Answer { end: AnswerEnd::Reset, ..Answer::default() },
    };
    visitor.answer = text(&answer.bytes, MAX_ANSWER);
    visitor.bytes = (early.bytes.len() + answer.bytes.len()) as u64;
    (visitor.times, visitor.end) = (answer.times, answer.end);
    visitor
}

/// What a client read.
struct Answer {
    bytes: Vec<u8>,
    times: Option<(Duration, Duration)>,
    end: AnswerEnd,
}

impl Default for Answer {
    fn default() -> Self {
        Self { bytes: Vec::new(), times: None, end: AnswerEnd::Open }
    }
}

fn read(client: &mut Client, patience: Patience) -> Answer {
    let begun = Instant::now();
    let mut answer = Answer::default();
    let mut buffer = [0; 16 << 10];
    loop {
        let (now, last) = (begun.elapsed(), answer.times.map(|(_, last)| last));
        let limit = last.map_or(patience.first, |last| last + patience.silence).min(patience.all);
        if now >= limit {
            return answer;
        }
        match client.recv(&mut buffer) {
            Ok([]) => {
                answer.end = if client.check_end().is_ok() { AnswerEnd::CloseNotify } else { AnswerEnd::Fin };
                return answer;
            }
            Ok(bytes) => {
                let at = begun.elapsed();
                answer.times = Some((answer.times.map_or(at, |(first, _)| first), at));
                answer.bytes.extend_from_slice(bytes);
                if answer.bytes.len() > MAX_READ {
                    return answer;
                }
            }
            Err(Error::Silent { .. }) => {}
            Err(_) => {
                answer.end = AnswerEnd::Reset;
                return answer;
            }
        }
    }
}

/// Asks without TLS.
pub(super) fn ask_plainly(address: SocketAddr) -> PmuClient {
    without_tls(address, ClientKind::PlainText, SHORT.as_bytes(), PLAIN_TIMEOUT)
}

/// Connects, says nothing, and leaves.
pub(super) fn stay_silent(address: SocketAddr) -> PmuClient {
    without_tls(address, ClientKind::Silent, &[], SILENCE)
}

/// Leaves within its first record: the header of one with 200 bytes, and the type of a ClientHello.
pub(super) fn abort(address: SocketAddr) -> PmuClient {
    without_tls(address, ClientKind::Aborted, &[22, 3, 1, 0, 200, 1], SILENCE)
}

fn without_tls(address: SocketAddr, kind: ClientKind, sent: &[u8], patience: Duration) -> PmuClient {
    let mut visitor = visitor(kind, if kind == ClientKind::PlainText { SHORT } else { "" });
    let mut stream = match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
        Ok(stream) => stream,
        Err(error) => {
            visitor.complaint = Some(error.to_string());
            return visitor;
        }
    };
    visitor.is_accepted = true;
    let answer = if sent.is_empty() {
        thread::sleep(patience);
        Ok(Vec::new())
    } else {
        stream.write_all(sent).and_then(|()| first_bytes(&mut stream, patience))
    };
    match answer {
        Ok(answer) => {
            visitor.answer = text(&answer, MAX_ANSWER);
            visitor.bytes = answer.len() as u64;
        }
        Err(error) => visitor.complaint = Some(error.to_string()),
    }
    visitor
}

/// What comes within so long, at most as much as is kept.
fn first_bytes(stream: &mut TcpStream, patience: Duration) -> io::Result<Vec<u8>> {
    let until = Instant::now() + patience;
    let (mut answer, mut buffer) = (Vec::new(), [0; MAX_ANSWER]);
    while answer.len() < MAX_ANSWER {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => answer.extend_from_slice(buffer.get(..len).unwrap_or_default()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
            Err(error) if answer.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    Ok(answer)
}

fn text(bytes: &[u8], limit: usize) -> String {
    String::from_utf8_lossy(bytes).chars().take(limit).collect()
}
