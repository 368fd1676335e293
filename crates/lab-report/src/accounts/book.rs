//! Entries and checks, as they are written down.

use crate::{
    sheet::{Account, Check, Entry},
    words::{number, sum},
};

/// A book that is being kept.
#[derive(Debug, Default)]
pub(super) struct Book {
    account: Account,
}

impl Book {
    pub(super) fn entry(
        &mut self,
        who: &str,
        calls: Option<u64>,
        segments: Option<u64>,
        bytes: Option<u64>,
        note: impl Into<String>,
    ) {
        self.account.entries.push(Entry { who: who.to_owned(), calls, segments, bytes, note: note.into() });
    }

    pub(super) fn check(&mut self, claim: impl Into<String>, numbers: impl Into<String>, holds: bool) {
        self.account.checks.push(Check { claim: claim.into(), numbers: numbers.into(), holds });
    }

    /// That the terms add up to what was counted.
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

    pub(super) fn close(mut self, experiment: &str) -> Account {
        self.account.experiment = experiment.to_owned();
        self.account
    }
}
