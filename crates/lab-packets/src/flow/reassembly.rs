//! Stream reassembly of one direction, as its receiver does.

use std::{collections::BTreeMap, time::Duration};

use super::{Direction, StreamChunk};

/// The remaining bytes and rows of all flows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) bytes: usize,
    pub(super) rows: usize,
}

impl Budget {
    /// Takes from the budget, if there is enough left.
    pub(super) fn take_bytes(&mut self, len: usize) -> bool {
        self.bytes.checked_sub(len).map(|left| self.bytes = left).is_some()
    }

    pub(super) fn take_row(&mut self) -> bool {
        self.rows.checked_sub(1).map(|left| self.rows = left).is_some()
    }
}

/// The payload of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct SegmentData<'a> {
    pub(super) packet: u64,
    pub(super) at: Option<Duration>,
    pub(super) direction: Direction,
    /// The position of its first byte.
    pub(super) position: i64,
    /// The captured bytes.
    pub(super) bytes: &'a [u8],
    /// Its length on the wire, in bytes.
    pub(super) len: usize,
}

/// Data after a gap in the stream.
#[derive(Clone, Debug)]
struct OutOfOrderChunk {
    chunk: StreamChunk,
    len: usize,
}

/// Delivers data in order, and keeps data that arrives out of order.
#[derive(Clone, Debug, Default)]
pub(super) struct Reassembler {
    /// The position of the next expected byte.
    next: Option<i64>,
    waiting: BTreeMap<i64, OutOfOrderChunk>,
    /// Whether the stream ends early: bytes were not captured, or exceed the budget.
    is_over: bool,
}

impl Reassembler {
    /// Sets the start of the stream, once.
    pub(super) fn start_at(&mut self, position: i64) {
        self.next.get_or_insert(position);
    }

    /// Adds the data of a packet; moves what is now in order to `to`. Returns `false` if the budget is exceeded.
    pub(super) fn add(&mut self, data: SegmentData<'_>, to: &mut Vec<StreamChunk>, budget: &mut Budget) -> bool {
        let next = *self.next.get_or_insert(data.position);
        let end = data.position + data.len as i64;
        if self.is_over || end <= next {
            return true;
        }
        // Positions differ by less than 2^32.
        let known = usize::try_from(next - data.position).unwrap_or(0);
        let (bytes, len) = (data.bytes.get(known..).unwrap_or_default(), data.len - known);
        let position = data.position.max(next);
        let is_waiting = self.waiting.get(&position).is_some_and(|waiting| waiting.len >= len);
        if is_waiting {
            return true;
        }
        if !budget.take_bytes(bytes.len()) {
            self.is_over = true;
            return false;
        }
        let SegmentData { packet, at, direction, .. } = data;
        let chunk = StreamChunk { packet, at, direction, bytes: bytes.to_vec() };
        if position > next {
            self.waiting.insert(position, OutOfOrderChunk { chunk, len });
            return true;
        }
        self.deliver(position, OutOfOrderChunk { chunk, len }, to);
        while let Some(entry) = self.waiting.first_entry()
            && self.next.is_some_and(|next| *entry.key() <= next)
        {
            let (position, waiting) = entry.remove_entry();
            self.deliver(position, waiting, to);
        }
        true
    }

    /// Delivers the new part of a chunk that begins at or before the next expected byte.
    fn deliver(
        &mut self,
        position: i64,
        OutOfOrderChunk { mut chunk, len }: OutOfOrderChunk,
        to: &mut Vec<StreamChunk>,
    ) {
        let next = self.next.unwrap_or(position);
        let known = usize::try_from(next - position).unwrap_or(0);
        if self.is_over || known >= len {
            return;
        }
        self.is_over = chunk.bytes.len() < len;
        chunk.bytes.drain(..known.min(chunk.bytes.len()));
        self.next = Some(position + len as i64);
        if !chunk.bytes.is_empty() {
            to.push(chunk);
        }
    }
}
