//! The facts of one program: how it was called, what it wrote and when, how it ended.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::programs::ProgramRole;

/// The maximum of kept text of a stream, in bytes (ours): a flood of 64 KiB, shown as a representation, and more.
pub(super) const MAX_TEXT: usize = 256 << 10;

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
    /// Whether all of it is in [`text`](Self::text).
    pub fn is_whole(&self) -> bool {
        self.bytes <= MAX_TEXT as u64
    }

    /// Its lines, without their ends.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines()
    }
}
