//! Key logs: the secrets of TLS connections (RFC 9850, section 2; the format is from NSS).

use std::{collections::HashMap, fmt, ops::Range};

/// A key log: lines `LABEL client-random secret`, the last two in hexadecimal.
///
/// It decrypts the connections, so `Debug` does not show it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyLog {
    text: String,
    /// The lines of each connection, by its client random, for files with many of both.
    lines: HashMap<Vec<u8>, Vec<Range<usize>>>,
}

/// A line of a key log.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyLogEntry<'a> {
    /// The label of the secret: `CLIENT_RANDOM`, `SERVER_TRAFFIC_SECRET_0`, …
    pub label: &'a str,
    /// The random of the ClientHello, 32 bytes.
    pub client_random: Vec<u8>,
    /// The secret.
    pub secret: Vec<u8>,
}

impl KeyLog {
    /// The text of a key log. Comments and malformed lines stay in the text, but have no entries.
    pub fn new(text: &str) -> Self {
        let mut log = Self::default();
        log.push(text);
        log
    }

    /// Adds lines.
    pub fn push(&mut self, lines: &str) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        let mut start = self.text.len();
        self.text.push_str(lines);
        for line in lines.split_inclusive('\n') {
            let range = start..start + line.len();
            if let Some(secret) = parsed(line) {
                self.lines.entry(secret.client_random).or_default().push(range.clone());
            }
            start = range.end;
        }
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The entries of the connection whose ClientHello has this random.
    pub fn secrets_of(&self, client_random: &[u8]) -> impl Iterator<Item = KeyLogEntry<'_>> {
        let lines = self.lines.get(client_random).into_iter().flatten();
        lines.filter_map(|range| parsed(self.text.get(range.clone())?))
    }
}

/// The entry of a line; `None` for comments and malformed lines.
fn parsed(line: &str) -> Option<KeyLogEntry<'_>> {
    let mut words = line.split_ascii_whitespace();
    let (label, client_random, secret) = (words.next()?, words.next()?, words.next()?);
    let is_sound = words.next().is_none() && !label.starts_with('#');
    let (client_random, secret) = (bytes(client_random)?, bytes(secret)?);
    is_sound.then_some(KeyLogEntry { label, client_random, secret })
}

/// Without secrets.
impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyLog({} lines)", self.text.lines().count())
    }
}

/// Without the secret.
impl fmt::Debug for KeyLogEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLogEntry").field("label", &self.label).finish_non_exhaustive()
    }
}

/// The bytes of hexadecimal digits; `None` for other text.
fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hexadecimal.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let byte = |&[high, low]: &[u8; 2]| Some(digit(high)? << 4 | digit(low)?);
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_lines_are_left_aside() {
        let mut log =
            KeyLog::new("# comment\nCLIENT_RANDOM 0aFF 01\nCLIENT_RANDOM 0a 0\nCLIENT_RANDOM zz 00\n\u{fffd}");
        log.push("X 00 11 22\r\nX +1 11\nX 00 1");
        log.push("X 00 11\r\n");
        let found = |random: &[u8]| {
            let secrets = log.secrets_of(random).map(|found| (found.label, found.secret));
            secrets.collect::<Vec<_>>()
        };
        assert_eq!(found(&[0x0a, 0xff]), [("CLIENT_RANDOM", vec![1])]);
        assert_eq!(found(&[0]), [("X", vec![0x11])]);
        assert_eq!(found(&[0x0a]), []);
        assert!(!format!("{log:?} {:?}", log.secrets_of(&[0]).next()).contains("11"));
    }
}
