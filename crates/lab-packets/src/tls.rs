//! The TLS handshake of a connection: its messages, and the packets that carry them.
//!
//! TLS is recognized by the first bytes of a stream, not by a port. The key log decrypts it. Without a key log, records and
//! hello messages are listed.

mod packet_map;

use std::{fmt, net::SocketAddr, time::Duration};

use serde::Serialize;
use tls_trace::{Direction, Entry, Kind, Summary, Timeline, Version};

use crate::{
    file::KeyLog,
    flow::{Flow, StreamChunk},
};
use packet_map::PacketMap;

/// The maximum number of lines (ours): a handshake has some dozens, application data two for each record.
const MAX_LINES: usize = 10_000;

/// The length of the first bytes of a TLS stream: a record with a handshake message, `22 ‖ 3 ‖ 0..=4 ‖ length u16`, that is a
/// ClientHello, `1 ‖ length u24 ‖ version u16 ‖ random` (RFC 8446, sections 5.1 and 4.1.2).
const HELLO_LEN: usize = 43;
/// The position of the random in them.
const RANDOM: usize = 11;

/// The TLS records and messages of a connection, and the packets of its handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsDissection {
    /// The address of the sender of the ClientHello.
    pub client: SocketAddr,
    /// The address of its receiver.
    pub server: SocketAddr,
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
/// neither side begins with a ClientHello.
pub fn dissect(flow: &Flow, secrets: &KeyLog) -> Option<TlsDissection> {
    let (hello, is_reversed) = [(Direction::Sent, false), (Direction::Received, true)]
        .into_iter()
        .map(|(direction, is_reversed)| (beginning(flow, direction), is_reversed))
        .find(|(bytes, _)| is_client_hello(bytes))?;
    let (client, server) = if is_reversed { (flow.server, flow.client) } else { (flow.client, flow.server) };
    let as_client = |direction| if is_reversed { opposite(direction) } else { direction };

    let mut timeline = Timeline::new();
    let random = hello.get(RANDOM..HELLO_LEN).unwrap_or_default();
    for secret in secrets.secrets_of(random) {
        timeline.secret(secret.label, &secret.client_random, &secret.secret);
    }
    let (mut entries, mut fed) = (Vec::new(), 0);
    for chunk in &flow.stream {
        // The time is the index of the chunk: it leads back from a line to its chunk.
        timeline.bytes(Duration::from_nanos(fed), as_client(chunk.direction), &chunk.bytes);
        fed += 1;
        entries.extend(timeline.drain());
        if entries.len() > MAX_LINES {
            break;
        }
    }
    let is_abridged = (fed as usize) < flow.stream.len();
    entries.extend(timeline.finish());

    let mut packet_map = PacketMap::new(flow.stream.iter().map(|chunk| (chunk, as_client(chunk.direction))));
    let (mut lines, mut client_hello, mut server_hello) = (Vec::new(), Vec::new(), Vec::new());
    for mut entry in entries {
        let chunk = usize::try_from(entry.at.as_nanos()).ok().and_then(|index| flow.stream.get(index));
        let packets = packet_map.of(&entry, chunk);
        entry.at = chunk.map_or(Duration::ZERO, |chunk| chunk.at.saturating_sub(flow.first()));
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
    Some(TlsDissection { client, server, lines, is_abridged, summary, client_hello, server_hello, handshake })
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Sent => Direction::Received,
        Direction::Received => Direction::Sent,
    }
}

/// The first bytes of a stream.
fn beginning(flow: &Flow, direction: Direction) -> Vec<u8> {
    let chunks = flow.stream.iter().filter(|chunk| chunk.direction == direction);
    chunks.flat_map(|chunk: &StreamChunk| &chunk.bytes).take(HELLO_LEN).copied().collect()
}

fn is_client_hello(bytes: &[u8]) -> bool {
    matches!(bytes, [22, 3, 0..=4, _, _, 1, ..])
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
