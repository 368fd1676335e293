//! Part 3: the request, the time between two of them, the families, and what follows an acknowledgement.
//!
//! What a program does is decided over all its experiments; each experiment that shows it has a finding of its own.

mod case;
mod families;
mod pace;
#[cfg(test)]
mod tests;

use std::time::Duration;

use lab_testbed::{
    facts::{
        Ending, PdcPacket, PdcPacketKind::Acknowledgement, PdcPacketKind::Request, ProgramRun, RunFacts, Scenario,
    },
    programs::ProgramRole,
};

use crate::finding::{Finding, FindingId, excerpt};
use case::{Case, cases};

/// The request of the handout.
const REQUEST: &str = "RESET:20";

/// What a second sender of a program may still send when an acknowledgement has just come (ours: a busy machine is slow).
const CROSSING: Duration = Duration::from_millis(150);

/// A program with so many resets, each with its acknowledgement, makes a series (ours; the handout asks for sixty).
const MANY: usize = 10;

/// What a refused port is called: by systems and runtimes, in some languages of theirs.
const REFUSED: &[&str] = &[
    "refused",
    "econnrefused",
    "errno 111",
    "os error 111",
    "portunreachable",
    "port unreachable",
    "10061",
    "10054",
    "verbindungsaufbau abgelehnt",
    "verweigert",
    "refusée",
    "rifiutat",
    "rechazad",
    "rehusad",
    "recusad",
];

/// Findings about the program of part 3.
pub(crate) fn diagnose(facts: &RunFacts) -> Vec<Finding> {
    let cases = cases(facts);
    let needs_both = families::needs_both(&cases);
    let series = Series::of(facts, &cases, needs_both);
    let mut findings: Vec<Finding> = cases.iter().filter_map(wrong_request).collect();
    findings.extend(refusal_fatal(facts));
    findings.extend(families::diagnose(&cases));
    if needs_both {
        let goes_on = cases.iter().filter(|case| !case.further_requests().is_empty() || case.is_overdue());
        findings.extend(goes_on.map(|case| {
            case.finding(FindingId::NeedsBothFamilies).with(|proof| {
                proof.packets = case.first_acknowledgement().map(|packet| packet.packet).into_iter().collect();
                proof.packets.extend(case.further_requests().iter().map(|packet| packet.packet).take(5));
            })
        }));
    }
    let is_in_turn = findings.iter().any(|finding| finding.id == FindingId::FamiliesInTurn);
    let pace = pace::diagnose(&cases, is_in_turn);
    let is_paced = pace.is_empty();
    findings.extend(pace);
    // The series shows no more of these than that the first program did not end.
    let explained = [FindingId::NeedsBothFamilies, FindingId::OneFamily, FindingId::WrongTimeout];
    let explained = explained.into_iter().find(|id| findings.iter().any(|finding| finding.id == *id));
    findings.extend(
        explained.into_iter().flat_map(|id| {
            overdue_in_series(facts).map(move |scenario| Finding::new(id, ProgramRole::Part3, scenario))
        }),
    );
    if !needs_both && series != Series::Own {
        findings.extend(cases.iter().filter(|case| series.is_endless(case, facts)).filter_map(after_acknowledgement));
    }
    if series == Series::Own && is_paced {
        findings.extend(cases.iter().filter_map(stale));
    }
    findings
}

/// What a program does after its first acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Series {
    /// It makes further resets, and ends by itself.
    Own,
    /// It makes them as long as it may.
    Endless,
    /// It makes none, or nothing shows how many.
    None,
}

impl Series {
    fn of(facts: &RunFacts, cases: &[Case<'_>], needs_both: bool) -> Self {
        if needs_both {
            return Self::None;
        }
        let measured = facts.measured.series.iter().filter_map(|series| series.measured());
        let measured = measured.filter(|series| series.packets.len() >= MANY).filter_map(|series| series.own);
        let ended = |case: &Case<'_>| case.has_ended() && case.resets() >= MANY;
        if measured.clone().any(|own| own.has_ended) || cases.iter().any(ended) {
            return Self::Own;
        }
        if measured.count() > 0 { Self::Endless } else { Self::None }
    }

    /// Whether what a program sent after its acknowledgement in a case is too much, and not the begin of a series whose
    /// end was not waited for.
    fn is_endless(self, case: &Case<'_>, facts: &RunFacts) -> bool {
        let many = usize::try_from(facts.run.settings.runs.max(60)).unwrap_or(usize::MAX);
        self == Self::Endless || case.has_ended() || case.is_overdue() || case.resets() > many
    }
}

/// The series whose first program did not end.
fn overdue_in_series(facts: &RunFacts) -> impl Iterator<Item = Scenario> {
    let series = facts.experiments.iter().filter(|experiment| matches!(experiment.scenario, Scenario::Series(_)));
    let is_overdue = |program: &ProgramRun| matches!(program.ending, Ending::AtDeadline(_));
    series.filter(move |experiment| experiment.programs.iter().any(is_overdue)).map(|experiment| experiment.scenario)
}

fn wrong_request(case: &Case<'_>) -> Option<Finding> {
    let wrong = case.requests().find(|packet| packet.text != REQUEST)?;
    Some(case.finding(FindingId::WrongRequest).with(|proof| {
        proof.packets = vec![wrong.packet];
        proof.sent = excerpt(&wrong.text);
        proof.expected = Some(REQUEST.to_owned());
    }))
}

/// Programs that ended with an error that says refused, in the experiments of one family and in the series.
fn refusal_fatal(facts: &RunFacts) -> Vec<Finding> {
    let is_part =
        |scenario: Scenario| matches!(scenario, Scenario::Reset(_) | Scenario::Series(_) | Scenario::Rounds(Some(_)));
    let mut findings = Vec::new();
    let all = cases(facts);
    for experiment in facts.experiments.iter().filter(|experiment| is_part(experiment.scenario)) {
        let case = all.iter().find(|case| case.scenario == experiment.scenario);
        let refusal = case.and_then(Case::last_refusal);
        for program in experiment.programs.iter().filter(|program| program.role == ProgramRole::Part3) {
            let has_ended = matches!(program.ending, Ending::Exited(_) | Ending::Killed(_));
            let words = [&program.stderr.text, &program.stdout.text].map(|text| text.to_lowercase());
            let says_so = REFUSED.iter().any(|refused| words.iter().any(|words| words.contains(refused)));
            // It has the refusal alone to blame where no acknowledgement had come.
            let is_failure =
                program.ending.is_crash() || case.is_some_and(|case| case.first_acknowledgement().is_none());
            // In a series the packets are not those of one program.
            let was_refused = case.is_none() || refusal.is_some();
            if has_ended && says_so && is_failure && was_refused {
                findings.push(Finding::new(FindingId::RefusalFatal, program.role, experiment.scenario).with(|proof| {
                    proof.packets = refusal.map(|packet| packet.packet).into_iter().collect();
                    proof.complaint.clone_from(&program.complaint);
                }));
                break;
            }
        }
    }
    findings
}

/// Requests that left after the acknowledgement had come.
fn after_acknowledgement(case: &Case<'_>) -> Option<Finding> {
    let further = case.further_requests();
    let acknowledgement = case.first_acknowledgement()?;
    (!further.is_empty()).then(|| {
        case.finding(FindingId::SendsAfterAcknowledgement).with(|proof| {
            proof.packets = vec![acknowledgement.packet];
            proof.packets.extend(further.iter().map(|packet| packet.packet).take(5));
            proof.seen = Some(further.len() as u64);
        })
    })
}

/// Resets that took the copy of an earlier acknowledgement, which was there before their request, for their own.
///
/// ```text
/// request ─► acknowledgement, its copy ─► request ─► request at once: nothing had come for the first
/// ```
fn stale(case: &Case<'_>) -> Option<Finding> {
    let Scenario::Rounds(Some(family)) = case.scenario else { return None };
    let packets: Vec<&PdcPacket> = case.packets.iter().filter(|packet| packet.family == family).collect();
    let is = |packet: &PdcPacket, kind| packet.kind == kind;
    let found = packets.windows(4).filter_map(|four| match four {
        [first, copy, next, after]
            if is(first, Acknowledgement)
                && is(copy, Acknowledgement)
                && first.text == copy.text
                && is(next, Request)
                && is(after, Request)
                && after.at.saturating_sub(next.at) < Duration::from_millis(500) =>
        {
            Some([copy.packet, next.packet, after.packet])
        }
        _ => None,
    });
    let found: Vec<[u64; 3]> = found.collect();
    // Twice: a copy may come in the moment between the look into the socket and the request.
    let first = found.first().filter(|_| found.len() > 1)?;
    Some(case.finding(FindingId::StaleAcknowledgement).with(|proof| proof.packets = first.to_vec()))
}
