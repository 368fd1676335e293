//! Part 2: the command, the connection, and what became of the answer.

use lab_testbed::{
    ExperimentFailure,
    facts::{ClientClose, ConnectionAttempt, Ending, ProgramRun, RunFacts, Scenario, SentMessages, Status, Transfer},
    programs::ProgramRole,
};
use labnet::{
    net::Family,
    pmu::{FLOOD_LEN, FloodText},
};

use crate::{
    display::{Display, TextDisplay},
    finding::{Finding, FindingId, excerpt},
};

/// An experiment of part 2: its facts, and the program that asked.
struct Case<'a> {
    scenario: Scenario,
    transfer: &'a Transfer,
    program: &'a ProgramRun,
}

impl Case<'_> {
    fn finding(&self, id: FindingId) -> Finding {
        Finding::new(id, ProgramRole::Part2, self.scenario)
    }

    /// How many bytes the answer had.
    fn answer_len(&self) -> u64 {
        self.transfer.to_client.distinct_bytes
    }

    /// Whether the client closed before it had the whole answer, or with some of it unread: then its system sent a reset
    /// although the server had ended properly.
    fn stopped_reading(&self) -> bool {
        let close = self.transfer.used_attempt().and_then(|attempt| attempt.close.as_ref());
        let by_itself = matches!(self.program.ending, Ending::Exited(_));
        by_itself && close.is_some_and(|close| close.is_reset || !close.after_server_fin)
    }
}

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
    let shows_messages =
        shorts.iter().any(|case| !Display::of_messages(&case.program.stdout.text, sent).messages.is_empty());
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
    let experiment = facts.experiments.iter().find(|experiment| experiment.scenario == scenario)?;
    let program = experiment.programs.iter().find(|program| program.role == ProgramRole::Part2)?;
    Some(Case { scenario, transfer: transfer?, program })
}

/// What holds for messages and text alike: the command and the end of the connection.
fn of_connection(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(attempt) = case.transfer.used_attempt() else { return findings };
    let (sent, command) = (attempt.request.as_slice(), case.transfer.command.as_bytes());
    let id = match sent.strip_prefix(command) {
        Some([]) => None,
        Some(_) => Some(FindingId::BytesAfterCommand),
        None => Some(FindingId::WrongCommand),
    };
    findings.extend(id.map(|id| {
        case.finding(id).with(|proof| {
            proof.packets.clone_from(&attempt.request_packets);
            proof.sent = excerpt(&String::from_utf8_lossy(sent));
            proof.expected = Some(case.transfer.command.clone());
        })
    }));
    let has_all = |close: &&ClientClose| {
        close.is_reset && close.bytes_before == case.answer_len() && case.transfer.to_client.has_fin
    };
    let reset = attempt.close.as_ref().filter(has_all).filter(|_| matches!(case.program.ending, Ending::Exited(0)));
    findings.extend(
        reset.map(|close| case.finding(FindingId::ClosedWithReset).with(|proof| proof.packets = vec![close.packet])),
    );
    findings
}

fn of_messages(case: &Case<'_>, sent: SentMessages) -> Vec<Finding> {
    let mut findings = of_connection(case);
    let display = Display::of_messages(&case.program.stdout.text, sent);
    let shown = display.messages.len() as u64;
    if case.stopped_reading() && shown < sent.count && shown > 0 {
        findings.push(first_recv(case).with(|proof| (proof.seen, proof.of) = (Some(shown), Some(sent.count))));
        return findings;
    }
    findings.extend(display.oddities.into_iter().map(|(id, line)| {
        // Of an answer that comes in pieces, lines of one length may also be messages of one digit.
        let is_sure = id != FindingId::FixedSizeRecv || case.scenario != Scenario::ShortPieces;
        let id = if is_sure { id } else { FindingId::NumberCut };
        case.finding(id).with(|proof| match id {
            FindingId::MissingMessages => proof.expected = Some(line),
            _ => proof.shown = excerpt(&line),
        })
    }));
    findings
}

/// The program closed before it had read all.
fn first_recv(case: &Case<'_>) -> Finding {
    let close = case.transfer.used_attempt().and_then(|attempt| attempt.close.as_ref());
    case.finding(FindingId::FirstRecvOnly).with(|proof| {
        proof.packets = close.map(|close| close.packet).into_iter().collect();
        proof.shown = case.program.stdout.lines().last().and_then(excerpt);
    })
}

fn of_text(case: &Case<'_>, text: &str, shows_messages: bool) -> Vec<Finding> {
    let mut findings = of_connection(case);
    let display = TextDisplay::of(&case.program.stdout.text, text);
    let is_decoding_error = case.program.complaint.as_deref().is_some_and(is_decoding_error);
    let id = match display {
        TextDisplay::Whole => None,
        _ if is_decoding_error && !text.is_ascii() => Some(FindingId::DecodePerRecv),
        TextDisplay::WithReplacements => Some(FindingId::DecodePerRecv),
        TextDisplay::WithOtherText => Some(FindingId::Prefix),
        TextDisplay::WithOtherLines => Some(FindingId::ExtraLines),
        TextDisplay::CutLikeMessages => Some(FindingId::ParserOnFlood),
        TextDisplay::WithLineEnds => Some(FindingId::NewlinePerRecv),
        TextDisplay::Representation => Some(FindingId::Representation),
        TextDisplay::Beginning(_) if case.stopped_reading() => Some(FindingId::FirstRecvOnly),
        TextDisplay::Beginning(_) => Some(FindingId::LostTail),
        TextDisplay::Nothing if shows_messages && !case.stopped_reading() => Some(FindingId::ParserOnFlood),
        TextDisplay::Nothing | TextDisplay::Other => None,
    };
    findings.extend(id.map(|id| match id {
        FindingId::FirstRecvOnly => first_recv(case),
        id => case.finding(id).with(|proof| {
            proof.shown = case.program.stdout.lines().last().and_then(excerpt);
            proof.complaint.clone_from(&case.program.complaint);
            (proof.seen, proof.of) = (Some(case.program.stdout.bytes), Some(text.len() as u64));
        }),
    }));
    findings
}

/// Whether a runtime says that bytes are not UTF-8.
fn is_decoding_error(complaint: &str) -> bool {
    let complaint = complaint.to_lowercase();
    ["unicodedecodeerror", "malformedinput", "utf-8", "utf8", "invalid byte sequence"]
        .iter()
        .any(|words| complaint.contains(words))
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
