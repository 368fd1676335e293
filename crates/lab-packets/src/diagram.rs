//! Sequence diagrams of the packets between two hosts, as text and as SVG.

mod label;
mod svg;
mod text;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    flow::{Direction, Flow, FlowProtocol, PacketRow},
    tls::TlsDissection,
};
use label::Labels;

/// The maximum number of arrows of a flow (ours): a page or two.
const MAX_ARROWS: usize = 200;

/// The number of arrows behind omitted ones (ours): room for the end of a connection.
const KEPT_AT_END: usize = 8;

/// A sequence diagram of two hosts: of a flow, or of any arrows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagram {
    /// The title, one line.
    pub title: String,
    /// The description for screen readers.
    pub description: String,
    /// The lifeline on the left.
    pub left: Lifeline,
    /// The lifeline on the right.
    pub right: Lifeline,
    /// The arrows, from top to bottom.
    pub arrows: Vec<Arrow>,
}

/// A lifeline: the vertical line of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifeline {
    /// Its role: `client`.
    pub name: String,
    /// Its address and port.
    pub address: String,
}

/// An arrow: a packet, or omitted packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrow {
    /// Its time since the first packet, if known.
    pub at: Option<Duration>,
    /// The number of its packet in the capture, if there is one.
    pub packet: Option<u64>,
    /// Whether it goes from left to right.
    pub to_right: bool,
    /// The label: `SYN`, `18 B: This is PMU data 1`, `ClientHello`.
    pub label: String,
    /// The kind, which decides the drawing.
    pub kind: ArrowKind,
}

/// The kind of an arrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArrowKind {
    /// Payload.
    Data,
    /// No payload: SYN, ACK, FIN, RST.
    Control,
    /// A retransmission.
    Retransmission,
    /// A packet that was lost.
    Lost,
    /// Omitted arrows: the label has their number.
    Omitted,
}

/// Options for the diagram of a flow.
#[derive(Clone, Debug)]
pub struct DiagramOptions {
    /// The names of client and server.
    pub names: [String; 2],
    /// The maximum number of successive packets without SYN, FIN, RST or retransmission; of more the middle is omitted.
    pub longest_run: usize,
}

impl Default for DiagramOptions {
    fn default() -> Self {
        Self { names: ["client".to_owned(), "server".to_owned()], longest_run: 24 }
    }
}

impl Diagram {
    /// The diagram of a flow, analysed with [`Detail::Packets`](crate::flow::Detail::Packets). The client is on the left.
    /// `tls` is the result of [`tls::dissect`](crate::tls::dissect).
    pub fn of(flow: &Flow, tls: Option<&TlsDissection>, options: &DiagramOptions) -> Self {
        let labels = Labels::new(flow, tls);
        let first = flow.rows.iter().filter_map(|row| row.at).min().unwrap_or_default();
        let draw = |row: &PacketRow| arrow(row, first, &labels);
        let mut arrows = Vec::new();
        for run in flow.rows.chunk_by(|before, row| is_plain(before) == is_plain(row)) {
            let is_plain = run.first().is_some_and(is_plain);
            abridge(run, if is_plain { options.longest_run } else { MAX_ARROWS / 2 }, draw, &mut arrows);
            if arrows.len() > MAX_ARROWS {
                break;
            }
        }
        if arrows.len() > MAX_ARROWS {
            arrows.clear();
            abridge(&flow.rows, MAX_ARROWS, draw, &mut arrows);
        }
        let [left, right] = options.names.clone();
        let (client, server) = (flow.client.to_string(), flow.server.to_string());
        let what = match flow.protocol {
            FlowProtocol::Tcp => "TCP connection",
            FlowProtocol::Udp => "UDP conversation",
        };
        let tls_too = if tls.is_some() { ", with TLS" } else { "" };
        Self {
            title: format!("{what} {}{tls_too}", flow.number),
            description: description(flow, &options.names, tls),
            left: Lifeline { name: left, address: client },
            right: Lifeline { name: right, address: server },
            arrows,
        }
    }

    /// The diagram as text of at most 100 columns. Each line ends with a newline.
    pub fn to_text(&self) -> String {
        text::draw(self)
    }

    /// The diagram as an SVG element, readable at a width of 400 pixels, on light and dark backgrounds, and on paper.
    /// `prefix` begins all ids, so that a page can have several diagrams: an ASCII letter, then letters, digits or hyphens.
    pub fn to_svg(&self, prefix: &str) -> String {
        svg::draw(self, prefix)
    }
}

/// Whether a packet has no SYN, FIN or RST, and is neither retransmitted nor late.
fn is_plain(row: &PacketRow) -> bool {
    let is_usual = !row.is_retransmission && !row.is_late;
    is_usual && row.tcp.is_none_or(|tcp| !tcp.flags.syn() && !tcp.flags.fin() && !tcp.flags.rst())
}

fn arrow(row: &PacketRow, first: Duration, labels: &Labels<'_>) -> Arrow {
    let kind = match row {
        PacketRow { is_retransmission: true, .. } => ArrowKind::Retransmission,
        PacketRow { tcp: Some(_), .. } if !row.has_data() => ArrowKind::Control,
        _ => ArrowKind::Data,
    };
    let to_right = row.direction == Direction::Sent;
    let at = row.at.map(|at| at.saturating_sub(first));
    Arrow { at, packet: Some(row.number), to_right, label: labels.of(row), kind }
}

/// Adds arrows; omits some before the last ones if there are more than `limit`.
fn abridge(run: &[PacketRow], limit: usize, draw: impl Fn(&PacketRow) -> Arrow, to: &mut Vec<Arrow>) {
    let limit = limit.max(KEPT_AT_END + 2);
    let kept = if run.len() > limit { limit - KEPT_AT_END - 1 } else { run.len() };
    let (shown, rest) = run.split_at_checked(kept).unwrap_or((run, &[]));
    to.extend(shown.iter().map(&draw));
    let (omitted, last) = rest.split_at_checked(rest.len().saturating_sub(KEPT_AT_END)).unwrap_or((&[], rest));
    if let Some(row) = omitted.first() {
        let bytes: usize = omitted.iter().map(|row| row.payload_len).sum();
        let label = format!("… {} packets more, {bytes} B", omitted.len());
        to.push(Arrow { packet: None, label, kind: ArrowKind::Omitted, ..draw(row) });
    }
    to.extend(last.iter().map(&draw));
}

/// The description of a diagram, in a few sentences.
fn description(flow: &Flow, [left, right]: &[String; 2], tls: Option<&TlsDissection>) -> String {
    let way = |direction| {
        let way = flow.counts(direction);
        let (packets, bytes) = (way.packets_with_payload, way.stream_bytes);
        let repeats = match way.retransmitted_packets {
            0 => String::new(),
            repeats => format!(", {repeats} of its packets repeat something"),
        };
        format!("{bytes} bytes in {packets} packets with payload{repeats}")
    };
    let time = match flow.duration() {
        Some(duration) => format!("in {:.6} s", duration.as_secs_f64()),
        None => "at unknown times".to_owned(),
    };
    let (sent, received) = (way(Direction::Sent), way(Direction::Received));
    let packets = flow.sent.packets + flow.received.packets;
    let tls = tls.map(|tls| format!(" TLS handshake: {}.", tls.summary)).unwrap_or_default();
    let (client, server) = (flow.client, flow.server);
    format!("{packets} packets {time}. The {left}, {client}, sent {sent}. The {right}, {server}, sent {received}.{tls}")
}
