//! Q16 and Q17: a reset over UDP, and the probability of loss from many resets.

use lab_testbed::facts::{Measurement, Measurements, Reset, Scenario, Series};

use labnet::{cli, net::Family};

use crate::{
    formatting::{count, number, sum},
    sheet::Answer,
};

pub(super) fn answers(measurements: &Measurements) -> Vec<Answer> {
    vec![q16(&measurements.resets), q17(&measurements.series)]
}

const FAMILIES: [Family; 2] = [Family::Ipv4, Family::Ipv6];

fn q16(measurements: &[Measurement<Reset>; 2]) -> Answer {
    let mut answer =
        Answer::new(16, "When did the PMU's acknowledgement of a reset arrive? Did it come over IPv4 or over IPv6?");
    for (measurement, family) in measurements.iter().zip(FAMILIES) {
        let what = format!("The reset of a PMU on {family}");
        if let Some(reset) = answer.require(measurement, Scenario::Reset(family).name(), &what) {
            one_reset(&mut answer, reset);
        }
    }
    if answer.items.is_empty() {
        return answer;
    }
    answer.explain(
        "The PDC cannot know which family the PMU listens on: without an answer, a dropped packet and a wrong family \
         look alike. So it sends to both in each round. The PMU answers the address that the request came from, \
         hence in the family of the request that it got.",
    );
    answer
}

fn one_reset(answer: &mut Answer, reset: &Reset) {
    let label = format!("PMU on {}", reset.family);
    let Some(over) = reset.acknowledged_over else {
        answer.item(&label, "No acknowledgement was seen.");
        return;
    };
    match reset.acknowledged_at {
        Some(at) => answer.varying_item(format!("A16.a, {label}"), format!("At {}.", cli::utc(at))),
        None => answer.item(format!("A16.a, {label}"), "The time is not known."),
    }
    answer.item(format!("A16.b, {label}"), format!("Over {over}: “{}”.", reset.acknowledgement.trim_end()));
    if over != reset.family {
        answer.item(&label, format!("That is not the family that this PMU was given, {}.", reset.family));
    }
    if let Some(at) = reset.acknowledged_at {
        answer.observe(format!("{label}: date and time of the acknowledgement, UTC"), cli::utc(at));
    }
    let sent = [(Family::Ipv4, reset.sent.0), (Family::Ipv6, reset.sent.1)];
    for (family, packets) in sent {
        let name = format!("{label}: packets sent over {family} until then");
        // Whether the other family's packet of the last round left before the acknowledgement came is a race.
        if family == reset.family { answer.measure(name, packets) } else { answer.observe(name, packets) }
    }
}

fn q17(measurements: &[Measurement<Series>; 2]) -> Answer {
    let mut answer = Answer::new(
        17,
        "The reset is made sixty times. How many packets does it take on average until an acknowledgement comes? Which \
         probability of loss does that suggest?",
    );
    let mut truths = Vec::new();
    for (measurement, family) in measurements.iter().zip(FAMILIES) {
        let what = format!("The series of resets of a PMU on {family}");
        if let Some(series) = answer.require(measurement, Scenario::Series(family).name(), &what) {
            if series.is_whole() {
                one_series(&mut answer, series);
                truths.push(series.true_loss);
            } else {
                answer.add_missing(&not_whole(series));
            }
        }
    }
    let Some(&p) = truths.first() else { return answer };
    answer.explain(format!(
        "A packet is lost with some probability p, whatever happened before. Then it takes 1 / (1 - p) packets on \
         average until one comes through. The PMU dropped packets with p = {p}, so {} were to be expected.",
        decimal(1.0 / (1.0 - p)),
    ));
    answer.explain(
        "Turned around: one packet of each run came through and all others were lost, so the loss is 1 - runs / \
         packets. The interval tells how far chance may lead so small a sample: in about 95 of 100 series like this \
         one it holds the true probability.",
    );
    answer
}

/// Why a series does not answer the question.
fn not_whole(series: &Series) -> String {
    let runs = count(series.packets.len() as u64, "reset");
    let asked = number(series.asked);
    match series.own {
        Some(own) if !own.has_ended => {
            format!(
                "With a PMU on {} the program went on after {runs}, so its resets are no series of {asked}.",
                series.family
            )
        }
        Some(_) => {
            format!("With a PMU on {} the program made {runs} by itself, and {asked} were asked for.", series.family)
        }
        None => format!("With a PMU on {} {runs} were acknowledged, and {asked} were asked for.", series.family),
    }
}

fn one_series(answer: &mut Answer, series: &Series) {
    let label = format!("PMU on {}", series.family);
    let (runs, packets) = (series.packets.len() as u64, series.packets.iter().sum::<u64>());
    let (low, high) = series.interval;
    answer.item(
        format!("A17.a, {label}"),
        format!("{:.2} packets on average, over {}.", series.mean, count(runs, "run")),
    );
    answer.item(
        format!("A17.b, {label}"),
        format!("A loss of {:.3}; with a confidence of 95 % it is between {low:.3} and {high:.3}.", series.loss),
    );
    let p = series.true_loss;
    let holds = (low..=high).contains(&p);
    answer.item(
        format!("A17.b, {label}"),
        if holds {
            format!("The interval holds the {p} that the PMU was set to.")
        } else {
            format!(
                "The interval does not hold the {p} that the PMU was set to. Chance does that to one series in twenty; \
                 otherwise packets were lost elsewhere too, or miscounted."
            )
        },
    );
    if series.own.is_some() {
        answer.explain(format!("With a PMU on {} the program made the runs by itself.", series.family));
    } else {
        answer.observe(format!("{label}: programs at the same time, at most"), series.at_once);
    }
    answer.measure(format!("{label}: runs"), runs);
    answer.measure(format!("{label}: packets"), number(packets));
    answer.measure(format!("{label}: packets lost"), number(packets.saturating_sub(runs)));
    // Which of the programs has which luck depends on whose packet comes first.
    answer.observe(format!("{label}: packets of each run, sorted"), sum(&series.packets));
    if let Some(pause) = series.shortest_pause {
        // The first packet may have waited until the address of the PMU was known.
        let name = format!("{label}: shortest time between two sends of a run, from its second packet on");
        answer.observe(name, format!("{pause:.3} s"));
    }
}

/// `2.5`, `3.33`.
fn decimal(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
