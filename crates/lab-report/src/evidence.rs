//! What the experiments measured: facts, without words and without sockets. `answers` and `accounts` are made of them.

use std::time::Duration;

#[cfg(test)]
pub(crate) mod sample;

/// What is known of one experiment.
#[derive(Clone, Debug, Default)]
pub enum Finding<T> {
    /// It was left out, or interrupted.
    #[default]
    NotRun,
    /// It failed; the text is one sentence that says how.
    Failed(String),
    /// It was done.
    Measured(T),
}

impl<T> Finding<T> {
    /// What was measured, if it was.
    pub fn measured(&self) -> Option<&T> {
        match self {
            Self::Measured(facts) => Some(facts),
            Self::NotRun | Self::Failed(_) => None,
        }
    }
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Code A and B (Q1, Q2).
    pub datagram: Finding<Datagram>,
    /// Code C and D (Q3 to Q9).
    pub echo: Finding<Echo>,
    /// Part 2 with `CMD_short:0` (Q10 to Q13).
    pub short_at_once: Finding<Transfer>,
    /// Part 2 with `CMD_short:1`.
    pub short_paced: Finding<Transfer>,
    /// Part 2 with `CMD_floodme`, once for each size of the receive buffer; the first is the program's own (Q14, Q15).
    pub floods: Finding<Vec<Flood>>,
    /// Part 3, one reset, with the PMU on IPv4, then on IPv6 (Q16).
    pub resets: [Finding<Reset>; 2],
    /// Part 3, sixty resets, in the same order (Q17).
    pub series: [Finding<Series>; 2],
    /// Part 4 (Q18 to Q21).
    pub multicast: Finding<Multicast>,
    /// Part 5 with `CMD_short:0` (Q22, Q23).
    pub websocket_short: Finding<Transfer>,
    /// Part 5 with `CMD_floodme` (Q24).
    pub websocket_flood: Finding<Transfer>,
    /// Part 6, TLS 1.2, then TLS 1.3 (Q25 to Q28).
    pub tls: [Finding<TlsSession>; 2],
}

/// One datagram from a client to a server.
#[derive(Clone, Debug, Default)]
pub struct Datagram {
    /// What the client printed, by line.
    pub client_output: Vec<String>,
    /// What the server printed.
    pub server_output: Vec<String>,
    /// `UDP over IPv4`, from the packet itself.
    pub transport: String,
    /// The port it came from, and the one it went to.
    pub ports: (u16, u16),
    /// How many datagrams passed, in all.
    pub packets: u64,
    /// Its payload, as text.
    pub text: String,
}

/// An echo over TCP, with the sockets that the system listed.
#[derive(Clone, Debug, Default)]
pub struct Echo {
    /// The sockets with the server's port, as netstat shows them: once the server is there (Q4),
    pub sockets_before: Vec<String>,
    /// while the client is connected (Q5),
    pub sockets_during: Vec<String>,
    /// and when it has gone.
    pub sockets_after: Vec<String>,
    /// `TCP over IPv4`, from the packets.
    pub transport: String,
    /// What server and client had printed before the client was ended.
    pub server_output: Vec<String>,
    /// See `server_output`.
    pub client_output: Vec<String>,
    /// Whether the server had said `No more data` while the client held the connection (Q7).
    pub server_saw_end_before: bool,
    /// Whether it said so after Ctrl-C at the client (Q9).
    pub server_saw_end_after: bool,
    /// Whether Ctrl-C sent a FIN (and not a reset, or nothing).
    pub client_sent_fin: bool,
    /// The connection.
    pub transfer: Transfer,
}

impl Echo {
    /// How many lines with received data a program printed: `received: …` with something behind it (Q6).
    pub fn received_lines(output: &[String]) -> u64 {
        Self::received_pieces(output).len() as u64
    }

    /// The lengths of what those lines show, in bytes.
    pub fn received_pieces(output: &[String]) -> Vec<u64> {
        let texts = output.iter().filter_map(|line| line.strip_prefix("received:"));
        let pieces = texts.map(|text| text.strip_prefix(' ').unwrap_or(text).len() as u64);
        pieces.filter(|&len| len > 0).collect()
    }
}

/// Packets of one direction of a TCP connection, as captured at the client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packets {
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
    pub repeated_marks: u64,
    /// The length of each payload that brought something new, in order, at most 200 of them.
    pub lengths: Vec<u64>,
    /// Whether a FIN came.
    pub has_fin: bool,
    /// Whether a reset came before both had said with a FIN that nothing more comes.
    pub has_rst: bool,
}

impl Packets {
    /// Packets with payload that brought something new (Q11, Q14, Q22, Q24). What was sent again depends on losses, and on
    /// how busy the machine was: TCP sends again what is acknowledged late.
    pub fn fresh(&self) -> u64 {
        self.with_payload.saturating_sub(self.repeated)
    }
}

/// What the kernel counted at one end of a connection (TCP_INFO). A SYN or FIN counts as a byte where the kernel does so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnPath {
    /// How many it lost.
    pub lost: u64,
    /// How many it delivered twice.
    pub doubled: u64,
}

/// Bytes of the server's stream that belong to one layer: `messages`, `frame headers`, …
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// What they are.
    pub name: String,
    /// How many.
    pub bytes: u64,
}

impl Layer {
    /// The answer itself.
    pub const MESSAGES: &str = "messages";
    /// Part 5: the answer to the HTTP upgrade.
    pub const UPGRADE: &str = "upgrade";
    /// Part 5: the headers of the frames that carry messages.
    pub const FRAME_HEADERS: &str = "frame headers";
    /// Part 5: the close frame, with its header.
    pub const CLOSE: &str = "close frame";
}

/// What a client program said of a transfer.
#[derive(Clone, Debug, Default)]
pub struct Client {
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
#[derive(Clone, Debug, Default)]
pub struct Transfer {
    /// The experiment's name: its capture is `captures/NAME.pcapng`, what programs showed is in `output/NAME.txt`.
    pub experiment: String,
    /// The command that the client sent.
    pub command: String,
    /// How often the server's program called send for messages, if it is ours.
    pub sends: Option<u64>,
    /// What the server's stream is made of, if the server is ours; `messages` is always the layer of the answer itself.
    pub layers: Vec<Layer>,
    /// The kernel at the client's end.
    pub client_kernel: Option<Kernel>,
    /// The kernel at the server's end.
    pub server_kernel: Option<Kernel>,
    /// From the server to the client.
    pub to_client: Packets,
    /// From the client to the server.
    pub to_server: Packets,
    /// What the path did to the packets of the server.
    pub path_to_client: OnPath,
    /// What it did to those of the client.
    pub path_to_server: OnPath,
    /// Packets that the capture missed.
    pub missed_by_capture: u64,
    /// What the client showed and counted.
    pub client: Client,
    /// From the SYN to the last packet.
    pub duration: Duration,
}

impl Transfer {
    /// The bytes of a layer; 0 when there is none of that name.
    pub fn layer(&self, name: &str) -> u64 {
        self.layers.iter().filter(|layer| layer.name == name).map(|layer| layer.bytes).sum()
    }
}

/// A flood and the buffer it was received with.
#[derive(Clone, Debug, Default)]
pub struct Flood {
    /// The bytes that one recv may take; none for the program's own choice.
    pub recv_buffer: Option<u64>,
    /// The connection.
    pub transfer: Transfer,
}

/// One acknowledged reset (part 3).
#[derive(Clone, Debug, Default)]
pub struct Reset {
    /// The experiment's name.
    pub experiment: String,
    /// The family in which the PMU was: `IPv4` or `IPv6`.
    pub family: String,
    /// The family of the acknowledgement, from the capture.
    pub acknowledged_over: Option<String>,
    /// When it came, RFC 3339 in UTC, from the capture.
    pub acknowledged_at: Option<String>,
    /// Its text.
    pub acknowledgement: String,
    /// Packets sent to the PMU over IPv4 and over IPv6, up to the acknowledgement.
    pub sent: (u64, u64),
    /// Packets sent after the acknowledgement.
    pub sent_after: u64,
    /// What the program printed.
    pub output: Vec<String>,
}

/// Many resets (part 3).
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// The experiment's name.
    pub experiment: String,
    /// The family in which the PMU was.
    pub family: String,
    /// Packets over that family for each run until its acknowledgement, from the capture; sorted.
    pub packets: Vec<u64>,
    /// Their mean.
    pub mean: f64,
    /// 1 - runs/packets.
    pub loss: f64,
    /// The 95 % interval of the loss.
    pub interval: (f64, f64),
    /// The probability that the PMU was set to.
    pub true_loss: f64,
    /// The least time between two sends of one run, in seconds.
    pub shortest_pause: Option<f64>,
}

/// A multicast programme, a receiver and two senders (part 4).
#[derive(Clone, Debug, Default)]
pub struct Multicast {
    /// The experiment's name.
    pub experiment: String,
    /// The group and its port.
    pub group: String,
    /// What the receiver showed.
    pub shown: Vec<String>,
    /// Datagrams of the group that were on the wire at the receiver while it ran.
    pub datagrams: u64,
    /// Whether the receiver's host was a member of the group before it ran, and while it ran (`/proc/net/igmp`).
    pub member_before: bool,
    /// See `member_before`.
    pub member_during: bool,
    /// IGMP reports of the group in the capture.
    pub igmp_reports: u64,
    /// Whether the senders' host joined the group for them (it is another host than the receiver's).
    pub sender_member: bool,
    /// The time to live of the senders' datagrams.
    pub sender_ttl: u8,
    /// Each sender: its identity, how many characters it sent in all, and what the programme answered in the group.
    pub senders: Vec<(String, u64, Option<String>)>,
}

/// A message of a TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsMessage {
    /// The number of the packet in which it was complete.
    pub packet: u64,
    /// Whether the client sent it.
    pub from_client: bool,
    /// The RFC's name: `ClientHello`.
    pub name: String,
    /// Bytes.
    pub len: u64,
    /// Whether it was encrypted on the wire.
    pub encrypted: bool,
    /// Fields worth showing: name and value.
    pub details: Vec<(String, String)>,
}

/// A connection to the PMU of part 6.
#[derive(Clone, Debug, Default)]
pub struct TlsSession {
    /// `TLS 1.2` or `TLS 1.3`.
    pub version: String,
    /// What was agreed: the IANA name and OpenSSL's.
    pub suite: (String, String),
    /// The cipher suites of the ClientHello, IANA names, signalling values left out.
    pub proposed: Vec<String>,
    /// The handshake, up to Finished each way.
    pub messages: Vec<TlsMessage>,
    /// Packets with payload from the ClientHello to the last Finished: from the client, from the server.
    pub handshake_packets: (u64, u64),
    /// The same with the packets that only acknowledge.
    pub handshake_packets_all: u64,
    /// The key exchange: `X25519MLKEM768`, `secp256r1`, …
    pub key_exchange: Option<String>,
    /// The algorithm of the server's signature: `rsa_pss_rsae_sha256`.
    pub signature: Option<String>,
    /// The key of the server's certificate: `RSA 2048 bits`.
    pub certificate_key: Option<String>,
    /// Records of encrypted application data: from the client, from the server.
    pub data_records: (u64, u64),
    /// The connection.
    pub transfer: Transfer,
}
