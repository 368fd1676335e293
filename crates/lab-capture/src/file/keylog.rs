//! The secrets of TLS connections, as a key log has them (RFC 9850, section 2; first NSS's format).

use std::fmt;

/// Lines of a key log: `LABEL client-random secret`, the last two in hexadecimal.
///
/// Whoever has it can read the connections; `Debug` does not show it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyLog(String);

/// A line of a key log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<'a> {
    /// What it is for: `CLIENT_RANDOM`, `SERVER_TRAFFIC_SECRET_0`, …
    pub label: &'a str,
    /// The random of the ClientHello, 32 bytes.
    pub client_random: Vec<u8>,
    /// The secret.
    pub secret: Vec<u8>,
}

impl KeyLog {
    /// The text of a key log; what is no line of one is kept, and left aside by [`secrets`](Self::secrets).
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Adds lines.
    pub fn push(&mut self, lines: &str) {
        if !self.0.is_empty() && !self.0.ends_with('\n') {
            self.0.push('\n');
        }
        self.0.push_str(lines);
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What its lines say; comments and malformed lines are left out.
    pub fn secrets(&self) -> impl Iterator<Item = Secret<'_>> {
        self.0.lines().filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let (label, client_random, secret) = (words.next()?, words.next()?, words.next()?);
            let is_sound = words.next().is_none() && !label.starts_with('#');
            let (client_random, secret) = (bytes(client_random)?, bytes(secret)?);
            is_sound.then_some(Secret { label, client_random, secret })
        })
    }
}

/// Without secrets.
impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyLog({} lines)", self.0.lines().count())
    }
}

/// Without the secret.
impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Bytes that are written in hexadecimal.
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
        log.push("X 00 11 22\r\nX +1 11\nX 00 11\r\n");
        let found: Vec<_> = log.secrets().map(|found| (found.label, found.client_random, found.secret)).collect();
        assert_eq!(found, [("CLIENT_RANDOM", vec![0x0a, 0xff], vec![1]), ("X", vec![0], vec![0x11])]);
        assert!(!format!("{log:?} {:?}", log.secrets().next()).contains("0aFF"));
    }
}
