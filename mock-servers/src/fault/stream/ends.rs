//! The same answer with another end.

use std::time::Duration;

use labnet::pmu::Step;

use super::Steps;

/// The end comes later than the last byte.
pub(super) fn slow_close(steps: Steps<'_>, duration: Duration) -> Steps<'_> {
    at_end(steps, vec![Step::Pause(duration), Step::Fin])
}

/// The end of this direction alone.
pub(super) fn half_close(steps: Steps<'_>, duration: Duration) -> Steps<'_> {
    at_end(steps, vec![Step::Fin, Step::Stall(duration)])
}

/// No word that this is the end.
pub(super) fn no_farewell(steps: Steps<'_>) -> Steps<'_> {
    at_end(steps, Vec::new())
}

fn at_end(steps: Steps<'_>, end: Vec<Step>) -> Steps<'_> {
    Box::new(steps.flat_map(move |step| if step == Step::Fin { end.clone() } else { vec![step] }))
}
