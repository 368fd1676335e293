//! Runs the cases of a program: its experiments side by side, those that fail a second time.

mod pool;
mod speed;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use lab_packets::diagram::Diagram;
use lab_sandbox::confined::Confinement;
use lab_testbed::{
    Testbed,
    facts::{Experiment, Ports, RunFacts, Scenario},
    programs::{Other, ProgramRole, Programs},
    scenarios,
};

use crate::{
    cases::{Case, Variant},
    decide::{Decision, Seen},
    results::{CaseResult, FindingResult, Verdict},
    rules::{Edition, Rules},
    story,
};

pub use pool::Pool;
pub use speed::{SLOWNESS, slowness};

/// A program to be graded.
#[derive(Clone, Debug)]
pub struct Program {
    /// What it is for.
    pub role: ProgramRole,
    /// Its command, as a shell takes it.
    pub command: String,
    /// The folder in which it runs.
    pub folder: PathBuf,
    /// Other files and folders that it needs.
    pub needs: Vec<PathBuf>,
}

/// Where a grading is done.
#[derive(Clone, Debug)]
pub struct Workplace {
    /// The folder of our own programs.
    pub ours: PathBuf,
    /// The folder of the grading.
    pub out: PathBuf,
    /// The folder of this submission in it, relative.
    pub submission: PathBuf,
    /// What confines programs; `None` where this system confines none.
    pub confinement: Option<Confinement>,
    /// By what factor deadlines are longer than in the table of cases.
    pub slowness: f64,
}

/// The cases of a program, each with its result. `on_done` gets those of a run as soon as they are known.
pub fn program(
    program: &Program,
    workplace: &Workplace,
    rules: &Rules,
    pool: &Pool,
    on_done: &(dyn Fn(Vec<CaseResult>) + Sync),
) {
    if rules.cases(program.role).next().is_none() {
        return;
    }
    let programs = programs(program, workplace, rules);
    if rules.edition == Edition::Tried {
        let settings = Variant::Usual.settings(rules.seed);
        let testbed = Testbed::new(settings, programs.clone(), workplace.out.join(&workplace.submission));
        pool.work(|| scenarios::rehearse(&testbed));
    }
    let mut runs: BTreeMap<Variant, Vec<&'static Case>> = BTreeMap::new();
    for case in rules.cases(program.role) {
        runs.entry(case.variant).or_default().push(case);
    }
    std::thread::scope(|scope| {
        for (variant, cases) in runs {
            let run = Run { variant, cases, programs: programs.clone(), workplace, rules, pool };
            scope.spawn(move || on_done(run.grade()));
        }
    });
}

fn programs(program: &Program, workplace: &Workplace, rules: &Rules) -> Programs {
    let arguments = program.role.later_arguments().filter(|_| rules.edition == Edition::Later).map(str::to_owned);
    let other = Other { command: program.command.clone(), arguments };
    let programs = Programs::new(workplace.ours.clone(), [(program.role, other)], Ports::default())
        .in_folder(program.folder.clone())
        .of_strangers();
    match workplace.confinement.clone() {
        Some(confinement) => programs.confined(Confinement { shown: program.needs.clone(), ..confinement }),
        None => programs,
    }
}

/// The cases with one variant.
struct Run<'a> {
    variant: Variant,
    cases: Vec<&'static Case>,
    programs: Programs,
    workplace: &'a Workplace,
    rules: &'a Rules,
    pool: &'a Pool,
}

/// What was decided of a case, and where its files are.
struct Outcome {
    case: &'static Case,
    decision: Decision,
    experiment: Option<Experiment>,
    story: Vec<String>,
    folder: PathBuf,
}

impl Run<'_> {
    fn grade(&self) -> Vec<CaseResult> {
        let first = self.make(&self.cases, "");
        let failed: Vec<&'static Case> = first.iter().filter(|one| needs_another(one)).map(|one| one.case).collect();
        // A case that fails is run again before it counts: the machine may have been busy.
        let again = if failed.is_empty() { Vec::new() } else { self.make(&failed, "again") };
        let result = |outcome: Outcome| {
            let second = again.iter().find(|second| second.case.name == outcome.case.name);
            let has_changed = second.is_some_and(|second| second.decision.verdict.is_passed());
            result(&outcome, has_changed)
        };
        first.into_iter().map(result).collect()
    }

    /// Makes the experiments of some cases, and decides the cases.
    fn make(&self, cases: &[&'static Case], folder: &str) -> Vec<Outcome> {
        let mut settings = self.variant.settings(self.rules.seed);
        settings.deadlines =
            cases.iter().map(|case| (case.experiment, case.deadline.mul_f64(self.workplace.slowness))).collect();
        let name = self.cases.first().map_or("", |case| case.program.name());
        let folder = self.workplace.submission.join(name).join(self.variant.name()).join(folder);
        let testbed = Testbed::new(settings, self.programs.clone(), self.workplace.out.join(&folder));
        let wanted = Scenario::ALL.into_iter().filter(|wanted| cases.iter().any(|case| case.experiment == *wanted));
        std::thread::scope(|scope| {
            for experiment in wanted {
                let testbed = &testbed;
                scope.spawn(move || self.pool.work(|| scenarios::make(testbed, experiment)));
            }
        });
        let facts = testbed.facts();
        cases.iter().map(|case| self.decide(case, &facts, &folder)).collect()
    }

    fn decide(&self, case: &'static Case, facts: &RunFacts, folder: &Path) -> Outcome {
        let seen = Seen::new(case, facts);
        let decision = seen.decide(&self.rules.allowed);
        let story = match decision.verdict {
            Verdict::Passed => Vec::new(),
            _ => story::of(&seen, &self.workplace.out.join(folder)),
        };
        Outcome { case, decision, experiment: seen.experiment().cloned(), story, folder: folder.to_owned() }
    }
}

fn needs_another(outcome: &Outcome) -> bool {
    !outcome.decision.verdict.is_passed()
}

fn result(outcome: &Outcome, has_changed: bool) -> CaseResult {
    let Outcome { case, decision, experiment, story, folder } = outcome;
    let path = |name: String| folder.join(name).display().to_string();
    let has = |which: fn(&Experiment) -> bool| experiment.as_ref().is_some_and(which);
    let empty = CaseResult::of(case);
    CaseResult {
        verdict: if has_changed { Verdict::Passed } else { decision.verdict },
        is_unstable: has_changed,
        missing: decision.trouble.clone(),
        seconds: experiment.as_ref().map_or(0.0, |experiment| experiment.elapsed.as_secs_f64()),
        expected: decision.mismatch.as_ref().map(|mismatch| mismatch.expected.clone()),
        got: decision.mismatch.as_ref().map(|mismatch| mismatch.got.clone()),
        story: story.clone(),
        findings: decision.findings.iter().map(FindingResult::from).collect(),
        capture: has(|experiment| experiment.has_capture).then(|| path(case.experiment.capture())),
        output: has(|experiment| experiment.has_output).then(|| path(case.experiment.output())),
        diagrams: experiment.as_ref().filter(|_| !decision.verdict.is_passed()).map(drawn).unwrap_or_default(),
        ..empty
    }
}

/// The diagrams that are kept of a case (ours).
const MAX_DIAGRAMS: usize = 4;

fn drawn(experiment: &Experiment) -> Vec<Diagram> {
    experiment.diagrams.iter().take(MAX_DIAGRAMS).cloned().collect()
}
