//! The answer sheet: the contents of the report as data. `answers.json` is its JSON, `index.html` its page.
//!
//! Names in JSON are older than some names here: `accounts` are the reconciliations. Readers of the file rely on them.

use std::fmt;

use lab_diagnosis::{FindingId, Proof, Severity};
use schemars::JsonSchema;
use serde::Serialize;

/// A report.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "Sheet")]
pub struct AnswerSheet {
    /// The version of this shape.
    pub schema: u32,
    /// How the report was made.
    pub run: RunSummary,
    /// What was found about the programs, in the order of the handout. A right program has none.
    pub findings: Vec<FindingReport>,
    /// The answers, from Q1 to Q28. Two runs with the same seed and programs have equal ones.
    pub answers: Vec<Answer>,
    /// For each TCP connection: who counted what, and whether it agrees.
    #[serde(rename = "accounts")]
    pub reconciliations: Vec<Reconciliation>,
    /// What was run.
    pub experiments: Vec<ExperimentReport>,
}

/// How a report was made. All but the seed and the programs differs from run to run.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "Run")]
pub struct RunSummary {
    /// Fixes every random choice of the servers and of the path.
    pub seed: u64,
    /// When it began (RFC 3339).
    pub begun: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Whether all experiments were made.
    pub is_complete: bool,
    /// The system: kernel name and release.
    pub system: String,
    /// The path between client and server, in words.
    pub path: String,
    /// Which programs stood in for ours: the option, and the command.
    pub others_programs: Vec<(String, String)>,
    /// What is different from the handout's lab, in words: index of the first message, loss, …
    pub changes: Vec<String>,
}

/// Something that was found about a program.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
pub struct FindingReport {
    /// Its name, the same in each version: `crashed`, `wrong-command`.
    #[schemars(with = "String")]
    pub id: FindingId,
    /// `fault`, or `remark` for what the handout does not forbid.
    #[schemars(with = "String")]
    pub severity: Severity,
    /// The program: `part2`, `part4-sender`.
    pub program: String,
    /// The question that it stands in the way of: `Q10`; empty if there is none.
    pub question: String,
    /// What is wrong, in words.
    pub text: String,
    /// What to do about it.
    pub advice: String,
    /// What shows it. Always `experiment`, its name. Where they matter: `packets`, numbers in the capture of the experiment;
    /// `sent`, `shown`, `expected` and `complaint`, texts; `status`, `signal`, `seen` and `of`, numbers; `time`, with
    /// `secs` and `nanos`.
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    pub proof: Proof,
}

/// An answer to one question of the handout.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Answer {
    /// `Q1` to `Q28`.
    pub question: String,
    /// The part of the handout, 1 to 6.
    pub part: u8,
    /// What is asked, in our words.
    pub asks: String,
    /// The answers; several where a question has several.
    pub items: Vec<Item>,
    /// Why it is so.
    pub why: String,
    /// What was measured for it.
    pub measured: Vec<MeasuredValue>,
    /// The experiments it rests on, by name.
    pub experiments: Vec<String>,
    /// Why there is no answer, or none to a part of the question; `items` has the rest.
    pub missing: Option<String>,
}

impl Answer {
    /// Whether the question is answered, as a whole.
    pub fn is_answered(&self) -> bool {
        self.missing.is_none() && !self.items.is_empty()
    }
}

/// One answer, in a sentence or two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Item {
    /// Which of several: `A1.a`, `d = 0`, `TLS 1.2`; empty when it is the only one.
    pub label: String,
    /// The answer.
    pub text: String,
    /// Whether it may differ between two runs with the same seed: it has a time in it, or a number of calls.
    pub varies: bool,
}

/// A value that was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Measured")]
pub struct MeasuredValue {
    /// What it is.
    pub name: String,
    /// The value, as text.
    pub value: String,
    /// Whether it may differ between two runs with the same seed (times, ports, the scheduler's choices).
    pub varies: bool,
}

/// The reconciliation of one connection.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "Account")]
pub struct Reconciliation {
    /// The experiment.
    pub experiment: String,
    /// Who counted what.
    pub entries: Vec<ReconciliationEntry>,
    /// What must be equal, and whether it is.
    pub checks: Vec<Check>,
}

impl Reconciliation {
    /// Whether every check holds.
    pub fn balances(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
    }
}

/// The counts of one witness.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Entry")]
pub struct ReconciliationEntry {
    /// Who counted: `the PMU's program`, `the kernel at the server`, `the capture at the client`, …
    pub who: String,
    /// Calls of send or recv, where they are counted; may differ between runs.
    pub calls: Option<u64>,
    /// Segments or packets with payload.
    pub segments: Option<u64>,
    /// Payload bytes, each once.
    pub bytes: Option<u64>,
    /// What to know about the numbers: `the FIN counts as a byte`.
    pub note: String,
}

/// Two numbers that must agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// What is compared, in words.
    pub claim: String,
    /// The numbers: `181 + 1 = 182`.
    pub numbers: String,
    /// Whether it holds.
    pub holds: bool,
}

/// How an experiment ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was made.
    Done,
    /// Something stood in its way.
    Failed,
    /// It was left out, or interrupted.
    #[default]
    #[serde(rename = "not run")]
    NotRun,
}

/// As the page shows it.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::NotRun => "not run",
        })
    }
}

/// Something that was run.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "Experiment")]
pub struct ExperimentReport {
    /// Its name: `part2-short-0`.
    pub name: String,
    /// What it is, in a sentence.
    pub title: String,
    /// How it ended: `done`, `failed`, or `not run`.
    #[schemars(with = "String")]
    pub state: State,
    /// Why it failed.
    pub trouble: Option<String>,
    /// The programs, as they were called.
    pub commands: Vec<String>,
    /// Its capture, relative to the report.
    pub capture: Option<String>,
    /// What the programs showed, relative to the report.
    pub output: Option<String>,
    /// How long it took, in seconds; differs between runs.
    pub seconds: f64,
    /// Sequence diagrams and plots.
    #[serde(skip)]
    pub figures: Vec<Figure>,
}

/// A picture for the page.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// What it shows, in a sentence.
    pub caption: String,
    /// An SVG element with a `<title>` and a `<desc>`, to be shown as it is.
    pub svg: String,
    /// The same as text, for those who do not see it.
    pub text: String,
}
