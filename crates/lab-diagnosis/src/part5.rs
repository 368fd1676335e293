//! Part 5: the frames of a WebSocket, and what became of the messages in them.

use std::time::Duration;

use crate::{
    client::{Case, run_of},
    display::{Display, TextDisplay},
    finding::{Finding, FindingId, excerpt},
};
use lab_testbed::{
    facts::{Ending, RunFacts, Scenario, SentMessages, Transfer, WebSocketFacts},
    programs::ProgramRole,
};

const ROLE: ProgramRole = ProgramRole::Part5;

/// Messages whose first and last are further apart than this must not be shown together (ours: a busy machine is slow).
const LATE: Duration = Duration::from_secs(2);

/// An experiment of part 5.
struct Exchange<'a> {
    case: Case<'a>,
    frames: &'a WebSocketFacts,
}

/// Findings about the program of part 5.
pub(crate) fn diagnose(facts: &RunFacts) -> Vec<Finding> {
    let measured = &facts.measured;
    let short = exchange(facts, Scenario::WebSocketShort, measured.websocket_short.measured());
    let flood = exchange(facts, Scenario::WebSocketFlood, measured.websocket_flood.measured());
    let other = exchange(facts, Scenario::WebSocketText, measured.websocket_text.measured());
    let no_close = exchange(facts, Scenario::WebSocketNoClose, measured.websocket_no_close.measured());
    let text = facts.run.settings.flood_text();
    let sent = SentMessages { first: facts.run.settings.first, count: facts.run.settings.messages };

    let all = [&short, &flood, &other, &no_close].into_iter().flatten();
    let mut findings: Vec<Finding> = all.filter_map(of_request).collect();
    let success = |exchange: &Option<Exchange<'_>>| exchange.as_ref().map(|exchange| exchange.success(sent));
    let fails_with_one = match (success(&short), success(&other)) {
        (Some(Success::None), Some(Success::All)) => {
            // The server of the lab sends frames that the program does not take.
            let id = if facts.run.settings.text { FindingId::BinaryOnly } else { FindingId::TextOnly };
            let failed =
                [&short, &no_close].into_iter().flatten().filter(|exchange| exchange.success(sent) == Success::None);
            let failed = failed.chain(flood.iter().filter(|flood| !flood.shows(&text)));
            findings.extend(failed.map(|exchange| exchange.one_type(id)));
            true
        }
        (Some(Success::All), Some(Success::None)) if !facts.run.settings.text => {
            findings.extend(other.as_ref().map(|other| other.one_type(FindingId::BinaryOnly)));
            true
        }
        _ => false,
    };
    for exchange in [&short, &other, &no_close].into_iter().flatten() {
        if !fails_with_one || exchange.success(sent) != Success::None {
            findings.extend(of_messages(exchange, sent));
        }
    }
    let shows_messages = short.as_ref().is_some_and(|short| short.success(sent) != Success::None);
    findings.extend(flood.as_ref().and_then(|flood| flood.case.of_text(&text, shows_messages)));
    // Where a library answers behind the back of a program, an early end of the program may cut the answer off.
    let ever_answers = [&short, &flood, &other].into_iter().flatten().any(|one| one.frames.close_of_client().is_some());
    if ever_answers {
        findings.retain(|finding| finding.id != FindingId::NoCloseFrame);
    }
    findings.extend(other.as_ref().and_then(late));
    let never_ends = short.is_some_and(|short| matches!(short.case.program.ending, Ending::AtDeadline(_)));
    findings.extend(no_close.filter(|_| !never_ends).as_ref().and_then(needs_close_frame));
    findings
}

fn exchange<'a>(facts: &'a RunFacts, scenario: Scenario, transfer: Option<&'a Transfer>) -> Option<Exchange<'a>> {
    let (transfer, program) = (transfer?, run_of(facts, scenario, ROLE)?);
    let frames = transfer.websocket.as_ref()?;
    let close = transfer.used_attempt().and_then(|attempt| attempt.close.as_ref());
    // A client may end the TCP connection when it has answered the close frame of the server, but not earlier.
    let end = frames.close_of_server().map_or(u64::MAX, |frame| frame.packet);
    let has_left = frames.close_of_client().is_some_and(|frame| frame.packet < end);
    let has_closed = close.is_some_and(|close| close.is_reset || (close.packet < end && !close.after_server_fin));
    let has_stopped_reading = matches!(program.ending, Ending::Exited(_)) && (has_left || has_closed);
    Some(Exchange { case: Case { role: ROLE, scenario, transfer, program, has_stopped_reading }, frames })
}

/// How many of the messages a program showed, in whatever form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Success {
    All,
    Some,
    None,
}

impl Exchange<'_> {
    fn success(&self, sent: SentMessages) -> Success {
        let display = self.case.display(sent);
        let is_named = |id| display.oddities.iter().any(|(named, _)| *named == id);
        if is_named(FindingId::Representation) {
            Success::Some
        } else if display.messages.is_empty() {
            Success::None
        } else if is_named(FindingId::MissingMessages) {
            Success::Some
        } else {
            Success::All
        }
    }

    fn shows(&self, text: &str) -> bool {
        !matches!(TextDisplay::of(&self.case.program.stdout.text, text), TextDisplay::Nothing | TextDisplay::Other)
    }

    /// The program fails with one type of frames.
    fn one_type(&self, id: FindingId) -> Finding {
        self.case.finding(id).with(|proof| {
            proof.packets = self.first_message().into_iter().collect();
            proof.shown = self.case.program.stdout.lines().next().and_then(excerpt);
            proof.complaint.clone_from(&self.case.program.complaint);
        })
    }

    /// The packet of the first message.
    fn first_message(&self) -> Option<u64> {
        self.frames.from_server.iter().find(|frame| frame.kind.is_data()).map(|frame| frame.packet)
    }
}

/// What the program sent: no request for an upgrade, or another command.
fn of_request(exchange: &Exchange<'_>) -> Option<Finding> {
    let Exchange { case, frames } = exchange;
    let attempt = case.transfer.used_attempt()?;
    if !frames.is_upgraded {
        return Some(case.finding(FindingId::NoUpgrade).with(|proof| {
            proof.packets.clone_from(&attempt.request_packets);
            proof.sent = excerpt(&String::from_utf8_lossy(&attempt.request));
        }));
    }
    let packet = frames.from_client.iter().find(|frame| frame.kind.is_data()).map(|frame| frame.packet);
    case.of_request(&frames.request()?, packet.as_slice())
}

/// What is wrong with the messages that it showed, or with its end after them.
fn of_messages(exchange: &Exchange<'_>, sent: SentMessages) -> Vec<Finding> {
    let Exchange { case, frames } = exchange;
    let display = case.display(sent);
    let is_first_alone = display.numbers() == [sent.first] && sent.count > 1;
    if is_first_alone && case.program.ending == Ending::Exited(0) {
        let close = case.transfer.used_attempt().and_then(|attempt| attempt.close.as_ref());
        return vec![case.finding(FindingId::FirstMessageOnly).with(|proof| {
            proof.packets = close.map(|close| close.packet).into_iter().collect();
            (proof.seen, proof.of) = (Some(1), Some(sent.count));
        })];
    }
    let mut findings = Vec::new();
    findings.extend(no_close_frame(exchange, &display, sent));
    findings.extend(case.of_display(display));
    // A program that was ended may have been about to show the rest, as one may that takes the end for an error.
    if frames.close_of_server().is_none() || !matches!(case.program.ending, Ending::Exited(_)) {
        findings.retain(|finding| finding.id != FindingId::MissingMessages);
    }
    findings
}

/// The program showed all and ended the TCP connection without an answer to the close frame of the server.
fn no_close_frame(exchange: &Exchange<'_>, display: &Display, sent: SentMessages) -> Option<Finding> {
    let Exchange { case, frames } = exchange;
    let end = frames.close_of_server()?;
    let close = case.transfer.used_attempt()?.close.as_ref()?;
    let has_answered = frames.close_of_client().is_some() || !frames.is_whole;
    let has_shown_all = display.messages.len() as u64 == sent.count;
    let is_end = case.program.ending == Ending::Exited(0) && close.packet > end.packet;
    (is_end && has_shown_all && !has_answered)
        .then(|| case.finding(FindingId::NoCloseFrame).with(|proof| proof.packets = vec![end.packet, close.packet]))
}

/// The program ran on when the server had ended the TCP connection without a close frame.
fn needs_close_frame(exchange: &Exchange<'_>) -> Option<Finding> {
    let Exchange { case, frames } = exchange;
    let Ending::AtDeadline(deadline) = case.program.ending else { return None };
    let is_ended = frames.is_upgraded && case.transfer.to_client.has_fin && frames.close_of_server().is_none();
    is_ended.then(|| case.finding(FindingId::NeedsCloseFrame).with(|proof| proof.time = Some(deadline)))
}

/// The lines came together although the messages had not.
fn late(exchange: &Exchange<'_>) -> Option<Finding> {
    let Exchange { case, frames } = exchange;
    let lines = &case.program.stdout.line_times;
    let shown = lines.last()?.saturating_sub(*lines.first()?);
    let at = |number: u64| {
        let packet = case.transfer.data_packets.iter().find(|packet| packet.packet == number);
        packet.map(|packet| packet.at)
    };
    let mut messages = frames.from_server.iter().filter(|frame| frame.kind.is_data());
    let first = at(messages.next()?.packet)?;
    let came = at(messages.next_back()?.packet)?.saturating_sub(first);
    let is_late = lines.len() > 1 && came > LATE && shown < came / 2;
    is_late.then(|| case.finding(FindingId::LateOutput).with(|proof| proof.time = lines.first().copied()))
}
