//! The receiver: its membership, what it shows of whom and when, and what ends it.

use std::time::Duration;

use lab_testbed::{
    facts::{Ending, Experiment, GroupDatagram, GroupSource, Guests, Multicast, ProgramRun, RunFacts, Scenario},
    programs::ProgramRole,
};

use crate::{
    display::is_representation,
    finding::{Finding, FindingId, excerpt},
};

/// The identity of the programme (handout, section 4).
const PROGRAMME: &str = "swcmTV";

/// A text shorter than this, in characters, may stand in a line by chance (ours).
const LONG_ENOUGH: usize = 12;

/// So many texts, and it is no chance (ours).
const ENOUGH: usize = 3;

/// So many lines of the programme come one after another, and this much apart in all (ours): if they are shown within less
/// than the other time, they were held back.
const SPACED: usize = 8;
const SPACED_FOR: Duration = Duration::from_millis(1000);
const TOGETHER: Duration = Duration::from_millis(200);

pub(super) fn diagnose(facts: &RunFacts) -> Vec<Finding> {
    let multicast = facts.measured.multicast.measured();
    let guests = facts.measured.guests.measured();
    let mut findings = Vec::new();
    let among_guests = guests.and_then(|guests| Some((guests, receiver(facts, Scenario::Guests)?)));
    if let Some((guests, program)) = among_guests {
        findings.extend(of_guests(facts, guests, program));
        findings.extend(of_display(Scenario::Guests, program, &guests.received));
        findings.extend((guests.listened && !guests.member).then(|| not_joined(Scenario::Guests)));
    }
    let on_stage = multicast.and_then(|multicast| Some((multicast, receiver(facts, Scenario::Multicast)?)));
    if let Some((multicast, program)) = on_stage {
        findings.extend(of_display(Scenario::Multicast, program, &multicast.received));
        findings.extend(is_no_member(multicast).then(|| not_joined(Scenario::Multicast)));
        // What is known from the other experiment explains this one.
        let known = |id| findings.iter().any(|finding| finding.id == id);
        let mut explained = Vec::new();
        if known(FindingId::DiesOnOtherIdentity) && multicast.receiver_ended {
            explained.extend(death_by_other(Scenario::Multicast, &multicast.received, program));
        }
        let is_dark = multicast.shown.is_empty();
        let dark = [FindingId::LateOutput, FindingId::NoOutput].into_iter().filter(|&id| is_dark && known(id));
        explained.extend(dark.map(|id| finding(id, Scenario::Multicast)));
        findings.extend(explained);
    }
    findings
}

/// The receiver that was started first in an experiment.
fn receiver(facts: &RunFacts, scenario: Scenario) -> Option<&ProgramRun> {
    receivers(experiment(facts, scenario)?).min_by_key(|program| program.begun)
}

fn experiment(facts: &RunFacts, scenario: Scenario) -> Option<&Experiment> {
    facts.experiments.iter().find(|experiment| experiment.scenario == scenario)
}

fn receivers(experiment: &Experiment) -> impl Iterator<Item = &ProgramRun> {
    experiment.programs.iter().filter(|program| program.role == ProgramRole::Part4Receiver)
}

fn finding(id: FindingId, scenario: Scenario) -> Finding {
    Finding::new(id, ProgramRole::Part4Receiver, scenario)
}

fn not_joined(scenario: Scenario) -> Finding {
    finding(FindingId::NotJoined, scenario)
}

fn is_no_member(facts: &Multicast) -> bool {
    facts.receiver_listened && !facts.member_during && facts.igmp_reports == 0
}

fn of_guests(facts: &RunFacts, guests: &Guests, program: &ProgramRun) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(death(guests, program));
    let programme = guests.received.iter().filter(|datagram| datagram.source == GroupSource::Programme);
    let programme: Vec<&GroupDatagram> = programme.collect();
    if let Some(time) = late(&programme, program) {
        findings.push(finding(FindingId::LateOutput, Scenario::Guests).with(|proof| proof.time = Some(time)));
    }
    if guests.listened && guests.member && programme.len() > SPACED && program.stdout.bytes == 0 {
        let bytes: usize = programme.iter().map(|datagram| datagram.bytes.len()).sum();
        findings.push(finding(FindingId::NoOutput, Scenario::Guests).with(|proof| proof.of = Some(bytes as u64)));
    }
    if guests.second == Some(false) {
        let second = experiment(facts, Scenario::Guests).and_then(|experiment| {
            receivers(experiment).filter(|other| other.begun > program.begun).find(|other| other.ending.is_crash())
        });
        findings.extend(second.map(|second| {
            finding(FindingId::NoAddressReuse, Scenario::Guests).with(|proof| {
                proof.complaint.clone_from(&second.complaint);
                if let Ending::Exited(status) = second.ending {
                    proof.status = Some(status);
                }
            })
        }));
    }
    findings
}

/// What ended a receiver: the last datagram before its end.
fn death(guests: &Guests, program: &ProgramRun) -> Option<Finding> {
    let last = last_before(program, &guests.received)?;
    let id = match (last.source, last.split()) {
        (GroupSource::Programme, _) => return None,
        (GroupSource::Sender, Some(_)) => FindingId::DiesOnOtherIdentity,
        (GroupSource::Sender, None) => FindingId::DiesOnBinary,
    };
    Some(death_by(id, Scenario::Guests, last, program))
}

/// The same of a receiver that is known to end so; lines of the programme may have come meanwhile.
fn death_by_other(scenario: Scenario, received: &[GroupDatagram], program: &ProgramRun) -> Option<Finding> {
    let others: Vec<GroupDatagram> =
        received.iter().filter(|datagram| datagram.source == GroupSource::Sender).cloned().collect();
    Some(death_by(FindingId::DiesOnOtherIdentity, scenario, last_before(program, &others)?, program))
}

fn last_before<'a>(program: &ProgramRun, received: &'a [GroupDatagram]) -> Option<&'a GroupDatagram> {
    let has_ended = matches!(program.ending, Ending::Exited(_) | Ending::Killed(_));
    let end = program.begun + program.elapsed;
    received.iter().rfind(|datagram| has_ended && datagram.at <= end)
}

fn death_by(id: FindingId, scenario: Scenario, last: &GroupDatagram, program: &ProgramRun) -> Finding {
    finding(id, scenario).with(|proof| {
        proof.packets = vec![last.packet];
        proof.sent = excerpt(&String::from_utf8_lossy(&last.bytes));
        proof.complaint.clone_from(&program.complaint);
    })
}

/// How late the first line was, when lines came together and their datagrams had not.
fn late(programme: &[&GroupDatagram], program: &ProgramRun) -> Option<Duration> {
    let spaced = programme.get(..SPACED)?;
    let sent = |datagram: &&GroupDatagram| datagram.at;
    let span = spaced.last().map(sent)?.saturating_sub(spaced.first().map(sent)?);
    let lines: Vec<&str> = program.stdout.lines().collect();
    let shown = |datagram: &&GroupDatagram| {
        let (_, text) = datagram.split()?;
        let line = lines.iter().position(|line| line.contains(text))?;
        Some(program.begun + *program.stdout.line_times.get(line)?)
    };
    let shown: Vec<Duration> = spaced.iter().map(shown).collect::<Option<_>>()?;
    let (first, last) = (shown.first()?, shown.last()?);
    let lag = first.saturating_sub(spaced.first()?.at);
    (span >= SPACED_FOR && last.abs_diff(*first) < TOGETHER && lag + TOGETHER > span).then_some(lag)
}

/// How the datagrams are shown: as text, and whose.
fn of_display(scenario: Scenario, program: &ProgramRun, received: &[GroupDatagram]) -> Vec<Finding> {
    let output = &program.stdout.text;
    let texts = received.iter().filter_map(|datagram| datagram.split().map(|(_, text)| text.trim()));
    let texts: Vec<&str> = texts.filter(|text| text.chars().count() >= LONG_ENOUGH).collect();
    let shown = texts.iter().filter(|text| output.contains(**text)).count();
    if let Some(line) = output.lines().find(|line| is_bytes(line, received) || (shown == 0 && is_representation(line)))
    {
        return vec![finding(FindingId::Representation, scenario).with(|proof| proof.shown = excerpt(line))];
    }
    if shown >= ENOUGH && !output.contains(PROGRAMME) {
        let line = output.lines().find(|line| texts.iter().any(|text| line.contains(text)));
        return vec![finding(FindingId::IdentityNotShown, scenario).with(|proof| proof.shown = line.and_then(excerpt))];
    }
    Vec::new()
}

/// Whether a line shows a text as a bytes object. The handout writes an identity so: `b'swcmTV'` alone is no fault.
fn is_bytes(line: &str, received: &[GroupDatagram]) -> bool {
    let opens = ["b'", "b\""];
    if !opens.iter().any(|open| line.contains(open)) {
        return false;
    }
    received.iter().filter_map(GroupDatagram::split).any(|(identity, text)| {
        let begin: String = text.chars().take(LONG_ENOUGH).collect();
        let is_long = begin.chars().count() == LONG_ENOUGH;
        is_long
            && opens.iter().any(|open| {
                line.contains(&format!("{open}{begin}")) || line.contains(&format!("{open}{identity}{begin}"))
            })
    })
}
