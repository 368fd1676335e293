//! What the person that grades decides: the seed, the edition, what costs nothing.

use lab_diagnosis::{DIAGNOSES, FindingId};

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
}

/// The finding with a name.
///
/// # Errors
/// A sentence that names some that exist.
pub fn finding(name: &str) -> Result<FindingId, String> {
    let known = DIAGNOSES.iter().map(|row| row.id).find(|id| id.name() == name);
    known.ok_or_else(|| format!("there is no finding '{name}'; there are prefix, extra-lines, number-cut and others"))
}
