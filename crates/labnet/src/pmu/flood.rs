//! The text that answers `CMD_floodme`.

/// The length of the text that answers `CMD_floodme`, in bytes, unless told otherwise (the real one's; several
/// segments on any link).
pub const FLOOD_LEN: usize = 65_536;

/// How the text ends, whatever it is made of: a client sees by its last line whether it has all of it.
const LAST_LINE: &str = "This line of the flood is the last one: nothing comes behind it.";

/// What the text that answers `CMD_floodme` is made of. Its last line says that it is the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FloodText {
    /// Plain ASCII in lines of 64 bytes, as the real PMU's text was: a client may decode what each recv brings.
    #[default]
    Ascii,
    /// UTF-8 with characters of one to four bytes: a recv may end within a character.
    Utf8,
}

impl FloodText {
    fn line(self) -> &'static str {
        match self {
            Self::Ascii => "All of this was one send(); how many calls of recv() is it now?\n",
            Self::Utf8 => "Le flot n° ∞ : Grüße, ποταμός, река, 洪水 🌊 — une seule vague, un seul send().\n",
        }
    }

    /// A text of exactly `len` bytes, always the same, with no character cut and no newline at its end. One that has no
    /// room for its last line is the end of that line.
    pub fn text(self, len: usize) -> Vec<u8> {
        let last_len = LAST_LINE.len().min(len);
        let body_len = len - last_len;
        let mut text = self.line().repeat(body_len.div_ceil(self.line().len()));
        text.truncate(text.floor_char_boundary(body_len.saturating_sub(1)));
        let mut text = text.into_bytes();
        // Where a character had no room, and before the last line.
        text.resize(body_len, b'.');
        if let Some(end) = text.last_mut() {
            *end = b'\n';
        }
        text.extend(LAST_LINE.bytes().skip(LAST_LINE.len() - last_len));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flood_is_of_the_exact_length_and_ends_with_its_last_line_wherever_that_is() {
        for flood in [FloodText::Ascii, FloodText::Utf8] {
            assert!(!flood.text(FLOOD_LEN).ends_with(b"\n"), "the PDC adds a newline, as the handout's");
            for len in (0..400).chain([FLOOD_LEN]) {
                let text = flood.text(len);
                assert_eq!(text.len(), len);
                let text = String::from_utf8(text).expect("no character is cut");
                if len >= LAST_LINE.len() {
                    let before = text.strip_suffix(LAST_LINE).expect("the last line");
                    assert!(before.is_empty() || before.ends_with('\n'), "{len}: {text}");
                } else {
                    assert!(LAST_LINE.ends_with(&text), "{len}: {text}");
                }
            }
        }
    }

    #[test]
    fn one_flood_is_ascii_in_equal_lines_and_the_other_has_characters_of_every_length() {
        let ascii = String::from_utf8(FloodText::Ascii.text(FLOOD_LEN)).unwrap();
        assert!(ascii.is_ascii());
        assert!(ascii.split_inclusive('\n').all(|line| line.len() == 64) && !ascii.contains("\n\n"));
        let utf8 = String::from_utf8(FloodText::Utf8.text(FLOOD_LEN)).unwrap();
        for width in 1..=4 {
            assert!(utf8.chars().any(|character| character.len_utf8() == width), "{width}");
        }
    }
}
