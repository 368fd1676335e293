//! Packets in, findings out: each test writes down when a program sent what, in milliseconds.

use std::time::Duration;

use lab_testbed::facts::{
    Ending, Experiment, Measurement, Output, PdcPacket, PdcPacketKind, ProgramRun, Rounds, RunFacts, Scenario,
};
use labnet::net::Family::{self, Ipv4, Ipv6};

use super::*;
use crate::FindingId::*;

/// `4>` a request over IPv4, `6<` an acknowledgement over IPv6, `6!` a refusal; each with its time.
fn packets(text: &str) -> Vec<PdcPacket> {
    let packet = |(number, word): (u64, &str)| {
        let (what, at) = word.split_at(2);
        let (kind, text) = match &what[1..] {
            ">" => (PdcPacketKind::Request, REQUEST),
            "<" => (PdcPacketKind::Acknowledgement, "OFFSET=7"),
            _ => (PdcPacketKind::Refusal, ""),
        };
        let family = if what.starts_with('4') { Ipv4 } else { Ipv6 };
        let at = Duration::from_millis(1_000_000 + at.parse::<u64>().unwrap());
        PdcPacket { packet: number, at, family, kind, text: text.to_owned() }
    };
    (1..).zip(text.split_whitespace()).map(packet).collect()
}

/// The facts of programs, each with the family of its PMU, what passed, and how it ended.
fn facts(cases: &[(Option<Family>, &str, Ending)]) -> RunFacts {
    let mut facts = RunFacts::default();
    for &(family, text, ending) in cases {
        let slot = match family {
            Some(Ipv4) => 0,
            Some(Ipv6) => 1,
            None => 2,
        };
        facts.measured.rounds[slot] = Measurement::Measured(Rounds { family, packets: packets(text) });
        let mut experiment = Experiment::new(Scenario::Rounds(family));
        experiment.programs.push(ProgramRun {
            role: ProgramRole::Part3,
            host: "client".to_owned(),
            command_line: "pdc".to_owned(),
            begun: Duration::from_secs(1000),
            elapsed: Duration::from_secs(5),
            ending,
            stdout: Output::default(),
            stderr: Output::default(),
            complaint: None,
            recv_calls: None,
        });
        facts.experiments.push(experiment);
    }
    facts
}

#[track_caller]
fn check(cases: &[(Option<Family>, &str, Ending)], expected: &[FindingId]) {
    let found: Vec<FindingId> = diagnose(&facts(cases)).into_iter().map(|finding| finding.id).collect();
    assert_eq!(found, expected, "{cases:?}");
}

const DONE: Ending = Ending::Exited(0);
const OVERDUE: Ending = Ending::AtDeadline(Duration::from_secs(10));

#[test]
fn a_second_between_two_requests_is_right_and_the_first_pause_does_not_count() {
    // The first packets waited for the address of the PMU.
    check(&[(None, "4>0 6>100 4>905 6>906 4>1910 6>1911 4>2915 6>2916 4>3920 6>3921 4<4020", DONE)], &[]);
    // A busy machine is late.
    check(&[(None, "4>0 6>1 4>1200 6>1201 4>2650 6>2651 4>3700 6>3701 4>4900 6>4901 4<5020", DONE)], &[]);
    check(&[(None, "4>0 6>1 4>100 6>101 4>600 6>601 4>1100 6>1101 4>1600 6>1601 4<1700", DONE)], &[WrongTimeout]);
    check(&[(None, "4>0 6>1 4>1900 6>1901 4>3900 6>3901 4>5900 6>5901 4<6000", DONE)], &[WrongTimeout]);
    check(&[(None, "4>0 6>1 4>2 6>3 4>4 6>5 4>6 6>7 4>8 6>9 4<100", DONE)], &[NeverWaits]);
}

#[test]
fn what_follows_refusals_does_not_wait_though_it_does_where_nothing_is_refused() {
    let patient = "4>0 6>1 4>1000 6>1001 4>2000 6>2001 4>3000 6>3001 4<3100";
    let hasty = "4>0 6>1 6!101 4>102 6>103 6!203 4>204 6>205 6!305 4>306 6>307 6!407 4>408 6>409 4<508";
    check(&[(None, patient, DONE), (Some(Ipv4), hasty, DONE)], &[NeverWaits]);
}

#[test]
fn two_threads_that_are_out_of_step_are_in_one_round() {
    check(&[(None, "4>0 6>480 4>1000 6>1480 4>2000 6>2480 4>3000 6>3480 4<3600", DONE)], &[]);
    check(&[(None, "4>0 6>1000 4>2000 6>3000 4>4000 6>5000 4>6000 4<6100", DONE)], &[FamiliesInTurn]);
}

#[test]
fn a_family_that_is_left_out_when_it_is_refused_was_asked() {
    check(&[(Some(Ipv6), "4>0 6>1 4!101 6>1001 6>2001 6>3001 6>4001 6<4101", DONE)], &[]);
    // One that is asked only then was not.
    check(&[(Some(Ipv6), "4>0 4!100 6>101 6>1101 6>2101 6>3101 6>4101 6<4201", DONE)], &[FamiliesInTurn]);
}

#[test]
fn one_family_is_named_wherever_it_is_missed() {
    let only = "4>0 4>1000 4>2000 4>3000";
    check(&[(Some(Ipv4), "4>0 4>1000 4>2000 4<2100", DONE), (Some(Ipv6), only, OVERDUE)], &[OneFamily]);
}

#[test]
fn a_request_that_crosses_the_acknowledgement_is_no_fault() {
    let waits = "4>0 6>1 4>1000 6>1001 4>2000 6>2001 4>3000";
    check(&[(Some(Ipv4), &format!("{waits} 4<3001 6>3002"), DONE)], &[]);
    check(&[(Some(Ipv4), &format!("{waits} 6>3001 4<3100 4>4000 6>4001"), DONE)], &[SendsAfterAcknowledgement]);
    // Whether more was to come is not known of a program that was ended in the middle.
    check(&[(Some(Ipv4), &format!("{waits} 6>3001 4<3100 4>3101 6>3102"), Ending::Stopped)], &[]);
}

#[test]
fn a_program_that_needs_both_families_ends_where_it_gets_both() {
    let both = "4>0 6>1 4>1000 6>1001 4>2000 6>2001 4<2100 6>3000 6>4000 6<4100";
    let one = "4>0 6>1 4>1000 6>1001 4>2000 6>2001 4<2100 6>3000 6>4000 6>5000";
    let found = [NeedsBothFamilies, NeedsBothFamilies];
    check(&[(Some(Ipv4), one, OVERDUE), (None, both, DONE)], &found);
}

#[test]
fn a_series_is_recognised_and_a_copy_that_was_there_before_is_stale() {
    let begin = "4>0 6>1 4>1000 6>1001 4>2000 6>2001";
    let mut fresh = begin.to_owned();
    let mut stale = begin.to_owned();
    for reset in 0..12 {
        let at = 2100 + 200 * reset;
        // A socket for each reset: copies go to one that is closed.
        fresh += &format!(" 4<{at} 4<{at} 4>{} 6>{}", at + 1, at + 2);
        stale += &format!(" 4<{at} 4<{at} 4>{} 6>{} 4>{} 6>{}", at + 1, at + 2, at + 3, at + 4);
    }
    check(&[(Some(Ipv4), &format!("{fresh} 4<9000"), DONE)], &[]);
    check(&[(Some(Ipv4), &format!("{stale} 4<9000"), DONE)], &[StaleAcknowledgement]);
}

#[test]
fn a_program_that_asks_once_waits_too_long() {
    check(&[(Some(Ipv4), "4>0 6>1 6!101", OVERDUE)], &[WrongTimeout]);
}
