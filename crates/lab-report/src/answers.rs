//! The answers to Q1 to Q28, in words that follow from the evidence.
//!
//! A number in an answer was measured, and a yes or no was observed: where an experiment came out otherwise than the
//! handout lets one expect, the answer says what was seen and what that would mean. What differs from run to run
//! (times, ports, calls that the scheduler decides on) is a measured value marked so, and is never part of an answer.

use lab_testbed::facts::{Measurement, Measurements, Transfer};

use crate::sheet::{Answer, Item, Measured};

mod echo;
mod flood;
mod handshake;
mod part1;
mod part2;
mod part3;
mod part4;
mod part5;
mod part6;
mod sockets;
mod stream;
#[cfg(test)]
mod tests;

/// All 28 answers, in order; those without evidence say what is missing.
pub fn answers(evidence: &Measurements) -> Vec<Answer> {
    let parts = [part1::answers, part2::answers, part3::answers, part4::answers, part5::answers, part6::answers];
    parts.iter().flat_map(|part| part(evidence)).collect()
}

impl Answer {
    /// An answer with nothing in it yet.
    fn to(question: u8, asks: &str) -> Self {
        let part = match question {
            ..=9 => 1,
            10..=15 => 2,
            16..=17 => 3,
            18..=21 => 4,
            22..=24 => 5,
            _ => 6,
        };
        Self { question: format!("Q{question}"), part, asks: asks.to_owned(), ..Self::default() }
    }

    /// Rests the answer on an experiment, and yields what it found; notes what is missing when it found nothing.
    fn found<'a, T>(&mut self, finding: &'a Measurement<T>, experiment: &str, what: &str) -> Option<&'a T> {
        self.rest_on(experiment);
        match finding {
            Measurement::NotRun => self.lack(&format!("{what} was not run.")),
            Measurement::Failed(obstacle) => {
                self.lack(&format!("{what} failed: {}.", obstacle.to_string().trim_end_matches('.')));
            }
            Measurement::Measured(_) => {}
        }
        finding.measured()
    }

    /// As [`Answer::found`], with the transfer's own name for the experiment.
    fn transfer<'a>(
        &mut self,
        finding: &'a Measurement<Transfer>,
        otherwise: &str,
        what: &str,
    ) -> Option<&'a Transfer> {
        let name = finding.measured().map_or(otherwise, |transfer| transfer.experiment.as_str());
        self.found(finding, name, what)
    }

    fn rest_on(&mut self, experiment: &str) {
        if !experiment.is_empty() && !self.experiments.iter().any(|known| known == experiment) {
            self.experiments.push(experiment.to_owned());
        }
    }

    fn lack(&mut self, what: &str) {
        let missing = self.missing.get_or_insert_default();
        if !missing.contains(what) {
            missing.push_str(if missing.is_empty() { "" } else { " " });
            missing.push_str(what);
        }
    }

    fn item(&mut self, label: impl Into<String>, text: impl Into<String>) {
        self.items.push(Item { label: label.into(), text: text.into() });
    }

    /// Adds a sentence to the explanation.
    fn because(&mut self, sentence: impl AsRef<str>) {
        self.why.push_str(if self.why.is_empty() { "" } else { " " });
        self.why.push_str(sentence.as_ref());
    }

    /// A value that is the same in each run.
    fn measure(&mut self, name: impl Into<String>, value: impl ToString) {
        self.measured.push(Measured { name: name.into(), value: value.to_string(), varies: false });
    }

    /// A value that may differ in the next run.
    fn observe(&mut self, name: impl Into<String>, value: impl ToString) {
        self.measured.push(Measured { name: name.into(), value: value.to_string(), varies: true });
    }
}
