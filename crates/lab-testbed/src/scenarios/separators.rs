//! White space between the messages of a PMU, which clients skip.

/// Counts it in the pieces of a stream.
#[derive(Debug, Default)]
pub(super) struct Separators {
    /// Whether the byte before belongs to the text of a message: the spaces after it do, too.
    is_in_text: bool,
}

impl Separators {
    /// The number of bytes of the next piece that separate messages: white space at the beginning, or after a message, which
    /// ends with a digit.
    pub(super) fn count(&mut self, piece: &[u8]) -> u64 {
        let mut count = 0;
        for byte in piece {
            if !byte.is_ascii_whitespace() {
                self.is_in_text = !byte.is_ascii_digit();
            } else if !self.is_in_text {
                count += 1;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::Separators;

    #[track_caller]
    fn check(pieces: &[&str], expected: u64) {
        let mut separators = Separators::default();
        let counted: u64 = pieces.iter().map(|piece| separators.count(piece.as_bytes())).sum();
        assert_eq!(counted, expected, "{pieces:?}");
    }

    #[test]
    fn white_space_between_messages_is_counted_and_that_in_them_is_not() {
        check(&["This is PMU data 1", "This is PMU data 2"], 0);
        check(&["This is PMU data 1\n", "This is PMU data 2\n"], 2);
        check(&["This is PMU data 1\r\nThis is", " PMU data 2\r\n"], 4);
        check(&["This is PMU data 10", " This is PMU data 11"], 1);
        check(&["\nThis is PMU data 1", "\n"], 2);
        check(&[], 0);
    }
}
