//! The TLS handshake of a connection: its messages, and the packets that carry them.
//!
//! TLS is recognized by its first bytes, not by a port, also after plain text: in a tunnel through a proxy, after STARTTLS. The
//! key log decrypts it. Without a key log, records and hello messages are listed.

mod beginning;
mod packet_map;

use std::{fmt, net::SocketAddr, time::Duration};

use serde::Serialize;
use tls_trace::{Direction, Entry, Kind, Summary, Timeline, Version};

use crate::{
    file::KeyLog,
    flow::{Flow, StreamChunk},
};
use beginning::Beginning;
pub use beginning::{PlainProtocol, PlainText};
use packet_map::PacketMap;

/// The maximum number of lines (ours): a handshake has some dozens, application data two for each record.
const MAX_LINES: usize = 10_000;

/// The TLS records and messages of a connection, and the packets of its handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsDissection {
    /// The address of the sender of the ClientHello.
    pub client: SocketAddr,
    /// The address of its receiver.
    pub server: SocketAddr,
    /// What came before it on the connection; `None` if TLS began at once.
    pub plain_text: Option<PlainText>,
    /// The records and messages, in order. Directions are relative to the TLS client.
    pub lines: Vec<TlsLine>,
    /// Whether lines beyond the maximum are missing.
    pub is_abridged: bool,
    /// Counts, and the proposed and chosen cipher suites.
    pub summary: Summary,
    /// The packets of the first ClientHello.
    pub client_hello: Vec<u64>,
    /// The packets of the first ServerHello.
    pub server_hello: Vec<u64>,
    /// The packets of the handshake.
    pub handshake: HandshakeExtent,
}

/// A record or a message, and its packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsLine {
    /// The number of the packet with its first byte.
    pub first_packet: u64,
    /// The number of the packet with its last byte.
    pub packet: u64,
    /// Its contents. Its time counts from the first packet of the connection.
    #[serde(flatten)]
    pub entry: Entry,
}

/// The packets from the first byte of the ClientHello to the last byte of the later Finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HandshakeExtent {
    /// The number of the first packet.
    pub first_packet: u64,
    /// The number of the last packet.
    pub last_packet: u64,
    /// Packets with payload from the client, retransmissions included.
    pub sent: u64,
    /// Packets with payload from the server, retransmissions included.
    pub received: u64,
    /// All packets of the connection from the first to the last one, acknowledgements included.
    pub packets: u64,
    /// The evidence for the last packet.
    pub basis: HandshakeEnd,
}

/// The evidence for the end of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HandshakeEnd {
    /// Both Finished messages were read.
    Finished,
    /// TLS 1.2 without secrets: Finished is the first handshake record after ChangeCipherSpec, whose type is readable.
    RecordTypes,
    /// TLS 1.3 without secrets: the first encrypted record of the client is taken for its Finished.
    Estimate,
    /// The handshake did not complete, or not in this capture: everything is counted.
    Incomplete,
}

impl fmt::Display for HandshakeEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "up to the later Finished",
            Self::RecordTypes => "up to the encrypted Finished, known by the types of the records",
            Self::Estimate => {
                "an estimate without secrets: up to the client's first encrypted record, taken for its Finished"
            }
            Self::Incomplete => "not complete: all that is in the capture",
        })
    }
}

/// Dissects the TLS of a connection, analysed with [`Detail::Packets`](crate::flow::Detail::Packets). Returns `None` if
/// there is no ClientHello, neither first nor after plain text.
pub fn dissect(flow: &Flow, secrets: &KeyLog) -> Option<TlsDissection> {
    let beginning = Beginning::find(flow)?;
    let is_reversed = beginning.client == Direction::Received;
    let (client, server) = if is_reversed { (flow.server, flow.client) } else { (flow.client, flow.server) };
    let pieces = tls_pieces(flow, &beginning, is_reversed);

    let mut timeline = Timeline::new();
    for secret in secrets.secrets_of(&beginning.random) {
        timeline.secret(secret.label, &secret.client_random, &secret.secret);
    }
    let (mut entries, mut fed) = (Vec::new(), 0);
    for piece in &pieces {
        // The time is the index of the piece: it leads back from a line to its packet.
        timeline.bytes(Duration::from_nanos(fed), piece.direction, piece.bytes);
        fed += 1;
        entries.extend(timeline.drain());
        if entries.len() > MAX_LINES {
            break;
        }
    }
    let is_abridged = (fed as usize) < pieces.len();
    entries.extend(timeline.finish());

    let mut packet_map = PacketMap::new(&pieces);
    let (mut lines, mut client_hello, mut server_hello) = (Vec::new(), Vec::new(), Vec::new());
    for mut entry in entries {
        let piece = entry.at.and_then(|at| pieces.get(usize::try_from(at.as_nanos()).ok()?));
        let packets = packet_map.of(&entry, piece);
        entry.at = piece.and_then(|piece| piece.at?.checked_sub(flow.first()?));
        if entry.kind == Kind::Message {
            match entry.name.as_str() {
                "ClientHello" if client_hello.is_empty() => client_hello.clone_from(&packets),
                "ServerHello" if server_hello.is_empty() => server_hello.clone_from(&packets),
                _ => {}
            }
        }
        let (first_packet, packet) = (packets.iter().min(), packets.iter().max());
        let (Some(&first_packet), Some(&packet)) = (first_packet, packet) else { continue };
        lines.push(TlsLine { first_packet, packet, entry });
    }
    let summary = timeline.summary();
    let handshake = extent(flow, &lines, &summary, is_reversed);
    let plain_text = beginning.plain_text;
    Some(TlsDissection {
        client,
        server,
        plain_text,
        lines,
        is_abridged,
        summary,
        client_hello,
        server_hello,
        handshake,
    })
}

/// The part of a chunk that is TLS.
struct TlsPiece<'a> {
    packet: u64,
    at: Option<Duration>,
    /// Relative to the TLS client.
    direction: Direction,
    bytes: &'a [u8],
}

/// The streams from where TLS begins, in their order.
fn tls_pieces<'a>(flow: &'a Flow, beginning: &Beginning, is_reversed: bool) -> Vec<TlsPiece<'a>> {
    let [mut sent, mut received] = beginning.positions;
    let mut pieces = Vec::with_capacity(flow.stream.len());
    for StreamChunk { packet, at, direction, bytes } in &flow.stream {
        let direction = if is_reversed { opposite(*direction) } else { *direction };
        let plain = match direction {
            Direction::Sent => &mut sent,
            Direction::Received => &mut received,
        };
        let (before, bytes) = bytes.split_at_checked(*plain).unwrap_or((bytes, &[]));
        *plain -= before.len();
        if !bytes.is_empty() {
            pieces.push(TlsPiece { packet: *packet, at: *at, direction, bytes });
        }
    }
    pieces
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Sent => Direction::Received,
        Direction::Received => Direction::Sent,
    }
}

/// The packets of the handshake.
fn extent(flow: &Flow, lines: &[TlsLine], summary: &Summary, is_reversed: bool) -> HandshakeExtent {
    let first_packet = lines.first().map_or(0, |line| line.first_packet);
    let named = |line: &TlsLine, kind, name| line.entry.kind == kind && line.entry.name == name;
    let finished = lines.iter().filter(|line| named(line, Kind::Message, "Finished")).map(|line| line.packet).take(2);
    let of_types = [Direction::Sent, Direction::Received].map(|direction| {
        let mut records = lines.iter().filter(|line| line.entry.direction == Some(direction));
        records.find(|line| named(line, Kind::Record, "ChangeCipherSpec"))?;
        records.find(|line| named(line, Kind::Record, "Handshake")).map(|line| line.packet)
    });
    let is_tls13 = summary.version == Some(Version::TLS13);
    let estimate = || {
        let mut rest = lines.iter();
        rest.find(|line| named(line, Kind::Message, "ServerHello"))?;
        let mut sent = rest.filter(|line| line.entry.direction == Some(Direction::Sent));
        sent.find(|line| named(line, Kind::Record, "ApplicationData")).map(|line| line.packet)
    };
    let (last, basis) = match of_types {
        _ if summary.is_complete => (finished.max(), HandshakeEnd::Finished),
        [Some(sent), Some(received)] if !is_tls13 => (Some(sent.max(received)), HandshakeEnd::RecordTypes),
        _ if is_tls13 && estimate().is_some() => (estimate(), HandshakeEnd::Estimate),
        _ => (lines.iter().map(|line| line.packet).max(), HandshakeEnd::Incomplete),
    };
    let last_packet = last.unwrap_or(first_packet);
    let rows = || flow.rows.iter().filter(|row| (first_packet..=last_packet).contains(&row.number));
    let with_payload =
        |direction| rows().filter(|row| row.has_data() && (row.direction == direction) != is_reversed).count() as u64;
    let [sent, received] = [Direction::Sent, Direction::Received].map(with_payload);
    HandshakeExtent { first_packet, last_packet, sent, received, packets: rows().count() as u64, basis }
}
