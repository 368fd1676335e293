//! Part 6: what the clients of a PMU got.

use std::time::Duration;

use lab_testbed::{
    ExperimentFailure,
    facts::{AnswerEnd, ClientKind, PmuClient, RunFacts, Scenario, Status},
    programs::ProgramRole,
};
use labnet::{pmu::PREFIX, tls::TlsVersion};

use crate::finding::{Finding, FindingId, excerpt};

const ROLE: ProgramRole = ProgramRole::Part6Pmu;

/// Messages a second apart take longer than this, whatever the load of the machine (ours).
const AT_ONCE: Duration = Duration::from_millis(500);

/// The alerts of a server that does not take the version that was offered: handshake_failure and protocol_version
/// (RFC 8446, section 6.2).
const VERSION_ALERTS: [u8; 2] = [40, 70];

/// Findings about the PMU of part 6.
pub(crate) fn diagnose(facts: &RunFacts) -> Vec<Finding> {
    let mut findings = of_start(facts);
    let clients = facts.measured.pmu_clients.measured().map_or(&[][..], |measured| &measured.clients);
    let is_plain =
        clients.iter().any(|client| client.kind == ClientKind::PlainText && !Answer::of(client).numbers.is_empty());
    findings.extend(not_tls(facts, is_plain));
    findings.extend(one_version(facts));
    if is_plain {
        findings.push(new(FindingId::NotTls));
    }
    findings.extend(clients.iter().filter(|client| is_ordinary(client)).flat_map(|client| of_answer(facts, client)));
    findings.extend(serves_once(clients));
    findings.extend(command_ignored(clients));
    findings.extend(dies_on_plain_text(clients));
    findings
}

fn new(id: FindingId) -> Finding {
    Finding::new(id, ROLE, Scenario::PmuClients)
}

fn tls_scenarios() -> impl Iterator<Item = Scenario> {
    TlsVersion::ALL.into_iter().map(Scenario::Tls)
}

/// The PMU opened no port.
fn of_start(facts: &RunFacts) -> Vec<Finding> {
    let all = tls_scenarios().chain([Scenario::PmuClients]);
    let late = all.filter_map(|scenario| match facts.measured.status(scenario) {
        Status::Failed(ExperimentFailure::Deadline { within, .. }) => Some((scenario, *within)),
        _ => None,
    });
    late.map(|(scenario, within)| {
        Finding::new(FindingId::NeverListens, ROLE, scenario).with(|proof| proof.time = Some(within))
    })
    .collect()
}

/// What answered a ClientHello is no TLS record, or a client without TLS was answered.
fn not_tls(facts: &RunFacts, is_plain: bool) -> Vec<Finding> {
    let failed = tls_scenarios().filter_map(|scenario| match facts.measured.status(scenario) {
        Status::Failed(ExperimentFailure::NoTlsSession { answer, .. }) => Some((scenario, answer)),
        _ => None,
    });
    // The types of records: change_cipher_spec, alert, handshake, application_data.
    let is_record = |answer: &[u8]| answer.first().is_none_or(|first| (20..=23).contains(first));
    let wrong = failed.filter(|(_, answer)| is_plain || !is_record(answer));
    let finding = |(scenario, answer): (Scenario, &Vec<u8>)| {
        Finding::new(FindingId::NotTls, ROLE, scenario)
            .with(|proof| proof.shown = excerpt(&String::from_utf8_lossy(answer)).filter(|shown| !shown.is_empty()))
    };
    wrong.map(finding).collect()
}

/// One version was agreed on, and the other was refused.
fn one_version(facts: &RunFacts) -> Vec<Finding> {
    let [tls12, tls13] = &facts.measured.tls;
    if tls12.measured().is_some() == tls13.measured().is_some() {
        return Vec::new();
    }
    let refused = tls_scenarios().filter(|&scenario| match facts.measured.status(scenario) {
        Status::Failed(ExperimentFailure::OtherVersion { .. }) => true,
        // An alert: a record of two bytes, fatal.
        Status::Failed(ExperimentFailure::NoTlsSession { answer, .. }) => {
            matches!(answer.as_slice(), [21, 3, _, 0, 2, 2, alert, ..] if VERSION_ALERTS.contains(alert))
        }
        _ => false,
    });
    refused.map(|scenario| Finding::new(FindingId::OneVersion, ROLE, scenario)).collect()
}

/// Whether a client did what the handout's does.
fn is_ordinary(client: &PmuClient) -> bool {
    matches!(client.kind, ClientKind::First | ClientKind::Second | ClientKind::AtOnce)
}

/// What a PMU sent, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    /// The numbers of its messages.
    numbers: Vec<u64>,
    /// The first text that belongs to no message.
    other: Option<String>,
}

impl Answer {
    fn of(client: &PmuClient) -> Self {
        Self::parse(&format!("{}{}", client.early, client.answer))
    }

    fn parse(text: &str) -> Self {
        let mut pieces = text.split(str::from_utf8(PREFIX).unwrap_or_default());
        let mut others = vec![pieces.next().unwrap_or_default()];
        let mut numbers = Vec::new();
        for piece in pieces {
            let end = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
            let (number, rest) = piece.split_at_checked(end).unwrap_or_default();
            numbers.extend(number.parse::<u64>());
            others.push(rest);
        }
        let other = others.into_iter().map(str::trim).find(|other| !other.is_empty());
        Self { numbers, other: other.map(str::to_owned) }
    }

    /// Whether the numbers go up one by one, from 0 or 1.
    fn is_in_order(&self) -> bool {
        let follows = |pair: &[u64]| matches!(pair, [one, next] if next.checked_sub(*one) == Some(1));
        self.numbers.first().is_none_or(|first| *first <= 1) && self.numbers.windows(2).all(follows)
    }
}

/// What is wrong with the answer to a client of the handout.
fn of_answer(facts: &RunFacts, client: &PmuClient) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(status) = client.pmu_status.filter(|status| *status != 0) {
        let experiment = facts.experiments.iter().find(|experiment| experiment.scenario == Scenario::PmuClients);
        let run =
            experiment.and_then(|experiment| experiment.programs.iter().find(|program| program.ending.is_crash()));
        findings.push(new(FindingId::Crashed).with(|proof| {
            proof.status = Some(status);
            proof.complaint = run.and_then(|run| run.complaint.clone());
        }));
    }
    if !client.is_secured {
        return findings;
    }
    let answer = Answer::of(client);
    let count = answer.numbers.len() as u64;
    match answer.numbers.as_slice() {
        [] => findings.push(new(FindingId::NoAnswer).with(|proof| proof.shown = excerpt(&client.answer))),
        [_] => findings.push(new(FindingId::OneMessage).with(|proof| proof.shown = excerpt(&client.answer))),
        numbers if !answer.is_in_order() => findings.push(new(FindingId::WrongNumbers).with(|proof| {
            let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            proof.shown = excerpt(&numbers.join(" "));
        })),
        _ => {}
    }
    if let (Some(other), true) = (&answer.other, count > 0) {
        findings.push(new(FindingId::Banner).with(|proof| proof.shown = excerpt(other)));
    }
    match client.end {
        AnswerEnd::Open if count > 0 => {
            findings.push(new(FindingId::NeverCloses).with(|proof| proof.seen = Some(count)))
        }
        AnswerEnd::Fin if count > 0 => findings.push(new(FindingId::NoCloseNotify)),
        _ => {}
    }
    findings
}

/// After the first client the PMU ended, or took no other one.
fn serves_once(clients: &[PmuClient]) -> Option<Finding> {
    let first = clients.iter().find(|client| client.kind == ClientKind::First && client.is_secured)?;
    let second = clients.iter().find(|client| client.kind == ClientKind::Second);
    let is_left = second.is_some_and(|second| second.start == first.start && !second.is_secured);
    (first.pmu_status == Some(0) || is_left).then(|| {
        new(FindingId::ServesOnce).with(|proof| {
            proof.status = first.pmu_status;
            proof.complaint = second.and_then(|second| second.complaint.clone());
        })
    })
}

/// The PMU answered before it was asked, or three other commands as the first.
fn command_ignored(clients: &[PmuClient]) -> Option<Finding> {
    let first = clients.iter().find(|client| client.kind == ClientKind::First && client.is_secured)?;
    if !Answer::parse(&first.early).numbers.is_empty() {
        return Some(new(FindingId::CommandIgnored).with(|proof| proof.shown = excerpt(&first.early)));
    }
    let numbers = Answer::of(first).numbers;
    let is_same = |client: &&PmuClient| {
        let is_at_once = client.times.is_some_and(|(first, last)| last.saturating_sub(first) < AT_ONCE);
        client.is_secured && Answer::of(client).numbers == numbers && (client.kind != ClientKind::Paced || is_at_once)
    };
    let others = || clients.iter().filter(|client| matches!(client.kind, ClientKind::OtherCommand | ClientKind::Paced));
    let is_ignored = numbers.len() > 1 && others().count() == 3 && others().all(|client| is_same(&client));
    let last = others().next_back()?;
    is_ignored.then(|| {
        new(FindingId::CommandIgnored).with(|proof| {
            proof.sent = Some(last.command.clone());
            proof.shown = excerpt(&last.answer);
        })
    })
}

/// The PMU ended, or served nobody any more, after a client that does not speak TLS.
fn dies_on_plain_text(clients: &[PmuClient]) -> Option<Finding> {
    // A PMU that takes no second client has another fault.
    let is_served = |client: &&PmuClient| client.kind == ClientKind::Second && client.is_secured;
    clients.iter().find(is_served)?;
    let pairs = clients.windows(2).filter_map(|pair| match pair {
        [stranger, next] if next.kind == ClientKind::Afterwards => Some((stranger, next)),
        _ => None,
    });
    let died = |(stranger, next): &(&PmuClient, &PmuClient)| {
        stranger.is_accepted && (stranger.pmu_status.is_some() || (next.start == stranger.start && !next.is_secured))
    };
    let (stranger, _) = pairs.into_iter().find(died)?;
    Some(new(FindingId::DiesOnPlainText).with(|proof| {
        proof.status = stranger.pmu_status;
        proof.sent = Some(stranger.command.clone()).filter(|sent| !sent.is_empty());
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, numbers: &[u64], other: Option<&str>, is_in_order: bool) {
        let answer = Answer::parse(text);
        assert_eq!((answer.numbers.as_slice(), answer.other.as_deref()), (numbers, other), "{text}");
        assert_eq!(answer.is_in_order(), is_in_order, "{text}");
    }

    #[test]
    fn an_answer_is_its_numbers_and_what_is_no_message() {
        check("This is PMU data 1This is PMU data 2", &[1, 2], None, true);
        check("This is PMU data 0\nThis is PMU data 1\r\n", &[0, 1], None, true);
        check("Welcome\nThis is PMU data 1", &[1], Some("Welcome"), true);
        check("This is PMU data 9This is PMU data 10, bye", &[9, 10], Some(", bye"), false);
        check("This is PMU data 1This is PMU data 3", &[1, 3], None, false);
        check("This is PMU data 1This is PMU data 1", &[1, 1], None, false);
        check("", &[], None, true);
        check("hello", &[], Some("hello"), true);
    }
}
