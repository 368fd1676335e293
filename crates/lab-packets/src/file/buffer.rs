//! A buffered stream: `peek` shows the next bytes, `take` consumes them.

use std::io::{ErrorKind, Read, Result};

/// The size of one read, in bytes (ours): several frames.
const READ_LEN: usize = 1 << 18;

/// The bytes of a stream from a position on.
pub(super) struct Buffer<R> {
    from: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The number of consumed bytes.
    position: u64,
}

impl<R: Read> Buffer<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, bytes: Vec::new(), start: 0, end: 0, position: 0 }
    }

    /// The position of the next byte, from the start of the stream.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next `len` bytes; fewer at the end of the stream.
    ///
    /// Memory is bounded by twice the bytes that arrive, for any `len`.
    pub(super) fn peek(&mut self, len: usize) -> Result<&[u8]> {
        while self.end - self.start < len {
            if self.end == self.bytes.len() {
                self.make_room();
            }
            let room = self.bytes.get_mut(self.end..).unwrap_or_default();
            match self.from.read(room) {
                Ok(0) => break,
                Ok(read) => self.end = (self.end + read).min(self.bytes.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let end = self.end.min(self.start.saturating_add(len));
        Ok(self.bytes.get(self.start..end).unwrap_or_default())
    }

    /// Consumes bytes that [`peek`](Self::peek) returned.
    pub(super) fn take(&mut self, len: usize) {
        let taken = len.min(self.end - self.start);
        self.start += taken;
        self.position += taken as u64;
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
                buffer.take(expected.len());
                left -= expected.len() as u64;
                assert_eq!(buffer.position(), total - left);
            }
            assert_eq!(buffer.peek(1).unwrap(), b"");
            assert!(buffer.bytes.len() < 2 << 20, "{}", buffer.bytes.len());
        }
    }
}
