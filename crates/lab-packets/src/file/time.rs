//! Timestamps of a file: a number of units since the epoch (section 4.2, `if_tsresol` and `if_tsoffset`).

use std::time::Duration;

const NANOS: u128 = 1_000_000_000;

/// The unit and the offset of the timestamps of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimestampUnits {
    /// Units per second, at least 1; `None` above 2^128, when every time rounds down to 0.
    units: Option<u128>,
    /// The offset of each timestamp, in seconds.
    offset: i64,
}

impl TimestampUnits {
    /// From the value of `if_tsresol`: the most significant bit selects a power of 10 or of 2, the others are its
    /// negative exponent.
    pub(super) fn new(resolution: u8, offset: i64) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        let base: u128 = if resolution & 0x80 == 0 { 10 } else { 2 };
        Self { units: base.checked_pow(exponent), offset }
    }

    /// The time since the Unix epoch; 0 for a time before it.
    pub(super) fn at(self, high: u32, low: u32) -> Duration {
        let units = u64::from(high) << 32 | u64::from(low);
        let Some(per_second) = self.units else { return Duration::ZERO };
        let units = u128::from(units);
        // Both are below 2^64, so that nothing overflows.
        let (seconds, rest) = (units / per_second, units % per_second);
        let nanos = rest * NANOS / per_second;
        let time = Duration::new(seconds as u64, nanos as u32);
        let offset = Duration::from_secs(self.offset.unsigned_abs());
        if self.offset < 0 { time.saturating_sub(offset) } else { time.saturating_add(offset) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(resolution: u8, offset: i64, units: u64, expected: Duration) {
        let time = TimestampUnits::new(resolution, offset).at((units >> 32) as u32, units as u32);
        assert_eq!(time, expected, "resolution {resolution}, offset {offset}, {units} units");
    }

    #[test]
    fn times_have_the_units_that_the_interface_says() {
        check(6, 0, 1_340_954_905_298_858, Duration::new(1_340_954_905, 298_858_000));
        check(9, 0, 1_700_000_000_123_456_789, Duration::new(1_700_000_000, 123_456_789));
        check(0, 0, 7, Duration::from_secs(7));
        check(3, 5, 1_500, Duration::from_millis(6_500));
        check(3, -1, 1_500, Duration::from_millis(500));
        check(0x80 | 10, 0, 1_536, Duration::from_millis(1_500));
        check(0x80, 0, 7, Duration::from_secs(7));
    }

    #[test]
    fn times_that_cannot_be_are_at_an_end_of_time() {
        check(6, i64::MIN, 1, Duration::ZERO);
        check(
            0,
            i64::MAX,
            u64::MAX,
            Duration::MAX.saturating_sub(Duration::from_nanos(999_999_999)).max(Duration::MAX),
        );
        check(0x7f, 0, u64::MAX, Duration::ZERO);
        check(38, 0, u64::MAX, Duration::ZERO);
        check(0xff, 0, u64::MAX, Duration::ZERO);
    }
}
