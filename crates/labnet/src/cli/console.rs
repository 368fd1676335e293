//! What a part is handed by the program around it.

use std::fmt;

use super::{Diagnostics, Output, Shutdown, Statistics, Waiting, progress::Progress};

/// Where a program writes, what it counts, and how it ends. Clones share it, as clones of each of its parts do: threads
/// and the signal handler take what they need.
#[derive(Clone, Debug)]
pub struct Console {
    /// The answer, on stdout.
    pub out: Output,
    /// All else, on stderr.
    pub err: Diagnostics,
    /// What Ctrl-C does.
    pub shutdown: Shutdown,
    /// What the program waits for.
    pub waiting: Waiting,
    /// What `--stats` prints at the very end.
    pub statistics: Statistics,
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

impl Console {
    /// The console of this process.
    pub fn new() -> Self {
        let progress = Progress::default();
        let err = Diagnostics::new(progress.clone());
        Self {
            out: Output::new(progress),
            waiting: Waiting::new(err.clone()),
            err,
            shutdown: Shutdown::default(),
            statistics: Statistics::default(),
        }
    }

    /// Announces a server: from now on Ctrl-C is its normal end.
    pub fn serve(&self, announcement: impl fmt::Display) {
        self.shutdown.make_normal();
        self.err.note(announcement);
    }
}
