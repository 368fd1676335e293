//! Where TLS begins in a connection: with its first byte, or after some plain text.
//!
//! A proxy is asked first (HTTP CONNECT, SOCKS), or the protocol itself agrees on TLS (STARTTLS). What they have in common is
//! enough to find TLS: a ClientHello at the start of a segment or of a line, and a record of TLS in the answer.

use std::{fmt, ops::Range};

use serde::Serialize;
use tls_trace::{Direction, ssl2_client_random};

use crate::flow::{Flow, StreamChunk};

/// The maximum of plain text before TLS, for each direction, in bytes (ours): a mail server's greeting, or a banner.
const MAX_PLAIN_TEXT: usize = 1 << 16;

/// The length of the first bytes of a TLS stream: a record with a handshake message, `22 ‖ 3 ‖ 0..=4 ‖ length u16`, that is a
/// ClientHello, `1 ‖ length u24 ‖ version u16 ‖ random` (RFC 8446, sections 5.1 and 4.1.2).
const HELLO_LEN: usize = 43;
/// The random in them.
const RANDOM: Range<usize> = 11..HELLO_LEN;

/// The plain text before the TLS of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PlainText {
    /// What was spoken in it.
    pub protocol: PlainProtocol,
    /// Its bytes from the TLS client.
    pub sent: u64,
    /// Its bytes from the TLS server.
    pub received: u64,
}

/// A protocol that comes before TLS on the same connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlainProtocol {
    /// A tunnel through an HTTP proxy (RFC 9110, section 9.3.6).
    HttpConnect,
    /// SOCKS 4: a proxy that is given an IPv4 address.
    Socks4,
    /// SOCKS 4a: a proxy that is given a name.
    Socks4a,
    /// SOCKS 5 (RFC 1928).
    Socks5,
    /// STARTTLS of SMTP (RFC 3207).
    Smtp,
    /// STARTTLS of IMAP (RFC 9051, section 6.2.1).
    Imap,
    /// STLS of POP3 (RFC 2595, section 4).
    Pop3,
    /// AUTH TLS of FTP (RFC 4217).
    Ftp,
    /// STARTTLS of another protocol, such as XMPP.
    StartTls,
    /// SSLRequest of PostgreSQL.
    PostgreSql,
    /// Something else.
    Other,
}

impl fmt::Display for PlainProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HttpConnect => "HTTP CONNECT",
            Self::Socks4 => "SOCKS 4",
            Self::Socks4a => "SOCKS 4a",
            Self::Socks5 => "SOCKS 5",
            Self::Smtp => "SMTP with STARTTLS",
            Self::Imap => "IMAP with STARTTLS",
            Self::Pop3 => "POP3 with STLS",
            Self::Ftp => "FTP with AUTH",
            Self::StartTls => "STARTTLS",
            Self::PostgreSql => "PostgreSQL's SSLRequest",
            Self::Other => "plain text",
        })
    }
}

/// The start of TLS in a connection.
pub(super) struct Beginning {
    /// The direction of the ClientHello.
    pub(super) client: Direction,
    /// The position of TLS in the stream of the TLS client, and in that of the TLS server.
    pub(super) positions: [usize; 2],
    /// The random of the ClientHello, as far as it was captured.
    pub(super) random: Vec<u8>,
    pub(super) plain_text: Option<PlainText>,
}

impl Beginning {
    /// Finds TLS in a connection, analysed with [`Detail::Packets`](crate::flow::Detail::Packets).
    pub(super) fn find(flow: &Flow) -> Option<Self> {
        [(Direction::Sent, Direction::Received), (Direction::Received, Direction::Sent)].into_iter().find_map(
            |(client, server)| {
                let sent = Opening::of(flow, client);
                let hello = sent.starts().find(|start| is_client_hello(sent.from(*start), *start == 0))?;
                let random = sent.from(hello).get(RANDOM).map(<[u8]>::to_vec);
                let random = ssl2_client_random(sent.from(hello)).or(random).unwrap_or_default();
                if hello == 0 {
                    return Some(Self { client, positions: [0, 0], random, plain_text: None });
                }
                let received = Opening::of(flow, server);
                let answer = received.starts().find(|start| is_answer(received.from(*start)));
                // Without an answer, nothing but plain text came from the server.
                let answer = answer.or((!received.goes_on_after(sent.packet(hello))).then_some(received.bytes.len()))?;
                let protocol = protocol(sent.bytes.get(..hello)?, received.bytes.get(..answer)?);
                let plain_text = Some(PlainText { protocol, sent: hello as u64, received: answer as u64 });
                Some(Self { client, positions: [hello, answer], random, plain_text })
            },
        )
    }
}

/// The first bytes of a stream, and where its chunks begin.
struct Opening {
    bytes: Vec<u8>,
    /// The position and the packet of each chunk.
    chunks: Vec<(usize, u64)>,
}

impl Opening {
    fn of(flow: &Flow, direction: Direction) -> Self {
        let mut opening = Self { bytes: Vec::new(), chunks: Vec::new() };
        for StreamChunk { packet, bytes, .. } in flow.stream.iter().filter(|chunk| chunk.direction == direction) {
            if opening.bytes.len() >= MAX_PLAIN_TEXT {
                break;
            }
            opening.chunks.push((opening.bytes.len(), *packet));
            opening.bytes.extend(bytes.iter().take(MAX_PLAIN_TEXT));
        }
        opening
    }

    /// Where TLS may begin: at the start of a chunk or of a line.
    fn starts(&self) -> impl Iterator<Item = usize> {
        let chunks = self.chunks.iter().map(|(position, _)| *position);
        let lines = self.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(position, _)| position + 1);
        let mut starts: Vec<usize> = chunks.chain(lines).collect();
        starts.sort_unstable();
        starts.into_iter()
    }

    fn from(&self, start: usize) -> &[u8] {
        self.bytes.get(start..).unwrap_or_default()
    }

    /// The packet with the byte at a position.
    fn packet(&self, position: usize) -> u64 {
        let chunk = self.chunks.partition_point(|(start, _)| *start <= position);
        self.chunks.get(chunk.saturating_sub(1)).map_or(0, |(_, packet)| *packet)
    }

    /// Whether the stream has bytes in packets after this one.
    fn goes_on_after(&self, packet: u64) -> bool {
        self.chunks.last().is_some_and(|(_, last)| *last > packet)
    }
}

/// Whether a stream goes on like this with a ClientHello. Within a stream its lengths have to agree as well.
fn is_client_hello(bytes: &[u8], is_first: bool) -> bool {
    match bytes {
        [22, 3, 0..=4, _, _, 1, ..] if is_first => true,
        _ if is_first => ssl2_client_random(bytes).is_some(),
        [22, 3, 0..=4, record_high, record_low, 1, 0, high, low, 3, 0..=4, ..] => {
            let record = u16::from_be_bytes([*record_high, *record_low]);
            // The message has at least version, random, and the lengths of three fields.
            let message = u16::from_be_bytes([*high, *low]);
            message >= 38 && record <= 1 << 14 && record <= message.saturating_add(4)
        }
        _ => false,
    }
}

/// Whether a stream goes on like this with the answer to a ClientHello: a ServerHello, or an alert.
fn is_answer(bytes: &[u8]) -> bool {
    matches!(bytes, [22, 3, 0..=4, _, _, 2, 0, ..] | [21, 3, 0..=4, 0, 2, 1 | 2, ..])
}

/// What was spoken before TLS.
fn protocol(sent: &[u8], received: &[u8]) -> PlainProtocol {
    let lines = || sent.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let says = |word: &[u8]| lines().any(|line| line.eq_ignore_ascii_case(word));
    let greeting = received.get(..4).unwrap_or_default();
    match sent {
        // Version 4, command, port, address: one that cannot be announces a name.
        [4, 1 | 2, _, _, 0, 0, 0, 1..=255, ..] => PlainProtocol::Socks4a,
        [4, 1 | 2, ..] => PlainProtocol::Socks4,
        [5, ..] if received.first() == Some(&5) => PlainProtocol::Socks5,
        // Length 8, then a version that there is not.
        [0, 0, 0, 8, 4, 210, 22, 47, ..] => PlainProtocol::PostgreSql,
        _ if sent.get(..8).is_some_and(|word| word.eq_ignore_ascii_case(b"CONNECT ")) => PlainProtocol::HttpConnect,
        _ if says(b"AUTH TLS") || says(b"AUTH SSL") || says(b"AUTH TLS-C") => PlainProtocol::Ftp,
        _ if says(b"STLS") => PlainProtocol::Pop3,
        _ if says(b"STARTTLS") && (greeting.starts_with(b"220") || greeting.is_empty()) => PlainProtocol::Smtp,
        // A tag stands before the command.
        _ if lines().any(is_tagged_starttls) => PlainProtocol::Imap,
        _ if contains_ignoring_case(sent, b"starttls") => PlainProtocol::StartTls,
        _ => PlainProtocol::Other,
    }
}

fn is_tagged_starttls(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    let (_, command) = (words.next(), words.next());
    command.is_some_and(|command| command.eq_ignore_ascii_case(b"STARTTLS")) && words.next().is_none()
}

fn contains_ignoring_case(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}
