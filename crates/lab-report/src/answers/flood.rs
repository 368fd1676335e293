//! Q14 and Q15: one large text, its packets, and the calls of recv for it.

use super::stream;
use lab_testbed::facts::{Flood, Measurement, Scenario, fewest_recv_calls};

use crate::{
    formatting::{capital, count, list, number, times},
    sheet::Answer,
};

/// The payload of the longest Ethernet packet without TCP options, and what TCP's timestamps take of it, in bytes.
const ETHERNET_ROOM: u64 = 1460;
const TIMESTAMPS: u64 = 12;

pub(super) fn q14(measurement: &Measurement<Vec<Flood>>) -> Answer {
    let mut answer =
        Answer::new(14, "The PMU sends one large text in one send(). How many packets with payload bring it?");
    let Some(flood) = require(&mut answer, measurement).first() else { return answer };
    let packets = &flood.transfer.to_client;
    let longest = stream::longest(packets);
    answer.item(
        "",
        format!("{}, for {}.", capital(&count(packets.fresh(), "packet")), count(packets.distinct_bytes, "byte")),
    );
    let fewest = if longest == 0 { 0 } else { packets.distinct_bytes.div_ceil(longest) };
    let are_full = packets.lengths.split_last().is_some_and(|(_, all)| all.iter().all(|&len| len == longest));
    let division =
        format!("{} / {}, rounded up, is {}", number(packets.distinct_bytes), number(longest), number(fewest));
    answer.explain(format!(
        "A packet has room for only so much. The longest payload here was {}, and {division}.",
        count(longest, "byte"),
    ));
    answer.explain(if packets.fresh() != fewest {
        "That is not the number of packets: some were not full."
    } else if are_full {
        "So all packets were full but the last."
    } else {
        "Not all of them were full, but no packet could have been spared."
    });
    answer.explain(if longest > ETHERNET_ROOM {
        "A payload longer than 1,460 bytes does not fit into an Ethernet packet: the system joined several before \
         the capture saw them (offload), or the path is no Ethernet."
    } else if longest == ETHERNET_ROOM || longest == ETHERNET_ROOM - TIMESTAMPS {
        "That room is TCP's maximum segment size: the 1,500 bytes of an Ethernet packet, less 20 for IPv4, 20 for \
         TCP and, as a rule, 12 for TCP's timestamps."
    } else {
        "An Ethernet packet has room for more, 1,448 or 1,460 bytes; why these were shorter was not measured."
    });
    answer.measure("packets with payload", packets.fresh());
    answer.observe("packets that brought nothing new, besides", packets.repeated);
    answer.measure("bytes", number(packets.distinct_bytes));
    answer.measure("longest payload", number(longest));
    answer
}

pub(super) fn q15(measurement: &Measurement<Vec<Flood>>) -> Answer {
    let mut answer = Answer::new(
        15,
        "How often did the PDC call recv() for the large text? Is that the number of packets? What does the number \
         of calls depend on?",
    );
    let floods = require(&mut answer, measurement);
    let Some(own) = floods.first() else { return answer };
    let packets = own.transfer.to_client.fresh();
    for flood in floods {
        let fewest = fewest(flood);
        answer.measure(format!("fewest calls possible with {}", buffer(flood)), number(fewest));
        answer
            .measure(format!("packets with payload with {}", buffer(flood)), number(flood.transfer.to_client.fresh()));
        if let Some(calls) = flood.transfer.client.recv_calls {
            answer.observe(format!("calls of recv() with {}", buffer(flood)), number(calls));
        }
    }
    if own.transfer.client.recv_calls.is_none() {
        answer.add_missing("The program does not count its recv() calls; `lab-report --watch-recv` does, with strace.");
    }
    let bytes = count(own.transfer.to_client.distinct_bytes, "byte");
    if let Some(calls) = own.transfer.client.recv_calls {
        answer.varying_item("calls", format!("{}, with {}.", capital(&times(calls)), buffer(own)));
    }
    answer.item(
        "at least",
        format!("{} for {bytes}, the last of which returned nothing.", capital(&count(fewest(own), "call"))),
    );
    let proofs: Vec<String> =
        floods.iter().filter(|flood| fewest(flood) > flood.transfer.to_client.fresh()).map(proof).collect();
    answer.item(
        "the same?",
        if proofs.is_empty() {
            format!(
                "Not in general. The text came in {}; calls and packets are counted at different places.",
                count(packets, "packet")
            )
        } else {
            format!("No. {}.", capital(&list(&proofs)))
        },
    );
    answer.item(
        "factors",
        "The size of the buffer that recv() is given, and timing: how much arrives between two calls, which depends \
         on the path and on when the system lets the program run.",
    );
    answer.explain(
        "The system keeps what has arrived until the program asks for it. recv() then takes what is there, up to the \
         size of its buffer: several packets at once if the program was slow, a part of a packet if the buffer is \
         small. With a small buffer its size decides the number, with a large one the timing does.",
    );
    answer
}

fn proof(flood: &Flood) -> String {
    format!(
        "with {} it takes at least {} for {}",
        buffer(flood),
        count(fewest(flood), "call"),
        count(flood.transfer.to_client.fresh(), "packet"),
    )
}

pub(super) fn fewest(flood: &Flood) -> u64 {
    fewest_recv_calls(flood.transfer.to_client.distinct_bytes, flood.recv_buffer)
}

pub(super) fn buffer(flood: &Flood) -> String {
    flood
        .recv_buffer
        .map_or("the program's own buffer".to_owned(), |size| format!("a buffer of {}", count(size, "byte")))
}

pub(super) fn require<'a>(answer: &mut Answer, measurement: &'a Measurement<Vec<Flood>>) -> &'a [Flood] {
    let Some(floods) = measurement.measured().filter(|floods| !floods.is_empty()) else {
        answer.require(measurement, Scenario::Flood.name(), "Part 2 with “CMD_floodme”");
        if measurement.measured().is_some() {
            answer.add_missing("Part 2 with “CMD_floodme” was not run.");
        }
        return &[];
    };
    answer.cite(Scenario::Flood.name());
    floods
}
