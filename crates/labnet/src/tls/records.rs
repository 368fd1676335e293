//! What a TLS connection puts on the wire, counted from outside: records, bytes and round trips.

use std::{
    io::{self, IoSlice, Read, Write},
    ops::{Deref, DerefMut},
};

/// The length of a record's header: content type, version, length (RFC 8446, section 5.1).
const HEADER_LEN: usize = 5;

/// What has passed over the wire, both ways together unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// TLS records, complete or begun.
    pub records: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
    /// How often something was received after something was sent.
    pub round_trips: u64,
}

/// A stream whose records are counted as they pass.
#[derive(Debug)]
pub(super) struct CountedStream<S> {
    stream: S,
    outwards: RecordCounter,
    inwards: RecordCounter,
    round_trips: u64,
    /// Whether what was sent has not been answered yet.
    is_asking: bool,
}

impl<S> CountedStream<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            outwards: RecordCounter::default(),
            inwards: RecordCounter::default(),
            round_trips: 0,
            is_asking: false,
        }
    }

    pub(super) fn records(&self) -> Records {
        Records {
            records: self.outwards.records + self.inwards.records,
            sent: self.outwards.bytes,
            received: self.inwards.bytes,
            round_trips: self.round_trips,
        }
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S> Deref for CountedStream<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.stream
    }
}

impl<S> DerefMut for CountedStream<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: Read> Read for CountedStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer)?;
        self.inwards.count(buffer.get(..n).unwrap_or_default());
        if n > 0 && std::mem::take(&mut self.is_asking) {
            self.round_trips += 1;
        }
        Ok(n)
    }
}

impl<S: Write> Write for CountedStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let n = self.stream.write_vectored(pieces)?;
        let mut left = n;
        for piece in pieces {
            let (sent, _) = piece.split_at(left.min(piece.len()));
            self.outwards.count(sent);
            left -= sent.len();
        }
        self.is_asking = true;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Finds the records in a stream of bytes that comes in any pieces.
#[derive(Debug, Default)]
struct RecordCounter {
    records: u64,
    bytes: u64,
    /// What has come of a header.
    header: Vec<u8>,
    /// How much of a record's body is still to come.
    body_left: usize,
}

impl RecordCounter {
    fn count(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        while let Some((first, rest)) = bytes.split_first() {
            if self.body_left > 0 {
                let skipped = self.body_left.min(bytes.len());
                self.body_left -= skipped;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            if self.header.is_empty() {
                self.records += 1;
            }
            self.header.push(*first);
            bytes = rest;
            if let [_, _, _, high, low] = *self.header.as_slice() {
                self.body_left = usize::from(u16::from_be_bytes([high, low]));
                self.header.clear();
            }
        }
        debug_assert!(self.header.len() < HEADER_LEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_however_the_stream_is_cut() {
        let stream = [&[22, 3, 1, 0, 3, 9, 9, 9][..], &[20, 3, 3, 0, 1, 1], &[23, 3, 3, 0, 0], &[21, 3, 3, 0, 2, 1, 0]];
        let stream = stream.concat();
        for size in 1..=stream.len() {
            let mut counter = RecordCounter::default();
            stream.chunks(size).for_each(|piece| counter.count(piece));
            assert_eq!((counter.records, counter.bytes), (4, stream.len() as u64), "in pieces of {size}");
        }
    }

    #[test]
    fn a_round_trip_is_an_answer_to_something_sent() {
        struct Echo;
        impl Read for Echo {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                buffer.fill(0);
                Ok(buffer.len())
            }
        }
        impl Write for Echo {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut counted = CountedStream::new(Echo);
        counted.read_exact(&mut [0; 2]).unwrap();
        for _ in 0..2 {
            counted.write_all(b"a").unwrap();
            counted.write_all(b"b").unwrap();
            counted.read_exact(&mut [0; 3]).unwrap();
            counted.read_exact(&mut [0; 3]).unwrap();
        }
        let Records { round_trips, sent, received, .. } = counted.records();
        assert_eq!((round_trips, sent, received), (2, 4, 14));
    }
}
