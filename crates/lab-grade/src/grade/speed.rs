//! How slow this machine is: deadlines are longer on a slow one, so that a program has the same verdict.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use lab_process::Program;

/// So many starts of a program are measured, one after the other (ours).
const STARTS: u32 = 30;

/// How long a start may take on a machine for which the deadlines of the cases are made (ours).
const REFERENCE: Duration = Duration::from_millis(8);

/// The range of the factor: nothing is shorter than in the table, and no program waits forever (ours).
pub const SLOWNESS: std::ops::RangeInclusive<f64> = 1.0..=4.0;

/// By what factor deadlines are longer here: how long our own programs take to start and to end, against a reference. `ours`
/// is their folder. Takes at most a second or so.
pub fn slowness(ours: &Path) -> f64 {
    let longest = REFERENCE.mul_f64(*SLOWNESS.end()) * STARTS;
    let begun = Instant::now();
    for _ in 0..STARTS {
        let left = longest.saturating_sub(begun.elapsed());
        let outcome = Program::start(ours.join("part2-pdc"), &["--version"]).map(|mut program| program.conclude(left));
        // A program that is missing is told of by the cases.
        if outcome.is_err() {
            return *SLOWNESS.start();
        }
    }
    factor(begun.elapsed())
}

/// The factor for all starts together.
fn factor(took: Duration) -> f64 {
    (took.as_secs_f64() / (REFERENCE * STARTS).as_secs_f64()).clamp(*SLOWNESS.start(), *SLOWNESS.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_machine_has_longer_deadlines_within_bounds_and_a_fast_one_those_of_the_table() {
        let of = |part: f64| factor((REFERENCE * STARTS).mul_f64(part));
        assert_eq!([of(0.1), of(1.0), of(2.5), of(100.0)], [1.0, 1.0, 2.5, 4.0]);
    }
}
