//! The sender: its identity, its text, its lines.

use lab_testbed::{
    facts::{Ending, GroupDatagram, GroupSender, GroupSource, ProgramRun, RunFacts, Scenario},
    programs::ProgramRole,
};

use crate::finding::{Finding, FindingId, excerpt};

/// The maximum of characters of a separator (ours).
const MAX_SEPARATOR: usize = 4;

pub(super) fn diagnose(facts: &RunFacts) -> Vec<Finding> {
    let Some(multicast) = facts.measured.multicast.measured() else { return Vec::new() };
    let programs = facts.experiments.iter().filter(|experiment| experiment.scenario == Scenario::Multicast);
    let programs: Vec<&ProgramRun> = programs
        .flat_map(|experiment| &experiment.programs)
        .filter(|run| run.role == ProgramRole::Part4Sender)
        .collect();
    let of_sender = |sender: &GroupSender| {
        let (begun, ended) = sender.ran;
        let own = multicast.received.iter().filter(|datagram| datagram.source == GroupSource::Sender);
        let own: Vec<&GroupDatagram> = own.filter(|datagram| (begun..=ended).contains(&datagram.at)).collect();
        let program = programs.iter().find(|program| (begun..=ended).contains(&program.begun));
        of_datagrams(sender, &own, program.is_some_and(|program| is_failure(program)))
    };
    multicast.senders.iter().flat_map(of_sender).collect()
}

fn is_failure(program: &ProgramRun) -> bool {
    matches!(program.ending, Ending::Exited(1..) | Ending::Killed(_))
}

fn of_datagrams(sender: &GroupSender, own: &[&GroupDatagram], has_failed: bool) -> Vec<Finding> {
    let Some(first) = own.first() else { return Vec::new() };
    let finding = |id, datagram: &GroupDatagram| {
        Finding::new(id, ProgramRole::Part4Sender, Scenario::Multicast).with(|proof| {
            proof.packets = vec![datagram.packet];
            proof.sent = excerpt(&String::from_utf8_lossy(&datagram.bytes));
        })
    };
    let mut findings = Vec::new();
    let texts: Vec<Option<&[u8]>> =
        own.iter().map(|datagram| datagram.bytes.strip_prefix(sender.identity.as_bytes())).collect();
    if texts.iter().all(Option::is_none) {
        let missing = finding(FindingId::IdentityMissing, first);
        findings.push(missing.with(|proof| proof.expected = Some(sender.identity.clone())));
    }
    let separated =
        own.iter().zip(&texts).find(|(_, text)| text.is_some_and(|text| has_separator(text, &sender.lines)));
    findings.extend(separated.map(|(datagram, _)| finding(FindingId::SeparatorAfterIdentity, datagram)));
    // A sender that failed is another matter.
    let is_sent = |line: &String| {
        let line = line.trim().as_bytes();
        own.iter().any(|datagram| datagram.bytes.windows(line.len().max(1)).any(|part| part == line))
    };
    if let Some((line, others)) = sender.lines.split_first()
        && !others.is_empty()
        && is_sent(line)
        && !others.iter().any(is_sent)
        && !has_failed
    {
        findings.push(finding(FindingId::OneLineOnly, first).with(|proof| {
            (proof.seen, proof.of) = (Some(1), Some(sender.lines.len() as u64));
        }));
    }
    findings
}

/// Whether a text is a line of the input with something before it.
fn has_separator(text: &[u8], lines: &[String]) -> bool {
    let text = String::from_utf8_lossy(text);
    let text = text.trim_end_matches(['\r', '\n']);
    lines.iter().filter(|line| !line.is_empty()).any(|line| {
        let separator = text.strip_suffix(line.as_str()).unwrap_or_default();
        !separator.is_empty()
            && separator.chars().count() <= MAX_SEPARATOR
            && !separator.chars().any(char::is_alphanumeric)
    })
}
