//! Follows a connection record by record: which secret opens the next one, and which messages it completes.
//!
//! ```text
//! TLS 1.3   after ServerHello, both ways: the handshake secrets   after Finished, that way: the application secrets
//!           what is protected says so: its type is ApplicationData (section 5.2)
//! TLS 1.2   after ChangeCipherSpec, that way: keys of the master secret
//! ```

use std::time::Duration;

use super::{
    Direction, Entry, Kind, MAX_CONTENT,
    details::{Details, bytes, hex},
    extensions::unreadable,
    hellos::{ClientHello, ServerHello, TLS12, TLS13},
    keys::{Opened, Opener, Refused},
    messages::{self, Agreed},
    names, problem,
    reader::Reader,
    records::Record,
    secrets::{Label, Secrets},
    ssl2,
    suites::Algorithms,
    summary::{Summary, Version},
};

/// The longest handshake message that is put together: rustls takes no longer one either.
const MAX_MESSAGE_LEN: usize = 0xffff;

/// The length of a handshake message's header: type and length (section 4).
const MESSAGE_HEADER_LEN: usize = 4;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// What opens the next protected record of a direction.
#[derive(Default)]
enum Keys {
    /// Nothing is protected yet.
    #[default]
    None,
    /// A secret that is looked up when it is needed.
    Wanted(Label),
    Open(Box<Opener>),
    /// Nothing ever will, and why.
    Lost(&'static str),
}

/// What is known of one direction.
#[derive(Default)]
struct Way {
    keys: Keys,
    messages: Assembler,
    is_finished: bool,
}

/// A connection, as far as it has been read.
#[derive(Default)]
pub(super) struct Session {
    pub(super) secrets: Secrets,
    pub(super) summary: Summary,
    agreed: Agreed,
    client_random: Vec<u8>,
    server_random: Vec<u8>,
    sent: Way,
    received: Way,
}

/// What surrounds the content of a record.
#[derive(Clone, Copy)]
struct Envelope {
    at: Duration,
    direction: Direction,
    encrypted: bool,
}

impl Envelope {
    fn entry(self, kind: Kind, len: usize, name: impl Into<String>, details: Details) -> Entry {
        let Self { at, direction, encrypted } = self;
        let (name, details) = (name.into(), details.into_inner());
        Entry { at: Some(at), kind, direction: Some(direction), len, name, details, encrypted, content: Vec::new() }
    }
}

impl Session {
    fn way(&self, direction: Direction) -> &Way {
        match direction {
            Direction::Sent => &self.sent,
            Direction::Received => &self.received,
        }
    }

    fn way_mut(&mut self, direction: Direction) -> &mut Way {
        match direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        }
    }

    fn is_protected(&self, record: &Record) -> bool {
        match self.agreed.version {
            Some(TLS13) | None => record.kind == APPLICATION_DATA,
            Some(_) => !matches!(self.way(record.direction).keys, Keys::None),
        }
    }

    /// Whether a record needs a secret that is not known yet.
    pub(super) fn is_waiting(&self, record: &Record) -> bool {
        match self.way(record.direction).keys {
            Keys::Wanted(label) => self.is_protected(record) && self.secrets.of(label, &self.client_random).is_none(),
            _ => false,
        }
    }

    /// Reads the next record, with the secrets that are known.
    pub(super) fn read(&mut self, record: Record, out: &mut Vec<Entry>) {
        let encrypted = self.is_protected(&record);
        let envelope = Envelope { at: record.at, direction: record.direction, encrypted };
        let is_handshake = !self.way(record.direction).is_finished;
        self.summary.record(record.direction, record.wire_len(), is_handshake);

        let (len, name) = (record.wire_len(), names::content_type(record.kind).unwrap_or_default());
        let mut details = Details::default();
        if record.version != TLS12 {
            // A first ClientHello may say TLS 1.0; all else says TLS 1.2 (section 5.1).
            details.add("version", names::version(record.version));
        }
        match self.open(record, encrypted) {
            Ok(Opened { kind, content, padding }) => {
                if padding > 0 {
                    details.add("padding", bytes(padding));
                }
                if kind == CHANGE_CIPHER_SPEC {
                    self.change_cipher_spec(envelope, &content, &mut details);
                }
                out.push(envelope.entry(Kind::Record, len, name, details));
                self.content(envelope, kind, &content, out);
            }
            Err(why) => {
                details.add("content", format!("encrypted: {why}"));
                out.push(envelope.entry(Kind::Record, len, name, details));
            }
        }
    }

    /// Reads a hello message in the format of SSL 2.0.
    pub(super) fn read_ssl2(&mut self, at: Duration, direction: Direction, message: &[u8], out: &mut Vec<Entry>) {
        let envelope = Envelope { at, direction, encrypted: false };
        let len = ssl2::HEADER_LEN + message.len();
        self.summary.record(direction, len, true);
        out.push(envelope.entry(Kind::Record, len, "SSL 2.0", Details::default()));
        let (name, details) = match (ssl2::Hello::read(message), direction) {
            (Some(ssl2::Hello::Client { random, suites, details }), Direction::Sent) => {
                (self.client_random, self.summary.proposed) = (random, suites);
                ("ClientHello", details)
            }
            (Some(ssl2::Hello::Server { version, details }), Direction::Received) => {
                self.summary.version = Some(Version(version));
                ("ServerHello", details)
            }
            _ => {
                let mut details = Details::default();
                details.add("content", unreadable(message));
                out.push(envelope.entry(Kind::Problem, message.len(), "a message of SSL 2.0", details));
                return;
            }
        };
        self.summary.messages.push(name.to_owned());
        out.push(envelope.entry(Kind::Message, message.len(), name, details));
    }

    /// What is in a record, or why nobody can tell.
    fn open(&mut self, record: Record, encrypted: bool) -> Result<Opened, &'static str> {
        if !encrypted {
            return Ok(Opened { kind: record.kind, content: record.body, padding: 0 });
        }
        let direction = record.direction;
        if let Keys::Wanted(label) = self.way(direction).keys {
            self.way_mut(direction).keys = self.keys(label, direction);
        }
        let keys = &mut self.way_mut(direction).keys;
        match keys {
            Keys::Open(opener) => opener.open(record).map_err(|Refused| {
                let why = "the secret that is known does not open it";
                *keys = Keys::Lost(why);
                why
            }),
            Keys::Lost(why) => Err(why),
            Keys::None | Keys::Wanted(_) => Err("no keys have been agreed on"),
        }
    }

    /// The keys that a secret gives.
    fn keys(&self, label: Label, direction: Direction) -> Keys {
        let Some(algorithms) = self.agreed.suite.and_then(Algorithms::of) else {
            return Keys::Lost("its cipher suite is not one that can be opened here");
        };
        let Some(secret) = self.secrets.of(label, &self.client_random) else {
            return Keys::Lost("its secret is not known");
        };
        let opener = match label {
            Label::Master => {
                let randoms = [self.server_random.as_slice(), &self.client_random].concat();
                Opener::tls12(secret, &randoms, direction, algorithms)
            }
            _ => Opener::tls13(secret, algorithms),
        };
        opener.map_or(Keys::Lost("its secret has not the length that it should"), |opener| Keys::Open(Box::new(opener)))
    }

    fn content(&mut self, envelope: Envelope, kind: u8, content: &[u8], out: &mut Vec<Entry>) {
        match kind {
            CHANGE_CIPHER_SPEC => {}
            ALERT => out.push(alert(envelope, content)),
            HANDSHAKE => self.handshake(envelope, content, out),
            APPLICATION_DATA => {
                let entry = envelope.entry(Kind::Data, content.len(), "ApplicationData", Details::default());
                out.push(Entry { content: content.iter().take(MAX_CONTENT).copied().collect(), ..entry });
            }
            _ => {
                let mut details = Details::default();
                details.add("content", hex(content));
                out.push(envelope.entry(Kind::Problem, content.len(), format!("content type {kind}"), details));
            }
        }
    }

    /// In TLS 1.2, what follows is protected (RFC 5246, section 7.1); in TLS 1.3 it means nothing (appendix D.4).
    fn change_cipher_spec(&mut self, envelope: Envelope, content: &[u8], details: &mut Details) {
        if content != [1] {
            details.add("content", unreadable(content));
        }
        let why = match self.agreed.version {
            Some(TLS13) | None => "nothing in TLS 1.3: it makes middleboxes believe that a session is resumed",
            Some(version) => {
                let keys = match version {
                    TLS12 if !envelope.encrypted && self.agreed.suite.and_then(Algorithms::of).is_some() => {
                        Keys::Wanted(Label::Master)
                    }
                    TLS12 if envelope.encrypted => Keys::Lost("the keys were negotiated again"),
                    _ => Keys::Lost("its version or cipher suite is not one that can be opened here"),
                };
                self.way_mut(envelope.direction).keys = keys;
                "what this side sends from here on is encrypted"
            }
        };
        details.add("meaning", why);
    }

    fn handshake(&mut self, envelope: Envelope, content: &[u8], out: &mut Vec<Entry>) {
        let (messages, too_long) = self.way_mut(envelope.direction).messages.push(content);
        for message in messages {
            out.push(self.message(envelope, &message));
        }
        out.extend(too_long.map(|len| {
            let mut details = Details::default();
            details.add("why", format!("it says that it has {}: no more messages are read this way", bytes(len)));
            envelope.entry(Kind::Problem, 0, "a handshake message that is too long", details)
        }));
    }

    fn message(&mut self, envelope: Envelope, message: &Message) -> Entry {
        let Message { kind, body } = message;
        let mut name = names::message(*kind);
        let details = match (*kind, envelope.direction) {
            (1, _) => self.client_hello(envelope.direction, body),
            (2, _) => {
                let (details, is_retry) = self.server_hello(envelope.direction, body);
                if is_retry {
                    "HelloRetryRequest".clone_into(&mut name);
                }
                details
            }
            _ => {
                if envelope.direction == Direction::Received {
                    let (group, scheme) = messages::key_exchange(*kind, body, self.agreed);
                    self.summary.group =
                        self.summary.group.take().or(group.map(|group| names::group(group).to_string()));
                    let signature = scheme.map(|scheme| names::scheme(scheme).to_string());
                    self.summary.signature = self.summary.signature.take().or(signature);
                }
                messages::read(*kind, body, self.agreed)
            }
        };
        if !self.way(envelope.direction).is_finished {
            self.summary.messages.push(name.clone());
        }
        self.turn_keys(*kind, envelope);
        envelope.entry(Kind::Message, MESSAGE_HEADER_LEN + body.len(), name, details)
    }

    fn client_hello(&mut self, direction: Direction, body: &[u8]) -> Details {
        let Some(hello) = ClientHello::read(body) else { return messages::read(1, body, self.agreed) };
        // The second one, after a HelloRetryRequest, has the same random (section 4.1.2).
        if direction == Direction::Sent && self.client_random.is_empty() {
            self.client_random = hello.random;
            self.summary.proposed = hello.suites;
        }
        hello.details
    }

    /// The fields, and whether it is a HelloRetryRequest.
    fn server_hello(&mut self, direction: Direction, body: &[u8]) -> (Details, bool) {
        let Some(hello) = ServerHello::read(body) else { return (messages::read(2, body, self.agreed), false) };
        if direction == Direction::Received && !hello.is_retry && self.agreed.version.is_none() {
            self.agreed = Agreed { version: Some(hello.version), suite: Some(hello.suite.id) };
            self.server_random = hello.random;
            self.summary.version = Some(Version(hello.version));
            self.summary.group = hello.group.map(|group| names::group(group).to_string());
            self.summary.chosen = Some(hello.suite);
            if hello.version == TLS13 {
                self.want(Direction::Sent, Label::ClientHandshake);
                self.want(Direction::Received, Label::ServerHandshake);
            }
        }
        (hello.details, hello.is_retry)
    }

    fn want(&mut self, direction: Direction, label: Label) {
        let can_open = self.agreed.suite.and_then(Algorithms::of).is_some();
        let lost = Keys::Lost("its cipher suite is not one that can be opened here");
        self.way_mut(direction).keys = if can_open { Keys::Wanted(label) } else { lost };
    }

    /// After some messages, other keys protect what follows.
    fn turn_keys(&mut self, kind: u8, envelope: Envelope) {
        const FINISHED: u8 = 20;
        const KEY_UPDATE: u8 = 24;
        // Whoever can write in the clear cannot make us leave the keys.
        if !envelope.encrypted {
            return;
        }
        let (direction, is_tls13) = (envelope.direction, self.agreed.is_tls13());
        let way = self.way_mut(direction);
        match kind {
            FINISHED if !way.is_finished => {
                way.is_finished = true;
                self.summary.is_complete = self.sent.is_finished && self.received.is_finished;
                if is_tls13 {
                    let is_sent = direction == Direction::Sent;
                    self.want(direction, if is_sent { Label::ClientApplication } else { Label::ServerApplication });
                }
            }
            KEY_UPDATE if is_tls13 && way.is_finished => {
                if let Keys::Open(opener) = &way.keys {
                    let next = opener.updated().map(|opener| Keys::Open(Box::new(opener)));
                    way.keys = next.unwrap_or(Keys::Lost("its next secret cannot be derived"));
                }
            }
            _ => {}
        }
    }

    /// At the end: a message that did not come whole.
    pub(super) fn end_of_messages(&mut self, direction: Direction, at: Duration) -> Option<Entry> {
        let len = std::mem::take(&mut self.way_mut(direction).messages).buffer.len();
        let mut details = Details::default();
        details.add("why", "the rest of it did not come, or cannot be decrypted");
        (len > 0).then(|| problem(at, direction, len, "half a handshake message", details.into_inner()))
    }
}

/// Level and description, which in TLS 1.3 are always both sent and only the second one counts (section 6).
fn alert(envelope: Envelope, content: &[u8]) -> Entry {
    let mut details = Details::default();
    let [level, description] = *content else {
        details.add("content", unreadable(content));
        return envelope.entry(Kind::Problem, content.len(), "an alert that cannot be read", details);
    };
    let level = match level {
        1 => "warning".to_owned(),
        2 => "fatal".to_owned(),
        other => other.to_string(),
    };
    details.add("level", level);
    envelope.entry(Kind::Alert, content.len(), names::alert(description), details)
}

/// A whole handshake message: `type u8 ‖ length u24 ‖ body` (section 4).
struct Message {
    kind: u8,
    body: Vec<u8>,
}

/// Puts messages together that come in parts, or several in one record.
#[derive(Default)]
struct Assembler {
    /// The beginning of a message.
    buffer: Vec<u8>,
    is_lost: bool,
}

impl Assembler {
    /// The messages that this completes, and the length of one that is too long: after it there are no more.
    fn push(&mut self, content: &[u8]) -> (Vec<Message>, Option<usize>) {
        let mut messages = Vec::new();
        if self.is_lost {
            return (messages, None);
        }
        self.buffer.extend_from_slice(content);
        let mut reader = Reader::new(&self.buffer);
        let mut too_long = None;
        while let Some((kind, len, mut body)) = header(reader) {
            too_long = (len > MAX_MESSAGE_LEN).then_some(len);
            let Some(taken) = body.take(len).filter(|_| too_long.is_none()) else { break };
            messages.push(Message { kind, body: taken.to_vec() });
            reader = body;
        }
        self.is_lost = too_long.is_some();
        if self.is_lost {
            self.buffer.clear();
        } else if !messages.is_empty() {
            self.buffer = reader.rest().to_vec();
        }
        (messages, too_long)
    }
}

/// Type and length of a message, and what follows them.
fn header(mut reader: Reader<'_>) -> Option<(u8, usize, Reader<'_>)> {
    Some((reader.u8()?, reader.u24()?, reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_put_together_however_they_are_cut() {
        let stream = [&[1, 0, 0, 3, 7, 7, 7][..], &[14, 0, 0, 0], &[20, 0, 1, 0], &[8; 256], &[2, 0]].concat();
        for size in 1..=stream.len() {
            let mut assembler = Assembler::default();
            let found: Vec<_> = stream.chunks(size).flat_map(|piece| assembler.push(piece).0).collect();
            let found: Vec<_> = found.into_iter().map(|message| (message.kind, message.body.len())).collect();
            assert_eq!(found, [(1, 3), (14, 0), (20, 256)], "pieces of {size}");
            assert_eq!(assembler.buffer, [2, 0]);
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_the_last() {
        let mut assembler = Assembler::default();
        assert_eq!(assembler.push(&[1, 0, 0xff, 0xff]).1, None);
        let mut assembler = Assembler::default();
        let (messages, too_long) = assembler.push(&[14, 0, 0, 0, 1, 1, 0, 0, 9, 9]);
        assert_eq!((messages.len(), too_long), (1, Some(0x10000)));
        let (messages, too_long) = assembler.push(&[14, 0, 0, 0]);
        assert_eq!((messages.len(), too_long, assembler.buffer.len()), (0, None, 0));
    }
}
