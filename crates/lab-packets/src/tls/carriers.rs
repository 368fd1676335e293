//! Which packets carry a record or a message: by the positions of its bytes in the stream.

use std::ops::Range;

use tls_trace::{Direction, Entry, Kind};

use crate::flow::Chunk;

/// One direction.
#[derive(Default)]
struct Way {
    /// Where each chunk ends in the stream, and its packet.
    chunks: Vec<(u64, u64)>,
    /// The record that was told last.
    record: Range<u64>,
    /// The record with the first byte of the message that is being put together.
    message: Option<u64>,
    /// Whether that message is complete.
    is_complete: bool,
}

/// Follows the lines of a timeline through the streams.
pub(super) struct Carriers {
    sent: Way,
    received: Way,
}

impl Carriers {
    pub(super) fn new<'a>(chunks: impl Iterator<Item = (&'a Chunk, Direction)>) -> Self {
        let mut carriers = Self { sent: Way::default(), received: Way::default() };
        for (chunk, direction) in chunks {
            let way = carriers.way(direction);
            let begin = way.chunks.last().map_or(0, |(end, _)| *end);
            way.chunks.push((begin + chunk.bytes.len() as u64, chunk.packet));
        }
        carriers
    }

    fn way(&mut self, direction: Direction) -> &mut Way {
        match direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        }
    }

    /// The packets of the next line, in the order of the stream; `chunk` is the one that completed it.
    pub(super) fn of(&mut self, entry: &Entry, chunk: Option<&Chunk>) -> Vec<u64> {
        let Some(direction) = entry.direction else { return Vec::new() };
        let way = self.way(direction);
        let range = match entry.kind {
            Kind::Record => {
                way.record = way.record.end..way.record.end + entry.len as u64;
                // A message may be in several records, between which nothing but ChangeCipherSpec may be.
                if entry.name != "ChangeCipherSpec" && (way.is_complete || way.message.is_none()) {
                    (way.message, way.is_complete) = (Some(way.record.start), false);
                }
                way.record.clone()
            }
            Kind::Message => {
                way.is_complete = true;
                way.message.unwrap_or(way.record.start)..way.record.end
            }
            Kind::Alert | Kind::Data => way.record.clone(),
            Kind::Act | Kind::Problem => return chunk.map(|chunk| chunk.packet).into_iter().collect(),
        };
        let first = way.chunks.partition_point(|(end, _)| *end <= range.start);
        let last = way.chunks.partition_point(|(end, _)| *end < range.end).min(way.chunks.len().saturating_sub(1));
        way.chunks.get(first..=last).unwrap_or_default().iter().map(|(_, packet)| *packet).collect()
    }
}
