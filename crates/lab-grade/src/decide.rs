//! What became of a case: the findings decide first, then what has to hold besides.
//!
//! A finding names what is wrong; a program may also be wrong in a way that no finding names. So each case has a
//! predicate over the facts as well.

pub mod client;
pub mod part1;
pub mod part3;
pub mod part4;
pub mod part6;

use lab_diagnosis::{Finding, FindingId, Severity};
use lab_testbed::{
    ExperimentFailure,
    facts::{Experiment, ProgramRun, RunFacts, Status},
};

use crate::{cases::Case, excerpt, results::Verdict};

/// What has to hold in a case besides that nothing was found.
pub type Decide = fn(&Seen<'_>) -> Result<(), Mismatch>;

/// What was expected and what came; invisible characters are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl Mismatch {
    /// Both as text of ours.
    pub(crate) fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { expected: expected.into(), got: got.into() }
    }
}

impl From<(String, String)> for Mismatch {
    fn from((expected, got): (String, String)) -> Self {
        Self { expected, got }
    }
}

/// The facts of a case, and what was found.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The case.
    pub case: &'a Case,
    /// The facts of its run.
    pub facts: &'a RunFacts,
    /// The findings about its program in its experiment.
    pub findings: Vec<Finding>,
}

/// The outcome of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// What was expected and what came, where the program showed something else.
    pub mismatch: Option<Mismatch>,
    /// The findings that count.
    pub findings: Vec<Finding>,
    /// Why the grader failed.
    pub trouble: Option<String>,
}

impl<'a> Seen<'a> {
    /// The facts of a case.
    pub fn new(case: &'a Case, facts: &'a RunFacts) -> Self {
        let findings = lab_diagnosis::of_experiment(facts, case.experiment);
        Self { case, facts, findings: findings.into_iter().filter(|finding| finding.program == case.program).collect() }
    }

    /// The experiment.
    pub fn experiment(&self) -> Option<&'a Experiment> {
        self.facts.experiments.iter().find(|experiment| experiment.scenario == self.case.experiment)
    }

    /// The first run of the program.
    pub fn program(&self) -> Option<&'a ProgramRun> {
        let programs = self.experiment()?.programs.iter().filter(|run| run.role == self.case.program);
        programs.min_by_key(|run| run.begun)
    }

    /// Whether something was found.
    pub fn has(&self, id: FindingId) -> bool {
        self.findings.iter().any(|finding| finding.id == id)
    }

    /// Decides; a fault of the kinds `allowed` costs nothing.
    pub fn decide(&self, allowed: &[FindingId]) -> Decision {
        let findings: Vec<Finding> =
            self.findings.iter().filter(|finding| self.case.about.has(finding.id)).cloned().collect();
        let is_fault = |finding: &&Finding| finding.id.severity() == Severity::Fault;
        let counts = |finding: &&Finding| is_fault(finding) && !allowed.contains(&finding.id);
        let fault = findings.iter().find(counts).map(|finding| finding.id);
        let is_excused = findings.iter().any(|finding| is_fault(&finding) && !counts(&finding));
        let decision = |verdict| Decision { verdict, mismatch: None, findings: findings.clone(), trouble: None };
        let mismatch = || (self.case.decide)(self).err();
        match self.facts.measured.status(self.case.experiment) {
            Status::NotRun => {
                Decision { trouble: Some("the experiment was not run".to_owned()), ..decision(Verdict::GraderFailed) }
            }
            Status::Failed(ExperimentFailure::System { reason }) => {
                Decision { trouble: Some(reason.clone()), ..decision(Verdict::GraderFailed) }
            }
            Status::Failed(failure) => {
                let verdict = fault.map_or_else(|| of_failure(failure), verdict_of);
                // What is allowed may be why the experiment failed, but never that it came about.
                let got = excerpt::shortened(&failure.to_string());
                Decision { mismatch: Some(Mismatch::new("the exchange of the handout", got)), ..decision(verdict) }
            }
            Status::Done => match fault {
                Some(id) => Decision { mismatch: mismatch(), ..decision(verdict_of(id)) },
                None if is_excused => decision(Verdict::Passed),
                None => match mismatch() {
                    None => decision(Verdict::Passed),
                    mismatch => Decision { mismatch, ..decision(Verdict::Failed) },
                },
            },
        }
    }
}

fn verdict_of(id: FindingId) -> Verdict {
    match id {
        FindingId::CouldNotStart => Verdict::CouldNotStart,
        FindingId::Crashed | FindingId::Killed => Verdict::Crashed,
        FindingId::NeverEnded => Verdict::TimedOut,
        _ => Verdict::Failed,
    }
}

fn of_failure(failure: &ExperimentFailure) -> Verdict {
    match failure {
        ExperimentFailure::NotStarted { .. } => Verdict::CouldNotStart,
        ExperimentFailure::Deadline { .. } => Verdict::TimedOut,
        ExperimentFailure::Ended { .. } => Verdict::Crashed,
        _ => Verdict::Failed,
    }
}
