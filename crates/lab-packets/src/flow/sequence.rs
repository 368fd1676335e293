//! Sequence numbers of one direction of a TCP connection.
//!
//! Sequence numbers have 32 bits and wrap. Here they become positions of 64 bits, with the first byte of payload at 0. SYN
//! and FIN have a position each, as in TCP (RFC 9293, section 3.4).

use super::{coverage::Coverage, reassembly::Reassembler};
use crate::packet::TcpHeader;

/// The sequence numbers of one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct SequenceTracker {
    /// The highest sequence number so far and its position; `None` before the first packet.
    top: Option<(u32, i64)>,
    /// The position of the relative sequence number 0: that of SYN, or the one before the first packet.
    zero: i64,
    syn: Option<u32>,
    /// The position of FIN.
    end: Option<i64>,
    coverage: Coverage,
    pub(super) reassembler: Reassembler,
}

/// The effect of a segment: new bytes, retransmission, filled gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SegmentUpdate {
    /// The position of its first byte of payload.
    pub(super) position: i64,
    /// New bytes of payload.
    pub(super) new: u64,
    pub(super) is_retransmission: bool,
    pub(super) is_late: bool,
}

impl SequenceTracker {
    /// Adds a segment with `len` bytes of payload.
    pub(super) fn add(&mut self, header: &TcpHeader, len: usize) -> SegmentUpdate {
        let flags = header.flags;
        let (syn, fin) = (i64::from(flags.syn()), i64::from(flags.fin()));
        if self.top.is_none() {
            // Positions begin behind SYN.
            self.top = Some((header.seq.wrapping_add(flags.syn().into()), 0));
            self.zero = -1;
        }
        let start = self.position(header.seq);
        let payload = start + syn;
        // A payload has less than 2^32 bytes.
        let end = payload + len as i64;
        if flags.syn() && self.syn.is_none() {
            (self.syn, self.zero) = (Some(header.seq), start);
            self.reassembler.start_at(start + 1);
        }
        // The payload of a reset is no part of the stream (RFC 9293, section 3.5.2).
        if flags.rst() {
            return SegmentUpdate { position: payload, ..SegmentUpdate::default() };
        }
        let highest = self.coverage.end();
        let new = self.coverage.add(payload, end);
        let mut positions = new + self.coverage.add(start, payload);
        if flags.fin() {
            positions += self.coverage.add(end, end + 1);
            self.end = Some(end);
        }
        // Everything behind the highest position so far is new; what is new beside it lies below.
        let beyond = (end + fin - highest.unwrap_or(start).max(start)).max(0).cast_unsigned();
        let occupied = (syn + fin + len as i64).cast_unsigned();
        if self.top.is_none_or(|(_, top)| end + fin > top) {
            let seq = header.seq.wrapping_add((end + fin - start) as u32);
            self.top = Some((seq, end + fin));
        }
        SegmentUpdate { position: payload, new, is_retransmission: positions < occupied, is_late: positions > beyond }
    }

    /// Whether a SYN with this number belongs to this connection: a repeated one, or one that the network reordered.
    pub(super) fn accepts_syn(&self, seq: u32) -> bool {
        match (self.syn, self.top) {
            (Some(syn), _) => syn == seq,
            (None, None) => true,
            (None, Some(_)) => self.coverage.start().is_none_or(|start| self.position(seq) == start - 1),
        }
    }

    /// Whether SYN was captured.
    pub(super) fn is_open(&self) -> bool {
        self.syn.is_some()
    }

    /// Whether FIN was captured.
    pub(super) fn is_closed(&self) -> bool {
        self.end.is_some()
    }

    /// Whether every byte from SYN to FIN was captured, and none beyond.
    pub(super) fn is_whole(&self) -> bool {
        self.syn.is_some() && self.end.is_some_and(|end| self.coverage.is_exactly(self.zero, end + 1))
    }

    pub(super) fn is_estimate(&self) -> bool {
        self.coverage.is_estimate
    }

    /// The relative sequence number: SYN has 0. Before the first packet, `seq` has 1.
    pub(super) fn relative(&mut self, seq: u32) -> u64 {
        if self.top.is_none() {
            (self.top, self.zero) = (Some((seq, 0)), -1);
        }
        (self.position(seq) - self.zero).max(0).cast_unsigned()
    }

    fn position(&self, seq: u32) -> i64 {
        let (top_seq, top) = self.top.unwrap_or((seq, 0));
        // Nearer than 2^31, in either direction.
        top + i64::from(seq.wrapping_sub(top_seq).cast_signed())
    }
}
