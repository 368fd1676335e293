//! What a client sends, record by record, up to the end of each ClientHello.

use std::io::{self, IoSlice, Read, Write};

use super::{CLIENT_HELLO, hide, number_of};

/// Content types of records, and the longest of their headers and contents (RFC 8446, section 5.1).
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const HANDSHAKE: u8 = 22;
const RECORD_HEADER_LEN: usize = 5;
const MAX_RECORD_LEN: usize = 1 << 14;

/// The longest ClientHello that is looked at, as long as rustls takes one. In records of one byte each, the shortest that
/// there are, it has six times as many bytes on its way: no more is kept for a client.
const MAX_HELLO_LEN: usize = 0xffff;

/// What a client sends, without server names that are none. It reads no further than it has to, so that it can be left
/// after the handshake.
pub struct SniFilter<S> {
    stream: S,
    /// What was read, whole records in front.
    read: Vec<u8>,
    /// How much of it belongs to records that were looked at.
    seen: usize,
    /// Their contents.
    message: Vec<u8>,
    /// How much of `read` has been given away; nothing is before `is_ready`.
    given: usize,
    is_ready: bool,
    /// Whether no ClientHello can come any more.
    is_over: bool,
}

/// What the records so far are.
enum Found {
    /// The beginning of a ClientHello: so many bytes are missing.
    Missing(usize),
    /// Something that is passed on, before a ClientHello.
    Record,
    /// A ClientHello, whole.
    Hello,
    /// Something that no ClientHello follows.
    Other,
}

impl<S: Read> SniFilter<S> {
    /// Over the stream of a client, from its first byte.
    pub fn new(stream: S) -> Self {
        let (read, message) = (Vec::new(), Vec::new());
        Self { stream, read, seen: 0, message, given: 0, is_ready: false, is_over: false }
    }

    /// The stream.
    pub(in crate::tls) fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// How many bytes of its client are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.read.len()
    }

    /// Reads up to the end of a ClientHello, or what shows that there is none.
    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while !self.is_ready {
            match self.look() {
                Found::Missing(missing) => {
                    let wanted = buffer.get_mut(..missing.min(4096)).unwrap_or_default();
                    let n = self.stream.read(wanted)?;
                    self.read.extend_from_slice(wanted.get(..n).unwrap_or_default());
                    // An end of the stream is rustls' to judge.
                    (self.is_ready, self.is_over) = (n == 0, n == 0);
                }
                Found::Record => self.is_ready = true,
                Found::Hello => {
                    self.is_ready = true;
                    if hide(&mut self.message) {
                        self.write_back();
                    }
                }
                Found::Other => (self.is_ready, self.is_over) = (true, true),
            }
        }
        Ok(())
    }

    /// Looks at the next record that is whole.
    fn look(&mut self) -> Found {
        let missing = |wanted: usize| Found::Missing(wanted - (self.read.len() - self.seen));
        let Some([kind, _, _, high, low]) = self.read.get(self.seen..self.seen + RECORD_HEADER_LEN) else {
            return missing(RECORD_HEADER_LEN);
        };
        let (kind, len) = (*kind, number_of(&[*high, *low]));
        let is_between = kind == CHANGE_CIPHER_SPEC && self.message.is_empty() && len == 1;
        if !(kind == HANDSHAKE && (1..=MAX_RECORD_LEN).contains(&len) || is_between) {
            return Found::Other;
        }
        let record = self.seen + RECORD_HEADER_LEN..self.seen + RECORD_HEADER_LEN + len;
        let Some(content) = self.read.get(record.clone()) else { return missing(RECORD_HEADER_LEN + len) };
        self.seen = record.end;
        if is_between {
            return Found::Record;
        }
        self.message.extend_from_slice(content);
        match self.message.as_slice() {
            [CLIENT_HELLO, rest @ ..] => match rest.get(..3).map(number_of) {
                Some(len) if len > MAX_HELLO_LEN => Found::Other,
                Some(len) if rest.len() >= 3 + len => Found::Hello,
                _ => Found::Missing(RECORD_HEADER_LEN),
            },
            _ => Found::Other,
        }
    }

    /// Puts the message into the records that it came in.
    fn write_back(&mut self) {
        let (mut records, mut message) = (self.read.as_mut_slice(), self.message.as_slice());
        while let Some((header, rest)) = records.split_at_mut_checked(RECORD_HEADER_LEN) {
            let len = number_of(header.get(3..).unwrap_or_default());
            let Some((content, rest)) = rest.split_at_mut_checked(len) else { return };
            let Some((own, others)) = message.split_at_checked(len) else { return };
            content.copy_from_slice(own);
            (records, message) = (rest, others);
        }
    }
}

impl<S: Read> Read for SniFilter<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_over && self.given == self.read.len() {
            return self.stream.read(buffer);
        }
        self.fill()?;
        let mut ready = self.read.get(self.given..).unwrap_or_default();
        let n = ready.read(buffer)?;
        self.given += n;
        if ready.is_empty() {
            self.read.clear();
            self.message.clear();
            (self.seen, self.given, self.is_ready) = (0, 0, false);
        }
        // At the end of the stream there may have been nothing.
        Ok(n)
    }
}

/// To the client nothing is hidden.
impl<S: Write> Write for SniFilter<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
