//! What passes in clear, in one direction: its first lines, and how much there was.

use std::fmt;

use labnet::escape::escape;

/// How much of a line is shown on one (ours).
const MAX_LINE_LEN: usize = 400;

/// Shows the beginning of what passes: `> text` to the server, `< text` to the victim.
pub(super) struct Transcript<'s> {
    say: &'s (dyn Fn(fmt::Arguments<'_>) + Sync),
    arrow: char,
    /// How many more bytes are shown.
    left: u64,
    /// Whether it has been said that more follows.
    is_cut: bool,
    /// How many have passed.
    total: u64,
}

impl<'s> Transcript<'s> {
    pub(super) fn new(say: &'s (dyn Fn(fmt::Arguments<'_>) + Sync), arrow: char, show: u64) -> Self {
        Self { say, arrow, left: show, is_cut: false, total: 0 }
    }

    /// How many bytes have passed.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// More has passed. A line that is not complete yet is shown at once, and goes on below.
    pub(super) fn show(&mut self, text: &[u8]) {
        self.total += text.len() as u64;
        if self.is_cut || text.is_empty() {
            return;
        }
        let (shown, rest) = text.split_at(usize::try_from(self.left).unwrap_or(usize::MAX).min(text.len()));
        for line in shown.split_inclusive(|&byte| byte == b'\n').flat_map(|line| line.chunks(MAX_LINE_LEN)) {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            (self.say)(format_args!("{} {}", self.arrow, escape(line)));
        }
        self.left -= shown.len() as u64;
        if !rest.is_empty() {
            self.is_cut = true;
            (self.say)(format_args!("{} … the rest is not shown (--show BYTES)", self.arrow));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn check(pieces: &[&[u8]], limit: u64, expected: &[&str]) {
        let lines = Mutex::new(Vec::new());
        let say = |line: fmt::Arguments<'_>| lines.lock().unwrap().push(line.to_string());
        let mut transcript = Transcript::new(&say, '>', limit);
        pieces.iter().for_each(|piece| transcript.show(piece));
        assert_eq!(transcript.total(), pieces.iter().map(|piece| piece.len() as u64).sum::<u64>());
        assert_eq!(*lines.lock().unwrap(), expected);
    }

    #[test]
    fn lines_are_shown_escaped_up_to_the_limit() {
        check(&[b"GET /\r\n\r\nx\x1b"], 100, &["> GET /", "> ", "> x\\x1b"]);
        check(&[b"ab", b"cd", b"ef"], 4, &["> ab", "> cd", "> … the rest is not shown (--show BYTES)"]);
        check(&[b"abc", b"d"], 2, &["> ab", "> … the rest is not shown (--show BYTES)"]);
        check(&[b"abcd"], 4, &["> abcd"]);
        check(&[b"", b"a"], 0, &["> … the rest is not shown (--show BYTES)"]);
    }
}
