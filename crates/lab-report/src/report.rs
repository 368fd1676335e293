//! Makes the answer sheet from facts.

use lab_testbed::{
    facts::{self, Ending, Ports, ProgramRun, RunFacts, RunSettings, Scenario, Status},
    programs::ProgramRole,
};
use labnet::{cli, escape::escape, net::Family, tls::TlsVersion};

use crate::{
    answers, figures, findings, reconciliation,
    sheet::{Answer, AnswerSheet, ExperimentReport, RunSummary, State},
    validity,
};

/// The version of `answers.json`.
const SCHEMA: u32 = 1;

/// The answer sheet of a run.
pub fn sheet(facts: &RunFacts) -> AnswerSheet {
    let run = &facts.run;
    let wanted = facts.experiments.iter().filter(|experiment| run.settings.is_wanted(experiment.scenario));
    let experiments: Vec<ExperimentReport> = wanted.map(|experiment| self::experiment(experiment, facts)).collect();
    // A question is asked for with any of its experiments.
    let is_wanted = |answer: &Answer| {
        answer.experiments.iter().any(|name| experiments.iter().any(|experiment| experiment.name == *name))
    };
    let answers = answers::answers(&validity::valid(facts)).into_iter().filter(is_wanted).collect();
    let findings = lab_diagnosis::diagnose(facts);
    AnswerSheet {
        schema: SCHEMA,
        run: RunSummary {
            seed: run.settings.seed,
            begun: cli::utc(run.begun),
            seconds: labnet::seconds::number(run.elapsed),
            is_complete: experiments.iter().all(|experiment| experiment.state == State::Done),
            system: run.system.clone(),
            path: run.settings.path.to_string(),
            others_programs: run
                .substitutes
                .iter()
                .map(|substitute| {
                    let arguments = substitute.arguments.as_ref().map(|template| format!(" {template}"));
                    let command = format!("{}{}", substitute.command, arguments.unwrap_or_default());
                    (substitute.role.option().to_owned(), command)
                })
                .collect(),
            changes: changes(&run.settings),
        },
        answers,
        findings: findings.into_iter().map(findings::report).collect(),
        reconciliations: reconciliation::reconcile(&facts.measured),
        experiments,
    }
}

fn experiment(experiment: &facts::Experiment, facts: &RunFacts) -> ExperimentReport {
    let status = facts.measured.status(experiment.scenario);
    // A program that fell over its feet has left facts all the same; the experiment is not what it was meant to be.
    let mut programs = experiment.programs.iter().filter(|_| !experiment.scenario.may_end_with_error());
    let ended_badly = programs.find(|program| has_failed(program));
    ExperimentReport {
        name: experiment.scenario.name().to_owned(),
        title: title(experiment.scenario).to_owned(),
        state: match status {
            Status::Done if ended_badly.is_some() => State::Failed,
            Status::Done => State::Done,
            Status::Failed(_) => State::Failed,
            Status::NotRun => State::NotRun,
        },
        trouble: match status {
            Status::Failed(failure) => Some(failure.to_string()),
            Status::Done => ended_badly.map(ending),
            Status::NotRun => None,
        },
        commands: experiment.invocations.iter().map(ToString::to_string).collect(),
        capture: experiment.has_capture.then(|| experiment.scenario.capture()),
        output: experiment.has_output.then(|| experiment.scenario.output()),
        seconds: labnet::seconds::number(experiment.elapsed),
        figures: figures::of(experiment, &facts.measured),
    }
}

/// Whether a program ended as it should not. Of our own client the PMU that it asked is the reason.
fn has_failed(program: &ProgramRun) -> bool {
    let is_late = matches!(program.ending, Ending::AtDeadline(_));
    program.role != ProgramRole::Part6Pdc && (is_late || program.ending.is_crash())
}

/// How a program ended, in a sentence.
fn ending(program: &ProgramRun) -> String {
    let command = escape(&program.command_line);
    let complaint = program.complaint.as_ref().map(|complaint| format!(" ({})", escape(complaint)));
    let complaint = complaint.unwrap_or_default();
    match program.ending {
        Ending::Exited(status) => format!("`{command}` ended with status {status}{complaint}"),
        Ending::Killed(signal) => format!("`{command}` was ended by signal {signal}{complaint}"),
        Ending::AtDeadline(deadline) => format!("`{command}` did not end within {:.1} s", deadline.as_secs_f64()),
        Ending::Interrupted | Ending::Stopped => format!("`{command}` was ended"),
    }
}

fn title(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::Datagram => "Code A sends a datagram to Code B",
        Scenario::Echo => "Code D sends a line to Code C, and is ended",
        Scenario::ShortAtOnce => "CMD_short:0: messages without a pause",
        Scenario::ShortPaced => "CMD_short:1: a message each second",
        Scenario::ShortOpen => "CMD_short:0, and the PMU stays open for two seconds",
        Scenario::ShortNoDelay => "CMD_short:0, and the PMU has set TCP_NODELAY",
        Scenario::ShortPieces => "CMD_short:0, cut into pieces of twelve bytes",
        Scenario::FloodUtf8 => "CMD_floodme: a text with characters of several bytes",
        Scenario::Flood => "CMD_floodme: one send, with several receive buffers",
        Scenario::Reset(Family::Ipv4) => "A reset of a PMU that is on IPv4",
        Scenario::Reset(Family::Ipv6) => "A reset of a PMU that is on IPv6",
        Scenario::Series(Family::Ipv4) => "Many resets at the same time, PMU on IPv4",
        Scenario::Series(Family::Ipv6) => "Many resets at the same time, PMU on IPv6",
        Scenario::Rounds(Some(Family::Ipv4)) => "A PMU on IPv4 that loses four requests",
        Scenario::Rounds(Some(Family::Ipv6)) => "A PMU on IPv6 that loses six requests",
        Scenario::Rounds(None) => "A PMU on both families that loses the first requests",
        Scenario::Guests => "A receiver among unexpected datagrams",
        Scenario::Multicast => "A programme, a receiver, and two senders on another machine",
        Scenario::WebSocketShort => "CMD_short:0 over WebSocket",
        Scenario::WebSocketFlood => "CMD_floodme over WebSocket",
        Scenario::WebSocketText => "CMD_short:0 over WebSocket, in the other type of frames",
        Scenario::WebSocketNoClose => "CMD_short:0 over WebSocket, and no close frame at the end",
        Scenario::Tls(TlsVersion::Tls12) => "CMD_short:0 over TLS 1.2",
        Scenario::Tls(TlsVersion::Tls13) => "CMD_short:0 over TLS 1.3",
        Scenario::PmuClients => "Several clients of one PMU, of which some do not speak TLS",
    }
}

/// The settings that differ from the handout, each in a phrase.
fn changes(settings: &RunSettings) -> Vec<String> {
    let usual = RunSettings::default();
    let mut changes = Vec::new();
    if settings.messages != usual.messages {
        changes.push(format!("a PMU answers with {} messages", settings.messages));
    }
    if settings.first != usual.first {
        changes.push(format!("messages are numbered from {}", settings.first));
    }
    if settings.loss.to_bits() != usual.loss.to_bits() {
        changes.push(format!("the PMU of part 3 loses a packet with probability {}", settings.loss));
    }
    if settings.ack_separator != usual.ack_separator {
        changes.push(format!("an acknowledgement is OFFSET{}X", settings.ack_separator));
    }
    if settings.runs != usual.runs {
        changes.push(format!("{} resets are made for the mean", settings.runs));
    }
    if settings.flood.is_some() {
        changes.push("the text that answers `CMD_floodme` is from a file".to_owned());
    }
    if settings.ports != usual.ports {
        let Ports { datagram, echo, multicast } = settings.ports;
        changes.push(format!(
            "the ports are {datagram} for Code A and B, {echo} for Code C and D, {multicast} for part 4"
        ));
    }
    if settings.text {
        changes.push("the server of part 5 sends text frames".to_owned());
    }
    if settings.path != usual.path {
        changes.push(format!("the path has {}", settings.path));
    }
    changes
}
