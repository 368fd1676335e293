//! What is kept of a program that was observed, made when it has ended.

use std::time::{Duration, SystemTime};

use lab_process::{Outcome, Stream};

use super::program::{Ending, MAX_TEXT, Output, ProgramRun};
use crate::{
    complaint::{MAX_COMPLAINT, complaint},
    programs::ProgramRole,
};

/// The maximum of kept times of lines (ours).
const MAX_LINES: usize = 1000;

/// Who ended a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It had this long to end by itself.
    ByItself(Duration),
    /// It got Ctrl-C.
    Interrupt,
    /// The experiment was over.
    Experiment,
    /// It should have ended by itself, and had not after this long.
    Overdue(Duration),
}

impl ProgramRun {
    /// The facts of a program that has ended.
    pub(crate) fn new(role: ProgramRole, host: &str, outcome: &Outcome, end: End) -> Self {
        Self {
            role,
            host: host.to_owned(),
            command_line: outcome.command_line.clone(),
            begun: outcome.begun_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            elapsed: outcome.elapsed,
            ending: ending(outcome, end),
            stdout: Output::new(&outcome.stdout, outcome, Stream::Stdout),
            stderr: Output::new(&outcome.stderr, outcome, Stream::Stderr),
            recv_calls: None,
            complaint: complaint(&outcome.stderr()).map(|line| line.chars().take(MAX_COMPLAINT).collect()),
        }
    }
}

impl Output {
    fn new(bytes: &[u8], outcome: &Outcome, stream: Stream) -> Self {
        let kept = bytes.get(..MAX_TEXT).unwrap_or(bytes);
        let times = outcome.lines.iter().filter(|line| line.stream == stream).map(|line| line.at);
        Self {
            text: String::from_utf8_lossy(kept).into_owned(),
            bytes: bytes.len() as u64,
            line_times: times.take(MAX_LINES).collect(),
        }
    }
}

fn ending(outcome: &Outcome, end: End) -> Ending {
    match (outcome.was_stopped, end) {
        (true, End::ByItself(deadline) | End::Overdue(deadline)) => Ending::AtDeadline(deadline),
        (true, _) => Ending::Stopped,
        (false, End::Interrupt) => Ending::Interrupted,
        (false, _) => match outcome.signal() {
            Some(signal) => Ending::Killed(signal),
            None => Ending::Exited(outcome.code()),
        },
    }
}
