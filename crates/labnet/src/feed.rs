//! The datagrams of the multicast group: six bytes of identity, then text.
//!
//! ```text
//! 0        6                    at most 1472
//! +--------+---------------------+
//! | source | text, UTF-8         |      handout, section 4
//! +--------+---------------------+
//! ```

use std::{fmt, str::FromStr};

use crate::{Error, count::Count, escape::escape};

/// The length of an identity, in bytes (handout, section 4).
pub const IDENTITY_LEN: usize = 6;

/// The longest datagram, identity included (ours: what fits an Ethernet frame of 1,500 bytes, less the headers of
/// IPv4, 20, and UDP, 8, so that no network on the way has to fragment it).
pub const MAX_DATAGRAM_LEN: usize = 1472;

/// Who sends: the programme's `swcmTV`, or a student's Camipro number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity([u8; IDENTITY_LEN]);

impl Identity {
    /// The broadcaster of the handout.
    pub const PROGRAMME: Self = Self(*b"swcmTV");

    /// The six bytes as they are sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(&self.0).fmt(f)
    }
}

impl FromStr for Identity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bytes = text.as_bytes().try_into().map_err(|_| {
            Error::Usage(format!(
                "the identity '{}' has {} of UTF-8; it must have exactly {IDENTITY_LEN}, such as 123456",
                text,
                Count::of_len(text.len(), "byte"),
            ))
        })?;
        Ok(Self(bytes))
    }
}

/// A datagram of the group, as it is shown: `ID: text`.
///
/// One trailing newline is left out, other control characters and bytes that are not UTF-8 are escaped. A datagram
/// too short for an identity is shown escaped, whole.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    bytes: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Any bytes that came from the group.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Who sent it, and the rest; `None` when it is too short to say.
    pub fn split(&self) -> Option<(Identity, &'a [u8])> {
        let (identity, text) = self.bytes.split_first_chunk()?;
        Some((Identity(*identity), text))
    }
}

impl fmt::Display for Datagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.split() {
            Some((identity, text)) => {
                let text = text.strip_suffix(b"\n").unwrap_or(text);
                write!(f, "{identity}: {}", escape(text))
            }
            None => escape(self.bytes).fmt(f),
        }
    }
}

/// Turns lines into datagrams: one each, or several for a line that is too long, cut between characters.
///
/// Takes its input in pieces of any size and keeps at most one datagram. What is not UTF-8 becomes U+FFFD, since
/// the group's format is text.
#[derive(Debug)]
pub struct Sheet {
    identity: Identity,
    line: Vec<u8>,
}

impl Sheet {
    /// For lines of one sender.
    pub fn new(identity: Identity) -> Self {
        Self { identity, line: Vec::new() }
    }

    /// Takes a piece of the input; `send` gets each datagram that it completes.
    ///
    /// # Errors
    /// Those of `send`.
    pub fn push<E>(&mut self, piece: &[u8], mut send: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        for part in piece.split_inclusive(|&byte| byte == b'\n') {
            let (text, ends) = part.strip_suffix(b"\n").map_or((part, false), |text| (text, true));
            for chunk in text.chunks(MAX_DATAGRAM_LEN) {
                self.line.extend(chunk);
                self.send_full(&mut send)?;
            }
            if ends {
                self.line.pop_if(|byte| *byte == b'\r');
                self.send_line(&mut send)?;
            }
        }
        Ok(())
    }

    /// The end of the input: sends a last line that no newline ended.
    ///
    /// # Errors
    /// Those of `send`.
    pub fn finish<E>(&mut self, mut send: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.line.is_empty() { Ok(()) } else { self.send_line(&mut send) }
    }

    /// Sends what is left of a line; an empty line is a datagram too.
    fn send_line<E>(&mut self, send: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let line = std::mem::take(&mut self.line);
        self.send_text(&String::from_utf8_lossy(&line), send)
    }

    /// Sends from the front while a datagram can be filled without knowing what follows.
    fn send_full<E>(&mut self, send: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        while self.line.len() >= MAX_TEXT_LEN + MAX_CHARACTER_LEN {
            let head = self.line.get(..MAX_TEXT_LEN).unwrap_or_default();
            let rest = self.line.split_off(MAX_TEXT_LEN - unfinished_character(head));
            let full = std::mem::replace(&mut self.line, rest);
            self.send_text(&String::from_utf8_lossy(&full), send)?;
        }
        Ok(())
    }

    fn send_text<E>(&self, text: &str, send: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let (mut now, mut rest) = text.split_at(text.floor_char_boundary(MAX_TEXT_LEN));
        send(&self.datagram(now))?;
        while !rest.is_empty() {
            (now, rest) = rest.split_at(rest.floor_char_boundary(MAX_TEXT_LEN));
            send(&self.datagram(now))?;
        }
        Ok(())
    }

    fn datagram(&self, text: &str) -> Vec<u8> {
        [self.identity.as_bytes(), text.as_bytes()].concat()
    }
}

const MAX_TEXT_LEN: usize = MAX_DATAGRAM_LEN - IDENTITY_LEN;
const MAX_CHARACTER_LEN: usize = 4;

/// How many bytes at the end begin a character without finishing it.
fn unfinished_character(bytes: &[u8]) -> usize {
    match bytes.utf8_chunks().last() {
        Some(chunk) if str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none()) => {
            chunk.invalid().len()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_shown(bytes: &[u8], expected: &str) {
        assert_eq!(Datagram::new(bytes).to_string(), expected);
    }

    #[test]
    fn a_datagram_is_shown_as_identity_and_text_on_one_line() {
        check_shown(b"swcmTVBut, soft!", "swcmTV: But, soft!");
        check_shown("123456Ô Roméo\n".as_bytes(), "123456: Ô Roméo");
        check_shown(b"swcmTV", "swcmTV: ");
        check_shown(b"swcmTVa\n\n", "swcmTV: a\\n");
    }

    #[test]
    fn nothing_is_dropped_in_silence() {
        check_shown(b"abc", "abc");
        check_shown(b"ab\n", "ab\\n");
        check_shown(b"", "");
        check_shown(b"\0\x01\xff456caf\xe9\x1b[m\r", "\\x00\\x01\\xff456: caf\\xe9\\x1b[m\\r");
    }

    #[test]
    fn an_identity_is_six_bytes_of_utf8() {
        for right in ["123456", "swcmTV", "ab\u{e9}de", "      "] {
            assert!(right.parse::<Identity>().is_ok(), "{right}");
        }
        for wrong in ["", "12345", "1234567", "12345\u{e9}"] {
            assert!(wrong.parse::<Identity>().is_err(), "{wrong}");
        }
    }

    /// The texts that are sent for an input that arrives in pieces of `size` bytes.
    fn texts(input: &[u8], size: usize) -> Vec<String> {
        let mut sheet = Sheet::new("123456".parse().unwrap());
        let mut texts = Vec::new();
        let mut send = |datagram: &[u8]| {
            assert!(datagram.len() <= MAX_DATAGRAM_LEN);
            let text = datagram.strip_prefix(b"123456").expect("the identity comes first");
            texts.push(String::from_utf8(text.to_vec()).expect("cut between characters"));
            Ok::<(), std::convert::Infallible>(())
        };
        for piece in input.chunks(size) {
            sheet.push(piece, &mut send).unwrap();
        }
        sheet.finish(&mut send).unwrap();
        texts
    }

    #[test]
    fn a_line_is_a_datagram_without_its_newline() {
        for size in [1, 2, 100] {
            assert_eq!(texts(b"one\n\nthree", size), ["one", "", "three"]);
            assert_eq!(texts(b"one\n", size), ["one"]);
            assert_eq!(texts(b"one\r\n\r\ntwo\rthree\r\n", size), ["one", "", "two\rthree"]);
            assert_eq!(texts(b"", size), [""; 0]);
        }
    }

    #[test]
    fn a_long_line_becomes_several_datagrams_cut_between_characters() {
        for character in ["a", "\u{e9}", "\u{221e}", "\u{1f30a}"] {
            for shift in 0..4 {
                let line = "x".repeat(shift) + &character.repeat(10_000 / character.len());
                for size in [1, 7, 1466, 100_000] {
                    let texts = texts(format!("{line}\nnext\n").as_bytes(), size);
                    assert_eq!(texts.last().map(String::as_str), Some("next"));
                    assert_eq!(texts[..texts.len() - 1].concat(), line, "{character} {shift} {size}");
                    assert_eq!(texts.len(), 8, "{character} {shift} {size}");
                }
            }
        }
    }

    #[test]
    fn a_line_of_exactly_one_datagram_is_one() {
        for len in [1465, 1466] {
            assert_eq!(texts(format!("{}\n", "y".repeat(len)).as_bytes(), 512).len(), 1);
        }
        assert_eq!(texts("y".repeat(1467).as_bytes(), 512).len(), 2);
    }

    #[test]
    fn what_is_not_utf8_is_replaced_and_an_endless_line_takes_constant_memory() {
        assert_eq!(texts(b"caf\xe9!\n", 1), ["caf\u{fffd}!"]);
        let mut sheet = Sheet::new(Identity::PROGRAMME);
        let mut sent = 0;
        for _ in 0..1000 {
            sheet
                .push(&[0xff; 4096], |datagram| {
                    sent += datagram.len();
                    Ok::<(), ()>(())
                })
                .unwrap();
            assert!(sheet.line.len() < 2 * MAX_DATAGRAM_LEN);
        }
        assert!(sent > 0);
    }
}
