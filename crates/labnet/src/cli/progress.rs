//! How far a long program is, for whoever watches a terminal.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on stderr, while it is shown and if that is a terminal; output goes past it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<Option<ProgressBar>>>);

impl Progress {
    /// Shows a bar of so many steps; none for a single step.
    pub fn begin(&self, steps: u64) {
        if steps > 1 {
            let bar = ProgressBar::new(steps);
            if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len}, {eta} to go") {
                bar.set_style(style);
            }
            *self.bar() = Some(bar);
        }
    }

    /// One more step is done.
    pub fn advance(&self) {
        if let Some(bar) = &*self.bar() {
            bar.inc(1);
        }
    }

    /// Leaves no bar behind.
    pub fn end(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    /// Writes something without the bar in the way.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &*self.bar() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
