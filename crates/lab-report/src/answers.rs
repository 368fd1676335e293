//! The answers to Q1 to Q28, in words that follow from the measurements.
//!
//! Every number in an answer was measured, and every yes or no was observed. If the result of an experiment differs from
//! the handout's, the answer says what was measured, and what it means. Values that differ between runs (times, ports,
//! numbers of calls) are marked so, among the measured values and where they are an answer.

use lab_testbed::facts::{Measurement, Measurements, Transfer};

use crate::sheet::{Answer, Item, MeasuredValue};

mod echo;
mod flood;
mod handshake;
mod nagle;
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

/// All 28 answers, in order; those without measurements say what is missing.
pub fn answers(measurements: &Measurements) -> Vec<Answer> {
    let parts = [part1::answers, part2::answers, part3::answers, part4::answers, part5::answers, part6::answers];
    parts.iter().flat_map(|part| part(measurements)).collect()
}

impl Answer {
    /// An empty answer.
    fn new(question: u8, asks: &str) -> Self {
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

    /// Cites an experiment and returns its facts; without facts, notes what is missing.
    fn require<'a, T>(&mut self, measurement: &'a Measurement<T>, experiment: &str, what: &str) -> Option<&'a T> {
        self.cite(experiment);
        match measurement {
            Measurement::NotRun => self.add_missing(&format!("{what} was not run.")),
            Measurement::Failed(failure) => {
                self.add_missing(&format!("{what} failed: {}.", failure.to_string().trim_end_matches('.')));
            }
            Measurement::Measured(_) => {}
        }
        measurement.measured()
    }

    /// As [`Answer::require`]; the experiment's name is that of the transfer, or else `otherwise`.
    fn require_transfer<'a>(
        &mut self,
        measurement: &'a Measurement<Transfer>,
        otherwise: &str,
        what: &str,
    ) -> Option<&'a Transfer> {
        let name = measurement.measured().map_or(otherwise, |transfer| transfer.experiment.as_str());
        self.require(measurement, name, what)
    }

    /// Adds an experiment to those of the answer, once.
    fn cite(&mut self, experiment: &str) {
        if !experiment.is_empty() && !self.experiments.iter().any(|known| known == experiment) {
            self.experiments.push(experiment.to_owned());
        }
    }

    /// Adds a sentence on what is missing, once.
    fn add_missing(&mut self, what: &str) {
        let missing = self.missing.get_or_insert_default();
        if !missing.contains(what) {
            missing.push_str(if missing.is_empty() { "" } else { " " });
            missing.push_str(what);
        }
    }

    /// Adds one of several answers.
    fn item(&mut self, label: impl Into<String>, text: impl Into<String>) {
        self.items.push(Item { label: label.into(), text: text.into(), varies: false });
    }

    /// Adds one of several answers that may be another one in the next run.
    fn varying_item(&mut self, label: impl Into<String>, text: impl Into<String>) {
        self.items.push(Item { label: label.into(), text: text.into(), varies: true });
    }

    /// Adds a sentence to the explanation.
    fn explain(&mut self, sentence: impl AsRef<str>) {
        self.why.push_str(if self.why.is_empty() { "" } else { " " });
        self.why.push_str(sentence.as_ref());
    }

    /// Adds a measured value that is the same in each run.
    fn measure(&mut self, name: impl Into<String>, value: impl ToString) {
        self.measured.push(MeasuredValue { name: name.into(), value: value.to_string(), varies: false });
    }

    /// Adds a measured value that may differ in the next run.
    fn observe(&mut self, name: impl Into<String>, value: impl ToString) {
        self.measured.push(MeasuredValue { name: name.into(), value: value.to_string(), varies: true });
    }
}
