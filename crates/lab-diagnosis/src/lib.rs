//! What is wrong with a program, from the facts of a run.
//!
//! ```text
//! facts ─► display, program, part2 … part6 ─► findings ─► table: words for a student
//!          no wording                         types
//! ```
//!
//! A finding names what was seen, with its proof: packets, bytes, the exit status. It is made only where the facts rule out
//! the other causes. A right program has no findings.

mod consequences;
mod display;
mod finding;
mod part2;
mod program;
mod table;
#[cfg(test)]
mod tests;

use consequences::consequences;
use lab_testbed::facts::RunFacts;

pub use display::{Display, Message, Sent, TextDisplay};
pub use finding::{Finding, FindingId, Proof, Severity};
pub use table::{DIAGNOSES, Diagnosis};

/// The findings about all programs of a run, in the order of the handout; each once for a program.
///
/// What only follows from another finding of the same experiment is left out: a program that dies of a refused port has
/// also crashed, and has shown nothing.
pub fn diagnose(facts: &RunFacts) -> Vec<Finding> {
    let all: Vec<Finding> = [program::diagnose, part2::diagnose].iter().flat_map(|rules| rules(facts)).collect();
    let follows = |finding: &Finding| {
        all.iter().any(|cause| {
            let is_same = cause.program == finding.program && cause.proof.experiment == finding.proof.experiment;
            is_same && consequences(cause.id).contains(&finding.id)
        })
    };
    let mut findings: Vec<Finding> = Vec::new();
    for finding in all.iter().filter(|finding| !follows(finding)) {
        if !findings.iter().any(|known| (known.id, known.program) == (finding.id, finding.program)) {
            findings.push(finding.clone());
        }
    }
    findings.sort_by_key(|finding| (finding.program, finding.id));
    findings
}
