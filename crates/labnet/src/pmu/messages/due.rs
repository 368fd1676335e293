//! The message that is due, as text: what most of a stream consists of is compared as a whole, not a byte at a time.
//!
//! ```text
//! This is PMU data 1234567
//! ^-- first_half --^           two blocks of 16 bytes, which may overlap and leave nothing out
//!         ^- second_half -^
//! ```

use super::PREFIX;

/// The length of a block, which is compared at once.
const BLOCK_LEN: usize = 16;

/// The most digits that two blocks hold beside the prefix.
const MAX_DIGITS: u32 = (2 * BLOCK_LEN - PREFIX.len()) as u32;

/// Where the last byte of a block is in its number.
const LAST_BYTE: u32 = 8 * (BLOCK_LEN as u32 - 1);

/// The first block of every message.
const FIRST_HALF: u128 = {
    let mut half = [0; BLOCK_LEN];
    let (begin, _) = PREFIX.split_at(BLOCK_LEN);
    half.copy_from_slice(begin);
    u128::from_le_bytes(half)
};

/// The message with a given number, without leading zeros.
#[derive(Debug)]
pub(super) struct Due {
    number: u64,
    /// The block that ends with the last digit.
    second_half: u128,
    /// The length of the message.
    len: usize,
}

impl Due {
    /// `None` when the number has more digits than two blocks hold.
    pub(super) fn new(number: u64) -> Option<Self> {
        let digits = number.checked_ilog10().unwrap_or(0) + 1;
        if digits > MAX_DIGITS {
            return None;
        }
        let byte = |byte: u8| u128::from(byte) << LAST_BYTE;
        let prefix = PREFIX.iter().fold(0, |block, &next| block >> 8 | byte(next));
        let digit = |place| (number / 10_u64.pow(place) % 10) as u8;
        let second_half = (0..digits).rev().fold(prefix, |block, place| block >> 8 | byte(b'0' + digit(place)));
        Some(Self { number, second_half, len: PREFIX.len() + digits as usize })
    }

    #[inline]
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Cuts the message off the beginning of `rest`; `None` when something else is there.
    #[inline]
    pub(super) fn cut<'a>(&self, rest: &mut &'a [u8]) -> Option<&'a [u8]> {
        let (text, after) = rest.split_at_checked(self.len)?;
        let differs = u128::from_le_bytes(*text.first_chunk()?) ^ FIRST_HALF
            | u128::from_le_bytes(*text.last_chunk()?) ^ self.second_half;
        if differs != 0 {
            return None;
        }
        *rest = after;
        Some(text)
    }

    /// Goes on to the message after it; `false` when its number has more digits than two blocks hold.
    #[inline]
    #[must_use]
    pub(super) fn advance(&mut self) -> bool {
        self.number += 1;
        let mut digit = LAST_BYTE;
        for _ in PREFIX.len()..self.len {
            if self.second_half >> digit & 0xff != u128::from(b'9') {
                self.second_half += 1 << digit;
                return true;
            }
            // A zero, and one is carried.
            self.second_half -= 9 << digit;
            digit -= 8;
        }
        // A digit more.
        match Self::new(self.number) {
            Some(due) => {
                *self = due;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: u64) -> Vec<u8> {
        format!("This is PMU data {number}").into_bytes()
    }

    #[test]
    fn the_text_of_a_number_is_cut_and_no_other() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, 999_999_999_999_998, 999_999_999_999_999] {
            let due = Due::new(number).unwrap();
            let stream = [text(number), text(number + 1)].concat();
            let mut rest = &stream[..];
            assert_eq!(due.cut(&mut rest), Some(&text(number)[..]));
            assert_eq!(rest, text(number + 1));
            for wrong in 0..text(number).len() {
                for bit in 0..8 {
                    let mut stream = stream.clone();
                    stream[wrong] ^= 1 << bit;
                    assert_eq!(due.cut(&mut &stream[..]), None, "{number}, byte {wrong}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn the_successor_is_the_next_number() {
        for first in [0, 95, 999_990, 999_999_999_999_980] {
            let mut due = Due::new(first).unwrap();
            for number in first..first + 19 {
                let stream = text(number).repeat(2);
                assert_eq!(due.cut(&mut &stream[..]), Some(&text(number)[..]), "{number}");
                assert!(due.advance());
                assert_eq!(due.number(), number + 1);
            }
        }
        assert!(!Due::new(999_999_999_999_999).unwrap().advance());
        assert!(Due::new(u64::MAX).is_none());
    }
}
