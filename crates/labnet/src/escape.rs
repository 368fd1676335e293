//! Bytes that a peer chose, made safe for a terminal.

use std::fmt::{self, Write};

/// Shows bytes as text on one line: printable UTF-8 as it is, all else escaped.
///
/// A control character or a byte that is not UTF-8 appears as `\n`, `\r`, `\t` or, byte by byte, as `\xNN`.
pub fn escape(bytes: &[u8]) -> Escaped<'_> {
    Escaped(bytes)
}

/// The result of [`escape`], to be formatted.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    '\t' => f.write_str("\\t")?,
                    _ if character.is_control() => hex(f, character.encode_utf8(&mut [0; 4]).as_bytes())?,
                    _ => f.write_char(character)?,
                }
            }
            hex(f, chunk.invalid())?;
        }
        Ok(())
    }
}

fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::escape;

    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(escape(bytes).to_string(), expected);
    }

    #[test]
    fn printable_text_in_any_script_is_left_alone() {
        check("Roméo \\ 罗密欧 🌹".as_bytes(), "Roméo \\ 罗密欧 🌹");
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        check(b"\x1b[2J\x07\0\x7f", "\\x1b[2J\\x07\\x00\\x7f");
        check("a\tb\r\n\u{85}".as_bytes(), "a\\tb\\r\\n\\xc2\\x85");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_shown_one_by_one() {
        check(b"caf\xe9 \xf0\x9f\x8c", "caf\\xe9 \\xf0\\x9f\\x8c");
    }
}
