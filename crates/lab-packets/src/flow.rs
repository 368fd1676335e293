//! TCP connections and UDP conversations: counters and, on request, each packet and the stream.
//!
//! A TCP segment is counted twice over: as a packet, and as the bytes of the stream that it brings. Bytes that this capture
//! has seen before are a retransmission, whatever made the sender repeat them; a packet that brings new bytes from below
//! the highest one so far is `late`: the network reordered it, or what it repeats was lost before it came here.

mod analysis;
mod coverage;
mod reassembly;
mod sequence;

use std::{fmt, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize, Serializer};

use crate::packet::TcpFlags;

pub use analysis::{Analysis, Traffic};
pub use tls_trace::Direction;

/// How many flows are told apart (ours); packets of further ones are counted among the others.
pub const MAX_FLOWS: usize = 100_000;

/// How many packets are kept as [`PacketRow`]s, over all flows (ours).
pub const MAX_ROWS: usize = 1_000_000;

/// How many bytes of payload are kept, over all flows (ours).
pub const MAX_STREAM_LEN: usize = 1 << 28;

/// How many bytes of a payload a [`PacketRow`] shows (ours).
pub const HEAD_LEN: usize = 64;

/// How much is kept of each packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing but counts, so that a capture may be of any size.
    Counts,
    /// Rows and streams, up to [`MAX_ROWS`] and [`MAX_STREAM_LEN`].
    Packets,
}

/// What a flow is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FlowProtocol {
    /// A connection.
    #[serde(rename = "TCP")]
    Tcp,
    /// Datagrams between two addresses, one of which may be a multicast group.
    #[serde(rename = "UDP")]
    Udp,
}

impl fmt::Display for FlowProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// The counters of one direction of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DirectionCounts {
    /// Packets, with or without payload.
    pub packets: u64,
    /// Packets with at least one byte of payload.
    pub packets_with_payload: u64,
    /// Bytes of payload on the wire, repeats included.
    pub bytes: u64,
    /// Bytes of the stream, each counted once; of UDP, the same as `bytes`.
    pub stream_bytes: u64,
    /// Packets that bring something of the stream (payload, SYN, FIN) that this capture has seen before.
    pub retransmitted_packets: u64,
    /// Their bytes of payload that had been seen before.
    pub retransmitted_bytes: u64,
    /// Packets that bring something new from below the highest sequence number so far: that fill a gap.
    pub late_packets: u64,
    /// Packets with SYN.
    pub syn: u64,
    /// Packets with FIN.
    pub fin: u64,
    /// Packets with RST.
    pub rst: u64,
    /// When the first packet passed, since the Unix epoch. In JSON, in seconds.
    #[serde(serialize_with = "seconds")]
    pub first: Option<Duration>,
    /// When the last one passed.
    #[serde(serialize_with = "seconds")]
    pub last: Option<Duration>,
    /// Whether every byte between SYN and FIN is in the capture; never so for UDP.
    pub is_whole: bool,
}

/// A TCP connection, or the datagrams between two addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// Its number in the capture, from 1, in the order of first packets.
    pub number: usize,
    /// TCP or UDP.
    pub protocol: FlowProtocol,
    /// Who sent the first SYN. Without a SYN the side with the higher port; of UDP who sent first.
    pub client: SocketAddr,
    /// The other side; of a multicast, the group.
    pub server: SocketAddr,
    /// From the client to the server.
    pub sent: DirectionCounts,
    /// From the server to the client.
    pub received: DirectionCounts,
    /// Whether a limit was met: rows or bytes are missing, or gaps were so many that repeats are an estimate.
    pub is_abridged: bool,
    /// Its packets, with [`Detail::Packets`].
    #[serde(skip)]
    pub rows: Vec<PacketRow>,
    /// What a receiver would get, with [`Detail::Packets`] and of TCP alone: in the order of each stream, and of the two
    /// streams as it became complete. It ends where a gap is never filled, or a packet was not captured whole.
    #[serde(skip)]
    pub stream: Vec<StreamChunk>,
}

impl Flow {
    /// The counters of one direction.
    pub fn counts(&self, direction: Direction) -> &DirectionCounts {
        match direction {
            Direction::Sent => &self.sent,
            Direction::Received => &self.received,
        }
    }

    /// When its first packet passed, since the Unix epoch.
    pub fn first(&self) -> Duration {
        [self.sent.first, self.received.first].into_iter().flatten().min().unwrap_or_default()
    }

    /// When its last packet passed, since the Unix epoch.
    pub fn last(&self) -> Duration {
        [self.sent.last, self.received.last].into_iter().flatten().max().unwrap_or_default()
    }
}

/// A packet of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketRow {
    /// Its number in the capture, from 1.
    pub number: u64,
    /// When, since the Unix epoch.
    pub at: Duration,
    /// Which way.
    pub direction: Direction,
    /// TCP's.
    pub tcp: Option<Segment>,
    /// Bytes of payload on the wire.
    pub payload_len: usize,
    /// The first of them, at most [`HEAD_LEN`].
    pub head: Vec<u8>,
    /// Whether it brings something that had been seen before.
    pub is_retransmission: bool,
    /// Whether it fills a gap.
    pub is_late: bool,
}

impl PacketRow {
    /// A remark for the reader: a retransmission, or a filled gap.
    pub fn note(&self) -> Option<&'static str> {
        match (self.is_retransmission, self.is_late) {
            (true, true) => Some("again in part, fills a gap"),
            (true, false) => Some("again"),
            (false, true) => Some("fills a gap"),
            (false, false) => None,
        }
    }
}

/// TCP's part of a [`PacketRow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The control bits.
    pub flags: TcpFlags,
    /// The sequence number, relative to that of SYN, or such that the first packet has 1. It does not wrap.
    pub seq: u64,
    /// The acknowledgement number in the same way; 0 without ACK.
    pub ack: u64,
}

/// Bytes of a stream that one packet brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamChunk {
    /// The packet's number.
    pub packet: u64,
    /// When it passed.
    pub at: Duration,
    /// Which way.
    pub direction: Direction,
    /// The new bytes.
    pub bytes: Vec<u8>,
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn seconds<S: Serializer>(at: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(|at| at.as_secs_f64()).serialize(serializer)
}
