//! Assigns packets to flows.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    time::Duration,
};

use labnet::seconds;
use serde::Serialize;

use super::{
    Detail, Direction, DirectionCounts, Flow, FlowProtocol, HEAD_LEN, MAX_FLOWS, MAX_ROWS, MAX_STREAM_LEN, PacketRow,
    Segment, TcpProbe,
    reassembly::{Budget, SegmentData},
    sequence::{SegmentUpdate, SequenceTracker},
};
use crate::{
    file::{CapturedFrame, NumberedBlock},
    packet::{Packet, TcpHeader, Transport},
};

/// The contents of a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// The number of frames.
    pub frames: u64,
    /// The flows, in the order of their first packets.
    pub flows: Vec<Flow>,
    /// The number of frames without flow, by kind: `ARP`, `ICMP`, `IP fragment`, …
    pub others: BTreeMap<String, u64>,
    /// The number of blocks that are no frames and have numbers among them, by kind: see [`NumberedBlock`].
    pub numbered_blocks: BTreeMap<String, u64>,
    /// The number of packets with a length that is not believed, by kind: see [`WrongLength`](crate::packet::WrongLength).
    pub wrong_lengths: BTreeMap<String, u64>,
    /// The time of the first frame with a time, since the Unix epoch.
    #[serde(serialize_with = "seconds::serialize_decimal")]
    pub first: Option<Duration>,
    /// The time of the last frame.
    #[serde(serialize_with = "seconds::serialize_decimal")]
    pub last: Option<Duration>,
}

/// Both addresses, the smaller one first: the same key for both directions.
type Key = (FlowProtocol, SocketAddr, SocketAddr);

/// A flow, and the state of its streams.
struct OpenFlow {
    flow: Flow,
    sent: SequenceTracker,
    received: SequenceTracker,
    is_reset: bool,
}

/// Analyses the frames of a capture, in their order.
pub struct Analysis {
    detail: Detail,
    traffic: Traffic,
    live: Vec<OpenFlow>,
    current: HashMap<Key, usize>,
    budget: Budget,
    /// The number of the last frame or block, as Wireshark counts.
    number: u64,
}

impl Analysis {
    /// An analysis without frames.
    pub fn new(detail: Detail) -> Self {
        let budget = Budget { bytes: MAX_STREAM_LEN, rows: MAX_ROWS };
        Self { detail, traffic: Traffic::default(), live: Vec::new(), current: HashMap::new(), budget, number: 0 }
    }

    /// Adds the next frame.
    pub fn add(&mut self, frame: &CapturedFrame<'_>) {
        self.number += 1;
        let traffic = &mut self.traffic;
        traffic.frames += 1;
        extend(&mut traffic.first, &mut traffic.last, frame.at);
        match Packet::decode(self.number, frame) {
            Ok(packet) => self.packet(&packet),
            Err(why) => self.other(&why.to_string()),
        }
    }

    /// Adds the next block that is no frame and has a number among them.
    pub fn add_numbered(&mut self, block: NumberedBlock) {
        self.number += 1;
        add_one(&mut self.traffic.numbered_blocks, &block.to_string());
    }

    /// The result.
    pub fn finish(mut self) -> Traffic {
        self.traffic.flows = self.live.into_iter().map(OpenFlow::finish).collect();
        self.traffic
    }

    fn other(&mut self, what: &str) {
        add_one(&mut self.traffic.others, what);
    }

    fn packet(&mut self, packet: &Packet<'_>) {
        if let Some(wrong) = packet.wrong_length {
            add_one(&mut self.traffic.wrong_lengths, &wrong.to_string());
        }
        let (protocol, tcp) = match &packet.transport {
            Transport::Tcp(header) => (FlowProtocol::Tcp, Some(header)),
            Transport::Udp => (FlowProtocol::Udp, None),
            other => return self.other(&other.to_string()),
        };
        let (source, destination) = (packet.source, packet.destination);
        let key = (protocol, source.min(destination), source.max(destination));
        let known = self.current.get(&key).copied().filter(|number| {
            let live = self.live.get(*number);
            live.is_some_and(|live| tcp.is_none_or(|header| !live.is_over_for(header, source)))
        });
        let index = match known {
            Some(index) => index,
            None if self.live.len() >= MAX_FLOWS => return self.other("of further flows"),
            None => {
                let (client, server) = ends(tcp, source, destination);
                self.live.push(OpenFlow::new(self.live.len() + 1, protocol, client, server));
                self.current.insert(key, self.live.len() - 1);
                self.live.len() - 1
            }
        };
        if let Some(live) = self.live.get_mut(index) {
            live.add(packet, tcp, self.detail, &mut self.budget);
        }
    }
}

fn add_one(counts: &mut BTreeMap<String, u64>, what: &str) {
    match counts.get_mut(what) {
        Some(count) => *count += 1,
        None => drop(counts.insert(what.to_owned(), 1)),
    }
}

/// Extends a range of times by one, if it is known.
fn extend(first: &mut Option<Duration>, last: &mut Option<Duration>, at: Option<Duration>) {
    *first = [*first, at].into_iter().flatten().min();
    *last = (*last).max(at);
}

/// Client and server of a flow, from its first packet.
fn ends(tcp: Option<&TcpHeader>, source: SocketAddr, destination: SocketAddr) -> (SocketAddr, SocketAddr) {
    let is_from_client = match tcp.map(|header| header.flags) {
        None => true,
        Some(flags) if flags.syn() => !flags.ack(),
        Some(_) => source.port() >= destination.port(),
    };
    if is_from_client { (source, destination) } else { (destination, source) }
}

impl OpenFlow {
    fn new(number: usize, protocol: FlowProtocol, client: SocketAddr, server: SocketAddr) -> Self {
        let (sent, received) = (DirectionCounts::default(), DirectionCounts::default());
        let (rows, stream) = (Vec::new(), Vec::new());
        let flow = Flow { number, protocol, client, server, sent, received, is_abridged: false, rows, stream };
        Self { flow, sent: SequenceTracker::default(), received: SequenceTracker::default(), is_reset: false }
    }

    /// Whether a segment opens another connection between the same addresses.
    fn is_over_for(&self, header: &TcpHeader, source: SocketAddr) -> bool {
        if !header.flags.syn() || header.flags.ack() {
            return false;
        }
        let is_sent = source == self.flow.client;
        let tracker = if is_sent { &self.sent } else { &self.received };
        let is_ended = self.is_reset || self.sent.is_closed() && self.received.is_closed();
        // A client may repeat a SYN that was refused with RST.
        !tracker.accepts_syn(header.seq) || is_ended && !tracker.is_open()
    }

    fn add(&mut self, packet: &Packet<'_>, tcp: Option<&TcpHeader>, detail: Detail, budget: &mut Budget) {
        let flow = &mut self.flow;
        let is_sent = packet.source == flow.client;
        let (direction, counts, tracker, opposite_counts, opposite) = if is_sent {
            (Direction::Sent, &mut flow.sent, &mut self.sent, &mut flow.received, &mut self.received)
        } else {
            (Direction::Received, &mut flow.received, &mut self.received, &mut flow.sent, &mut self.sent)
        };
        let len = packet.payload_len;
        let update = match tcp {
            Some(header) => {
                if tracker.reaches(header.seq) {
                    count_probed_byte(counts);
                }
                if header.flags.ack() && opposite.reaches(header.ack) {
                    count_probed_byte(opposite_counts);
                }
                tracker.add(header, len, opposite.is_window_closed())
            }
            None => SegmentUpdate { new: len as u64, ..SegmentUpdate::default() },
        };
        count(counts, packet, tcp, update);
        self.is_reset |= tcp.is_some_and(|header| header.flags.rst());
        if detail == Detail::Counts {
            return;
        }

        let segment = tcp.map(|header| {
            let ack = if header.flags.ack() { opposite.relative(header.ack) } else { 0 };
            Segment { flags: header.flags, seq: tracker.relative(header.seq), ack }
        });
        if budget.take_row() {
            flow.rows.push(PacketRow {
                number: packet.number,
                at: packet.at,
                direction,
                tcp: segment,
                payload_len: len,
                head: packet.payload.get(..HEAD_LEN).unwrap_or(packet.payload).to_vec(),
                is_retransmission: update.is_retransmission,
                is_late: update.is_late,
                probe: update.probe,
                wrong_length: packet.wrong_length,
            });
        } else {
            flow.is_abridged = true;
        }
        // The byte of a window probe is the next one of the stream, that of a keep-alive may be anything.
        let is_of_stream = update.probe != Some(TcpProbe::KeepAlive);
        if tcp.is_some_and(|header| !header.flags.rst()) && len > 0 && is_of_stream {
            let (position, bytes) = (update.position, packet.payload);
            let data = SegmentData { packet: packet.number, at: packet.at, direction, position, bytes, len };
            flow.is_abridged |= !tracker.reassembler.add(data, &mut flow.stream, budget);
        }
    }

    fn finish(mut self) -> Flow {
        self.flow.sent.is_whole = self.sent.is_whole();
        self.flow.received.is_whole = self.received.is_whole();
        self.flow.is_abridged |= self.sent.is_estimate() || self.received.is_estimate();
        self.flow
    }
}

/// The byte of a window probe that the receiver took: it was payload after all.
fn count_probed_byte(counts: &mut DirectionCounts) {
    counts.packets_with_payload += 1;
    counts.bytes += 1;
    counts.stream_bytes += 1;
}

fn count(counts: &mut DirectionCounts, packet: &Packet<'_>, tcp: Option<&TcpHeader>, update: SegmentUpdate) {
    counts.packets += 1;
    counts.keep_alives += u64::from(update.probe == Some(TcpProbe::KeepAlive));
    counts.window_probes += u64::from(update.probe == Some(TcpProbe::ZeroWindow));
    let len = if update.probe.is_none() { packet.payload_len as u64 } else { 0 };
    counts.packets_with_payload += u64::from(len > 0);
    counts.bytes += len;
    counts.stream_bytes += update.new;
    if let Some(flags) = tcp.map(|header| header.flags) {
        counts.syn += u64::from(flags.syn());
        counts.fin += u64::from(flags.fin());
        counts.rst += u64::from(flags.rst());
    }
    if update.is_retransmission {
        counts.retransmitted_packets += 1;
        counts.retransmitted_bytes += len.saturating_sub(update.new);
    }
    counts.late_packets += u64::from(update.is_late);
    extend(&mut counts.first, &mut counts.last, packet.at);
}
