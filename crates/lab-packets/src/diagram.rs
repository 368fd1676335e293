//! Sequence diagrams of the packets between two hosts, as text and as SVG.

mod label;
mod slant;
mod svg;
mod text;
mod websocket;

use std::time::Duration;

use labnet::count::Count;
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
    /// The arrows, from top to bottom, with their times at the left lifeline.
    pub arrows: Vec<Arrow>,
    /// The time of a packet from one lifeline to the other: it slants the arrows. `None` if it is not known, or none.
    #[serde(default)]
    pub delay: Option<Duration>,
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
    /// No payload: SYN, ACK, FIN, RST, and probes (keep-alives, window probes), whose byte is none.
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
        let first = flow.rows.iter().filter_map(|row| row.at).min().unwrap_or_default();
        let labels = Labels::new(flow, tls);
        let rows: Vec<Row<'_>> = flow.rows.iter().map(|row| Row { row, flow: 0 }).collect();
        let arrows = arrows(&rows, &|row| labels.of(row.row), first, options);
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
            delay: slant::delay(&flow.rows),
        }
    }

    /// The diagram of flows between the same two hosts, such as those of both families, in the order of their packets. The
    /// label of each packet begins with its family. `None` without flows.
    pub fn of_families(flows: &[Flow], options: &DiagramOptions) -> Option<Self> {
        let [only] = flows else {
            let first = flows.first()?;
            let family = |flow: &Flow| if flow.server.is_ipv4() { "IPv4" } else { "IPv6" };
            let labels: Vec<_> = flows.iter().map(|flow| (family(flow), Labels::new(flow, None))).collect();
            let label = |row: &Row<'_>| match labels.get(row.flow) {
                Some((family, labels)) => format!("{family}, {}", labels.of(row.row)),
                None => String::new(),
            };
            let rows = flows.iter().enumerate();
            let rows = rows.flat_map(|(number, flow)| flow.rows.iter().map(move |row| Row { row, flow: number }));
            let mut rows: Vec<Row<'_>> = rows.collect();
            rows.sort_by_key(|row| row.row.number);
            let begin = rows.iter().filter_map(|row| row.row.at).min().unwrap_or_default();
            let addresses = |address: fn(&Flow) -> std::net::SocketAddr| {
                flows.iter().map(|flow| address(flow).to_string()).collect::<Vec<_>>().join(", ")
            };
            let diagram = Self::of(first, None, options);
            let descriptions = flows.iter().map(|flow| description(flow, &options.names, None));
            return Some(Self {
                title: "IPv4 and IPv6 on one axis".to_owned(),
                description: descriptions.collect::<Vec<_>>().join(" "),
                left: Lifeline { address: addresses(|flow| flow.client), ..diagram.left },
                right: Lifeline { address: addresses(|flow| flow.server), ..diagram.right },
                arrows: arrows(&rows, &label, begin, options),
                delay: flows.iter().filter_map(|flow| slant::delay(&flow.rows)).min(),
            });
        };
        Some(Self::of(only, None, options))
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

/// A packet of one of the flows of a diagram.
struct Row<'a> {
    row: &'a PacketRow,
    /// The index of its flow.
    flow: usize,
}

/// The label of a packet; made only of those that are shown.
type LabelOf<'a> = &'a dyn Fn(&Row<'_>) -> String;

/// The arrows of packets with their labels, in their order; some are omitted if there are many.
fn arrows(rows: &[Row<'_>], label: LabelOf<'_>, first: Duration, options: &DiagramOptions) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for run in rows.chunk_by(|before, row| is_plain(before.row) == is_plain(row.row)) {
        let is_plain = run.first().is_some_and(|row| is_plain(row.row));
        abridge(run, label, if is_plain { options.longest_run } else { MAX_ARROWS / 2 }, first, &mut arrows);
        if arrows.len() > MAX_ARROWS {
            break;
        }
    }
    if arrows.len() > MAX_ARROWS {
        arrows.clear();
        abridge(rows, label, MAX_ARROWS, first, &mut arrows);
    }
    arrows
}

fn arrow(row: &PacketRow, label: String, first: Duration) -> Arrow {
    let kind = match row {
        PacketRow { is_retransmission: true, .. } => ArrowKind::Retransmission,
        PacketRow { tcp: Some(_), .. } if !row.has_data() => ArrowKind::Control,
        _ => ArrowKind::Data,
    };
    let to_right = row.direction == Direction::Sent;
    let at = row.at.map(|at| at.saturating_sub(first));
    Arrow { at, packet: Some(row.number), to_right, label, kind }
}

/// Adds arrows; omits some before the last ones if there are more than `limit`.
fn abridge(run: &[Row<'_>], label: LabelOf<'_>, limit: usize, first: Duration, to: &mut Vec<Arrow>) {
    let limit = limit.max(KEPT_AT_END + 2);
    let kept = if run.len() > limit { limit - KEPT_AT_END - 1 } else { run.len() };
    let (shown, rest) = run.split_at_checked(kept).unwrap_or((run, &[]));
    to.extend(shown.iter().map(|row| arrow(row.row, label(row), first)));
    let (omitted, last) = rest.split_at_checked(rest.len().saturating_sub(KEPT_AT_END)).unwrap_or((&[], rest));
    if let Some(begin) = omitted.first() {
        let bytes: usize = omitted.iter().map(|row| row.row.payload_len).sum();
        let label = format!("… {} more, {bytes} B", Count::of_len(omitted.len(), "packet"));
        to.push(Arrow { packet: None, kind: ArrowKind::Omitted, ..arrow(begin.row, label, first) });
    }
    to.extend(last.iter().map(|row| arrow(row.row, label(row), first)));
}

/// Whether one of the lines without payload has a byte all the same: that of a probe.
fn has_probe_with_a_byte(arrows: &[Arrow]) -> bool {
    let is_probe = |label: &str| label.ends_with("(keep-alive)") || label.ends_with("(window probe)");
    arrows.iter().any(|arrow| arrow.kind == ArrowKind::Control && arrow.label.contains(" B") && is_probe(&arrow.label))
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
        format!("{} in {} with payload{repeats}", Count::new(bytes, "byte"), Count::new(packets, "packet"))
    };
    let time = match flow.duration() {
        Some(duration) => format!("in {:.6} s", duration.as_secs_f64()),
        None => "at unknown times".to_owned(),
    };
    let (sent, received) = (way(Direction::Sent), way(Direction::Received));
    let packets = Count::new(flow.sent.packets + flow.received.packets, "packet");
    let tls = tls.map(|tls| format!(" TLS handshake: {}.", tls.summary)).unwrap_or_default();
    let (client, server) = (flow.client, flow.server);
    format!("{packets} {time}. The {left}, {client}, sent {sent}. The {right}, {server}, sent {received}.{tls}")
}
