//! What the attacker does, and what comes of it.

use std::fmt;

use clap::ValueEnum;
use labnet::{count::Count, escape::escape};
use secure_channel::{ChannelSuite, Frame, Kind, channel::ACKNOWLEDGEMENT, frame::Header, message::ClientHello};

use crate::wire::{Protocol, Side, Unit};

/// What the attacker can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Attack {
    /// Only look
    Eavesdrop,
    /// Change a bit of the message
    Flip,
    /// Send the message, or its first record, twice
    Replay,
    /// Send the server's message back to it, as the client's answer
    Reflect,
    /// Exchange two parts of the message
    Reorder,
    /// Keep the message from the client
    Drop,
    /// Cut the message off
    Truncate,
    /// Take the stronger cipher suite out of the client's offer
    Downgrade,
    /// Present a certificate of another CA in the server's place
    #[value(alias = "swap", alias = "swap-certificate", alias = "swap-ca")]
    SwapOtherCa,
    /// Present the client's own certificate in the server's place
    SwapOwn,
    /// Present an expired certificate in the server's place
    SwapExpired,
}

/// What is to be done to the connections. A side is where something goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Send(Side, Vec<u8>),
    End(Side),
}

/// An attacker in the course of a session.
pub(crate) struct Attacker {
    attack: Attack,
    protocol: Option<Protocol>,
    certificate: Option<Frame>,
    /// What was done, once it is done.
    done: Option<String>,
    /// A unit that is kept back.
    held: Option<Unit>,
    /// Whether the server's stream no longer reaches the client.
    is_cut: bool,
    seen: Seen,
}

/// What has passed by.
#[derive(Default)]
struct Seen {
    /// What could be read of the server's message.
    text: Vec<u8>,
    units: u64,
    bytes: u64,
    /// Bytes of the message, as far as their protection shows them.
    message_bytes: u64,
    names: Vec<String>,
    /// After the action: whether the client acknowledged, and who gave up.
    acknowledged: bool,
    gave_up: Option<Side>,
}

impl Attacker {
    /// `certificate` takes the place of the server's.
    pub(crate) fn new(attack: Attack, certificate: Option<Frame>) -> Self {
        let (protocol, done, held) = (None, None, None);
        Self { attack, protocol, certificate, done, held, is_cut: false, seen: Seen::default() }
    }

    /// What the two speak, by the first bytes that pass.
    pub(crate) fn protocol(&mut self, bytes: &[u8]) -> Protocol {
        *self.protocol.get_or_insert_with(|| Protocol::of(bytes))
    }

    /// Looks at something that a side has sent: what there is to tell of it.
    pub(crate) fn sees(&mut self, from: Side, unit: &Unit) -> Vec<String> {
        let seen = &mut self.seen;
        seen.units += 1;
        seen.bytes += unit.bytes().len() as u64;
        match (from, unit) {
            (Side::Server, Unit::Text(text)) => {
                seen.text.extend_from_slice(text);
            }
            (Side::Client, Unit::Text(text)) => seen.acknowledged |= text.starts_with(ACKNOWLEDGEMENT),
            (_, Unit::Frame(frame)) => match frame.kind() {
                Kind::Data => {
                    seen.message_bytes += frame.body().len() as u64;
                    // Text in a record would mean that nothing protects it.
                    if std::str::from_utf8(frame.body()).is_ok() {
                        seen.text.extend_from_slice(frame.body());
                    }
                }
                Kind::Acknowledgement => seen.acknowledged = true,
                Kind::Certificate => {
                    let description = unit.describe();
                    seen.names.extend(description.rsplit_once(": of ").map(|(_, name)| name.to_owned()));
                }
                Kind::Alert => seen.gave_up = seen.gave_up.or(Some(from)),
                _ => {}
            },
            (_, Unit::TlsRecord(_)) => {}
        }
        vec![format!("{} to {}: {}", from.name(), from.other().name(), unit.describe())]
    }

    /// Passes something on, or does what it came for.
    pub(crate) fn acts(&mut self, from: Side, unit: Unit) -> Vec<Action> {
        if let Some(held) = self.held.take() {
            // What was kept back follows what came after it.
            self.done = Some("exchanged the first record and the next".to_owned());
            return vec![Action::Send(Side::Client, [unit.bytes(), held.bytes()].concat())];
        }
        if from == Side::Server && self.is_cut {
            return Vec::new();
        }
        let is_target = self.done.is_none()
            && match self.attack {
                Attack::Eavesdrop => false,
                Attack::Downgrade => unit.is(Kind::ClientHello),
                Attack::SwapOtherCa | Attack::SwapOwn | Attack::SwapExpired => {
                    from == Side::Server && unit.is(Kind::Certificate)
                }
                _ => from == Side::Server && unit.is_message(),
            };
        if is_target { self.attack(from, unit) } else { vec![Action::Send(from.other(), unit.bytes().to_vec())] }
    }

    /// The attack itself, on what it was waiting for.
    fn attack(&mut self, from: Side, unit: Unit) -> Vec<Action> {
        let bytes = unit.bytes().to_vec();
        let half = bytes.len() / 2;
        let is_text = matches!(unit, Unit::Text(_));
        let to_client = |bytes: Vec<u8>| vec![Action::Send(Side::Client, bytes)];
        // What was seen before does not count.
        (self.seen.acknowledged, self.seen.gave_up) = (false, None);
        let (done, actions) = match self.attack {
            Attack::Eavesdrop => return vec![Action::Send(from.other(), bytes)],
            Attack::Flip => {
                let (at, bytes) = flip(&unit);
                (format!("changed a bit of byte {at} of the {}", target(&unit)), to_client(bytes))
            }
            Attack::Replay => (format!("sent the {} twice", target(&unit)), to_client([&*bytes, &*bytes].concat())),
            Attack::Reflect => {
                self.is_cut = true;
                let answer = as_acknowledgement(&unit);
                let done = format!("sent the {} back to the server, as the client's answer", target(&unit));
                (done, vec![Action::Send(Side::Server, answer)])
            }
            Attack::Reorder if is_text => {
                let (first, second) = bytes.split_at(half);
                ("exchanged the halves of the message".to_owned(), to_client([second, first].concat()))
            }
            Attack::Reorder => {
                self.held = Some(unit);
                return Vec::new();
            }
            Attack::Drop if is_text => {
                self.is_cut = true;
                self.seen.acknowledged = true;
                let forged = Action::Send(Side::Server, ACKNOWLEDGEMENT.to_vec());
                ("kept the message from the client, and sent the server an ACK".to_owned(), vec![forged])
            }
            Attack::Drop => (format!("kept the {} from the client", target(&unit)), Vec::new()),
            Attack::Truncate => {
                self.is_cut = true;
                let (kept, done) = if is_text {
                    (bytes.get(..half).unwrap_or_default().to_vec(), "cut the message in the middle".to_owned())
                } else {
                    (bytes, format!("ended the stream after the {}", target(&unit)))
                };
                (done, vec![Action::Send(Side::Client, kept), Action::End(Side::Client)])
            }
            Attack::Downgrade => match weaker(&unit) {
                Some(hello) => {
                    let done = format!("left only {} in the client's offer", ChannelSuite::Aes128CtrHmacSha256);
                    (done, vec![Action::Send(Side::Server, hello.as_bytes().to_vec())])
                }
                None => return vec![Action::Send(from.other(), bytes)],
            },
            Attack::SwapOtherCa | Attack::SwapOwn | Attack::SwapExpired => {
                let forged = self.certificate.as_ref().map_or(bytes, |frame| frame.as_bytes().to_vec());
                ("put another certificate in the place of the server's".to_owned(), to_client(forged))
            }
        };
        self.done = Some(done);
        actions
    }

    /// A side has said its last.
    pub(crate) fn sees_end(&mut self, from: Side) -> Vec<Action> {
        match self.held.take() {
            Some(held) if from == Side::Server => vec![Action::Send(Side::Client, held.bytes().to_vec())],
            _ => Vec::new(),
        }
    }

    /// What came of it.
    pub(crate) fn outcome(&self) -> AttackOutcome<'_> {
        AttackOutcome(self)
    }

    /// The check that stops this attack, as far as the protocol has one.
    fn check(&self) -> &'static str {
        match self.attack {
            Attack::Eavesdrop => "encryption: only the two sides have the keys",
            Attack::Flip => "the MAC of the record (or the tag of AES-GCM)",
            Attack::Replay | Attack::Reorder | Attack::Drop => "the number of the record, which is under its MAC",
            Attack::Reflect => "the keys, of which each direction has its own",
            Attack::Truncate => "the end of the message, which is a record of its own",
            Attack::Downgrade => "the client's signature over all that was said, offers included",
            Attack::SwapOtherCa => "the signature of the CA that is trusted",
            Attack::SwapOwn => "the purpose in the certificate: a client's is not a server's",
            Attack::SwapExpired => "the validity of the certificate",
        }
    }
}

/// How what is attacked is called.
fn target(unit: &Unit) -> &'static str {
    match unit {
        Unit::Text(_) => "message",
        Unit::Frame(_) => "first record of the message",
        Unit::TlsRecord(_) => "first encrypted record",
    }
}

/// A bit changed: of a text in its last digit, so that it still reads well; else in the middle of what is protected.
fn flip(unit: &Unit) -> (usize, Vec<u8>) {
    let mut bytes = unit.bytes().to_vec();
    let digit = bytes.iter().rposition(u8::is_ascii_digit).filter(|_| matches!(unit, Unit::Text(_)));
    let at = digit.unwrap_or((bytes.len() + unit.header_len()) / 2);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1;
    }
    (at, bytes)
}

/// A record of the channel with the kind of an acknowledgement in its header; all else as it is.
fn as_acknowledgement(unit: &Unit) -> Vec<u8> {
    let mut bytes = unit.bytes().to_vec();
    if let Unit::Frame(frame) = unit {
        let header = Header { kind: Kind::Acknowledgement, len: frame.body().len() }.encode();
        for (to, from) in bytes.iter_mut().zip(header) {
            *to = from;
        }
    }
    bytes
}

/// A client hello that offers AES-128 alone; `None` when it does already.
fn weaker(unit: &Unit) -> Option<Frame> {
    let Unit::Frame(frame) = unit else { return None };
    let hello = ClientHello::decode(frame.body()).ok()?;
    let weak = ClientHello::new(hello.random, &[ChannelSuite::Aes128CtrHmacSha256]);
    if weak == hello { None } else { weak.encode().ok() }
}

/// The last line.
pub(crate) struct AttackOutcome<'a>(&'a Attacker);

impl fmt::Display for AttackOutcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Attacker { attack, protocol, done, seen, .. } = self.0;
        let Some(protocol) = protocol else {
            return f.write_str("nothing achieved: nobody said anything");
        };
        if *attack == Attack::Eavesdrop {
            return overheard(f, *protocol, seen);
        }
        let Some(done) = done else {
            let why = match (attack, protocol) {
                (Attack::Downgrade, Protocol::Secure) => "the client offers nothing but the weaker suite",
                (Attack::Downgrade, Protocol::Plain) => "there is nothing to weaken in plain text",
                (Attack::SwapOtherCa | Attack::SwapOwn | Attack::SwapExpired, Protocol::Plain) => {
                    "nobody shows a certificate in plain text; whoever answers is believed"
                }
                (_, Protocol::Tls) => "this attack knows only steps plain and secure",
                _ => "what is attacked never came by",
            };
            return write!(f, "nothing achieved: {why}");
        };
        if *protocol == Protocol::Tls {
            return write!(f, "{done}; TLS hides even its alerts: what came of it, client and server say");
        }
        let stopped = match (attack, seen.gave_up) {
            (_, Some(side)) => Some(format!("the {} gave up with an alert", side.name())),
            (Attack::Reflect, None) if *protocol == Protocol::Secure => None,
            (_, None) if !seen.acknowledged => Some("the client did not acknowledge".to_owned()),
            _ => None,
        };
        match stopped {
            None => write!(f, "achieved: {done}, and nobody noticed"),
            Some(how) if *protocol == Protocol::Secure => {
                write!(f, "stopped: {done}; {how}. What stops this is {}", self.0.check())
            }
            Some(how) => write!(f, "nothing achieved: {done}; {how}"),
        }
    }
}

fn overheard(f: &mut fmt::Formatter<'_>, protocol: Protocol, seen: &Seen) -> fmt::Result {
    if !seen.text.is_empty() {
        return write!(f, "achieved: read the message: {}", escape(&seen.text));
    }
    let Seen { units, bytes, message_bytes, names, .. } = seen;
    let (bytes, message_bytes) = (Count::new(*bytes, "byte"), Count::new(*message_bytes, "byte"));
    match protocol {
        Protocol::Tls => {
            write!(
                f,
                "stopped: saw {}, {bytes}, and no word of the message or of who talks",
                Count::new(*units, "TLS record")
            )
        }
        _ => write!(
            f,
            "stopped: saw {}, {bytes}, and no word of the message; only who talks ({}), when, and that \
             the message has about {message_bytes}. What stops this is encryption",
            Count::new(*units, "frame"),
            names.join(", ")
        ),
    }
}
