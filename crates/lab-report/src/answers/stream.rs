//! The messages of a transfer, and the packets with messages, for several answers.

use lab_diagnosis::Display;
use lab_testbed::facts::{PacketCounts, SentMessages, Transfer};
use labnet::pmu::PREFIX;

/// What the client showed of the messages.
pub(super) fn display(transfer: &Transfer) -> Display {
    let sent = transfer.messages.unwrap_or(SentMessages { first: 1, count: 0 });
    Display::of_messages(&transfer.client.lines.join("\n"), sent)
}

/// The numbers of the messages that the client showed, in its order.
pub(super) fn numbers(transfer: &Transfer) -> Vec<u64> {
    display(transfer).numbers()
}

/// How many messages the client showed.
pub(super) fn messages(transfer: &Transfer) -> u64 {
    numbers(transfer).len() as u64
}

/// The pause between two messages, as the command asked for it: `0`, `1`.
pub(super) fn pause(transfer: &Transfer) -> &str {
    transfer.command.rsplit_once(':').map_or("?", |(_, pause)| pause)
}

/// The greatest payload of a packet.
pub(super) fn longest(packets: &PacketCounts) -> u64 {
    packets.lengths.iter().copied().max().unwrap_or_default()
}

/// Whether each packet carried exactly one of the messages that were sent.
pub(super) fn is_one_message_a_packet(transfer: &Transfer) -> bool {
    let Some(SentMessages { first, count }) = transfer.messages else { return false };
    let lengths = (first..first.saturating_add(count)).map(|number| (PREFIX.len() + number.to_string().len()) as u64);
    !transfer.to_client.lengths.is_empty() && lengths.eq(transfer.to_client.lengths.iter().copied())
}
