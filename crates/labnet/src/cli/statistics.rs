//! The statistics of all commands of a program, until they are printed.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Diagnostics,
    stats::{Record, Stats},
};

/// Keeps what `--stats` prints at the end of the program: a JSON object for each command.
#[derive(Clone, Default)]
pub struct Statistics(Arc<Mutex<Vec<Arc<dyn Record>>>>);

impl fmt::Debug for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Statistics")
    }
}

impl Statistics {
    /// Begins those of one command, which are printed if they are `wanted`.
    pub fn begin<T: serde::Serialize + Send + 'static>(&self, wanted: bool, initial: T) -> Stats<T> {
        let stats = Stats::new(initial, wanted);
        if wanted {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(stats.record());
        }
        stats
    }

    /// Prints each once. Whoever comes second waits here until all are out, and may then end the process.
    pub(super) fn print(&self, diagnostics: &Diagnostics) {
        for record in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            diagnostics.line(record.json());
        }
    }
}
