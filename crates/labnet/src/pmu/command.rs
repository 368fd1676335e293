//! The commands of a PDC, and how a PMU knows that one is complete.

use std::{fmt, str::FromStr, time::Duration};

use crate::Error;

/// The longest interval between two messages of `CMD_short:d` (ours: an hour).
pub const MAX_INTERVAL: Duration = Duration::from_secs(3600);

/// The longest command that a PMU reads, in bytes (ours: several times the longest sensible one).
pub const MAX_COMMAND_LEN: usize = 64;

const SHORT: &str = "CMD_short:";
const FLOOD: &str = "CMD_floodme";

/// A command of the handout, section 2, in the words in which it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    text: String,
    interval: Option<Duration>,
}

impl Command {
    /// The interval `d` of `CMD_short:d`; `None` is `CMD_floodme`.
    pub fn interval(&self) -> Option<Duration> {
        self.interval
    }

    /// Whether the answer is one long text instead of short messages.
    pub fn is_flood(&self) -> bool {
        self.interval.is_none()
    }

    /// The command as it is sent, without delimiter.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Command {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let interval = match text.strip_prefix(SHORT) {
            _ if text.len() > MAX_COMMAND_LEN => return Err(unknown(text)),
            _ if text == FLOOD => None,
            Some(seconds) => Some(parse_interval(seconds).ok_or_else(|| unknown(text))?),
            None => return Err(unknown(text)),
        };
        Ok(Self { text: text.to_owned(), interval })
    }
}

fn unknown(text: &str) -> Error {
    Error::Usage(format!(
        "'{}' is no command: expected CMD_short:d (d in seconds, 0 to {}, such as 0 or 0.5) or CMD_floodme",
        text,
        MAX_INTERVAL.as_secs(),
    ))
}

/// `d`: digits with an optional fraction, at most [`MAX_INTERVAL`].
fn parse_interval(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let interval = Duration::try_from_secs_f64(text.parse().ok()?).ok()?;
    (interval <= MAX_INTERVAL).then_some(interval)
}

/// What a PMU knows of a command after a recv.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The command arrived whole in the first recv: answer at once.
    Complete(Command),
    /// It came in pieces and matches, but `CMD_short:1` may yet become `CMD_short:10`: complete when a moment of
    /// silence or the end of the stream follows.
    Matches(Command),
    /// The beginning of a command, not yet one.
    Partial,
    /// Nothing that follows can make this a command.
    Unknown,
}

/// Collects the bytes of a command, at most [`MAX_COMMAND_LEN`], as they arrive.
#[derive(Debug, Default)]
pub struct CommandReader {
    bytes: Vec<u8>,
    pieces: usize,
    /// Something other than white space came after the longest command.
    overlong: bool,
}

impl CommandReader {
    /// Takes what one recv returned.
    pub fn push(&mut self, piece: &[u8]) -> Progress {
        self.pieces += 1;
        let room = (MAX_COMMAND_LEN + 1).saturating_sub(self.bytes.len());
        let (kept, beyond) = piece.split_at(room.min(piece.len()));
        self.bytes.extend(kept);
        // White space after a command may go on for as long as it likes.
        self.overlong |= !beyond.trim_ascii().is_empty();
        let text = self.bytes.trim_ascii_end();
        if self.overlong || text.len() > MAX_COMMAND_LEN {
            return Progress::Unknown;
        }
        match str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
            Some(command) if self.pieces == 1 => Progress::Complete(command),
            Some(command) => Progress::Matches(command),
            None if could_become_command(&self.bytes) => Progress::Partial,
            None => Progress::Unknown,
        }
    }

    /// What has arrived so far.
    pub fn received(&self) -> &[u8] {
        &self.bytes
    }
}

fn could_become_command(bytes: &[u8]) -> bool {
    let Some(interval) = bytes.strip_prefix(SHORT.as_bytes()) else {
        return SHORT.as_bytes().starts_with(bytes) || FLOOD.as_bytes().starts_with(bytes);
    };
    // An interval only grows: it must be one already, but for a fraction whose digits are still to come.
    interval.is_empty()
        || str::from_utf8(interval).is_ok_and(|text| {
            text.strip_suffix('.')
                .map_or(parse_interval(text), |whole| parse_interval(whole).filter(|_| !whole.contains('.')))
                .is_some()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_interval(text: &str, expected: Option<f64>) {
        let interval = text.parse::<Command>().ok().map(|command| command.interval().unwrap().as_secs_f64());
        assert_eq!(interval, expected, "{text}");
    }

    #[test]
    fn an_interval_is_digits_with_an_optional_fraction() {
        check_interval("CMD_short:0", Some(0.0));
        check_interval("CMD_short:1", Some(1.0));
        check_interval("CMD_short:007", Some(7.0));
        check_interval("CMD_short:0.25", Some(0.25));
        check_interval("CMD_short:3600", Some(3600.0));
        check_interval("CMD_short:3600.0", Some(3600.0));
        for wrong in ["", "-1", "+1", "1e3", ".5", "1.", "1.2.3", "3600.1", "99999999999999999999", "inf", "1 ", "x"] {
            check_interval(&format!("CMD_short:{wrong}"), None);
        }
        check_interval(&format!("CMD_short:0.{}", "0".repeat(10_000)), None);
    }

    #[test]
    fn a_command_is_sent_in_the_words_in_which_it_was_given() {
        assert_eq!("CMD_short:1.50".parse::<Command>().unwrap().as_bytes(), b"CMD_short:1.50");
        assert!("CMD_floodme".parse::<Command>().unwrap().is_flood());
        for wrong in ["", "CMD", "CMD_flood", "CMD_floodme ", "cmd_short:0", "CMD_short", "CMD_SHORT:0"] {
            assert!(wrong.parse::<Command>().is_err(), "{wrong}");
        }
    }

    fn check_pieces(pieces: &[&str], expected: &str) {
        let mut reader = CommandReader::default();
        let mut progress = Progress::Partial;
        for piece in pieces {
            progress = reader.push(piece.as_bytes());
        }
        let seen = match progress {
            Progress::Complete(command) => format!("complete {command}"),
            Progress::Matches(command) => format!("matches {command}"),
            Progress::Partial => "partial".to_owned(),
            Progress::Unknown => "unknown".to_owned(),
        };
        assert_eq!(seen, expected, "{pieces:?}");
    }

    #[test]
    fn a_command_in_one_piece_is_complete_at_once() {
        check_pieces(&["CMD_short:1"], "complete CMD_short:1");
        check_pieces(&["CMD_floodme"], "complete CMD_floodme");
        check_pieces(&["CMD_short:0.5\r\n"], "complete CMD_short:0.5");
        check_pieces(&[&format!("CMD_short:0{:200}", "")], "complete CMD_short:0");
    }

    #[test]
    fn a_command_in_pieces_may_still_grow() {
        check_pieces(&["CMD_short:", "1"], "matches CMD_short:1");
        check_pieces(&["CMD_short:", "1", "0"], "matches CMD_short:10");
        check_pieces(&["CMD_flood", "me", "\n"], "matches CMD_floodme");
        check_pieces(&["C"], "partial");
        check_pieces(&["CMD_"], "partial");
        check_pieces(&["CMD_short:"], "partial");
        check_pieces(&["CMD_short:1", "."], "partial");
    }

    #[test]
    fn what_can_never_be_a_command_is_known_early_and_bounded() {
        for wrong in [
            "CMD_short:3601",
            "CMD_short:99999",
            "CMD_short:3600.5",
            "HELLO",
            "CMD_short:x",
            "CMD_short:.",
            "CMD_short:1..",
            "CMD_short:1 2",
            "CMD_floodme!",
            "\u{e9}",
        ] {
            check_pieces(&[wrong], "unknown");
        }
        check_pieces(&["CMD_short:360", "1"], "unknown");
        check_pieces(&["CMD_short:0", &" ".repeat(200), "x"], "unknown");
        check_pieces(&[&format!("CMD_short:{:0>54}9", "")], "unknown");
        let endless = "0".repeat(MAX_COMMAND_LEN);
        check_pieces(&["CMD_short:", &endless], "unknown");
        let mut reader = CommandReader::default();
        reader.push(&[b'0'; 1 << 20]);
        assert!(reader.received().len() <= MAX_COMMAND_LEN + 1);
    }
}
