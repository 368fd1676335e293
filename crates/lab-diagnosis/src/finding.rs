//! Findings as data.

use std::time::Duration;

use lab_testbed::{facts::Scenario, programs::ProgramRole};
use serde::{Deserialize, Serialize};

use crate::table::{Diagnosis, diagnosis};

/// What was found. In JSON it has the name of its row in the [table](crate::DIAGNOSES): `could-not-start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the table describes each")]
pub enum FindingId {
    // Every part.
    CouldNotStart,
    UsageError,
    Crashed,
    Killed,
    NeverEnded,
    NoOutput,
    LateOutput,
    ExtraLines,
    Prefix,
    Representation,
    JoinedLines,
    NewlinePerRecv,
    NumberCut,
    MissingMessages,
    DoubledMessages,
    // Part 2.
    WrongCommand,
    BytesAfterCommand,
    ConnectedOverIpv6,
    FirstRecvOnly,
    DecodePerRecv,
    LostTail,
    ClosedWithReset,
    FixedSizeRecv,
    ParserOnFlood,
    // Part 3.
    WrongRequest,
    NeverWaits,
    WrongTimeout,
    OneFamily,
    FamiliesInTurn,
    NeedsBothFamilies,
    SendsAfterAcknowledgement,
    StaleAcknowledgement,
    RefusalFatal,
    // Part 4.
    NotJoined,
    IdentityMissing,
    SeparatorAfterIdentity,
    OneLineOnly,
    IdentityNotShown,
    DiesOnOtherIdentity,
    DiesOnBinary,
    NoAddressReuse,
    // Part 5.
    NoUpgrade,
    TextOnly,
    BinaryOnly,
    FirstMessageOnly,
    NoCloseFrame,
    NeedsCloseFrame,
    // Part 6.
    NeverListens,
    NoAnswer,
    WrongNumbers,
    NeverCloses,
    CommandIgnored,
    OneMessage,
    ServesOnce,
    NotTls,
    OneVersion,
    Banner,
    NoCloseNotify,
    DiesOnPlainText,
}

impl FindingId {
    /// Its name: `could-not-start`.
    pub fn name(self) -> String {
        let mut name = String::new();
        for character in format!("{self:?}").chars() {
            if character.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(character.to_ascii_lowercase());
        }
        name
    }

    /// Its row in the table.
    pub fn diagnosis(self) -> &'static Diagnosis {
        diagnosis(self)
    }

    /// Whether it is a fault or a remark.
    pub fn severity(self) -> Severity {
        self.diagnosis().severity
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The program does not do what the handout asks for.
    Fault,
    /// The handout does not forbid it.
    Remark,
}

/// Something that was found about a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub id: FindingId,
    /// About which program.
    pub program: ProgramRole,
    /// What shows it.
    pub proof: Proof,
}

impl Finding {
    /// A finding of one experiment, without further proof yet.
    pub(crate) fn new(id: FindingId, program: ProgramRole, experiment: Scenario) -> Self {
        Self { id, program, proof: Proof::of(experiment) }
    }

    /// The same with a proof.
    #[must_use]
    pub(crate) fn with(mut self, prove: impl FnOnce(&mut Proof)) -> Self {
        prove(&mut self.proof);
        self
    }
}

/// What shows a finding: those of these that do. Text is a program's or a peer's, unchanged, at most 200 characters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// The experiment in which it was seen.
    pub experiment: Scenario,
    /// The numbers of packets in its capture, from 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packets: Vec<u64>,
    /// The bytes that the program sent, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
    /// What the program showed: a line, or the part of it that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// What was expected instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The exit status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<i32>,
    /// The signal that ended the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// What the program or its runtime complained of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complaint: Option<String>,
    /// A time that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Duration>,
    /// How many were seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<u64>,
    /// Of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
}

/// The maximum of characters of a text in a proof (ours).
const MAX_TEXT: usize = 200;

impl Proof {
    /// A proof from an experiment.
    pub(crate) fn of(experiment: Scenario) -> Self {
        Self {
            experiment,
            packets: Vec::new(),
            sent: None,
            shown: None,
            expected: None,
            status: None,
            signal: None,
            complaint: None,
            time: None,
            seen: None,
            of: None,
        }
    }
}

/// The beginning of a text, for a proof.
pub(crate) fn excerpt(text: &str) -> Option<String> {
    Some(text.chars().take(MAX_TEXT).collect())
}
