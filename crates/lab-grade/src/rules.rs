//! What the person that grades decides: the seed, the edition, what costs nothing.

use lab_diagnosis::{DIAGNOSES, FindingId};
use lab_testbed::programs::ProgramRole;

use crate::cases::{self, Case};

/// The order of the programs' arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edition {
    /// Found out by trying.
    #[default]
    Tried,
    /// The handout's: `CMD_short:0`.
    Handout,
    /// A later one: `HOST PORT CMD_short:0`.
    Later,
}

/// The rules of a grading.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Fixes every random choice of servers and path.
    pub seed: u64,
    /// The order of the programs' arguments.
    pub edition: Edition,
    /// Faults that cost nothing here. Remarks never do.
    pub allowed: Vec<FindingId>,
    /// The beginnings of the names of the cases that are graded; all if empty.
    pub only: Vec<String>,
}

impl Rules {
    /// The cases of a program that are graded.
    pub fn cases(&self, program: ProgramRole) -> impl Iterator<Item = &'static Case> {
        let is_wanted = |case: &&Case| self.only.is_empty() || self.only.iter().any(|only| case.name.starts_with(only));
        cases::of_program(program).filter(is_wanted)
    }
}

/// The finding with a name.
///
/// # Errors
/// A sentence that names some that exist.
pub fn finding(name: &str) -> Result<FindingId, String> {
    let known = DIAGNOSES.iter().map(|row| row.id).find(|id| id.name() == name);
    known.ok_or_else(|| format!("there is no finding '{name}'; there are prefix, extra-lines, number-cut and others"))
}
