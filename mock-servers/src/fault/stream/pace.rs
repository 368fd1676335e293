//! The same sends at other times.

use std::{iter, time::Duration};

use labnet::pmu::Step;

use super::{Steps, slice::slice};

/// How many times a second a limited bandwidth sends (ours), if it has bytes enough.
const SENDS_A_SECOND: u64 = 50;

/// The whole answer later.
pub(super) fn delay(steps: Steps<'_>, duration: Duration) -> Steps<'_> {
    Box::new(iter::once(Step::Pause(duration)).chain(steps))
}

/// So many bytes a second at most.
pub(super) fn bandwidth(steps: Steps<'_>, rate: u64) -> Steps<'_> {
    let rate = rate.max(1);
    let len = (rate / SENDS_A_SECOND).max(1);
    slice(steps, usize::try_from(len).unwrap_or(usize::MAX), Duration::from_secs_f64(len as f64 / rate as f64))
}

/// A pause between two sends.
pub(super) fn pauses(steps: Steps<'_>, duration: Duration) -> Steps<'_> {
    let mut is_behind_bytes = false;
    Box::new(steps.flat_map(move |step| {
        let is_bytes = step.bytes().is_some();
        let is_between = std::mem::replace(&mut is_behind_bytes, is_bytes) && is_bytes;
        is_between.then_some(Step::Pause(duration)).into_iter().chain([step])
    }))
}
