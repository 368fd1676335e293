//! Another end after so many bytes, or where the answer ends if that is sooner.

use std::{iter, time::Duration};

use labnet::pmu::Step;

use super::{Steps, slice::MOMENT};

/// A reset, a moment after the last byte: it would destroy what has not left yet.
pub(super) fn reset(steps: Steps<'_>, len: u64) -> Steps<'_> {
    end_after(steps, len, vec![Step::Pause(MOMENT), Step::Reset])
}

/// No further word.
pub(super) fn truncate(steps: Steps<'_>, len: u64) -> Steps<'_> {
    end_after(steps, len, Vec::new())
}

/// No end, as long as the longest pause of a command.
pub(super) fn stall(steps: Steps<'_>, len: u64) -> Steps<'_> {
    end_after(steps, len, vec![Step::Stall(Duration::from_secs(3600))])
}

fn end_after(mut steps: Steps<'_>, len: u64, end: Vec<Step>) -> Steps<'_> {
    let mut left = len;
    let mut end = end.into_iter();
    let mut has_ended = false;
    Box::new(iter::from_fn(move || {
        if left > 0 && !has_ended {
            match steps.next() {
                Some(Step::Bytes(bytes)) => {
                    let kept = usize::try_from(left).ok().and_then(|left| bytes.get(..left)).map(Into::into);
                    let kept = kept.unwrap_or(bytes);
                    left -= kept.len() as u64;
                    return Some(Step::Bytes(kept));
                }
                Some(step @ (Step::Pause(_) | Step::Stall(_))) => return Some(step),
                Some(Step::Fin | Step::Reset) | None => has_ended = true,
            }
        }
        end.next()
    }))
}
