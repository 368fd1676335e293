//! Q10 to Q15: messages in a stream, packets, and calls of recv.

use super::{
    flood::{q14, q15},
    stream,
};
use lab_testbed::facts::{Measurement, Measurements, Scenario, Transfer};

use crate::{
    formatting::{capital, count, milliseconds, number, quote, sum},
    sheet::Answer,
};

pub(super) fn answers(measurements: &Measurements) -> Vec<Answer> {
    let shorts = [q10, q11, q12, q13].map(|answer| answer(&measurements.short_at_once, &measurements.short_paced));
    shorts.into_iter().chain([q14(&measurements.floods), q15(&measurements.floods)]).collect()
}

fn q10(at_once: &Measurement<Transfer>, paced: &Measurement<Transfer>) -> Answer {
    let mut answer = Answer::new(10, "How many messages did the PDC receive from the PMU?");
    let both = [find_at_once(&mut answer, at_once), find_paced(&mut answer, paced)];
    for transfer in both.into_iter().flatten() {
        let label = label(transfer);
        let numbers = stream::numbers(transfer);
        let range = match numbers.as_slice() {
            [] => String::new(),
            [one] => format!(", with number {one}"),
            [first, .., last] if first < last => format!(", numbered {first} to {last}"),
            [first, .., last] => format!(", the first with number {first}, the last with number {last}"),
        };
        answer.item(&label, format!("{}{range}.", capital(&count(numbers.len() as u64, "message"))));
        let others = (transfer.client.lines.len() - numbers.len()) as u64;
        if others > 0 {
            answer.item(&label, format!("{} of its output is no message of the PMU.", capital(&count(others, "line"))));
        }
        if !numbers.is_sorted_by(|a, b| a.checked_add(1) == Some(*b)) {
            answer.item(&label, "The numbers do not follow each other: a message is missing, doubled or out of order.");
        }
        answer.measure(format!("messages, {label}"), numbers.len());
        answer.measure(format!("bytes from the PMU, {label}"), number(transfer.to_client.distinct_bytes));
    }
    if !answer.items.is_empty() {
        answer.explain(
            "The PDC does not know beforehand how many will come. It shows each message on a line of its own and reads \
             on until the PMU closes the connection; then the lines can be counted.",
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
        let messages = count(stream::messages(transfer), "message");
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

fn q12(at_once: &Measurement<Transfer>, paced: &Measurement<Transfer>) -> Answer {
    let mut answer = Answer::new(12, "If the two numbers of Q11 are different, what made them so?");
    let both = (find_at_once(&mut answer, at_once), find_paced(&mut answer, paced));
    let (Some(at_once), Some(paced)) = both else { return answer };
    let (few, many) = (&at_once.to_client, &paced.to_client);
    answer.measure("lengths of the payloads, d = 0", sum(&few.lengths));
    answer.measure("lengths of the payloads, d = 1", sum(&many.lengths));
    for (end, kernel) in [("PDC", &at_once.client_kernel), ("PMU", &at_once.server_kernel)] {
        if let Some(kernel) = kernel {
            answer.observe(format!("round-trip time at the {end}, d = 0"), milliseconds(kernel.rtt));
        }
    }
    if few.fresh() == many.fresh() {
        answer.item("", format!("They are not different: {} both times.", count(few.fresh(), "packet")));
        answer.explain(
            "So there is no difference to explain in this run. On a path with hardly any round-trip time (two \
             programs on one machine) an acknowledgement is back before the next send(), and TCP has nothing to wait \
             for; a PMU may also have switched Nagle's algorithm off.",
        );
        return answer;
    }
    if few.fresh() > many.fresh() {
        answer
            .item("", "There were more packets without a pause than with one, which is not what TCP's rules lead to.");
        answer.explain("Look for packets that were sent again, or for a program that paused where it should not have.");
        return answer;
    }
    answer.item(
        "",
        format!(
            "TCP at the PMU put several messages into one packet when there was no pause between them: {} instead of \
             {}.",
            count(few.fresh(), "packet"),
            number(many.fresh()),
        ),
    );
    answer.explain(format!("The lengths of the payloads with d = 0 show it: {} bytes.", sum(&few.lengths)));
    answer.explain(match few.lengths.as_slice() {
        [_] => {
            "The PMU's messages were all there before the first packet left: a PMU can ask its system to hold them \
             back (TCP_CORK), or write them at once."
        }
        [first, _] if Some(*first) == at_once.client.lines.first().map(|line| line.len() as u64) => {
            "The first message left at once. The others were ready before the acknowledgement of the first was back, \
             and until it was, TCP collected them (Nagle's algorithm). A round-trip time later they left together. \
             So the number depends on the round-trip time of the path."
        }
        _ => {
            "As long as a packet was not acknowledged, TCP collected the messages that were sent meanwhile (Nagle's \
             algorithm), then sent them together. So the number depends on the round-trip time of the path."
        }
    });
    answer.explain(if stream::is_one_message_a_packet(paced) {
        "With d = 1 each message had been acknowledged long before the next, so nothing was held back: each got a \
         packet."
    } else {
        "With d = 1, too, packets and messages were not one to one."
    });
    answer.explain(
        "TCP carries a stream of bytes: where it cuts the stream into packets has nothing to do with where a message \
         ends.",
    );
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

fn label(transfer: &Transfer) -> String {
    format!("d = {}", stream::pause(transfer))
}

fn find_at_once<'a>(answer: &mut Answer, measurement: &'a Measurement<Transfer>) -> Option<&'a Transfer> {
    answer.require_transfer(measurement, Scenario::ShortAtOnce.name(), &format!("Part 2 with {}", quote("CMD_short:0")))
}

fn find_paced<'a>(answer: &mut Answer, measurement: &'a Measurement<Transfer>) -> Option<&'a Transfer> {
    answer.require_transfer(measurement, Scenario::ShortPaced.name(), &format!("Part 2 with {}", quote("CMD_short:1")))
}
