//! A stream of bytes, cut back into the messages of a PMU.
//!
//! ```text
//! answer  = *( space ) *( message *( space ) )
//! message = "This is PMU data " 1*DIGIT
//! ```
//!
//! A message is complete when its number is the expected one (the first 0 or 1, then the previous plus one), at the
//! next byte that is no digit, or at the end of the stream. So each is shown as soon as it can be known, and a cut
//! between two recv calls, also between the digits of 10, changes nothing.
//!
//! Most of a stream is the message that is due: it is compared as a whole, and lent from what was received. What is
//! anything else, or cut, is read a byte at a time.

mod due;

use std::fmt;

use due::Due;

use crate::{Error, escape::escape};

/// What every message begins with.
pub const PREFIX: &[u8] = b"This is PMU data ";

/// The longest number that a message may carry, in digits (ours: what fits 64 bits).
pub const MAX_DIGITS: usize = 20;

/// How many bytes of what is no message an error shows.
const SHOWN_LEN: usize = 40;

/// One message, as received.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    text: Text<'a>,
    number: u64,
    expected: bool,
}

#[derive(Clone, Copy)]
enum Text<'a> {
    /// In one piece in what one recv returned.
    Lent(&'a [u8]),
    /// Put together.
    Kept(Kept),
}

impl Message<'_> {
    /// The number `i` at its end.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the number follows the previous one (or is a first 0 or 1).
    pub fn is_expected(&self) -> bool {
        self.expected
    }
}

impl AsRef<[u8]> for Message<'_> {
    fn as_ref(&self) -> &[u8] {
        match &self.text {
            Text::Lent(text) => text,
            Text::Kept(kept) => kept.text.get(..usize::from(kept.len)).unwrap_or(&kept.text),
        }
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({})", escape(self.as_ref()))
    }
}

/// The text of one message: the prefix, and as many digits as have come.
#[derive(Clone, Copy, Debug)]
struct Kept {
    text: [u8; PREFIX.len() + MAX_DIGITS],
    len: u8,
}

impl Kept {
    const PREFIX: Self = {
        let mut text = [b'0'; PREFIX.len() + MAX_DIGITS];
        let (prefix, _) = text.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX);
        Self { text, len: PREFIX.len() as u8 }
    };
}

/// Cuts a stream into messages; all that it keeps between two recv calls is one unfinished message.
#[derive(Debug)]
pub struct Messages {
    /// The message being read: `matched` bytes of the prefix, then the digits of `number`.
    unfinished: Kept,
    number: u64,
    matched: usize,
    next: Option<u64>,
    /// The message with the number `next`, if it is short enough.
    due: Option<Due>,
    count: u64,
    /// Bytes taken since the stream began.
    offset: u64,
    failed: bool,
}

impl Default for Messages {
    fn default() -> Self {
        Self::new()
    }
}

impl Messages {
    /// Before the first byte.
    pub fn new() -> Self {
        let unfinished = Kept::PREFIX;
        Self { unfinished, number: 0, matched: 0, next: None, due: None, count: 0, offset: 0, failed: false }
    }

    /// How many messages have been complete so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Takes what one recv returned and yields the messages that it completes, in order.
    ///
    /// The first byte that belongs to no message yields [`Error::Garbage`] and ends the iteration, now and later.
    /// An iterator that is dropped early leaves the rest of `chunk` untaken.
    #[inline]
    pub fn feed<'a>(&'a mut self, chunk: &'a [u8]) -> impl Iterator<Item = Result<Message<'a>, Error>> + 'a {
        let mut rest = chunk;
        std::iter::from_fn(move || if self.failed { None } else { self.next_message(&mut rest) })
    }

    /// The end of the stream: completes a message whose number was not the expected one.
    ///
    /// # Errors
    /// [`Error::Incomplete`] when the stream ended within a message.
    pub fn finish(&mut self) -> Result<Option<Message<'static>>, Error> {
        if self.failed || self.matched == 0 {
            return Ok(None);
        }
        if self.digits() > 0 {
            return Ok(Some(self.complete()));
        }
        self.failed = true;
        Err(Error::Incomplete { shown: self.unfinished().to_vec(), offset: self.offset - self.matched as u64 })
    }

    /// What has come of a message that is not complete yet.
    pub fn unfinished(&self) -> &[u8] {
        self.unfinished.text.get(..self.matched + self.digits()).unwrap_or_default()
    }

    // Inlined into the loops of other crates, as what it calls for a message that is due.
    #[inline]
    fn next_message<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Result<Message<'a>, Error>> {
        let before = rest.len();
        if self.matched == 0 {
            *rest = rest.trim_ascii_start();
            if let Some(message) = self.take_due(rest) {
                self.offset += (before - rest.len()) as u64;
                return Some(Ok(message));
            }
        }
        self.next_cut(rest, before)
    }

    /// A message that is cut, or not the one that is due, and all that is none; `before` bytes were there at first.
    fn next_cut(&mut self, rest: &mut &[u8], before: usize) -> Option<Result<Message<'static>, Error>> {
        let found = self.advance(rest);
        self.offset += (before - rest.len()) as u64;
        match found {
            Ok(message) => message.map(Ok),
            Err(NoMessage) => Some(Err(self.garbage(rest))),
        }
    }

    /// The message that is due, when `rest` begins with all of it.
    #[inline]
    fn take_due<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Message<'a>> {
        let due = self.due.as_mut()?;
        let (text, number) = (Text::Lent(due.cut(rest)?), due.number());
        if !due.advance() {
            self.due = None;
        }
        self.next = number.checked_add(1);
        self.count += 1;
        Some(Message { text, number, expected: true })
    }

    /// Reads to the end of one message, or of `rest`.
    fn advance(&mut self, rest: &mut &[u8]) -> Result<Option<Message<'static>>, NoMessage> {
        if self.matched < PREFIX.len() {
            let (_, wanted) = PREFIX.split_at(self.matched);
            if let Some(after) = rest.strip_prefix(wanted) {
                *rest = after;
                self.matched = PREFIX.len();
            } else {
                let common = rest.iter().zip(wanted).take_while(|(byte, wanted)| byte == wanted).count();
                self.matched += common;
                let (_, after) = rest.split_at(common);
                *rest = after;
                return if rest.is_empty() { Ok(None) } else { Err(NoMessage) };
            }
        }
        while let Some((&byte, after)) = rest.split_first() {
            if byte.is_ascii_digit() {
                self.digit(byte)?;
                *rest = after;
                if self.is_next(self.number) {
                    return Ok(Some(self.complete()));
                }
            } else if self.digits() > 0 {
                return Ok(Some(self.complete()));
            } else {
                return Err(NoMessage);
            }
        }
        Ok(None)
    }

    fn digits(&self) -> usize {
        usize::from(self.unfinished.len) - PREFIX.len()
    }

    fn digit(&mut self, digit: u8) -> Result<(), NoMessage> {
        let message = &mut self.unfinished;
        *message.text.get_mut(usize::from(message.len)).ok_or(NoMessage)? = digit;
        let shifted = self.number.checked_mul(10).ok_or(NoMessage)?;
        self.number = shifted.checked_add(u64::from(digit - b'0')).ok_or(NoMessage)?;
        message.len += 1;
        Ok(())
    }

    fn is_next(&self, number: u64) -> bool {
        match self.next {
            Some(next) => number == next,
            None => self.count == 0 && number <= 1,
        }
    }

    fn complete(&mut self) -> Message<'static> {
        let number = self.number;
        let message = Message { text: Text::Kept(self.unfinished), number, expected: self.is_next(number) };
        self.next = number.checked_add(1);
        self.due = self.next.and_then(Due::new);
        self.count += 1;
        self.unfinished.len = PREFIX.len() as u8;
        self.number = 0;
        self.matched = 0;
        message
    }

    fn garbage(&mut self, rest: &[u8]) -> Error {
        self.failed = true;
        let begun = self.unfinished();
        Error::Garbage {
            shown: begun.iter().chain(rest).copied().take(SHOWN_LEN + begun.len()).collect(),
            offset: self.offset - begun.len() as u64,
        }
    }
}

/// A byte that belongs to no message.
struct NoMessage;

#[cfg(test)]
mod tests;
