//! The facts of one program: how it was called, what it wrote and when, how it ended.

use std::time::{Duration, SystemTime};

use lab_process::{Outcome, Stream};
use serde::{Deserialize, Serialize};

use crate::{
    complaint::{MAX_COMPLAINT, complaint},
    programs::ProgramRole,
};

/// The maximum of kept text of a stream, in bytes (ours): a flood of 64 KiB, shown as a representation, and more.
const MAX_TEXT: usize = 256 << 10;

/// The maximum of kept times of lines (ours).
const MAX_LINES: usize = 1000;

/// A program that was observed from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramRun {
    /// Its role.
    pub role: ProgramRole,
    /// The name of its host.
    pub host: String,
    /// The command line, as a shell takes it.
    pub command_line: String,
    /// Its start, since the Unix epoch, on the clock of the captures.
    pub begun: Duration,
    /// The time from its start to its end.
    pub elapsed: Duration,
    /// How it ended.
    pub ending: Ending,
    /// What it wrote on stdout.
    pub stdout: Output,
    /// What it wrote on stderr.
    pub stderr: Output,
    /// How often it called recv on its connection, the call that found the end included; `None` if that was not watched.
    #[serde(default)]
    pub recv_calls: Option<u64>,
    /// The line of stderr that says best what was wrong; see [`crate::complaint`].
    pub complaint: Option<String>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// By itself, with this exit status.
    Exited(i32),
    /// By this signal, which was not ours.
    Killed(i32),
    /// It was killed when its time was over: after this long.
    AtDeadline(Duration),
    /// It was ended with Ctrl-C, as servers are.
    Interrupted,
    /// It was killed because the experiment was over.
    Stopped,
}

impl Ending {
    /// Whether the program ended by itself, with status 0.
    pub fn is_success(self) -> bool {
        self == Self::Exited(0)
    }

    /// Whether it ended in a way that neither it nor the testbed meant: with another status, or by a signal.
    pub fn is_crash(self) -> bool {
        match self {
            Self::Exited(status) => status != 0,
            Self::Killed(_) => true,
            Self::AtDeadline(_) | Self::Interrupted | Self::Stopped => false,
        }
    }
}

/// The output of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its text; bytes that are not UTF-8 are replaced. At most 256 KiB; of more, the beginning.
    pub text: String,
    /// The number of its bytes.
    pub bytes: u64,
    /// When each of its lines was complete, since the start of the program; of at most 1,000 lines.
    pub line_times: Vec<Duration>,
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

    /// Whether all of it is in [`text`](Self::text).
    pub fn is_whole(&self) -> bool {
        self.bytes <= MAX_TEXT as u64
    }

    /// Its lines, without their ends.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines()
    }
}

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
