//! Maps TLS records and messages to the packets that carry them, by positions in the stream.

use std::ops::Range;

use tls_trace::{Direction, Entry, Kind};

use super::TlsPiece;

/// One direction.
#[derive(Default)]
struct DirectionMap {
    /// The end of each piece in the stream of TLS, and its packet.
    pieces: Vec<(u64, u64)>,
    /// The last record.
    record: Range<u64>,
    /// The record with the first byte of an incomplete message.
    message: Option<u64>,
    /// Whether that message is complete.
    is_complete: bool,
}

/// Follows the lines of a timeline through the streams.
pub(super) struct PacketMap {
    sent: DirectionMap,
    received: DirectionMap,
}

impl PacketMap {
    pub(super) fn new(pieces: &[TlsPiece<'_>]) -> Self {
        let mut packet_map = Self { sent: DirectionMap::default(), received: DirectionMap::default() };
        for piece in pieces {
            let map = packet_map.map(piece.direction);
            let begin = map.pieces.last().map_or(0, |(end, _)| *end);
            map.pieces.push((begin + piece.bytes.len() as u64, piece.packet));
        }
        packet_map
    }

    fn map(&mut self, direction: Direction) -> &mut DirectionMap {
        match direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        }
    }

    /// The packets of the next line, in the order of the stream; `piece` has its last byte.
    pub(super) fn of(&mut self, entry: &Entry, piece: Option<&TlsPiece<'_>>) -> Vec<u64> {
        let Some(direction) = entry.direction else { return Vec::new() };
        let map = self.map(direction);
        let range = match entry.kind {
            Kind::Record => {
                map.record = map.record.end..map.record.end + entry.len as u64;
                // A message may be in several records, between which nothing but ChangeCipherSpec may be.
                if entry.name != "ChangeCipherSpec" && (map.is_complete || map.message.is_none()) {
                    (map.message, map.is_complete) = (Some(map.record.start), false);
                }
                map.record.clone()
            }
            Kind::Message => {
                map.is_complete = true;
                map.message.unwrap_or(map.record.start)..map.record.end
            }
            Kind::Alert | Kind::Data => map.record.clone(),
            Kind::Act | Kind::Problem => return piece.map(|piece| piece.packet).into_iter().collect(),
        };
        let first = map.pieces.partition_point(|(end, _)| *end <= range.start);
        let last = map.pieces.partition_point(|(end, _)| *end < range.end).min(map.pieces.len().saturating_sub(1));
        map.pieces.get(first..=last).unwrap_or_default().iter().map(|(_, packet)| *packet).collect()
    }
}
