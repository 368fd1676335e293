//! One TCP connection, seen from all sides.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Packets of one direction of a TCP connection, as captured at the client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketCounts {
    /// All of them.
    pub all: u64,
    /// Those with payload.
    pub with_payload: u64,
    /// Payload bytes, what was sent again included.
    pub bytes: u64,
    /// Payload bytes, each once.
    pub distinct_bytes: u64,
    /// Packets with payload that brought bytes that had been there before.
    pub repeated: u64,
    /// Packets without payload that brought a SYN or FIN that had been there before.
    pub repeated_syn_fin: u64,
    /// The length of each payload that brought something new, in order, at most 200 of them.
    pub lengths: Vec<u64>,
    /// Whether a FIN came.
    pub has_fin: bool,
    /// Whether a reset came before both had said with a FIN that nothing more comes.
    pub has_rst: bool,
}

impl PacketCounts {
    /// Packets with payload that brought something new (Q11, Q14, Q22, Q24). What was sent again depends on losses, and on
    /// how busy the machine was: TCP sends again what is acknowledged late.
    pub fn fresh(&self) -> u64 {
        self.with_payload.saturating_sub(self.repeated)
    }
}

/// What the kernel counted at one end of a connection (TCP_INFO). A SYN or FIN counts as a byte where the kernel does so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelCounters {
    /// Payload bytes sent, again and again included.
    pub bytes_sent: Option<u64>,
    /// Bytes of this end that were acknowledged; with its FIN, and with its SYN on the side that connected.
    pub bytes_acked: u64,
    /// Bytes of the other end, each once, with its FIN.
    pub bytes_received: u64,
    /// Segments with payload, out and in.
    pub data_segments_out: u64,
    /// See `data_segments_out`.
    pub data_segments_in: u64,
    /// Segments sent again.
    pub retransmitted: u64,
    /// The smoothed round-trip time.
    pub rtt: Duration,
}

/// What a path did to packets on purpose, with payload or without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathCounts {
    /// How many it lost.
    pub lost: u64,
    /// How many it delivered twice.
    pub duplicated: u64,
}

/// What bytes of a server's stream are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The answer itself.
    Messages,
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
    /// What they are for.
    pub layer: Layer,
    /// How many.
    pub bytes: u64,
}

/// What a client program said of a transfer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ClientReport {
    /// How it was called.
    pub command_line: String,
    /// The exit status as a shell shows it.
    pub status: i32,
    /// Lines on stdout.
    pub lines: Vec<String>,
    /// Bytes on stdout.
    pub output_bytes: u64,
    /// From its `--stats`, none when it has no such option: calls of recv, the empty one included.
    pub recv_calls: Option<u64>,
    /// From its `--stats`: bytes that the calls returned.
    pub bytes: Option<u64>,
    /// From its `--stats`: segments with payload, by TCP_INFO.
    pub data_segments_in: Option<u64>,
    /// From its `--stats`: messages that were handed to it (part 5).
    pub on_message: Option<u64>,
    /// The bytes that one recv may take, where that was asked for.
    pub recv_buffer: Option<u64>,
}

/// The fewest calls of recv that take so many bytes: one for each full buffer, one for the rest, one for the end.
pub fn fewest_recv_calls(bytes: u64, recv_buffer: Option<u64>) -> u64 {
    let with_bytes = recv_buffer.filter(|&size| size > 0).map_or(bytes.min(1), |size| bytes.div_ceil(size));
    with_bytes + 1
}

/// One TCP connection, seen from all sides.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Transfer {
    /// The experiment's name: its capture is `captures/NAME.pcapng`, what programs showed is in `output/NAME.txt`.
    pub experiment: String,
    /// The command that the client sent.
    pub command: String,
    /// How often the server's program called send for messages, if it is ours.
    pub sends: Option<u64>,
    /// What the server's stream is made of, if the server is ours; `messages` is always the layer of the answer itself.
    pub layers: Vec<LayerBytes>,
    /// The kernel at the client's end.
    pub client_kernel: Option<KernelCounters>,
    /// The kernel at the server's end.
    pub server_kernel: Option<KernelCounters>,
    /// From the server to the client.
    pub to_client: PacketCounts,
    /// From the client to the server.
    pub to_server: PacketCounts,
    /// What the path did to the packets of the server.
    pub path_to_client: PathCounts,
    /// What it did to those of the client.
    pub path_to_server: PathCounts,
    /// Packets that the capture missed.
    pub missed_by_capture: u64,
    /// What the client showed and counted.
    pub client: ClientReport,
    /// From the SYN to the last packet.
    pub duration: Duration,
}

impl Transfer {
    /// The bytes of a layer; 0 when there is none.
    pub fn layer(&self, layer: Layer) -> u64 {
        self.layers.iter().filter(|part| part.layer == layer).map(|part| part.bytes).sum()
    }
}

/// A flood and the buffer it was received with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Flood {
    /// The bytes that one recv may take; none for the program's own choice.
    pub recv_buffer: Option<u64>,
    /// The connection.
    pub transfer: Transfer,
    /// The packets of the server, for the flood that is drawn; else empty.
    pub arrivals: Vec<Arrival>,
}

/// A packet that brought something new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// When, since the first packet of the connection.
    pub at: Duration,
    /// How many bytes it brought that were new.
    pub bytes: u64,
}
