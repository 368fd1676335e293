//! Text that a peer or a file chose, made safe for a terminal.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

use serde::{Deserialize, Serialize};

/// Shows bytes as text on one line: printable UTF-8 as it is, all else escaped.
///
/// A control character or a byte that is not UTF-8 appears as `\n`, `\r`, `\t` or, byte by byte, as `\xNN`. So does a
/// character that reorders text or hides in it, such as U+202E. Letters of all languages, combining marks and emoji
/// stay. What is escaped already is not changed.
pub fn escape<B: AsRef<[u8]> + ?Sized>(bytes: &B) -> Escaped<'_> {
    Escaped(bytes.as_ref())
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
                    _ if character.is_control() || deceives(character) => {
                        hex(f, character.encode_utf8(&mut [0; 4]).as_bytes())?;
                    }
                    _ => f.write_char(character)?,
                }
            }
            hex(f, chunk.invalid())?;
        }
        Ok(())
    }
}

/// Whether a character shows other text than there is (Unicode Technical Report 36, section 2.10): it changes the order,
/// breaks the line, or is not seen.
///
/// The joiners U+200C and U+200D are needed to write Persian, the languages of India, and emoji.
fn deceives(character: char) -> bool {
    matches!(character,
        // The direction: marks, embeddings, overrides and isolates.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // The end of a line or a paragraph.
        | '\u{2028}' | '\u{2029}'
        // Without width: spaces, invisible operators, deprecated controls, annotations, tags.
        | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Lines of our own, each with whatever is in it escaped: line feeds and tabs, which lay them out, are kept.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    let is_layout = |character: char| matches!(character, '\n' | '\t');
    let is_plain = |character: char| is_layout(character) || !(character.is_control() || deceives(character));
    if text.chars().all(is_plain) {
        return text.into();
    }
    let piece = |piece: &str| match piece.strip_suffix(is_layout) {
        Some(before) => format!("{}{}", escape(before), piece.get(before.len()..).unwrap_or_default()),
        None => escape(piece).to_string(),
    };
    text.split_inclusive(is_layout).map(piece).collect()
}

/// JSON on one line, in which what would act on a terminal is written as `\uNNNN`: the value is the same.
///
/// # Errors
/// That of [`serde_json::to_string`], for what cannot be JSON.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        // Outside strings JSON is ASCII.
        if character.is_control() || deceives(character) {
            character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
        } else {
            escaped.push(character);
        }
    }
    Ok(escaped)
}

fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

/// Text of a peer or a file, to be kept and shown: it was [escaped](escape) when it was made, and what it was made of is
/// gone. So no way to show it forgets to.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Printable(String);

impl Printable {
    /// The text, escaped.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Printable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Printable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0)
    }
}

impl From<&[u8]> for Printable {
    fn from(bytes: &[u8]) -> Self {
        Self(escape(bytes).to_string())
    }
}

impl From<&str> for Printable {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for Printable {
    fn from(text: String) -> Self {
        text.as_bytes().into()
    }
}

impl PartialEq<str> for Printable {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Printable {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::{Printable, escape, escape_lines, json};

    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(escape(bytes).to_string(), expected);
    }

    #[test]
    fn printable_text_in_any_script_is_left_alone() {
        for text in
            ["Roméo \\ 罗密欧 🌹", "می\u{200c}خواهم", "क्\u{200d}ष", "👩\u{200d}🚀 ❤\u{fe0f} 🇨🇭", "e\u{301} שלום"]
        {
            check(text.as_bytes(), text);
        }
    }

    #[test]
    fn characters_that_reorder_or_hide_text_are_shown_as_bytes() {
        check("abc\u{202e}fdp.exe".as_bytes(), "abc\\xe2\\x80\\xaefdp.exe");
        for code in
            [0x61c, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202d, 0x2060, 0x2066, 0x2069, 0xfeff, 0xe0041]
        {
            let text = char::from_u32(code).unwrap().to_string();
            let shown = escape(&text).to_string();
            assert!(shown.starts_with("\\x") && shown.is_ascii(), "U+{code:x}: {shown}");
        }
    }

    #[test]
    fn printable_text_is_escaped_however_it_is_made_and_shown() {
        let json = "\"a\\u001b\\u202e\"";
        for text in [
            Printable::from("a\u{1b}\u{202e}"),
            "a\u{1b}\u{202e}".to_owned().into(),
            serde_json::from_str(json).unwrap(),
        ] {
            let shown = "a\\x1b\\xe2\\x80\\xae";
            assert_eq!((text.to_string().as_str(), text.as_str()), (shown, shown));
            assert_eq!(format!("{text:?}"), format!("'{shown}'"));
            assert_eq!(serde_json::to_string(&text).unwrap(), format!("\"{}\"", shown.replace('\\', "\\\\")));
            assert_eq!(Printable::from(text.as_str()), text, "escaped once");
        }
        assert_eq!(Printable::from(&b"\xff\n"[..]), "\\xff\\n");
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        check(b"\x1b[2J\x07\0\x7f", "\\x1b[2J\\x07\\x00\\x7f");
        check("a\tb\r\n\u{85}".as_bytes(), "a\\tb\\r\\n\\xc2\\x85");
    }

    #[test]
    fn of_lines_the_layout_is_kept_and_all_else_escaped() {
        for text in ["", "a\tb\n\nc", "Roméo 🌹\n"] {
            assert_eq!(escape_lines(text), text);
        }
        assert_eq!(escape_lines("a\tb\x1b[2J\n\r\n\u{202e}c\n"), "a\tb\\x1b[2J\n\\r\n\\xe2\\x80\\xaec\n");
    }

    #[test]
    fn json_has_the_same_value_and_nothing_that_a_terminal_acts_on() {
        let value = ["a\u{1b}\u{7f}\u{9b}\u{202e}\u{e0041}\n\"", "Roméo 🌹"];
        let text = json(&value).unwrap();
        assert_eq!(text, r#"["a\u001b\u007f\u009b\u202e\udb40\udc41\n\"","Roméo 🌹"]"#);
        assert_eq!(serde_json::from_str::<[String; 2]>(&text).unwrap(), value);
        assert_eq!(escape_lines(&text), text);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_shown_one_by_one() {
        check(b"caf\xe9 \xf0\x9f\x8c", "caf\\xe9 \\xf0\\x9f\\x8c");
    }
}
