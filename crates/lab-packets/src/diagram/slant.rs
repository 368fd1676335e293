//! The slant of arrows: when a packet is at the other lifeline, and where that is in the drawing.

use std::time::Duration;

use tls_trace::Direction;

use super::Arrow;
use crate::flow::PacketRow;

/// The shortest delay that is drawn (ours): on one machine there is none.
const SHORTEST: Duration = Duration::from_micros(100);

/// The time of a packet from one host to the other, estimated as half of the shortest time between a packet of the client and
/// the next one of the server; of TCP between SYN and SYN, ACK.
///
/// A capture at the server would see the SYN, ACK at once and its acknowledgement late: nothing is estimated from it.
pub(super) fn delay(rows: &[PacketRow]) -> Option<Duration> {
    let is_tcp = rows.iter().any(|row| row.tcp.is_some());
    let is_syn = |row: &PacketRow| row.tcp.is_none_or(|tcp| tcp.flags.syn());
    let turns = || rows.iter().zip(rows.iter().skip(1));
    let passed = |(one, next): (&PacketRow, &PacketRow)| next.at?.checked_sub(one.at?);
    let is_turn =
        |one: &PacketRow, next: &PacketRow| (one.direction, next.direction) == (Direction::Sent, Direction::Received);
    let there =
        turns().filter(|(one, next)| is_turn(one, next) && is_syn(one) && is_syn(next)).filter_map(passed).min()?;
    let back =
        turns().filter(|(one, next)| is_turn(next, one) && is_syn(one) && !is_syn(next)).filter_map(passed).min();
    let is_at_client = !is_tcp || back.is_none_or(|back| back < there);
    (is_at_client && there / 2 >= SHORTEST).then_some(there / 2)
}

/// A time axis of rows: the more often something happens, the more room it has. Between two rows it is linear.
pub(super) struct TimeAxis {
    /// Times and heights, both rising.
    knots: Vec<(f64, f64)>,
    delay: f64,
}

impl TimeAxis {
    /// The axis of arrows at these heights; `None` without a delay, or if a time is not known or not in order. `room` is the
    /// height before the first row and after the last one.
    pub(super) fn new(arrows: &[Arrow], heights: &[u32], delay: Option<Duration>, room: f64) -> Option<Self> {
        let delay = delay?.as_secs_f64();
        let mut knots: Vec<(f64, f64)> = Vec::new();
        for (arrow, &height) in arrows.iter().zip(heights) {
            knots.push((arrow.at?.as_secs_f64(), f64::from(height)));
        }
        let (&first, &last) = (knots.first()?, knots.last()?);
        if knots.windows(2).any(|pair| matches!(pair, [one, next] if one.0 > next.0)) {
            return None;
        }
        knots.insert(0, (first.0 - delay, first.1 - room));
        knots.push((last.0 + delay, last.1 + room));
        Some(Self { knots, delay })
    }

    /// The height of the right end of an arrow: it arrives later, or left earlier.
    pub(super) fn right_end(&self, arrow: &Arrow) -> Option<f64> {
        let at = arrow.at?.as_secs_f64();
        let wanted = if arrow.to_right { at + self.delay } else { at - self.delay };
        let after = self.knots.iter().position(|knot| knot.0 >= wanted)?;
        let (before, after) = (self.knots.get(after.saturating_sub(1))?, self.knots.get(after)?);
        let span = after.0 - before.0;
        let part = if span > 0.0 { (wanted - before.0) / span } else { 1.0 };
        Some(before.1 + part.clamp(0.0, 1.0) * (after.1 - before.1))
    }
}
