//! How far a long program is, for whoever watches a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on stderr, if that is a terminal.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(steps: u64) -> Self {
        let bar = if steps > 1 { ProgressBar::new(steps) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len}, {eta} to go") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// One more step is done; `show` writes its result without the bar in the way.
    pub fn advance<T>(&self, show: impl FnOnce() -> T) -> T {
        let shown = self.0.suspend(show);
        self.0.inc(1);
        shown
    }
}

/// Leaves no bar behind.
impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
