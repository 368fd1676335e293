//! Why an experiment has no facts, as data: who could not do what.

use std::{fmt, time::Duration};

use lab_packets::flow::FlowProtocol;
use lab_process::Outcome;
use labnet::net::Family;
use serde::{Deserialize, Serialize};

use crate::programs::ProgramRole;

/// What stood in the way of an experiment. Its `Display` is one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ExperimentFailure {
    /// A program could not be started.
    #[error("cannot start `{command_line}`: {reason}")]
    NotStarted {
        /// How it was to be called.
        command_line: String,
        /// The system's reason.
        reason: String,
    },
    /// A program did something else, or nothing, until the deadline.
    #[error("`{command_line}` did not {awaited} within {:.1} s", .within.as_secs_f64())]
    Deadline {
        /// How it was called.
        command_line: String,
        /// What was awaited of it, as a verb: `end`, `open TCP port 5003`.
        awaited: String,
        /// For how long.
        within: Duration,
        /// What it had written.
        seen: String,
    },
    /// A program ended before it did what was awaited.
    #[error("`{command_line}` ended and did not {awaited}")]
    Ended {
        /// How it was called.
        command_line: String,
        /// What was awaited of it, as a verb.
        awaited: String,
        /// What it had written.
        seen: String,
    },
    /// A program ended, but not well.
    #[error("{role} {ending}")]
    Program {
        /// Which one.
        role: ProgramRole,
        /// How it ended.
        ending: ProgramEnding,
    },
    /// Nobody connected.
    #[error("there was no connection to TCP port {port}{}", then(.role, .ending))]
    NoConnection {
        /// The server's port.
        port: u16,
        /// Who should have connected.
        role: ProgramRole,
        /// How that program ended, if it has.
        ending: Option<ProgramEnding>,
    },
    /// A capture has nothing of what was looked for.
    #[error("no {protocol} packet to port {port} was captured{}", then(.role, .ending))]
    NoPacket {
        /// The protocol.
        protocol: FlowProtocol,
        /// The server's port.
        port: u16,
        /// Who should have sent one.
        role: ProgramRole,
        /// How that program ended, if it has.
        ending: Option<ProgramEnding>,
    },
    /// A connection to a TLS server does not begin with a ClientHello.
    #[error("the connection does not begin with a ClientHello")]
    NoClientHello,
    /// No TLS handshake went so far that anything was agreed on.
    #[error("no TLS session came about; {role} {ending}")]
    NoTlsSession {
        /// The client.
        role: ProgramRole,
        /// How it ended.
        ending: ProgramEnding,
    },
    /// Some of many resets were not acknowledged (part 3).
    #[error("{programs} programs ran, but {acknowledged} resets were acknowledged")]
    Unacknowledged {
        /// How many programs ran.
        programs: u64,
        /// How many resets were acknowledged.
        acknowledged: u64,
        /// The family in which the PMU was.
        family: Family,
    },
    /// This machine refused something, or one of our own servers could not be had.
    #[error("{reason}")]
    System {
        /// What was refused, and the system's reason.
        reason: String,
    },
}

fn then(role: &ProgramRole, ending: &Option<ProgramEnding>) -> String {
    ending.as_ref().map(|ending| format!("; {role} {ending}")).unwrap_or_default()
}

/// How many characters of a complaint are kept (ours).
const MAX_COMPLAINT: usize = 200;

/// How a program ended, and its complaint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramEnding {
    /// The exit status as a shell shows it.
    pub status: i32,
    /// Its line `error: …`, or else the last line that it wrote on stderr; at most 200 characters.
    pub complaint: Option<String>,
}

impl From<&Outcome> for ProgramEnding {
    fn from(outcome: &Outcome) -> Self {
        let stderr = outcome.stderr();
        // Ours begin with it; others, as a rule, end with it.
        let line = stderr.lines().find(|line| line.starts_with("error: "));
        let line = line.or_else(|| stderr.lines().map(str::trim).rfind(|line| !line.is_empty()));
        let complaint = line.map(|line| line.chars().take(MAX_COMPLAINT).collect());
        Self { status: outcome.code(), complaint }
    }
}

impl fmt::Display for ProgramEnding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ended with status {}", self.status)?;
        self.complaint.as_ref().map_or(Ok(()), |complaint| write!(f, " ({complaint})"))
    }
}

impl ExperimentFailure {
    /// What the program at fault had written, where that is not kept elsewhere.
    pub fn seen(&self) -> Option<&str> {
        match self {
            Self::Deadline { seen, .. } | Self::Ended { seen, .. } => Some(seen),
            _ => None,
        }
    }

    /// The same, where a program that has ended meanwhile explains more.
    #[must_use]
    pub(crate) fn with_ending(self, outcome: &Outcome) -> Self {
        let ending = Some(outcome.into());
        match self {
            Self::NoConnection { port, role, .. } => Self::NoConnection { port, role, ending },
            Self::NoPacket { protocol, port, role, .. } => Self::NoPacket { protocol, port, role, ending },
            other => other,
        }
    }
}

impl From<lab_process::Error> for ExperimentFailure {
    fn from(error: lab_process::Error) -> Self {
        use lab_process::Error;
        match error {
            Error::Start { command_line, source } => Self::NotStarted { command_line, reason: source.to_string() },
            Error::Deadline { command_line, awaited, deadline, seen } => {
                Self::Deadline { command_line, awaited, within: deadline, seen }
            }
            Error::Ended { command_line, awaited, seen } => Self::Ended { command_line, awaited, seen },
            Error::Install { .. } => Self::System { reason: error.to_string() },
        }
    }
}

macro_rules! system_refused {
    ($($error:ty),*) => {
        $(impl From<$error> for ExperimentFailure {
            fn from(error: $error) -> Self {
                Self::System { reason: error.to_string() }
            }
        })*
    };
}

system_refused!(labnet::Error, ttp::Error, lab_sandbox::Error, lab_packets::Error, crate::Error, std::io::Error);
