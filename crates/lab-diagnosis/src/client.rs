//! What parts 2 and 5 have in common: a client that sends a command and shows the answer.

use lab_testbed::{
    facts::{ProgramRun, RunFacts, Scenario, SentMessages, Transfer},
    programs::ProgramRole,
};

use crate::{
    display::{Display, TextDisplay},
    finding::{Finding, FindingId, excerpt},
};

/// An experiment with a client: its facts, and the program that asked.
pub(crate) struct Case<'a> {
    pub(crate) role: ProgramRole,
    pub(crate) scenario: Scenario,
    pub(crate) transfer: &'a Transfer,
    pub(crate) program: &'a ProgramRun,
    /// Whether the program closed before it had the whole answer, or with some of it unread.
    pub(crate) has_stopped_reading: bool,
}

/// The run of a program in an experiment.
pub(crate) fn run_of(facts: &RunFacts, scenario: Scenario, role: ProgramRole) -> Option<&ProgramRun> {
    let experiment = facts.experiments.iter().find(|experiment| experiment.scenario == scenario)?;
    experiment.programs.iter().find(|program| program.role == role)
}

impl Case<'_> {
    pub(crate) fn finding(&self, id: FindingId) -> Finding {
        Finding::new(id, self.role, self.scenario)
    }

    /// What the program showed of the messages.
    pub(crate) fn display(&self, sent: SentMessages) -> Display {
        Display::of_messages(&self.program.stdout.text, sent)
    }

    /// Another request than the command, or more than it.
    pub(crate) fn of_request(&self, request: &[u8], packets: &[u64]) -> Option<Finding> {
        let id = match request.strip_prefix(self.transfer.command.as_bytes()) {
            Some([]) => return None,
            Some(_) => FindingId::BytesAfterCommand,
            None => FindingId::WrongCommand,
        };
        Some(self.finding(id).with(|proof| {
            proof.packets = packets.to_vec();
            proof.sent = excerpt(&String::from_utf8_lossy(request));
            proof.expected = Some(self.transfer.command.clone());
        }))
    }

    /// What is wrong with the messages that it showed.
    pub(crate) fn of_display(&self, display: Display) -> Vec<Finding> {
        let finding = |(id, line): (FindingId, String)| {
            // Of an answer that comes in pieces, lines of one length may also be messages of one digit.
            let is_sure = id != FindingId::FixedSizeRecv || self.scenario != Scenario::ShortPieces;
            let id = if is_sure { id } else { FindingId::NumberCut };
            self.finding(id).with(|proof| match id {
                FindingId::MissingMessages => proof.expected = Some(line),
                _ => proof.shown = excerpt(&line),
            })
        };
        display.oddities.into_iter().map(finding).collect()
    }

    /// The program closed before it had read all.
    pub(crate) fn first_recv(&self) -> Finding {
        let close = self.transfer.used_attempt().and_then(|attempt| attempt.close.as_ref());
        self.finding(FindingId::FirstRecvOnly).with(|proof| {
            proof.packets = close.map(|close| close.packet).into_iter().collect();
            proof.shown = self.program.stdout.lines().last().and_then(excerpt);
        })
    }

    /// What is wrong with the text that it showed.
    pub(crate) fn of_text(&self, text: &str, shows_messages: bool) -> Option<Finding> {
        let is_decoding_error = self.program.complaint.as_deref().is_some_and(is_decoding_error);
        let stdout = &self.program.stdout;
        // Of a large output the beginning was kept.
        let kept = if stdout.is_whole() { None } else { text.get(..stdout.text.len()) };
        let id = match TextDisplay::of(&stdout.text, kept.unwrap_or(text)) {
            TextDisplay::Whole => None,
            _ if is_decoding_error && !text.is_ascii() => Some(FindingId::DecodePerRecv),
            TextDisplay::WithReplacements => Some(FindingId::DecodePerRecv),
            TextDisplay::WithOtherText => Some(FindingId::Prefix),
            TextDisplay::WithOtherLines => Some(FindingId::ExtraLines),
            TextDisplay::CutLikeMessages => Some(FindingId::ParserOnFlood),
            TextDisplay::WithLineEnds => Some(FindingId::NewlinePerRecv),
            TextDisplay::Representation => Some(FindingId::Representation),
            TextDisplay::Beginning(_) if self.has_stopped_reading => Some(FindingId::FirstRecvOnly),
            TextDisplay::Beginning(_) => Some(FindingId::LostTail),
            // As much output as text is the text in some other form.
            TextDisplay::Nothing if self.program.stdout.bytes > text.len() as u64 / 2 => None,
            TextDisplay::Nothing if shows_messages && !self.has_stopped_reading => Some(FindingId::ParserOnFlood),
            TextDisplay::Nothing | TextDisplay::Other => None,
        };
        id.map(|id| match id {
            FindingId::FirstRecvOnly => self.first_recv(),
            id => self.finding(id).with(|proof| {
                proof.shown = self.program.stdout.lines().last().and_then(excerpt);
                proof.complaint.clone_from(&self.program.complaint);
                (proof.seen, proof.of) = (Some(self.program.stdout.bytes), Some(text.len() as u64));
            }),
        })
    }
}

/// Whether a runtime says that bytes are not UTF-8.
fn is_decoding_error(complaint: &str) -> bool {
    let complaint = complaint.to_lowercase();
    ["unicodedecodeerror", "malformedinput", "utf-8", "utf8", "invalid byte sequence"]
        .iter()
        .any(|words| complaint.contains(words))
}
