//! The checks of one direction: the sender's kernel, the path, the capture, the receiver's kernel.
//!
//! The capture is at the client. It contains the client's packets that the path lost, but not those of the server.

use super::ReconciliationBuilder;
use lab_testbed::facts::{KernelCounters, PacketCounts, PathCounts};

use crate::formatting::{count, number, sum};

/// The counts of one direction.
pub(super) struct DirectionChecks<'a> {
    /// `server` or `client`.
    pub(super) from: &'static str,
    /// `client` or `server`: the other end.
    pub(super) to: &'static str,
    pub(super) packets: &'a PacketCounts,
    pub(super) sender: Option<&'a KernelCounters>,
    pub(super) receiver: Option<&'a KernelCounters>,
    pub(super) is_captured_at_sender: bool,
    /// The kernel of the client counts its SYN as an acknowledged byte.
    pub(super) counts_syn: bool,
    /// The end that closes first may be in TIME_WAIT when the other FIN arrives: its kernel does not count that FIN.
    pub(super) receiver_may_close_first: bool,
    /// How many bytes may reach a receiver that has closed already: what says goodbye, but no message.
    pub(super) may_be_refused: u64,
    pub(super) path: PathCounts,
}

impl DirectionChecks<'_> {
    /// Adds entries and checks.
    pub(super) fn add_to(&self, builder: &mut ReconciliationBuilder) {
        self.sent(builder);
        if !self.is_captured_at_sender {
            let duplicated = match self.path.duplicated {
                0 => String::new(),
                duplicated => format!("; {} delivered twice", count(duplicated, "packet")),
            };
            let note = format!("packets lost on purpose, with payload or without{duplicated}");
            builder.entry("the path", None, Some(self.path.lost), None, note);
        }
        self.captured(builder);
        self.received(builder);
    }

    /// `way back: ` for packets of the client.
    fn way(&self) -> &'static str {
        if self.is_captured_at_sender { "way back: " } else { "" }
    }

    fn captured(&self, builder: &mut ReconciliationBuilder) {
        let (from, packets) = (self.from, self.packets);
        let who = format!("{}the capture at the client", self.way());
        let repeats = match packets.repeated {
            0 => String::new(),
            repeated => format!("{} brought bytes that had come before", count(repeated, "packet")),
        };
        builder.entry(&who, None, Some(packets.with_payload), Some(packets.distinct_bytes), repeats);
        self.reset(builder);
        self.refused_packets(builder);
        if packets.lengths.len() as u64 == packets.with_payload {
            builder.equal(format!("The payloads from the {from} add up"), &packets.lengths, packets.bytes);
        }
        let twice = packets.bytes.saturating_sub(packets.distinct_bytes);
        let repeats_have_bytes = twice >= packets.repeated && (packets.repeated > 0 || twice == 0);
        builder.check(
            format!("Bytes of the {from} that came twice came in repeated packets"),
            format!(
                "{} - {} = {} bytes, in {} such packets",
                number(packets.bytes),
                number(packets.distinct_bytes),
                number(twice),
                packets.repeated,
            ),
            packets.bytes >= packets.distinct_bytes && repeats_have_bytes,
        );
    }

    fn sent(&self, builder: &mut ReconciliationBuilder) {
        let (from, to, packets) = (self.from, self.to, self.packets);
        let who = format!("{}the kernel at the {from}", self.way());
        let Some(kernel) = self.sender else {
            let note = if packets.has_rst { "not known: a reset clears the counters" } else { "not known" };
            builder.entry(&who, None, None, None, note);
            return;
        };
        let (taken, fin) = self.taken();
        let marks = [u64::from(self.counts_syn), fin];
        let marks_in_words = match (self.counts_syn, fin > 0) {
            (true, true) => ", with its SYN and its FIN",
            (true, false) => ", with its SYN",
            (false, true) => ", with its FIN",
            (false, false) => "",
        };
        let bytes = kernel.bytes_acked.saturating_sub(marks.iter().sum());
        let unknown = if kernel.bytes_sent.is_none() { "; it does not say how many bytes it sent" } else { "" };
        let note =
            format!("bytes that were acknowledged; {} sent again{unknown}", count(kernel.retransmitted, "segment"));
        builder.entry(&who, None, Some(kernel.data_segments_out), Some(bytes), note);

        let missing = self.segments_sent(builder, kernel);
        if let Some(bytes_sent) = kernel.bytes_sent {
            self.bytes_sent(builder, bytes_sent, missing);
            self.sent_again(builder, kernel, bytes_sent);
        }
        let mut terms = vec![taken];
        terms.extend(marks.iter().filter(|&&mark| mark > 0));
        let but = if taken == packets.distinct_bytes { "" } else { " but those that it refused" };
        let claim = format!("The {to} acknowledged every byte of the {from}{but}{marks_in_words}");
        let total = terms.iter().sum::<u64>();
        let uncounted = [
            (packets.acknowledged_by_reset, "which only the reset acknowledged"),
            (
                packets.reset.map_or(0, |cost| cost.acknowledged_late),
                "acknowledged when this end had reset the connection",
            ),
        ];
        let is_it = |(bytes, _): &&(u64, &str)| *bytes > 0 && kernel.bytes_acked + bytes == total;
        if let Some((bytes, why)) = uncounted.iter().find(is_it) {
            let numbers = format!("{} = {} + {}, {why}", sum(&terms), number(kernel.bytes_acked), number(*bytes));
            builder.check(claim, numbers, true);
        } else {
            builder.equal(claim, &terms, kernel.bytes_acked);
        }
    }

    /// Checks the segments; returns how many of them the capture lacks.
    fn segments_sent(&self, builder: &mut ReconciliationBuilder, kernel: &KernelCounters) -> u64 {
        let (out, seen) = (kernel.data_segments_out, self.packets.with_payload);
        let or_lost = if self.is_captured_at_sender { "" } else { ", or lost by the path" };
        let claim = format!("Each segment that the {} sent was captured{or_lost}", self.from);
        let lost = self.path.lost;
        let missing = out.saturating_sub(seen);
        if self.is_captured_at_sender {
            builder.equal(claim, &[seen], out);
        } else if self.path.duplicated > 0 {
            let PathCounts { lost, duplicated } = self.path;
            let numbers = format!(
                "{} sent, {} captured; the path lost {} and delivered {} twice",
                number(out),
                number(seen),
                count(lost, "packet"),
                count(duplicated, "packet"),
            );
            builder.check(claim, numbers, out <= seen + lost && seen <= out + duplicated);
        } else if missing == 0 {
            builder.equal(claim, &[seen], out);
        } else {
            let verdict = if missing <= lost { "" } else { ", which does not explain it" };
            let numbers = format!(
                "{} - {} = {} did not come; the path lost {} on purpose{verdict}",
                number(out),
                number(seen),
                number(missing),
                count(lost, "packet"),
            );
            builder.check(claim, numbers, missing <= lost);
        }
        missing
    }

    fn bytes_sent(&self, builder: &mut ReconciliationBuilder, bytes_sent: u64, missing: u64) {
        let packets = self.packets;
        let or_lost = if self.is_captured_at_sender { "" } else { " or lost" };
        let claim = format!("The {}'s kernel sent the bytes that were captured{or_lost}", self.from);
        if self.path.duplicated > 0 && !self.is_captured_at_sender {
            let most = (self.path.lost + self.path.duplicated).saturating_mul(longest(packets));
            let numbers = format!(
                "{} sent, {} captured: what was lost or came twice is at most {} bytes",
                number(bytes_sent),
                number(packets.bytes),
                number(most),
            );
            builder.check(claim, numbers, bytes_sent.abs_diff(packets.bytes) <= most);
            return;
        }
        if missing == 0 {
            builder.equal(claim, &[packets.bytes], bytes_sent);
            return;
        }
        // A lost segment had at least a byte, and at most what the longest one had.
        let lost = bytes_sent.saturating_sub(packets.bytes);
        let most = missing.saturating_mul(longest(packets));
        let numbers = format!(
            "{} - {} = {}, for {} that did not come (1 to {} bytes each)",
            number(bytes_sent),
            number(packets.bytes),
            number(lost),
            count(missing, "segment"),
            number(longest(packets)),
        );
        builder.check(claim, numbers, (missing..=most).contains(&lost));
    }

    fn sent_again(&self, builder: &mut ReconciliationBuilder, kernel: &KernelCounters, bytes_sent: u64) {
        let again = bytes_sent.saturating_sub(self.packets.distinct_bytes);
        let segments = kernel.retransmitted;
        // Each segment has at most what the longest one had. More segments than bytes are a SYN or FIN: they have none. A
        // busy machine is late with acknowledgements, and the last FIN may be on its way when the capture ends.
        let holds = again <= segments.saturating_mul(longest(self.packets));
        let remark = match (holds, again) {
            (false, _) => ", which do not fit",
            (true, 0) if segments > 0 => ": SYN or FIN, without payload",
            _ => "",
        };
        let numbers = format!(
            "{} - {} = {}, in {}{remark}",
            number(bytes_sent),
            number(self.packets.distinct_bytes),
            count(again, "byte"),
            count(segments, "segment"),
        );
        builder.check(format!("What the {} sent twice is what its kernel sent again", self.from), numbers, holds);
    }

    fn received(&self, builder: &mut ReconciliationBuilder) {
        let (from, to, packets) = (self.from, self.to, self.packets);
        let who = format!("{}the kernel at the {to}", self.way());
        let Some(kernel) = self.receiver else {
            builder.entry(&who, None, None, None, "not known");
            return;
        };
        let (taken, fin) = self.taken();
        let refused = self.refused().packets;
        let (seen, came) = (packets.with_payload, kernel.data_segments_in);
        let claim = format!("Each captured segment of the {from} came to the {to}'s kernel");
        let missing = seen.saturating_sub(came);
        let again = self.sender.map_or(0, |sender| sender.retransmitted);
        if self.is_captured_at_sender && came > seen && came <= seen + self.path.duplicated {
            let numbers = format!("{} + {} that the path delivered twice", number(seen), number(came - seen));
            builder.check(claim, numbers, true);
        } else if self.is_captured_at_sender && missing > 0 && missing <= again {
            let numbers = format!(
                "{} - {} = {} lost after the capture; {again} sent again",
                number(seen),
                number(came),
                number(missing)
            );
            builder.check(claim, numbers, true);
        } else if missing > 0 && missing <= refused {
            let numbers = format!(
                "{} - {} = {}: the {to} had closed before they came",
                number(seen),
                number(missing),
                number(came)
            );
            builder.check(claim, numbers, true);
        } else {
            builder.equal(claim, &[seen], came);
        }

        let but = if taken == packets.distinct_bytes { "" } else { " but those that it refused" };
        let claim = format!("The {to}'s kernel received every byte of the {from} once{but}");
        let is_without_fin = self.receiver_may_close_first && fin > 0 && kernel.bytes_received == taken;
        let bytes = if is_without_fin {
            let numbers = format!(
                "{0} = {0}; the FIN came in TIME_WAIT, where nothing is counted",
                number(kernel.bytes_received)
            );
            builder.check(claim, numbers, true);
            kernel.bytes_received
        } else if fin > 0 {
            builder.equal(claim, &[taken, fin], kernel.bytes_received);
            kernel.bytes_received.saturating_sub(fin)
        } else {
            builder.equal(claim, &[taken], kernel.bytes_received);
            kernel.bytes_received
        };
        let note = if fin > 0 && !is_without_fin { "the kernel counts the FIN as a byte more" } else { "" };
        builder.entry(&who, None, Some(came), Some(bytes), note);
    }
}

fn longest(packets: &PacketCounts) -> u64 {
    packets.lengths.iter().copied().max().unwrap_or_default()
}
