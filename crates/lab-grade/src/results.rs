//! The results as data. `--json` writes [`Grades`]; the journal has a [`CaseResult`] in a line.

use lab_diagnosis::{Finding, FindingId, Proof, Severity};
use lab_packets::diagram::Diagram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cases::Case;

/// The version of the JSON of [`Grades`].
pub const SCHEMA: u32 = 1;

/// The results of one or many submissions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grades {
    /// The version of the JSON: [`SCHEMA`].
    pub schema: u32,
    /// The seed that fixes every case.
    pub seed: u64,
    /// Each submission, by name.
    pub submissions: Vec<SubmissionResult>,
}

/// The results of one submission.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubmissionResult {
    /// Its name: `Lab3_123456_654321`, or the command line of a single program.
    pub name: String,
    /// The identities in its name.
    pub identities: Vec<String>,
    /// What stands out: a missing report, another name than the handout asks for, a duplicate.
    pub notes: Vec<String>,
    /// The points that it has, bonus included.
    pub score: u32,
    /// The points that it could have; those of the bonus are not among them.
    pub max_score: u32,
    /// Whether all its cases are there: one that was interrupted lacks some.
    pub is_complete: bool,
    /// Its cases, in the order of the table.
    pub cases: Vec<CaseResult>,
    /// What was found about its programs, as in the `answers.json` of lab-report; each once.
    pub findings: Vec<FindingResult>,
}

/// The result of one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseResult {
    /// The name of the case.
    pub name: String,
    /// The program: `part2`, `part4-sender`, …
    pub program: String,
    /// The question of the handout; empty if there is none.
    pub question: String,
    /// Why the case is there, in a sentence.
    pub reason: String,
    /// The points that it gives when it is passed.
    pub points: u32,
    /// Whether those are a bonus.
    pub is_bonus: bool,
    /// What became of it: `passed`, `failed`, `crashed`, `timed-out`, `could-not-start`, `skipped`, `grader-failed`.
    #[schemars(with = "String")]
    pub verdict: Verdict,
    /// Whether it failed once and passed when it was run again with the same seed.
    pub is_unstable: bool,
    /// What is missing, or why the grader failed; for those verdicts alone.
    pub missing: Option<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What was to be shown where the program showed something else; invisible characters are escaped.
    pub expected: Option<String>,
    /// What it showed there.
    pub got: Option<String>,
    /// What happened, step by step, when it was not passed.
    pub story: Vec<String>,
    /// What was found about the program in this case.
    pub findings: Vec<FindingResult>,
    /// The path of the capture, relative to the folder of the grading.
    pub capture: Option<String>,
    /// The path of what the programs printed.
    pub output: Option<String>,
    /// Sequence diagrams of what was not passed. The journal and the pages have them, the JSON has not.
    #[serde(skip)]
    pub diagrams: Vec<Diagram>,
}

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The program did what the handout asks for.
    Passed,
    /// It did something else.
    Failed,
    /// It ended with an error, or by a signal.
    Crashed,
    /// It had to be ended.
    TimedOut,
    /// It could not be started.
    CouldNotStart,
    /// The case was left out: the file, or what runs it, is missing.
    Skipped,
    /// The grader could not do its work; the program is not to blame.
    GraderFailed,
}

impl Verdict {
    /// In words: `timed out`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
            Self::TimedOut => "timed out",
            Self::CouldNotStart => "could not start",
            Self::Skipped => "skipped",
            Self::GraderFailed => "grader failed",
        }
    }

    /// Whether the program did what it should.
    pub fn is_passed(self) -> bool {
        self == Self::Passed
    }
}

/// A finding with its words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindingResult {
    /// What: `number-cut`.
    #[schemars(with = "String")]
    pub id: FindingId,
    /// `fault`, or `remark` for what the handout does not forbid.
    #[schemars(with = "String")]
    pub severity: Severity,
    /// About which program.
    pub program: String,
    /// What was found, and what shows it.
    pub text: String,
    /// What to do about it.
    pub advice: String,
    /// What shows it. Always `experiment`, its name. Where they matter: `packets`, numbers in the capture of the case;
    /// `sent`, `shown`, `expected` and `complaint`, texts; `status`, `signal`, `seen` and `of`, numbers; `time`, with
    /// `secs` and `nanos`.
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    pub proof: Proof,
}

impl From<&Finding> for FindingResult {
    fn from(finding: &Finding) -> Self {
        Self {
            id: finding.id,
            severity: finding.id.severity(),
            program: finding.program.name().to_owned(),
            text: finding.sentence(),
            advice: finding.id.diagnosis().advice.to_owned(),
            proof: finding.proof.clone(),
        }
    }
}

impl CaseResult {
    /// A case that has not been graded: it is skipped, for no reason yet.
    pub fn of(case: &Case) -> Self {
        Self {
            name: case.name.to_owned(),
            program: case.program.name().to_owned(),
            question: case.question.to_owned(),
            reason: case.reason.to_owned(),
            points: case.points,
            is_bonus: case.is_bonus(),
            verdict: Verdict::Skipped,
            is_unstable: false,
            missing: None,
            seconds: 0.0,
            expected: None,
            got: None,
            story: Vec::new(),
            findings: Vec::new(),
            capture: None,
            output: None,
            diagrams: Vec::new(),
        }
    }

    /// A case that cannot be run, and what is missing.
    pub fn skipped(case: &Case, missing: &str) -> Self {
        Self { missing: Some(missing.to_owned()), ..Self::of(case) }
    }

    /// The points that the program has for it.
    pub fn score(&self) -> u32 {
        if self.verdict.is_passed() { self.points } else { 0 }
    }
}

impl SubmissionResult {
    /// The points without those of the bonus.
    pub fn own_score(&self) -> u32 {
        self.score.saturating_sub(self.bonus())
    }

    /// The points of the bonus.
    pub fn bonus(&self) -> u32 {
        self.cases.iter().filter(|case| case.is_bonus).map(CaseResult::score).sum()
    }

    /// The points of the bonus that it could have.
    pub fn max_bonus(&self) -> u32 {
        self.cases.iter().filter(|case| case.is_bonus).map(|case| case.points).sum()
    }

    /// How many cases it passed.
    pub fn passed(&self) -> usize {
        self.cases.iter().filter(|case| case.verdict.is_passed()).count()
    }

    /// Adds up the points, and takes each finding once.
    pub fn sum_up(&mut self) {
        self.score = self.cases.iter().map(CaseResult::score).sum();
        self.max_score = self.cases.iter().filter(|case| !case.is_bonus).map(|case| case.points).sum();
        self.findings.clear();
        for finding in self.cases.iter().flat_map(|case| &case.findings) {
            let is_known = |known: &FindingResult| (known.id, &known.program) == (finding.id, &finding.program);
            if !self.findings.iter().any(is_known) {
                self.findings.push(finding.clone());
            }
        }
    }
}

impl Grades {
    /// The cases of all submissions.
    pub fn cases(&self) -> impl Iterator<Item = &CaseResult> {
        self.submissions.iter().flat_map(|submission| &submission.cases)
    }

    /// The exit status: 0 when every case was passed, 2 when the grader failed, else 1.
    pub fn status(&self) -> u8 {
        let has = |verdict| self.cases().any(|case| case.verdict == verdict);
        let is_whole = self.submissions.iter().all(|submission| submission.is_complete);
        if has(Verdict::GraderFailed) || !is_whole {
            2
        } else {
            u8::from(!self.cases().all(|case| case.verdict.is_passed()) || self.cases().next().is_none())
        }
    }
}
