//! The facts of one TCP connection, from all witnesses.

use std::time::Duration;

use labnet::net::Family;
use serde::{Deserialize, Serialize};

use super::WebSocketFacts;

/// The packets of one direction of a TCP connection, as captured at the client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketCounts {
    /// All packets.
    pub all: u64,
    /// Packets with payload.
    pub with_payload: u64,
    /// Payload bytes, retransmissions included.
    pub bytes: u64,
    /// Payload bytes, each once.
    pub distinct_bytes: u64,
    /// Packets with payload of which bytes had been captured before.
    pub repeated: u64,
    /// Packets without payload that repeat a SYN or FIN.
    pub repeated_syn_fin: u64,
    /// The lengths of the payloads with new bytes, in order, at most 200.
    pub lengths: Vec<u64>,
    /// Whether a FIN was captured.
    pub has_fin: bool,
    /// Whether a reset was captured before both FINs.
    pub has_rst: bool,
    /// What such a reset could have cost; `None` without one.
    #[serde(default)]
    pub reset: Option<ResetCost>,
    /// Payload bytes and FIN that only the reset of the other end acknowledged: it had them, and the sender's kernel does not
    /// count them.
    #[serde(default)]
    pub acknowledged_by_reset: u64,
    /// What came to an end that had closed, and was answered by a reset.
    #[serde(default)]
    pub refused: RefusedPackets,
}

/// The bytes that were not acknowledged when an end had reset its connection, by sequence numbers: the reset may have
/// destroyed them. What the other end acknowledged is not lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetCost {
    /// The packet of the reset, as the capture numbers it.
    pub packet: u64,
    /// Payload bytes that the end had sent before.
    pub bytes: u64,
    /// Those of them that the other end never acknowledged. An acknowledgement that was on its way counts.
    pub unacknowledged: u64,
    /// Payload bytes and FIN of which the acknowledgement came after the reset: the kernel that sent it no longer counted them.
    #[serde(default)]
    pub acknowledged_late: u64,
}

/// Packets that were captured after the FIN or reset of their receiver, and that it answered with a reset: its socket was closed,
/// and nobody could have read them. Closing after close_notify is allowed (RFC 8446, section 6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedPackets {
    /// Packets with payload.
    pub packets: u64,
    /// Their payload bytes, each once.
    pub bytes: u64,
    /// Whether the FIN is one of them: it was not acknowledged.
    pub has_fin: bool,
}

impl PacketCounts {
    /// The number of packets with new payload (Q11, Q14, Q22, Q24). The others depend on losses and on the load of the
    /// machine: TCP retransmits what is acknowledged late.
    pub fn fresh(&self) -> u64 {
        self.with_payload.saturating_sub(self.repeated)
    }
}

/// The counters of the kernel at one end of a connection (TCP_INFO). The kernel counts some SYN and FIN as a byte.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelCounters {
    /// Payload bytes sent, retransmissions included; `None` if the kernel has no such counter.
    pub bytes_sent: Option<u64>,
    /// Acknowledged bytes, with the FIN, and at the client with the SYN.
    pub bytes_acked: u64,
    /// Received bytes, each once, with the FIN.
    pub bytes_received: u64,
    /// Segments with payload that were sent.
    pub data_segments_out: u64,
    /// Segments with payload that were received.
    pub data_segments_in: u64,
    /// Retransmitted segments.
    pub retransmitted: u64,
    /// The smoothed round-trip time.
    pub rtt: Duration,
}

/// The lost and duplicated packets of a path, with payload or without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathCounts {
    /// Lost packets.
    pub lost: u64,
    /// Duplicated packets.
    pub duplicated: u64,
}

/// A layer of a server's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The answer itself.
    Messages,
    /// White space between messages, from a PMU that separates them.
    Separators,
    /// Part 5: the answer to the HTTP upgrade.
    Upgrade,
    /// Part 5: the headers of the frames that carry messages.
    FrameHeaders,
    /// Part 5: the close frame, with its header.
    CloseFrame,
    /// Part 6: the records of the handshake.
    Handshake,
    /// Part 6: headers and tags of the records that carry messages.
    RecordProtection,
    /// Part 6: alerts, with their records.
    Alerts,
}

/// The bytes of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerBytes {
    /// The layer.
    pub layer: Layer,
    /// The number of its bytes.
    pub bytes: u64,
}

/// The output and the `--stats` of a client program.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ClientReport {
    /// The command line, as a shell takes it.
    pub command_line: String,
    /// The exit status as a shell shows it.
    pub status: i32,
    /// Lines on stdout.
    pub lines: Vec<String>,
    /// Bytes on stdout.
    pub output_bytes: u64,
    /// From `--stats`: calls of recv, the empty one included. All values of `--stats` are `None` for a program without it.
    pub recv_calls: Option<u64>,
    /// From `--stats`: bytes that the calls returned.
    pub bytes: Option<u64>,
    /// From `--stats`: segments with payload, by TCP_INFO.
    pub data_segments_in: Option<u64>,
    /// From `--stats`: calls of on_message (part 5).
    pub on_message: Option<u64>,
    /// The size of the receive buffer, in bytes, if it was an argument.
    pub recv_buffer: Option<u64>,
}

/// The minimum number of calls of recv for so many bytes: one for each full buffer, one for the rest, one for the end.
pub fn fewest_recv_calls(bytes: u64, recv_buffer: Option<u64>) -> u64 {
    let with_bytes = recv_buffer.filter(|&size| size > 0).map_or(bytes.min(1), |size| bytes.div_ceil(size));
    with_bytes + 1
}

/// The messages of an answer to `CMD_short`: `first`, `first` + 1, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentMessages {
    /// The number of the first.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// A packet of the server with new bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataPacket {
    /// Its number in the capture.
    pub packet: u64,
    /// Its time at the client, since the first packet of the connection.
    pub at: Duration,
    /// The number of its new bytes.
    pub bytes: u64,
    /// Whether it has the FIN, too.
    pub has_fin: bool,
}

/// A connection that a client opened, or tried to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionAttempt {
    /// The family of the server's address.
    pub family: Family,
    /// The number of its first packet.
    pub first_packet: u64,
    /// Whether the server accepted it.
    pub was_accepted: bool,
    /// The first bytes that the client sent, at most 512.
    pub request: Vec<u8>,
    /// The numbers of the packets that brought them, at most 10.
    pub request_packets: Vec<u64>,
    /// How the client ended it; `None` if it did not.
    pub close: Option<ClientClose>,
}

/// How a client ended its side of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientClose {
    /// The number of the packet with its first FIN or RST.
    pub packet: u64,
    /// Whether that packet was a RST. One behind a FIN is the system's, and answers what came later.
    pub is_reset: bool,
    /// The bytes of the server that had been captured before.
    pub bytes_before: u64,
    /// Whether the FIN of the server had been captured before.
    pub after_server_fin: bool,
    /// The time since the first packet of the connection.
    pub at: Duration,
}

/// One TCP connection, from all witnesses.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Transfer {
    /// The name of the experiment, or of one of its connections.
    pub experiment: String,
    /// The command that the client was given.
    pub command: String,
    /// Calls of send for messages by the server's program, if it is ours.
    pub sends: Option<u64>,
    /// The messages that a server of ours sent; `None` for a text, or another server.
    #[serde(default)]
    pub messages: Option<SentMessages>,
    /// The layers of the server's stream, if the server is ours. Messages are always one of them.
    pub layers: Vec<LayerBytes>,
    /// The kernel at the client's end.
    pub client_kernel: Option<KernelCounters>,
    /// The kernel at the server's end.
    pub server_kernel: Option<KernelCounters>,
    /// From the server to the client.
    pub to_client: PacketCounts,
    /// From the client to the server.
    pub to_server: PacketCounts,
    /// The counters of the path for packets of the server.
    pub path_to_client: PathCounts,
    /// The counters of the path for packets of the client.
    pub path_to_server: PathCounts,
    /// All connections of the client to that port, this one included.
    #[serde(default)]
    pub attempts: Vec<ConnectionAttempt>,
    /// The packets of the server with new bytes, at most 200.
    #[serde(default)]
    pub data_packets: Vec<DataPacket>,
    /// The round-trip time, measured at the client: from its first bytes to the packet that acknowledges them. By then both
    /// sides know each other's hardware address, for which the first packets wait.
    #[serde(default)]
    pub round_trip: Option<Duration>,
    /// The frames of a WebSocket connection (part 5).
    #[serde(default)]
    pub websocket: Option<WebSocketFacts>,
    /// Packets that the capture missed.
    pub missed_by_capture: u64,
    /// The output and the counts of the client.
    pub client: ClientReport,
    /// The time from the SYN to the last packet.
    pub duration: Duration,
}

impl Transfer {
    /// The first connection over which the client sent something.
    pub fn used_attempt(&self) -> Option<&ConnectionAttempt> {
        self.attempts.iter().find(|attempt| !attempt.request.is_empty())
    }

    /// The bytes of a layer; 0 without it.
    pub fn layer(&self, layer: Layer) -> u64 {
        self.layers.iter().filter(|part| part.layer == layer).map(|part| part.bytes).sum()
    }
}

/// A flood, and the receive buffer of its client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Flood {
    /// The size of the receive buffer, in bytes; `None` for the program's own choice.
    pub recv_buffer: Option<u64>,
    /// The connection.
    pub transfer: Transfer,
    /// The packets of the server for the plot; empty for all floods but the first.
    pub arrivals: Vec<Arrival>,
}

/// A packet with new bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Its time since the first packet of the connection.
    pub at: Duration,
    /// The number of its new bytes.
    pub bytes: u64,
}
