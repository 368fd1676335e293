//! Maps values to coordinates, with ticks at round numbers.

/// A scale from 0 to a round number at or above the greatest value.
pub(super) struct Scale {
    step: f64,
    steps: u32,
    /// The coordinates of 0 and of the end.
    span: (f64, f64),
}

impl Scale {
    /// A scale for values from 0 to `greatest`, with about `ticks` ticks. `span` has the coordinates of both ends.
    pub(super) fn new(greatest: f64, ticks: f64, span: (f64, f64)) -> Self {
        let greatest = if greatest.is_finite() && greatest > 0.0 { greatest } else { 1.0 };
        let rough = greatest / ticks;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= rough).unwrap_or(10.0) * power;
        // A little less: rounding must not add an empty step above a round number.
        let steps = (greatest / step - 1e-9).ceil().max(1.0) as u32;
        Self { step, steps, span }
    }

    /// A scale for counts: all ticks are whole numbers.
    pub(super) fn whole(greatest: u64, ticks: f64, span: (f64, f64)) -> Self {
        Self::new((greatest as f64).max(ticks), ticks, span)
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let (from, to) = self.span;
        from + (to - from) * value / (self.step * f64::from(self.steps))
    }

    pub(super) fn ticks(&self) -> impl Iterator<Item = f64> {
        (0..=self.steps).map(|tick| f64::from(tick) * self.step)
    }

    /// The number of decimals of the ticks.
    pub(super) fn digits(&self) -> usize {
        (-self.step.log10().floor()).max(0.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_greatest_value() {
        let check = |greatest, expected: &[f64]| {
            let ticks: Vec<_> = Scale::new(greatest, 4.0, (0.0, 1.0)).ticks().collect();
            assert_eq!(ticks.len(), expected.len(), "{greatest}: {ticks:?}");
            let are_near = ticks.iter().zip(expected).all(|(tick, expected)| (tick - expected).abs() < 1e-9);
            assert!(are_near, "{greatest}: {ticks:?}");
        };
        check(24.0, &[0.0, 10.0, 20.0, 30.0]);
        check(20.0, &[0.0, 5.0, 10.0, 15.0, 20.0]);
        check(0.03, &[0.0, 0.01, 0.02, 0.03]);
        check(0.0, &[0.0, 0.5, 1.0]);
        check(f64::NAN, &[0.0, 0.5, 1.0]);
        check(f64::INFINITY, &[0.0, 0.5, 1.0]);
    }

    #[test]
    fn counts_have_whole_ticks() {
        assert!(Scale::whole(1, 4.0, (0.0, 1.0)).ticks().all(|tick| tick.fract() == 0.0));
    }

    #[test]
    fn a_span_may_run_upwards() {
        let scale = Scale::new(10.0, 5.0, (200.0, 0.0));
        assert_eq!([scale.at(0.0), scale.at(5.0), scale.at(10.0)], [200.0, 100.0, 0.0]);
    }
}
