//! Sequence numbers of one direction of a TCP connection.
//!
//! Sequence numbers have 32 bits and wrap. Here they become positions of 64 bits, with the first byte of payload at 0. SYN
//! and FIN have a position each, as in TCP (RFC 9293, section 3.4).

use super::{TcpProbe, coverage::Coverage, reassembly::Reassembler};
use crate::packet::{TcpFlags, TcpHeader};

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
    /// The next expected sequence number, behind the highest one of this side's segments.
    next: Option<u32>,
    /// The receive window that this side announced last.
    window: Option<u16>,
    /// The position of the byte of a window probe that has not been taken.
    probed: Option<i64>,
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
    pub(super) probe: Option<TcpProbe>,
}

impl SequenceTracker {
    /// What a segment is sent for, if not for its payload: by the rules of Wireshark, which needs no clock for them.
    fn probe(&self, header: &TcpHeader, len: usize, is_window_closed: bool) -> Option<TcpProbe> {
        let TcpFlags(flags) = header.flags;
        if flags & (TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0) != 0 {
            return None;
        }
        match (header.seq.wrapping_sub(self.next?).cast_signed(), len) {
            (0, 1) if is_window_closed => Some(TcpProbe::ZeroWindow),
            (-1, 0 | 1) => Some(TcpProbe::KeepAlive),
            _ => None,
        }
    }

    /// Whether the receive window of this side is 0.
    pub(super) fn is_window_closed(&self) -> bool {
        self.window == Some(0)
    }

    /// Notes how far the stream certainly goes. Returns whether that makes the byte of a window probe part of it.
    pub(super) fn reaches(&mut self, seq: u32) -> bool {
        let Some(probed) = self.probed.filter(|probed| *probed < self.position(seq)) else { return false };
        self.probed = None;
        let is_new = self.coverage.add(probed, probed + 1) > 0;
        if is_new && let Some((top_seq, top)) = self.top.filter(|(_, top)| *top <= probed) {
            let distance = probed + 1 - top;
            self.top = Some((top_seq.wrapping_add(distance as u32), top + distance));
            self.next = self.top.map(|(seq, _)| seq);
        }
        is_new
    }

    /// Adds a segment with `len` bytes of payload. The receive window of the other side may be closed.
    pub(super) fn add(&mut self, header: &TcpHeader, len: usize, is_window_closed: bool) -> SegmentUpdate {
        let flags = header.flags;
        if !flags.rst() {
            self.window = Some(header.window);
        }
        if let Some(probe) = self.probe(header, len, is_window_closed) {
            let position = self.position(header.seq);
            if probe == TcpProbe::ZeroWindow {
                self.probed = Some(position);
            }
            return SegmentUpdate { position, probe: Some(probe), ..SegmentUpdate::default() };
        }
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
        self.next = self.top.map(|(seq, _)| seq);
        let (is_retransmission, is_late) = (positions < occupied, positions > beyond);
        SegmentUpdate { position: payload, new, is_retransmission, is_late, probe: None }
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
