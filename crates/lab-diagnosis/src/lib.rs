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
    let rules =
        [program::diagnose, part2::diagnose, part3::diagnose, part4::diagnose, part5::diagnose, part6::diagnose];
    let all: Vec<Finding> = rules.iter().flat_map(|rules| rules(facts)).collect();
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

/// The place of the experiment of a finding in the handout.
fn position(finding: &Finding) -> Option<usize> {
    Scenario::ALL.iter().position(|scenario| *scenario == finding.proof.experiment)
}
