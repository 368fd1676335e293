//! The timeline of a TLS connection: what the program did, and every record and message that this put on the wire.
//!
//! Bytes, times and secrets are handed in, lines come out; there is no socket, no clock and no file here.
//!
//! ```text
//! bytes(at, direction, …) ─► records ─► session ─► entries ─► drain(), finish()
//!                            5.1        opens what is encrypted with the secrets of secret(…),
//!                                       puts messages together and reads their fields
//! ```
//!
//! Only what a reader of the wire with the secrets of one side can know is told, and nothing is verified: that is the
//! TLS library's work. Sections without another name are those of RFC 8446 (TLS 1.3); RFC 5246 is TLS 1.2.

mod details;
mod extensions;
mod hellos;
mod keys;
mod messages;
mod names;
mod reader;
mod records;
mod secrets;
mod session;
mod ssl2;
mod suites;
mod summary;

use std::{collections::VecDeque, fmt, time::Duration};

use serde::Serialize;

use records::{Cut, Cutter, Record};
use session::Session;

pub use ssl2::client_random as ssl2_client_random;
pub use suites::Suite;
pub use summary::{Flow, Summary, Version};

/// How many bytes may wait for a secret. The first flight of a server, which waits while the library computes the
/// secrets, has a few thousand; its longest message has 65,535 (ours).
const MAX_HELD: usize = 1 << 20;

/// Which way bytes went, as the client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the client to the server.
    Sent,
    /// From the server to the client.
    Received,
}

/// What a line of the timeline is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something that the program did or waited for.
    Act,
    /// A record: header and body, as they were on the wire (section 5.1).
    Record,
    /// A handshake message (section 4).
    Message,
    /// An alert (section 6).
    Alert,
    /// Application data, of which only the length is told.
    Data,
    /// Something that cannot be read.
    Problem,
}

/// A line of the timeline, with what is known about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When, if known: for a record, when its last byte had passed. In JSON, in seconds.
    #[serde(rename = "at_s", serialize_with = "labnet::seconds::serialize_number")]
    pub at: Option<Duration>,
    /// What it is about.
    pub kind: Kind,
    /// Which way it went; an act has none.
    pub direction: Option<Direction>,
    /// Its length in bytes, with the header of 5 bytes of a record or 4 of a handshake message; 0 for an act.
    pub len: usize,
    /// The RFC's name, or the text of an act.
    pub name: String,
    /// Fields and their values, in the order in which they are sent. What a peer chose is escaped.
    pub details: Vec<(String, String)>,
    /// Whether it was encrypted on the wire.
    pub encrypted: bool,
    /// The first bytes of application data, at most [`MAX_CONTENT`]; empty for all else, and never in JSON.
    #[serde(skip)]
    pub content: Vec<u8>,
}

/// The maximum of [`Entry::content`], in bytes (ours): some messages of the lab.
pub const MAX_CONTENT: usize = 1024;

/// One line, then one for each detail, all but the last with a newline.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = match self.direction {
            Some(Direction::Sent) => "-->",
            Some(Direction::Received) => "<--",
            None => "",
        };
        let len = if self.kind == Kind::Act { String::new() } else { format!("{} B", self.len) };
        match self.at {
            Some(at) => write!(f, "{:>11.3} ms", at.as_secs_f64() * 1000.0)?,
            None => write!(f, "{:>14}", "unknown")?,
        }
        write!(f, " {arrow:3} {len:>8}  ")?;
        match self.kind {
            Kind::Act | Kind::Problem => f.write_str(&self.name)?,
            Kind::Record => write!(f, "record {}", self.name)?,
            Kind::Message | Kind::Alert | Kind::Data => write!(f, "  {}", self.name)?,
        }
        match (self.encrypted, self.kind) {
            (false, _) => {}
            (true, Kind::Record) => f.write_str(" [encrypted]")?,
            (true, _) => f.write_str(" [decrypted]")?,
        }
        self.details.iter().try_for_each(|(field, value)| write!(f, "\n{:33}{field}: {value}", ""))
    }
}

/// What has been handed in and cannot be told yet.
enum Event {
    Act { at: Duration, text: String },
    Record(Record),
    Ssl2 { at: Duration, direction: Direction, message: Vec<u8> },
    Foreign { at: Duration, direction: Direction, header: Vec<u8> },
}

impl Event {
    fn len(&self) -> usize {
        match self {
            Self::Act { text, .. } => text.len(),
            Self::Record(record) => record.body.len(),
            Self::Ssl2 { message, .. } => message.len(),
            Self::Foreign { header, .. } => header.len(),
        }
    }
}

/// The timeline of one connection.
///
/// Entries come in the order in which everything was handed in. A record whose secret is not known yet holds back what
/// came after it, both ways, until [`Timeline::secret`] or [`Timeline::finish`].
#[derive(Default)]
pub struct Timeline {
    session: Session,
    sent: Cutter,
    received: Cutter,
    /// What waits for a secret, and how many bytes that is.
    held: VecDeque<Event>,
    held_len: usize,
    ready: Vec<Entry>,
}

impl Timeline {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds something that the program did or waited for: `connect(): SYN, SYN-ACK, ACK`.
    pub fn act(&mut self, at: Duration, text: impl Into<String>) {
        self.hold(Event::Act { at, text: text.into() });
        self.advance();
    }

    /// Adds bytes as they passed over the socket, in any pieces.
    pub fn bytes(&mut self, at: Duration, direction: Direction, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let cutter = match direction {
                Direction::Sent => &mut self.sent,
                Direction::Received => &mut self.received,
            };
            match cutter.cut(at, &mut rest) {
                Some(Cut::Record { kind, version, body }) => {
                    self.hold(Event::Record(Record { at, direction, kind, version, body }));
                }
                Some(Cut::Ssl2(message)) => self.hold(Event::Ssl2 { at, direction, message }),
                Some(Cut::Foreign(header)) => self.hold(Event::Foreign { at, direction, header }),
                None => {}
            }
            self.advance();
        }
    }

    /// Adds a secret of the connection, under its label in a key log (RFC 9850, section 2); others are left aside.
    pub fn secret(&mut self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.session.secrets.add(label, client_random, secret);
        self.advance();
    }

    /// Takes the lines that can be told by now.
    pub fn drain(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.ready)
    }

    /// Takes the rest, at the end: what could not be decrypted is said to be encrypted, what did not come whole to be cut.
    pub fn finish(&mut self) -> Vec<Entry> {
        self.give_up_until(0);
        let halves = [(Direction::Sent, &mut self.sent), (Direction::Received, &mut self.received)];
        for (direction, cutter) in halves {
            self.ready.extend(self.session.end_of_messages(direction, cutter.last()));
            self.ready.extend(cutter.end(direction));
        }
        self.drain()
    }

    /// Counts what has been told so far: of the handshake, and of the records.
    pub fn summary(&self) -> Summary {
        self.session.summary.clone()
    }

    fn hold(&mut self, event: Event) {
        self.held_len += event.len();
        self.held.push_back(event);
    }

    /// Tells what no longer waits.
    fn advance(&mut self) {
        while self.held.front().is_some_and(|event| !self.is_waiting(event)) {
            self.tell_front();
        }
        // A peer cannot fill the memory while a secret does not come.
        self.give_up_until(MAX_HELD);
    }

    fn give_up_until(&mut self, len: usize) {
        while self.held_len > len || (len == 0 && !self.held.is_empty()) {
            self.tell_front();
        }
    }

    fn is_waiting(&self, event: &Event) -> bool {
        matches!(event, Event::Record(record) if self.session.is_waiting(record))
    }

    fn tell_front(&mut self) {
        let Some(event) = self.held.pop_front() else { return };
        self.held_len = self.held_len.saturating_sub(event.len());
        match event {
            Event::Act { at, text } => self.ready.push(act(at, text)),
            Event::Record(record) => self.session.read(record, &mut self.ready),
            Event::Ssl2 { at, direction, message } => {
                self.session.read_ssl2(at, direction, &message, &mut self.ready);
            }
            Event::Foreign { at, direction, header } => self.ready.push(records::foreign(at, direction, &header)),
        }
    }
}

/// Without secrets.
impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeline")
            .field("held", &self.held.len())
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}

fn act(at: Duration, name: String) -> Entry {
    Entry {
        at: Some(at),
        kind: Kind::Act,
        direction: None,
        len: 0,
        name,
        details: Vec::new(),
        encrypted: false,
        content: Vec::new(),
    }
}

/// Something that cannot be read, with its length and why.
fn problem(at: Duration, direction: Direction, len: usize, name: &str, details: Vec<(String, String)>) -> Entry {
    let name = name.to_owned();
    Entry {
        at: Some(at),
        kind: Kind::Problem,
        direction: Some(direction),
        len,
        name,
        details,
        encrypted: false,
        content: Vec::new(),
    }
}
