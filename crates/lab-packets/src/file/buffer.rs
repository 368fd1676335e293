//! A buffered stream: `peek` shows the next bytes, `consume` takes them away.

use std::io::{BufRead, ErrorKind, Read, Result};

use super::skip::Skip;

/// The size of one read, in bytes (ours): several frames.
const READ_LEN: usize = 1 << 18;

/// The size of the first read after bytes were passed over (ours); it doubles from read to read.
const FIRST_READ_LEN: usize = 1 << 12;

/// The bytes of a stream from a position on.
pub(super) struct Buffer<R> {
    from: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The number of consumed bytes.
    position: u64,
    /// The number of bytes that were passed over behind the next ones.
    passed_over: u64,
    /// The size of the next read.
    read_len: usize,
    /// Whether the stream ended.
    is_over: bool,
}

impl<R: Read> Buffer<R> {
    pub(super) fn new(from: R) -> Self {
        let bytes = Vec::new();
        Self { from, bytes, start: 0, end: 0, position: 0, passed_over: 0, read_len: READ_LEN, is_over: false }
    }

    /// The position of the next byte, from the start of the stream.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Where the bytes come from.
    pub(super) fn source(&self) -> &R {
        &self.from
    }

    /// Whether the end of the stream was seen; there may still be bytes in the buffer.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next `len` bytes; fewer at the end of the stream.
    ///
    /// Memory is bounded by twice the bytes that arrive, for any `len`.
    pub(super) fn peek(&mut self, len: usize) -> Result<&[u8]> {
        while self.end - self.start < len {
            if self.end == self.bytes.len() {
                self.make_room();
            }
            let read_to = self.bytes.len().min(self.end + self.read_len);
            self.read_len = READ_LEN.min(2 * self.read_len);
            let room = self.bytes.get_mut(self.end..read_to).unwrap_or_default();
            match self.from.read(room) {
                Ok(0) => {
                    self.is_over = true;
                    break;
                }
                Ok(read) => self.end = (self.end + read).min(self.bytes.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let end = self.end.min(self.start.saturating_add(len));
        Ok(self.bytes.get(self.start..end).unwrap_or_default())
    }

    fn make_room(&mut self) {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.bytes.len() {
            // Zeroed memory costs nothing: the system has it.
            let mut bytes = vec![0; (2 * self.end).max(READ_LEN)];
            if let Some(begin) = bytes.get_mut(..self.end) {
                begin.copy_from_slice(&self.bytes);
            }
            self.bytes = bytes;
        }
    }
}

impl<R: Read + Skip> Buffer<R> {
    /// Passes over `len` bytes behind the next `before`, which were seen; `false` when they are to be read instead.
    pub(super) fn cut_out(&mut self, before: usize, len: usize) -> Result<bool> {
        let behind = (self.end - self.start).saturating_sub(before);
        if behind >= len || !self.from.skip((len - behind) as u64)? {
            return Ok(false);
        }
        self.end -= behind;
        self.passed_over = len as u64;
        self.read_len = FIRST_READ_LEN;
        Ok(true)
    }
}

/// Only of bytes that it has not read yet.
impl<R: Skip> Skip for Buffer<R> {
    fn skip(&mut self, len: u64) -> Result<bool> {
        if self.start < self.end || !self.from.skip(len)? {
            return Ok(false);
        }
        self.position += len;
        Ok(true)
    }
}

impl<R: Read> BufRead for Buffer<R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        self.peek(1)?;
        Ok(self.bytes.get(self.start..self.end).unwrap_or_default())
    }

    fn consume(&mut self, len: usize) {
        let consumed = len.min(self.end - self.start);
        self.start += consumed;
        self.position += consumed as u64 + std::mem::take(&mut self.passed_over);
    }
}

impl<R: Read> Read for Buffer<R> {
    fn read(&mut self, to: &mut [u8]) -> Result<usize> {
        if self.start == self.end {
            // Without a copy.
            let read = self.from.read(to)?;
            self.is_over |= read == 0 && !to.is_empty();
            self.position += read as u64;
            return Ok(read);
        }
        let read = self.fill_buf()?.read(to)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Yields the numbers from 0, as many at a time as it was told.
    struct Drip(u64, usize);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            let len = self.1.min(buffer.len()).min(self.0 as usize);
            for byte in buffer.iter_mut().take(len) {
                *byte = self.0 as u8;
                self.0 -= 1;
            }
            Ok(len)
        }
    }

    #[test]
    fn what_is_taken_is_what_came_however_it_came() {
        for size in [1, 7, 1000, 1 << 20] {
            let total = 600_000;
            let mut buffer = Buffer::new(Drip(total, size));
            let mut left = total;
            for len in [3, 0, 1, 5000, 300_000, 1 << 26] {
                let expected: Vec<u8> = (0..left.min(len)).map(|i| (left - i) as u8).collect();
                assert!(buffer.peek(len as usize).unwrap() == expected, "{len} bytes in pieces of {size}");
                buffer.consume(expected.len());
                left -= expected.len() as u64;
                assert_eq!(buffer.position(), total - left);
            }
            assert_eq!(buffer.peek(1).unwrap(), b"");
            assert!(buffer.bytes.len() < 2 << 20, "{}", buffer.bytes.len());
        }
    }
}
