//! Part 2: the command, the connection, and what became of the answer.

use lab_testbed::{
    ExperimentFailure,
    facts::{ClientClose, ConnectionAttempt, Ending, RunFacts, Scenario, SentMessages, Status, Transfer},
    programs::ProgramRole,
};
use labnet::{
    net::Family,
    pmu::{FLOOD_LEN, FloodText},
};

use crate::{
    client::{Case, run_of},
    finding::{Finding, FindingId},
};

const ROLE: ProgramRole = ProgramRole::Part2;

/// Findings about the program of part 2.
pub(crate) fn diagnose(facts: &RunFacts) -> Vec<Finding> {
    let measured = &facts.measured;
    let flood = measured.floods.measured().and_then(|floods| floods.first()).map(|flood| &flood.transfer);
    let shorts = [
        (Scenario::ShortAtOnce, &measured.short_at_once),
        (Scenario::ShortPaced, &measured.short_paced),
        (Scenario::ShortOpen, &measured.short_open),
        (Scenario::ShortNoDelay, &measured.short_no_delay),
        (Scenario::ShortPieces, &measured.short_pieces),
    ];
    let shorts = shorts.into_iter().filter_map(|(scenario, transfer)| case(facts, scenario, transfer.measured()));
    let shorts: Vec<Case<'_>> = shorts.collect();
    let sent = SentMessages { first: facts.run.settings.first, count: facts.run.settings.messages };
    let mut findings: Vec<Finding> = shorts.iter().flat_map(|case| of_messages(case, sent)).collect();
    if !is_fixed_size(&shorts, sent) {
        for finding in findings.iter_mut().filter(|finding| finding.id == FindingId::FixedSizeRecv) {
            finding.id = FindingId::NumberCut;
        }
    }
    let shows_messages = shorts.iter().any(|case| !case.display(sent).messages.is_empty());
    let utf8 = String::from_utf8_lossy(&FloodText::Utf8.text(FLOOD_LEN)).into_owned();
    let floods = [
        (Scenario::Flood, flood, facts.run.settings.flood_text()),
        (Scenario::FloodUtf8, measured.flood_utf8.measured(), utf8),
    ];
    for (scenario, transfer, text) in floods {
        if let Some(case) = case(facts, scenario, transfer) {
            findings.extend(of_text(&case, &text, shows_messages));
        }
    }
    findings.extend(over_ipv6(facts));
    findings
}

fn case<'a>(facts: &'a RunFacts, scenario: Scenario, transfer: Option<&'a Transfer>) -> Option<Case<'a>> {
    let (transfer, program) = (transfer?, run_of(facts, scenario, ROLE)?);
    // With some of the answer unread its system sends a reset, although the server has ended properly.
    let close = transfer.used_attempt().and_then(|attempt| attempt.close.as_ref());
    let has_stopped_reading = matches!(program.ending, Ending::Exited(_))
        && close.is_some_and(|close| close.is_reset || !close.after_server_fin);
    Some(Case { role: ROLE, scenario, transfer, program, has_stopped_reading })
}

/// Whether lines of one length are pieces that recv() returned. Lines that have this length also where the answer came in
/// shorter pieces are messages whose number has one digit too few.
fn is_fixed_size(shorts: &[Case<'_>], sent: SentMessages) -> bool {
    let len = |scenario: Scenario| {
        let case = shorts.iter().find(|case| case.scenario == scenario)?;
        let oddities = case.display(sent).oddities;
        oddities.into_iter().find(|(id, _)| *id == FindingId::FixedSizeRecv).map(|(_, line)| line.len())
    };
    let pieces = len(Scenario::ShortPieces);
    pieces.is_none() || pieces != len(Scenario::ShortAtOnce)
}

/// What holds for messages and text alike: the command and the end of the connection.
fn of_connection(case: &Case<'_>) -> Vec<Finding> {
    let Some(attempt) = case.transfer.used_attempt() else { return Vec::new() };
    let mut findings: Vec<Finding> = case.of_request(&attempt.request, &attempt.request_packets).into_iter().collect();
    let answer = &case.transfer.to_client;
    let has_all =
        |close: &&ClientClose| close.is_reset && close.bytes_before == answer.distinct_bytes && answer.has_fin;
    let reset = attempt.close.as_ref().filter(has_all).filter(|_| matches!(case.program.ending, Ending::Exited(0)));
    findings.extend(
        reset.map(|close| case.finding(FindingId::ClosedWithReset).with(|proof| proof.packets = vec![close.packet])),
    );
    findings
}

fn of_messages(case: &Case<'_>, sent: SentMessages) -> Vec<Finding> {
    let mut findings = of_connection(case);
    let display = case.display(sent);
    let shown = display.messages.len() as u64;
    if case.has_stopped_reading && shown < sent.count && shown > 0 {
        findings.push(case.first_recv().with(|proof| (proof.seen, proof.of) = (Some(shown), Some(sent.count))));
    } else {
        findings.extend(case.of_display(display));
    }
    findings
}

fn of_text(case: &Case<'_>, text: &str, shows_messages: bool) -> Vec<Finding> {
    let mut findings = of_connection(case);
    findings.extend(case.of_text(text, shows_messages));
    findings
}

/// The program tried the addresses of IPv6 alone.
fn over_ipv6(facts: &RunFacts) -> Vec<Finding> {
    let scenarios = Scenario::ALL.into_iter().filter(|scenario| scenario.name().starts_with("part2"));
    let attempts = scenarios.filter_map(|scenario| match facts.measured.status(scenario) {
        Status::Failed(ExperimentFailure::NoConnection { attempts, .. }) => Some((scenario, attempts)),
        _ => None,
    });
    let only_ipv6 = attempts.filter(|(_, attempts)| attempts.iter().all(|attempt| attempt.family == Family::Ipv6));
    let finding = |(scenario, attempts): (Scenario, &Vec<ConnectionAttempt>)| {
        let first = attempts.first()?;
        let finding = Finding::new(FindingId::ConnectedOverIpv6, ProgramRole::Part2, scenario);
        Some(finding.with(|proof| proof.packets = vec![first.first_packet]))
    };
    only_ipv6.filter_map(finding).collect()
}
