//! The parts of a stream that were captured.

use std::collections::BTreeMap;

/// The maximum number of intervals (ours): a receive window holds at most some thousand segments.
const MAX_INTERVALS: usize = 4096;

/// Intervals of positions in a stream, none of which touch.
#[derive(Clone, Debug, Default)]
pub(super) struct Coverage {
    /// From start to end.
    intervals: BTreeMap<i64, i64>,
    /// Whether a gap was forgotten because of the maximum.
    pub(super) is_estimate: bool,
}

impl Coverage {
    /// Adds the positions from `start` to before `end`. Returns the number of new ones.
    pub(super) fn add(&mut self, start: i64, end: i64) -> u64 {
        if start >= end {
            return 0;
        }
        let (mut whole_start, mut whole_end, mut seen) = (start, end, 0);
        if let Some(mut entry) = self.intervals.last_entry()
            && *entry.key() <= start
            && *entry.get() >= start
        {
            // The usual case: the stream continues.
            let last = entry.get_mut();
            seen = (*last).min(end) - start;
            *last = (*last).max(end);
            return (end - start - seen).cast_unsigned();
        }
        if let Some((&before, &before_end)) = self.intervals.range(..start).next_back()
            && before_end >= start
        {
            seen += before_end.min(end) - start;
            (whole_start, whole_end) = (before, before_end.max(end));
        }
        while let Some((&next, &next_end)) = self.intervals.range(start..=end).next() {
            seen += next_end.min(end) - next;
            whole_end = whole_end.max(next_end);
            self.intervals.remove(&next);
        }
        self.intervals.insert(whole_start, whole_end);
        if self.intervals.len() > MAX_INTERVALS {
            self.forget_a_gap();
        }
        (end - start - seen).cast_unsigned()
    }

    /// Whether there is one interval, from `start` to before `end`.
    pub(super) fn is_exactly(&self, start: i64, end: i64) -> bool {
        !self.is_estimate && self.intervals.len() == 1 && self.intervals.get(&start) == Some(&end)
    }

    /// The first position.
    pub(super) fn start(&self) -> Option<i64> {
        self.intervals.first_key_value().map(|(start, _)| *start)
    }

    /// The position behind the last one.
    pub(super) fn end(&self) -> Option<i64> {
        self.intervals.last_key_value().map(|(_, end)| *end)
    }

    /// Forgets the first gap.
    fn forget_a_gap(&mut self) {
        if let (Some((start, _)), Some((_, end))) = (self.intervals.pop_first(), self.intervals.pop_first()) {
            self.intervals.insert(start, end);
        }
        self.is_estimate = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(adds: &[(i64, i64, u64)], expected: &[(i64, i64)]) {
        let mut coverage = Coverage::default();
        for &(start, end, new) in adds {
            assert_eq!(coverage.add(start, end), new, "{start}..{end} of {adds:?}");
        }
        let found: Vec<_> = coverage.intervals.into_iter().collect();
        assert_eq!(found, expected, "{adds:?}");
    }

    #[test]
    fn each_position_is_new_once() {
        check(&[(0, 10, 10), (10, 20, 10), (5, 15, 0), (15, 25, 5)], &[(0, 25)]);
        check(&[(10, 20, 10), (0, 5, 5), (5, 10, 5), (0, 20, 0)], &[(0, 20)]);
        check(&[(0, 2, 2), (4, 6, 2), (8, 10, 2), (1, 9, 4)], &[(0, 10)]);
        check(&[(-5, 0, 5), (3, 3, 0), (4, 3, 0), (1, 2, 1)], &[(-5, 0), (1, 2)]);
        check(&[(4, 6, 2), (0, 10, 8), (20, 30, 10), (9, 21, 10)], &[(0, 30)]);
    }

    #[test]
    fn it_agrees_with_a_set_of_positions() {
        let (mut seed, mut coverage, mut set) = (1_u64, Coverage::default(), std::collections::BTreeSet::new());
        for _ in 0..5000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let start = (seed >> 40) as i64 % 1000;
            let end = start + (seed >> 33) as i64 % 20;
            let new = (start..end).filter(|position| set.insert(*position)).count() as u64;
            assert_eq!(coverage.add(start, end), new);
            if set.len() > 900 {
                (coverage, set) = Default::default();
            }
        }
    }

    #[test]
    fn gaps_without_end_are_forgotten() {
        let mut coverage = Coverage::default();
        for position in 0..100_000 {
            coverage.add(2 * position, 2 * position + 1);
        }
        assert_eq!((coverage.intervals.len(), coverage.is_estimate), (MAX_INTERVALS, true));
    }
}
