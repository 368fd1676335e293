//! Why an experiment failed, as data: who is to blame, and what was attempted.

use std::{fmt, time::Duration};

use lab_packets::flow::FlowProtocol;
use lab_process::Outcome;
use labnet::{escape::escape, net::Family, tls::TlsVersion};
use serde::{Deserialize, Serialize};

use crate::{
    complaint::{MAX_COMPLAINT, complaint},
    facts::ConnectionAttempt,
    programs::ProgramRole,
};

/// The reason of a failed experiment. Its `Display` is one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ExperimentFailure {
    /// A program could not be started.
    #[error("cannot start `{}`: {}", escape(.command_line), escape(.reason))]
    NotStarted {
        /// The command line.
        command_line: String,
        /// The system's reason.
        reason: String,
    },
    /// A program did not do what was expected of it before the deadline.
    #[error("`{}` did not {} within {:.1} s", escape(.command_line), escape(.awaited), .within.as_secs_f64())]
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
    /// A program ended too early.
    #[error("`{}` ended and did not {}", escape(.command_line), escape(.awaited))]
    Ended {
        /// How it was called.
        command_line: String,
        /// What was awaited of it, as a verb.
        awaited: String,
        /// What it had written.
        seen: String,
    },
    /// A program ended with an exit status other than 0.
    #[error("{role} {ending}")]
    Program {
        /// Which one.
        role: ProgramRole,
        /// How it ended.
        ending: ProgramEnding,
    },
    /// No client connected.
    #[error("there was no connection to TCP port {port}{}", then(.role, .ending))]
    NoConnection {
        /// The server's port.
        port: u16,
        /// Who should have connected.
        role: ProgramRole,
        /// How that program ended, if it has.
        ending: Option<ProgramEnding>,
        /// What it tried.
        #[serde(default)]
        attempts: Vec<ConnectionAttempt>,
    },
    /// The capture has no such packet.
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
    /// No TLS handshake got as far as a cipher suite.
    #[error("no TLS session came about; {role} {ending}")]
    NoTlsSession {
        /// The client.
        role: ProgramRole,
        /// How it ended.
        ending: ProgramEnding,
        /// The first bytes that the server sent, at most 32.
        #[serde(default)]
        answer: Vec<u8>,
    },
    /// The PMU did not agree on the version that the client offered alone.
    #[error("a client that offered {offered} alone was answered with {}", escape(.version))]
    OtherVersion {
        /// What was offered.
        offered: TlsVersion,
        /// What the server chose, as RFCs write it; empty if that was not seen.
        version: String,
    },
    /// Some of many resets were not acknowledged (part 3).
    #[error("{}", unacknowledged(*.programs, *.acknowledged))]
    Unacknowledged {
        /// How many programs ran.
        programs: u64,
        /// How many resets were acknowledged.
        acknowledged: u64,
        /// The family in which the PMU was.
        family: Family,
    },
    /// The program did something else than the experiment is about.
    #[error("{}", escape(.reason))]
    Invalid {
        /// What it did, in words.
        reason: String,
    },
    /// The system refused something, or a server of ours could not be started.
    #[error("{}", escape(.reason))]
    System {
        /// The attempt, and the reason of the system.
        reason: String,
    },
}

fn unacknowledged(programs: u64, acknowledged: u64) -> String {
    match (programs, acknowledged) {
        (1, 0) => "the first program did not end with an acknowledgement, so no other was started".to_owned(),
        _ => format!("{programs} programs ran, but {acknowledged} resets were acknowledged"),
    }
}

fn then(role: &ProgramRole, ending: &Option<ProgramEnding>) -> String {
    ending.as_ref().map(|ending| format!("; {role} {ending}")).unwrap_or_default()
}

/// The exit status of a program, and its error message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramEnding {
    /// The exit status, as a shell shows it: 128 + N after signal N.
    pub status: i32,
    /// The line of stderr that says why; at most 200 characters. See [`crate::complaint`].
    pub complaint: Option<String>,
}

impl From<&Outcome> for ProgramEnding {
    fn from(outcome: &Outcome) -> Self {
        let complaint = complaint(&outcome.stderr()).map(|line| line.chars().take(MAX_COMPLAINT).collect());
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
    /// The same failure with the exit status of the client.
    #[must_use]
    #[cfg(target_os = "linux")]
    pub(crate) fn with_ending(self, outcome: &Outcome) -> Self {
        let ending = Some(outcome.into());
        match self {
            Self::NoConnection { port, role, attempts, .. } => Self::NoConnection { port, role, ending, attempts },
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
