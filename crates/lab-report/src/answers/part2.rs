//! Q10 to Q15: messages in a stream, packets, and calls of recv.

use super::{
    flood::{q14, q15},
    nagle::q12,
    stream,
};
use lab_testbed::facts::{Measurement, Measurements, Scenario, Transfer};

use crate::{
    formatting::{capital, count, milliseconds, number, quote, sum},
    sheet::Answer,
};

pub(super) fn answers(measurements: &Measurements) -> Vec<Answer> {
    let (at_once, paced) = (&measurements.short_at_once, &measurements.short_paced);
    vec![
        q10(at_once, paced),
        q11(at_once, paced),
        q12(measurements),
        q13(at_once, paced),
        q14(&measurements.floods),
        q15(&measurements.floods),
    ]
}

fn q10(at_once: &Measurement<Transfer>, paced: &Measurement<Transfer>) -> Answer {
    let mut answer = Answer::new(10, "How many messages did the PDC receive from the PMU?");
    let both = [find_at_once(&mut answer, at_once), find_paced(&mut answer, paced)];
    for transfer in both.into_iter().flatten() {
        let label = label(transfer);
        let numbers = stream::numbers(transfer);
        if let Some(sent) = transfer.messages
            && numbers != (sent.first..sent.first.saturating_add(sent.count)).collect::<Vec<_>>()
        {
            answer.add_missing(&format!(
                "With {label} the PDC showed {} of the {} that the PMU sent{}.",
                number(numbers.len() as u64),
                count(sent.count, "message"),
                if numbers.len() as u64 == sent.count { ", in another order" } else { "" },
            ));
            continue;
        }
        let range = match numbers.as_slice() {
            [first, .., last] => format!(", numbered {first} to {last}"),
            [one] => format!(", with number {one}"),
            [] => String::new(),
        };
        answer.item(&label, format!("{}{range}.", capital(&count(numbers.len() as u64, "message"))));
        answer.measure(format!("messages, {label}"), numbers.len());
        answer.measure(format!("bytes from the PMU, {label}"), number(transfer.to_client.distinct_bytes));
    }
    if !answer.items.is_empty() {
        answer.explain(
            "The PDC does not know beforehand how many will come. It reads on until the PMU closes the connection; then \
             the messages that it showed can be counted.",
        );
    }
    answer
}

fn q11(at_once: &Measurement<Transfer>, paced: &Measurement<Transfer>) -> Answer {
    let mut answer = Answer::new(
        11,
        "How many packets with payload came from the PMU when it sent its messages without a pause (d = 0)? How many \
         when it waited a second between two of them (d = 1)?",
    );
    for transfer in [find_at_once(&mut answer, at_once), find_paced(&mut answer, paced)].into_iter().flatten() {
        let (packets, label) = (&transfer.to_client, label(transfer));
        let messages = transfer.messages.map_or_else(|| "the messages".to_owned(), |sent| count(sent.count, "message"));
        answer.item(&label, format!("{} with payload, for {messages}.", capital(&count(packets.fresh(), "packet"))));
        answer.explain(if stream::is_one_message_a_packet(transfer) {
            format!("With {label} each packet has the length of one message.")
        } else {
            format!("With {label} the payloads are of {} bytes.", sum(&packets.lengths))
        });
        answer.measure(format!("packets with payload, {label}"), packets.fresh());
        answer.observe(format!("packets that brought nothing new, besides, {label}"), packets.repeated);
        answer.measure(format!("lengths of the payloads, {label}"), sum(&packets.lengths));
        if let Some(sends) = transfer.sends {
            answer.measure(format!("calls of send at the PMU, {label}"), sends);
        }
        answer.observe(format!("time from first packet to last, {label}"), milliseconds(transfer.duration));
    }
    if !answer.items.is_empty() {
        answer.explain(
            "Packets without payload are not counted: they open and close the connection, or only acknowledge.",
        );
    }
    answer
}

fn q13(at_once: &Measurement<Transfer>, paced: &Measurement<Transfer>) -> Answer {
    let mut answer = Answer::new(13, "How can the PDC know that it has received all messages of the PMU?");
    let find = if at_once.measured().is_none() && paced.measured().is_some() {
        find_paced(&mut answer, paced)
    } else {
        find_at_once(&mut answer, at_once)
    };
    let Some(transfer) = find else { return answer };
    let packets = &transfer.to_client;
    if packets.has_rst {
        answer.item("", "This time it cannot: the connection was reset, and bytes on their way may have been lost.");
    } else if packets.has_fin {
        answer.item(
            "",
            "By a call of recv() that returns no bytes: the PMU has closed, and everything before it has arrived.",
        );
    } else {
        answer.item("", "This time it cannot: the PMU sent no FIN, so recv() had no reason to return 0 bytes.");
    }
    answer.explain(
        "The PDC does not know n, and a pause proves nothing: the next message may be late. But when a program \
         closes its connection, TCP sends a FIN after the last byte. TCP delivers in order, so recv() returns 0 \
         bytes only when every byte before the FIN has been delivered.",
    );
    if packets.has_fin && !packets.has_rst {
        answer.explain(format!("The capture has the FIN, and {} before it.", count(packets.distinct_bytes, "byte"),));
    }
    answer.explain(
        "A connection that breaks is something else: a reset makes recv() fail with an error. And a PMU that crashes \
         may close early: the end of the stream is the end of what it sent, not of what it meant to send.",
    );
    answer.measure("FIN from the PMU", if packets.has_fin { "yes" } else { "no" });
    answer.measure("reset from the PMU", if packets.has_rst { "yes" } else { "no" });
    answer.measure("bytes before it", number(packets.distinct_bytes));
    answer
}

pub(super) fn label(transfer: &Transfer) -> String {
    format!("d = {}", stream::pause(transfer))
}

pub(super) fn find_at_once<'a>(answer: &mut Answer, measurement: &'a Measurement<Transfer>) -> Option<&'a Transfer> {
    answer.require_transfer(measurement, Scenario::ShortAtOnce.name(), &format!("Part 2 with {}", quote("CMD_short:0")))
}

pub(super) fn find_paced<'a>(answer: &mut Answer, measurement: &'a Measurement<Transfer>) -> Option<&'a Transfer> {
    answer.require_transfer(measurement, Scenario::ShortPaced.name(), &format!("Part 2 with {}", quote("CMD_short:1")))
}
