//! TCP connections and UDP conversations: counters and, on request, each packet and the stream.
//!
//! A TCP segment counts as a packet, and with its bytes of the stream. Bytes that were captured before are a
//! retransmission, for whatever reason the sender repeated them. A packet with new bytes below the highest sequence number
//! so far is `late`: the network reordered it, or an earlier copy was lost before the capture.
//!
//! Keep-alives and window probes are told apart by the rules of Wireshark. They are no retransmissions, and their byte, if
//! they have one, is no payload: that of a window probe becomes payload when it is acknowledged.

mod analysis;
mod coverage;
mod reassembly;
mod sequence;

use std::{fmt, net::SocketAddr, time::Duration};

use labnet::seconds;
use serde::{Deserialize, Serialize};

use crate::packet::{TcpFlags, WrongLength};

pub use analysis::{Analysis, Traffic};
pub use tls_trace::Direction;

/// The maximum number of flows (ours); packets of further flows count among the others.
pub const MAX_FLOWS: usize = 100_000;

/// The maximum number of [`PacketRow`]s of all flows (ours).
pub const MAX_ROWS: usize = 1_000_000;

/// The maximum of stored payload of all flows, in bytes (ours).
pub const MAX_STREAM_LEN: usize = 1 << 28;

/// The maximum of payload in a [`PacketRow`], in bytes (ours).
pub const HEAD_LEN: usize = 64;

/// The level of detail of an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Only counts, for captures of any size.
    Counts,
    /// Rows and streams, up to [`MAX_ROWS`] and [`MAX_STREAM_LEN`].
    Packets,
}

/// The transport protocol of a flow.
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
    /// Packets with at least one byte of payload, but for keep-alives and window probes.
    pub packets_with_payload: u64,
    /// Bytes of their payload on the wire, repeats included.
    pub bytes: u64,
    /// Bytes of the stream, each counted once; of UDP, the same as `bytes`.
    pub stream_bytes: u64,
    /// Packets with payload, SYN or FIN that were captured before.
    pub retransmitted_packets: u64,
    /// Their bytes of payload that were captured before.
    pub retransmitted_bytes: u64,
    /// Packets with new bytes below the highest sequence number so far: they fill a gap.
    pub late_packets: u64,
    /// Keep-alives: see [`TcpProbe::KeepAlive`].
    pub keep_alives: u64,
    /// Window probes: see [`TcpProbe::ZeroWindow`].
    pub window_probes: u64,
    /// Packets with SYN.
    pub syn: u64,
    /// Packets with FIN.
    pub fin: u64,
    /// Packets with RST.
    pub rst: u64,
    /// The time of the first packet, since the Unix epoch. In JSON text: seconds with nine decimals.
    #[serde(serialize_with = "seconds::serialize_decimal")]
    pub first: Option<Duration>,
    /// The time of the last packet.
    #[serde(serialize_with = "seconds::serialize_decimal")]
    pub last: Option<Duration>,
    /// Whether SYN, FIN and every byte between them are in the capture; `false` for UDP.
    pub is_whole: bool,
}

/// A TCP connection, or the datagrams between two addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// Its number in the capture, from 1, in the order of first packets.
    pub number: usize,
    /// TCP or UDP.
    pub protocol: FlowProtocol,
    /// The sender of the first SYN; without a SYN the side with the higher port; of UDP the first sender.
    pub client: SocketAddr,
    /// The other side; the group of a multicast.
    pub server: SocketAddr,
    /// From the client to the server.
    pub sent: DirectionCounts,
    /// From the server to the client.
    pub received: DirectionCounts,
    /// Whether a limit was reached: rows or bytes are missing, or retransmissions are an estimate because of many gaps.
    pub is_abridged: bool,
    /// Its packets, with [`Detail::Packets`].
    #[serde(skip)]
    pub rows: Vec<PacketRow>,
    /// The bytes of both streams as their receivers read them, only of TCP, with [`Detail::Packets`]. A stream ends at a
    /// gap that is never filled, and at a packet that was not captured whole.
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

    /// The time of its first packet with a time, since the Unix epoch.
    pub fn first(&self) -> Option<Duration> {
        [self.sent.first, self.received.first].into_iter().flatten().min()
    }

    /// The time of its last packet with a time, since the Unix epoch.
    pub fn last(&self) -> Option<Duration> {
        [self.sent.last, self.received.last].into_iter().flatten().max()
    }

    /// The time from the first packet to the last one, if it is known.
    pub fn duration(&self) -> Option<Duration> {
        self.last()?.checked_sub(self.first()?)
    }
}

/// A packet of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketRow {
    /// Its number in the capture, from 1.
    pub number: u64,
    /// Its time since the Unix epoch, if known.
    pub at: Option<Duration>,
    /// Its direction.
    pub direction: Direction,
    /// The TCP fields; `None` of UDP.
    pub tcp: Option<Segment>,
    /// The length of its payload on the wire, in bytes.
    pub payload_len: usize,
    /// The first bytes of its payload, at most [`HEAD_LEN`].
    pub head: Vec<u8>,
    /// Whether it has payload, SYN or FIN that were captured before.
    pub is_retransmission: bool,
    /// Whether it fills a gap.
    pub is_late: bool,
    /// Why it was sent, if not for its payload.
    pub probe: Option<TcpProbe>,
    /// A length in its headers that is not believed.
    pub wrong_length: Option<WrongLength>,
}

/// A segment that asks for an acknowledgement. Neither has SYN, FIN or RST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpProbe {
    /// Whether the other side is still there: a segment of no or one byte before the next expected one (RFC 9293, section
    /// 3.8.4). Linux sends its window probes like this.
    KeepAlive,
    /// Whether the receive window of the other side, 0 so far, is open again: one byte, the next expected one (section
    /// 3.8.6.1).
    ZeroWindow,
}

impl fmt::Display for TcpProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeepAlive => "keep-alive",
            Self::ZeroWindow => "window probe",
        })
    }
}

impl PacketRow {
    /// Whether it brings data: payload, and not only the byte of a probe.
    pub fn has_data(&self) -> bool {
        self.payload_len > 0 && self.probe.is_none()
    }

    /// A remark for the reader: a retransmission, a filled gap, a probe, a length that is not believed.
    pub fn note(&self) -> Option<String> {
        let repeat = match (self.is_retransmission, self.is_late) {
            (true, true) => Some("again in part, fills a gap"),
            (true, false) => Some("again"),
            (false, true) => Some("fills a gap"),
            (false, false) => None,
        };
        let probe = self.probe.map(|probe| probe.to_string());
        let notes = [repeat.map(str::to_owned), probe, self.wrong_length.map(|wrong| wrong.to_string())];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        (!notes.is_empty()).then(|| notes.join(", "))
    }
}

/// The TCP fields of a [`PacketRow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The control bits.
    pub flags: TcpFlags,
    /// The sequence number relative to that of SYN; without SYN, the first packet has 1. It does not wrap.
    pub seq: u64,
    /// The relative acknowledgement number; 0 without ACK.
    pub ack: u64,
}

/// The new bytes of a packet in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamChunk {
    /// The number of the packet.
    pub packet: u64,
    /// Its time since the Unix epoch, if known.
    pub at: Option<Duration>,
    /// Its direction.
    pub direction: Direction,
    /// The new bytes.
    pub bytes: Vec<u8>,
}
