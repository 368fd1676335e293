//! When patience ends.

use std::time::{Duration, Instant};

/// When patience ends, if ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    /// Never.
    pub const NONE: Self = Self(None);

    /// That long from now; never, when that is beyond what the clock can say.
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now().checked_add(duration).map(|end| (end, duration)))
    }

    /// How long is left, zero when it has passed; `None` without a deadline.
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|(end, _)| end.saturating_duration_since(Instant::now()))
    }

    /// This, or that long from now, whichever is sooner.
    pub(super) fn or_after(self, duration: Option<Duration>) -> Self {
        match (duration.map(Self::after), self) {
            (None, this) => this,
            (Some(other), Self::NONE) => other,
            (Some(other), this) => {
                if other.remaining() < this.remaining() {
                    other
                } else {
                    this
                }
            }
        }
    }

    /// When that is; `None` is never.
    pub fn instant(self) -> Option<Instant> {
        self.0.map(|(end, _)| end)
    }

    /// How long was left in the beginning.
    pub(super) fn length(self) -> Option<Duration> {
        self.0.map(|(_, length)| length)
    }
}
