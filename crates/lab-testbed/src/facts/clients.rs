//! The facts of several clients of one PMU (part 6).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The clients of a PMU, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PmuClients {
    /// Each of them.
    pub clients: Vec<PmuClient>,
}

/// A client of a PMU, and what it got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PmuClient {
    /// What it did.
    pub kind: ClientKind,
    /// How often the PMU had been started until then: it is started again when it does not answer any more.
    pub start: u64,
    /// What it sent as its command, or instead of TLS; empty if it sent nothing.
    pub command: String,
    /// Whether its TCP connection came about.
    pub is_accepted: bool,
    /// Whether the TLS handshake was completed.
    pub is_secured: bool,
    /// Why not, in the words of our client.
    pub complaint: Option<String>,
    /// What the PMU sent before it had a command, as text, at most 1,000 characters.
    pub early: String,
    /// What it sent then, as text, at most 4,000 characters.
    pub answer: String,
    /// The number of the bytes of both.
    pub bytes: u64,
    /// The time from the command to the first bytes and to the last.
    pub times: Option<(Duration, Duration)>,
    /// How the answer ended.
    pub end: AnswerEnd,
    /// The exit status of the PMU, as a shell shows it, if it had ended after this client.
    pub pmu_status: Option<i32>,
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientKind {
    /// The first one, with the command of the handout.
    First,
    /// The same again, when the first has left.
    Second,
    /// The same, two at once.
    AtOnce,
    /// Another command: an unknown one, or that for a flood.
    OtherCommand,
    /// The command for a pause of a second; leaves after some seconds.
    Paced,
    /// Sends a command without TLS.
    PlainText,
    /// Sends nothing and leaves.
    Silent,
    /// Leaves within its first record.
    Aborted,
    /// The command of the handout, after one of the three before.
    Afterwards,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerEnd {
    /// There was no answer to wait for.
    None,
    /// With close_notify.
    CloseNotify,
    /// With a FIN alone.
    Fin,
    /// With a reset.
    Reset,
    /// The connection was open when the client gave up.
    Open,
}
