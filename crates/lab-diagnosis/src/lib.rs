//! What is wrong with a program, from the facts of a run.
//!
//! ```text
//! facts ─► display, program, part2 … part6 ─► findings ─► table: words for a student
//!          no wording                         types
//! ```
//!
//! A finding names what was seen, with its proof: packets, bytes, the exit status. It is made only where the facts rule out
//! the other causes. A right program has no findings.

mod client;
mod consequences;
mod display;
mod finding;
mod part2;
mod part3;
mod part4;
mod part5;
mod part6;
mod program;
mod table;
#[cfg(test)]
mod tests;
pub mod words;

use consequences::{WRONG_CUTS, consequences};
use lab_testbed::facts::{RunFacts, Scenario};

pub use display::{Display, Message, TextDisplay};
pub use finding::{Finding, FindingId, Proof, Severity};
pub use table::{DIAGNOSES, Diagnosis};

/// The findings about all programs of a run, in the order of the handout; each once for a program, with its first proof.
pub fn diagnose(facts: &RunFacts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for finding in observe(facts) {
        if !findings.iter().any(|known| (known.id, known.program) == (finding.id, finding.program)) {
            findings.push(finding);
        }
    }
    findings.sort_by_key(|finding| (finding.program, finding.id));
    findings
}

/// The findings of each experiment.
///
/// What only follows from another finding of the same experiment is left out: a program that dies of a refused port has
/// also crashed, and has shown nothing.
pub fn observe(facts: &RunFacts) -> Vec<Finding> {
    let all = all(facts);
    let follows = |finding: &Finding| {
        all.iter().filter(|cause| cause.program == finding.program).any(|cause| {
            if cause.proof.experiment == finding.proof.experiment {
                consequences(cause.id).contains(&finding.id)
            } else {
                // A program that takes each recv() for a message shows that in another way in each experiment.
                let is_earlier = position(cause) < position(finding);
                is_earlier && [cause, finding].iter().all(|finding| WRONG_CUTS.contains(&finding.id))
            }
        })
    };
    all.iter().filter(|finding| !follows(finding)).cloned().collect()
}

/// The findings of one experiment, as it is by itself: what follows from a finding of the same experiment is left out, what
/// an earlier experiment shows as well is not.
pub fn of_experiment(facts: &RunFacts, experiment: Scenario) -> Vec<Finding> {
    let all: Vec<Finding> = all(facts).into_iter().filter(|finding| finding.proof.experiment == experiment).collect();
    let follows = |finding: &Finding| {
        let causes = all.iter().filter(|cause| cause.program == finding.program);
        causes.flat_map(|cause| consequences(cause.id)).any(|id| *id == finding.id)
    };
    all.iter().filter(|finding| !follows(finding)).cloned().collect()
}

fn all(facts: &RunFacts) -> Vec<Finding> {
    let rules =
        [program::diagnose, part2::diagnose, part3::diagnose, part4::diagnose, part5::diagnose, part6::diagnose];
    rules.iter().flat_map(|rules| rules(facts)).collect()
}

/// The place of the experiment of a finding in the handout.
fn position(finding: &Finding) -> Option<usize> {
    Scenario::ALL.iter().position(|scenario| *scenario == finding.proof.experiment)
}
