//! Numbers with their noun: `1 message`, `2 messages`.

use std::fmt;

/// A number of things, shown with their noun, which takes an `s` unless there is one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(u64, &'static str);

impl Count {
    /// So many of these; `noun` is the word for one.
    pub fn new(number: u64, noun: &'static str) -> Self {
        Self(number, noun)
    }

    /// The same of a length.
    pub fn of_len(number: usize, noun: &'static str) -> Self {
        Self(u64::try_from(number).unwrap_or(u64::MAX), noun)
    }

    /// The verb that fits.
    pub fn are(self) -> &'static str {
        if self.0 == 1 { "is" } else { "are" }
    }

    /// The verb that fits, of the past.
    pub fn were(self) -> &'static str {
        if self.0 == 1 { "was" } else { "were" }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, noun) = self;
        write!(f, "{number} {noun}{}", if *number == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_is_no_plural() {
        for (number, expected) in
            [(0, "0 messages"), (1, "1 message"), (2, "2 messages"), (u64::MAX, "18446744073709551615 messages")]
        {
            assert_eq!(Count::new(number, "message").to_string(), expected);
        }
        let [one, two] = [1, 2].map(|number| Count::of_len(number, "byte"));
        assert_eq!((one.to_string().as_str(), one.are(), one.were()), ("1 byte", "is", "was"));
        assert_eq!((two.are(), two.were()), ("are", "were"));
    }
}
