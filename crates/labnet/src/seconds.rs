//! Times in JSON: in seconds, to the last nanosecond.
//!
//! The time since the Unix epoch has 19 digits, and a number of JSON is read as one of 64 bits, which keeps 15 to 17 of them:
//! such a time is text. A duration of up to ninety days fits into a number.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// A time since the Unix epoch, with nine decimals: `1795848403.148344456`.
pub fn decimal(at: Duration) -> String {
    format!("{}.{:09}", at.as_secs(), at.subsec_nanos())
}

/// A duration as a number, whose shortest decimal form has at most nine decimals: `0.968002`.
///
/// `as_secs_f64` rounds twice, so that 13896.456321011 s would become 13896.456321010999.
pub fn number(duration: Duration) -> f64 {
    decimal(duration).parse().unwrap_or(duration.as_secs_f64())
}

/// Serializes a time since the Unix epoch as [`decimal`] text.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_decimal<S: Serializer>(at: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(decimal).serialize(serializer)
}

/// Serializes a duration as a [`number`].
///
/// # Errors
/// Those of the serializer.
pub fn serialize_number<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(number).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nanosecond_is_kept() {
        let at = Duration::new(1_795_848_403, 148_344_456);
        assert_eq!(decimal(at), "1795848403.148344456");
        assert_eq!(decimal(Duration::from_nanos(7)), "0.000000007");
        for (seconds, nanos, expected) in [
            (0, 968_002, "0.000968002"),
            (13_896, 456_321_011, "13896.456321011"),
            (7_776_000, 1, "7776000.000000001"),
            (3, 0, "3.0"),
        ] {
            assert_eq!(serde_json::to_string(&number(Duration::new(seconds, nanos))).unwrap(), expected);
        }
    }
}
