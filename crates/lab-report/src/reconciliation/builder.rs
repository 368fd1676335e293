//! Builds a reconciliation from entries and checks.

use crate::{
    formatting::{number, sum},
    sheet::{Check, Reconciliation, ReconciliationEntry},
};

/// An unfinished reconciliation.
#[derive(Debug, Default)]
pub(super) struct ReconciliationBuilder {
    reconciliation: Reconciliation,
}

impl ReconciliationBuilder {
    /// Adds the counts of one witness.
    pub(super) fn entry(
        &mut self,
        who: &str,
        calls: Option<u64>,
        segments: Option<u64>,
        bytes: Option<u64>,
        note: impl Into<String>,
    ) {
        self.reconciliation.entries.push(ReconciliationEntry {
            who: who.to_owned(),
            calls,
            segments,
            bytes,
            note: note.into(),
        });
    }

    /// Adds a check.
    pub(super) fn check(&mut self, claim: impl Into<String>, numbers: impl Into<String>, holds: bool) {
        self.reconciliation.checks.push(Check { claim: claim.into(), numbers: numbers.into(), holds });
    }

    /// Adds a check that the sum of the terms equals a count.
    pub(super) fn equal(&mut self, claim: impl Into<String>, terms: &[u64], counted: u64) {
        let total = terms.iter().fold(0, |total: u64, &term| total.saturating_add(term));
        let left = if terms.is_empty() { "0".to_owned() } else { sum(terms) };
        let numbers = if total == counted {
            format!("{left} = {}", number(counted))
        } else {
            let many = if counted > total { "too many" } else { "too few" };
            format!(
                "{left} = {}, but {} were counted: {} {many}",
                number(total),
                number(counted),
                number(total.abs_diff(counted))
            )
        };
        self.check(claim, numbers, total == counted);
    }

    /// The reconciliation of this experiment.
    pub(super) fn finish(mut self, experiment: &str) -> Reconciliation {
        self.reconciliation.experiment = experiment.to_owned();
        self.reconciliation
    }
}
