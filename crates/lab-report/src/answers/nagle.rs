//! Q12: why messages share packets. What held them back, and what let them go, are told apart by two more experiments.
//!
//! | experiment | the second packet leaves | so |
//! |---|---|---|
//! | the handout's, the PMU closes at once | long before an acknowledgement, with the FIN | close() pushed it |
//! | the PMU stays open | when the acknowledgement of the first has come | Nagle's algorithm held it back |
//! | the PMU has set TCP_NODELAY | at once: a packet for each message | nothing but Nagle's algorithm did |

use std::time::Duration;

use lab_testbed::facts::{DataPacket, Measurement, Measurements, Scenario, Transfer};

use super::{
    part2::{find_at_once, find_paced},
    stream,
};
use crate::{
    formatting::{count, milliseconds, number, sum},
    sheet::Answer,
};

/// A path on which an acknowledgement is back before a program can send again (ours).
const NO_ROUND_TRIP: Duration = Duration::from_millis(1);

pub(super) fn q12(measurements: &Measurements) -> Answer {
    let mut answer = Answer::new(12, "If the two numbers of Q11 are different, what made them so?");
    let both =
        (find_at_once(&mut answer, &measurements.short_at_once), find_paced(&mut answer, &measurements.short_paced));
    let (Some(at_once), Some(paced)) = both else { return answer };
    let (few, many) = (&at_once.to_client, &paced.to_client);
    answer.measure("lengths of the payloads, d = 0", sum(&few.lengths));
    answer.measure("lengths of the payloads, d = 1", sum(&many.lengths));
    if let Some(round_trip) = at_once.round_trip {
        answer.observe("round-trip time, from the command to its acknowledgement, d = 0", milliseconds(round_trip));
    }
    if few.fresh() == many.fresh() {
        answer.item("", format!("They are not different: {} both times.", count(few.fresh(), "packet")));
        answer.explain(match at_once.round_trip {
            Some(time) if time < NO_ROUND_TRIP => {
                "On this path there is hardly any round-trip time: an acknowledgement is back before the next send(), \
                 and Nagle's algorithm has nothing to wait for."
            }
            _ => "So there is no difference to explain in this run.",
        });
        return answer;
    }
    if few.fresh() > many.fresh() {
        answer.item("", "There were more packets without a pause than with one.");
        answer.explain("What made them so was not measured.");
        return answer;
    }
    answer.item(
        "",
        format!(
            "TCP at the PMU put several messages into one packet when there was no pause between them: {} instead of {}.",
            count(few.fresh(), "packet"),
            number(many.fresh()),
        ),
    );
    answer.explain(format!("The lengths of the payloads with d = 0 show it: {} bytes.", sum(&few.lengths)));
    at_once_in_words(&mut answer, at_once);
    stays_open(&mut answer, &measurements.short_open);
    no_delay(&mut answer, &measurements.short_no_delay);
    let is_acknowledged = paced.round_trip.is_some_and(|time| time < Duration::from_secs(1));
    if stream::is_one_message_a_packet(paced) && is_acknowledged {
        answer.explain(
            "With d = 1 a second passes between two sends: each message had been acknowledged before the next was \
             there, and each got a packet.",
        );
    }
    answer.explain(
        "TCP carries a stream of bytes: where it cuts the stream into packets has nothing to do with where a message \
         ends.",
    );
    answer
}

/// When the second packet left, by its distance from the first on a path with this round-trip time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    /// Too early for an acknowledgement of the first to have come, with the FIN: the close pushed it.
    ByClose,
    /// Too early for an acknowledgement, without the FIN.
    Early,
    /// Not before the acknowledgement could have come.
    AfterAcknowledgement,
    /// There was no second packet.
    Alone,
    /// The times are not known.
    Unknown,
}

fn release(transfer: &Transfer) -> Release {
    let (first, second): (&DataPacket, &DataPacket) = match transfer.data_packets.as_slice() {
        [_] => return Release::Alone,
        [first, second, ..] => (first, second),
        [] => return Release::Unknown,
    };
    let Some(round_trip) = transfer.round_trip.filter(|&time| time > NO_ROUND_TRIP) else { return Release::Unknown };
    // Both travelled the same way: their distance at the client is that at the server. An acknowledgement takes a whole
    // round trip, from the one packet's departure to the other's.
    let early = second.at.saturating_sub(first.at) < round_trip / 2;
    match (early, second.has_fin) {
        (true, true) => Release::ByClose,
        (true, false) => Release::Early,
        (false, _) => Release::AfterAcknowledgement,
    }
}

fn distance(answer: &mut Answer, transfer: &Transfer, what: &str) {
    if let [first, second, ..] = transfer.data_packets.as_slice() {
        let distance = milliseconds(second.at.saturating_sub(first.at));
        answer.observe(format!("second packet with payload after the first, {what}"), distance);
    }
}

fn at_once_in_words(answer: &mut Answer, at_once: &Transfer) {
    distance(answer, at_once, "d = 0");
    answer.explain(match release(at_once) {
        Release::ByClose => {
            "The first packet left at once; the other messages waited in the PMU's system. What let them go was the PMU's \
             close(): they left with the FIN, long before an acknowledgement of the first packet could have come."
        }
        Release::Early => {
            "The first packet left at once, and more followed before an acknowledgement of it could have come, \
             without a FIN: what let them go was not measured."
        }
        Release::AfterAcknowledgement => {
            "The first packet left at once. The other messages did not leave before its acknowledgement could \
             have come, a round-trip time later."
        }
        Release::Alone if at_once.sends == Some(1) => "The PMU wrote all messages in one send().",
        Release::Alone => {
            "The PMU's system had all messages before the first packet left. Whether the PMU asked it to wait \
             (TCP_CORK) was not measured."
        }
        Release::Unknown => "When they left was not measured closely enough to say what let them go.",
    });
}

/// The experiment in which the PMU stays open: what held the messages back.
fn stays_open(answer: &mut Answer, measurement: &Measurement<Transfer>) {
    let Some(open) = measurement.measured() else { return };
    answer.cite(Scenario::ShortOpen.name());
    answer.measure("lengths of the payloads, the PMU stays open", sum(&open.to_client.lengths));
    distance(answer, open, "the PMU stays open");
    if release(open) == Release::AfterAcknowledgement {
        answer.explain(
            "What held them back is Nagle's algorithm. A PMU that stays open after its last send() shows it: nobody \
             closes, and the rest leaves a round-trip time after the first packet, when its acknowledgement has come.",
        );
    }
}

/// The experiment in which the PMU has switched Nagle's algorithm off.
fn no_delay(answer: &mut Answer, measurement: &Measurement<Transfer>) {
    let Some(no_delay) = measurement.measured() else { return };
    answer.cite(Scenario::ShortNoDelay.name());
    let packets = no_delay.to_client.fresh();
    answer.measure("lengths of the payloads, the PMU has set TCP_NODELAY", sum(&no_delay.to_client.lengths));
    if stream::is_one_message_a_packet(no_delay) {
        answer.explain(format!(
            "With TCP_NODELAY, which switches that algorithm off, the same sends without a pause make {}: one for each \
             message.",
            count(packets, "packet"),
        ));
    }
}
