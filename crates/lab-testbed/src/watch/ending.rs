//! How a connection ended, by sequence numbers: what a reset cost, and what came to an end that had closed.

use lab_packets::flow::{Direction, Flow, PacketRow, Segment};

use crate::facts::{RefusedPackets, ResetCost};

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Sent => Direction::Received,
        Direction::Received => Direction::Sent,
    }
}

/// The TCP packets of one direction.
fn segments(flow: &Flow, direction: Direction) -> impl Iterator<Item = (&PacketRow, Segment)> {
    flow.rows.iter().filter(move |row| row.direction == direction).filter_map(|row| Some((row, row.tcp?)))
}

/// The position after the last payload byte of a packet.
fn end_of(row: &PacketRow, tcp: Segment) -> u64 {
    tcp.seq + u64::from(tcp.flags.syn()) + row.payload_len as u64
}

/// The highest position that one end acknowledged, of the packets up to one number.
fn acknowledged_by(flow: &Flow, direction: Direction, last: u64) -> u64 {
    let acks = segments(flow, direction).filter(|(row, _)| row.number <= last).map(|(_, tcp)| tcp.ack);
    acks.max().unwrap_or_default()
}

/// The first packet of a direction with this property.
fn first(flow: &Flow, direction: Direction, has: impl Fn(Segment) -> bool) -> Option<u64> {
    segments(flow, direction).find(|&(_, tcp)| has(tcp)).map(|(row, _)| row.number)
}

/// What the first reset of this direction could have cost, if it came before the packet `end`.
pub(super) fn reset_cost(flow: &Flow, direction: Direction, end: u64) -> Option<ResetCost> {
    let packet = first(flow, direction, |tcp| tcp.flags.rst()).filter(|&packet| packet <= end)?;
    let before = segments(flow, direction).filter(|(row, tcp)| row.number < packet && !tcp.flags.rst());
    let sent = before.map(|(row, tcp)| end_of(row, tcp)).max().unwrap_or(1);
    let [before, after] = [packet, u64::MAX].map(|last| acknowledged_by(flow, opposite(direction), last).max(1));
    Some(ResetCost {
        packet,
        bytes: sent.saturating_sub(1),
        unacknowledged: sent.saturating_sub(after),
        acknowledged_late: after.saturating_sub(before),
    })
}

/// How much of this direction only a reset of the other end acknowledged. A kernel that receives it counts nothing more.
pub(super) fn acknowledged_by_reset(flow: &Flow, direction: Direction) -> u64 {
    let acknowledged = |is_reset| {
        let acks = segments(flow, opposite(direction)).filter(|(_, tcp)| tcp.flags.rst() == is_reset);
        acks.map(|(_, tcp)| tcp.ack).max().unwrap_or_default()
    };
    acknowledged(true).saturating_sub(acknowledged(false).max(1))
}

/// The packets of this direction that found the other end closed: after its FIN or reset, answered by a reset, and never
/// acknowledged.
pub(super) fn refused(flow: &Flow, direction: Direction) -> RefusedPackets {
    let opposite = opposite(direction);
    let closed = first(flow, opposite, |tcp| tcp.flags.fin() || tcp.flags.rst());
    let reset = first(flow, opposite, |tcp| tcp.flags.rst());
    let (Some(closed), Some(_)) = (closed, reset) else { return RefusedPackets::default() };
    let acknowledged = acknowledged_by(flow, opposite, u64::MAX).max(1);
    let unread = segments(flow, direction)
        .filter(|(row, tcp)| row.number > closed && !tcp.flags.rst() && end_of(row, *tcp) >= acknowledged);
    unread.fold(RefusedPackets::default(), |sum, (row, tcp)| {
        let end = end_of(row, tcp);
        let is_refused = row.has_data() && end > acknowledged;
        RefusedPackets {
            packets: sum.packets + u64::from(is_refused),
            bytes: if is_refused { sum.bytes.max(end - acknowledged) } else { sum.bytes },
            has_fin: sum.has_fin || tcp.flags.fin() && end + 1 > acknowledged,
        }
    })
}

#[cfg(test)]
mod tests;
