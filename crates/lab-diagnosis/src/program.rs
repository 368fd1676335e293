//! What every program can do wrong: its start, its end, and when it shows its lines.

use std::time::Duration;

use lab_testbed::{
    ExperimentFailure,
    facts::{Ending, Experiment, Measurements, ProgramRun, RunFacts, Scenario, SentMessages, Status, Transfer},
    programs::ProgramRole,
};

use crate::{
    display::Display,
    finding::{Finding, FindingId},
};

/// Lines of packets that are further apart than this must not come together (ours: a busy machine is slow).
const LATE: Duration = Duration::from_millis(500);

/// The signals of a defect in the program itself: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS.
const CRASHES: [i32; 7] = [4, 5, 6, 7, 8, 11, 31];

/// Findings from the ends of programs, and from the times of their lines.
pub(crate) fn diagnose(facts: &RunFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for experiment in &facts.experiments {
        if let Status::Failed(ExperimentFailure::NotStarted { reason, .. }) = facts.measured.status(experiment.scenario)
            && let Some(role) = role_of(experiment.scenario)
        {
            findings.push(Finding::new(FindingId::CouldNotStart, role, experiment.scenario).with(|proof| {
                proof.complaint = Some(reason.clone());
            }));
        }
        for program in &experiment.programs {
            // Our own client asks the PMU of part 6.
            if program.role != ProgramRole::Part6Pdc {
                findings.extend(of_program(facts, experiment, program));
            }
        }
    }
    findings
}

/// The program that an experiment is about.
fn role_of(scenario: Scenario) -> Option<ProgramRole> {
    let name = scenario.name();
    let roles = [
        ("part2", ProgramRole::Part2),
        ("part3", ProgramRole::Part3),
        ("part4", ProgramRole::Part4Receiver),
        ("part5", ProgramRole::Part5),
        ("part6", ProgramRole::Part6Pmu),
    ];
    roles.into_iter().find(|(part, _)| name.starts_with(part)).map(|(_, role)| role)
}

fn of_program(facts: &RunFacts, experiment: &Experiment, program: &ProgramRun) -> Vec<Finding> {
    let new = |id| Finding::new(id, program.role, experiment.scenario);
    let mut findings = Vec::new();
    let ended = match program.ending {
        Ending::Exited(0) | Ending::Interrupted | Ending::Stopped => None,
        Ending::Exited(status @ (126 | 127)) if program.stdout.bytes == 0 => {
            Some(new(FindingId::CouldNotStart).with(|proof| proof.status = Some(status)))
        }
        Ending::Exited(status) if is_usage(program, status) => {
            Some(new(FindingId::UsageError).with(|proof| proof.status = Some(status)))
        }
        Ending::Exited(status) => Some(new(FindingId::Crashed).with(|proof| proof.status = Some(status))),
        Ending::Killed(signal) => {
            let id = if CRASHES.contains(&signal) { FindingId::Crashed } else { FindingId::Killed };
            Some(new(id).with(|proof| proof.signal = Some(signal)))
        }
        Ending::AtDeadline(deadline) => Some(new(FindingId::NeverEnded).with(|proof| {
            proof.time = Some(deadline);
            proof.shown = program.stdout.lines().last().and_then(crate::finding::excerpt);
        })),
    };
    let is_done = facts.measured.status(experiment.scenario) == Status::Done;
    let ended = ended.filter(|_| !(is_done && experiment.scenario.may_end_with_error()));
    // What it had shown until then.
    let sent = SentMessages { first: facts.run.settings.first, count: facts.run.settings.messages };
    let shown = is_of_messages(experiment.scenario)
        .then(|| Display::of_messages(&program.stdout.text, sent).messages.len() as u64);
    let ended = ended.map(|finding| finding.with(|proof| (proof.seen, proof.of) = (shown, shown.map(|_| sent.count))));
    let is_client = !matches!(program.role, ProgramRole::Part4Sender | ProgramRole::Part6Pmu);
    findings.extend(ended.map(|finding| finding.with(|proof| proof.complaint.clone_from(&program.complaint))));
    // One that was ended by us may have been about to write.
    let is_over = program.role != ProgramRole::Part3 || matches!(program.ending, Ending::Exited(_));
    if is_client && is_over && program.stdout.bytes == 0 && answer_bytes(&facts.measured, experiment.scenario) > 0 {
        findings.push(new(FindingId::NoOutput).with(|proof| {
            proof.of = Some(answer_bytes(&facts.measured, experiment.scenario));
        }));
    }
    if experiment.scenario == Scenario::ShortPaced {
        findings
            .extend(late(facts, program).map(|time| new(FindingId::LateOutput).with(|proof| proof.time = Some(time))));
    }
    findings
}

/// Whether the answer of an experiment is messages.
fn is_of_messages(scenario: Scenario) -> bool {
    matches!(
        scenario,
        Scenario::ShortAtOnce
            | Scenario::ShortPaced
            | Scenario::ShortOpen
            | Scenario::ShortNoDelay
            | Scenario::ShortPieces
            | Scenario::WebSocketShort
    )
}

/// Whether a program complained of its arguments. A stack trace is a crash, whatever its words are.
fn is_usage(program: &ProgramRun, status: i32) -> bool {
    let stderr = program.stderr.text.to_lowercase();
    let says_so = program.stdout.text.to_lowercase().contains("usage") || stderr.contains("usage");
    !stderr.contains("traceback") && (says_so || (status == 2 && program.stderr.bytes > 0))
}

/// The bytes of the answer that an experiment brought to its client.
fn answer_bytes(measured: &Measurements, scenario: Scenario) -> u64 {
    let transfer = match scenario {
        Scenario::ShortAtOnce => measured.short_at_once.measured(),
        Scenario::ShortPaced => measured.short_paced.measured(),
        Scenario::Flood => measured.floods.measured().and_then(|floods| floods.first()).map(|flood| &flood.transfer),
        Scenario::WebSocketShort => measured.websocket_short.measured(),
        Scenario::WebSocketFlood => measured.websocket_flood.measured(),
        Scenario::Reset(family) => {
            let mut resets = measured.resets.iter().filter_map(|reset| reset.measured());
            let reset = resets.find(|reset| reset.family == family && reset.acknowledged_over.is_some());
            return reset.map_or(0, |reset| reset.acknowledgement.len() as u64);
        }
        _ => None,
    };
    let bytes = |transfer: &Transfer| match &transfer.websocket {
        Some(websocket) => websocket.message_bytes(),
        None => transfer.to_client.distinct_bytes,
    };
    transfer.map_or(0, bytes)
}

/// How late the first line was complete, when all lines came together and the messages had not.
fn late(facts: &RunFacts, program: &ProgramRun) -> Option<Duration> {
    let transfer = facts.measured.short_paced.measured()?;
    let (first, last) = (program.stdout.line_times.first()?, program.stdout.line_times.last()?);
    let messages = u32::try_from(facts.run.settings.messages).unwrap_or(u32::MAX);
    // The messages came a second apart.
    let span = Duration::from_secs(1).saturating_mul(messages.saturating_sub(1));
    let is_late = program.stdout.line_times.len() > 1
        && transfer.duration + LATE >= span
        && span > LATE * 2
        && last.saturating_sub(*first) < span / 2
        && *first > span / 2;
    is_late.then_some(*first)
}
