//! What a client did on its connections, by the packets alone: what it asked, when it stopped reading, how it closed.

use std::time::Duration;

use lab_packets::flow::{Direction, Flow, FlowProtocol, PacketRow, StreamChunk};
use labnet::net::Family;

use crate::facts::{ClientClose, ConnectionAttempt, DataPacket};

/// The maximum of kept packets (ours).
const MAX_DATA_PACKETS: usize = 200;

/// The maximum of kept bytes of a request (ours): many times the longest command.
const MAX_REQUEST: usize = 512;

/// The connections that clients opened to a port, in the order of their first packets.
pub(crate) fn attempts(flows: &[Flow], port: u16) -> Vec<ConnectionAttempt> {
    let to_port = flows.iter().filter(|flow| flow.protocol == FlowProtocol::Tcp && flow.server.port() == port);
    to_port.map(attempt).collect()
}

fn attempt(flow: &Flow) -> ConnectionAttempt {
    let request = flow.stream.iter().filter(|chunk| chunk.direction == Direction::Sent);
    let request: Vec<u8> = request.flat_map(|chunk| &chunk.bytes).copied().take(MAX_REQUEST).collect();
    let packets = flow.rows.iter().filter(|row| row.direction == Direction::Sent && row.has_data());
    ConnectionAttempt {
        family: Family::of(flow.server),
        first_packet: flow.rows.first().map_or(0, |row| row.number),
        was_accepted: flow.rows.iter().any(|row| {
            row.direction == Direction::Received && row.tcp.is_some_and(|tcp| tcp.flags.syn() && tcp.flags.ack())
        }),
        request,
        request_packets: packets.map(|row| row.number).take(10).collect(),
        close: close(flow),
    }
}

/// The packets of the server with new bytes.
pub(crate) fn data_packets(flow: &Flow) -> Vec<DataPacket> {
    let first = flow.first().unwrap_or_default();
    let chunks = flow.stream.iter().filter(|chunk| chunk.direction == Direction::Received);
    let row = |packet: u64| flow.rows.iter().find(|row| row.number == packet);
    let packet = |chunk: &StreamChunk| DataPacket {
        packet: chunk.packet,
        at: chunk.at.map_or(Duration::ZERO, |at| at.saturating_sub(first)),
        bytes: chunk.bytes.len() as u64,
        has_fin: row(chunk.packet).and_then(|row| row.tcp).is_some_and(|tcp| tcp.flags.fin()),
    };
    chunks.map(packet).take(MAX_DATA_PACKETS).collect()
}

/// The time from the first bytes of the client to the packet that acknowledges them; unknown if they were sent again.
pub(crate) fn round_trip(flow: &Flow) -> Option<Duration> {
    let is_sent = |row: &&PacketRow| row.direction == Direction::Sent;
    let command = flow.rows.iter().filter(is_sent).find(|row| row.has_data())?;
    let tcp = command.tcp?;
    let end = tcp.seq + command.payload_len as u64;
    let acknowledges = |row: &&PacketRow| {
        row.direction == Direction::Received && row.number > command.number && row.tcp.is_some_and(|tcp| tcp.ack >= end)
    };
    let acknowledgement = flow.rows.iter().find(acknowledges)?;
    let again =
        flow.rows.iter().filter(is_sent).any(|row| row.is_retransmission && row.number < acknowledgement.number);
    acknowledgement.at?.checked_sub(command.at?).filter(|_| !again)
}

/// The first FIN or RST of the client, and what the server had sent until then.
fn close(flow: &Flow) -> Option<ClientClose> {
    let flags = |row: &PacketRow| row.tcp.map(|tcp| tcp.flags);
    let is_end = |row: &&PacketRow| {
        row.direction == Direction::Sent && flags(row).is_some_and(|flags| flags.fin() || flags.rst())
    };
    let row = flow.rows.iter().find(is_end)?;
    let before = |other: &&PacketRow| other.number < row.number && other.direction == Direction::Received;
    let arrived = flow.stream.iter().filter(|chunk| chunk.direction == Direction::Received);
    let arrived = arrived.filter(|chunk| chunk.packet < row.number);
    let is_fin = |other: &PacketRow| flags(other).is_some_and(|flags| flags.fin());
    Some(ClientClose {
        packet: row.number,
        is_reset: flags(row).is_some_and(|flags| flags.rst()),
        bytes_before: arrived.map(|chunk| chunk.bytes.len() as u64).sum(),
        after_server_fin: flow.rows.iter().filter(before).any(is_fin),
        at: row.at.zip(flow.first()).map_or(Duration::ZERO, |(at, first)| at.saturating_sub(first)),
    })
}
