//! Where a record begins and ends in a stream of bytes (section 5.1).
//!
//! ```text
//! content type u8 ‖ legacy version u16 ‖ length u16 ‖ body
//! ```

use std::time::Duration;

use super::{
    Direction, Entry,
    details::{Details, bytes, hex, text},
    names, problem, ssl2,
};

/// The length of a header.
pub(super) const HEADER_LEN: usize = 5;

/// The longest body: 2^14 bytes of plaintext and what TLS 1.2 may add (RFC 5246, section 6.2.3); TLS 1.3 adds less.
const MAX_BODY_LEN: usize = (1 << 14) + 2048;

/// A record that has passed whole.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) at: Duration,
    pub(super) direction: Direction,
    pub(super) kind: u8,
    pub(super) version: u16,
    pub(super) body: Vec<u8>,
}

impl Record {
    /// The header again: what TLS 1.3 authenticates (section 5.2).
    pub(super) fn header(&self) -> [u8; HEADER_LEN] {
        // The length came out of two bytes.
        let [high, low] = (self.body.len() as u16).to_be_bytes();
        let [major, minor] = self.version.to_be_bytes();
        [self.kind, major, minor, high, low]
    }

    pub(super) fn wire_len(&self) -> usize {
        HEADER_LEN + self.body.len()
    }
}

/// What was found in a stream.
pub(super) enum Cut {
    Record {
        kind: u8,
        version: u16,
        body: Vec<u8>,
    },
    /// A hello message in the format of SSL 2.0.
    Ssl2(Vec<u8>),
    /// Something that cannot be the header of a record: this direction is not read any further.
    Foreign(Vec<u8>),
}

/// Cuts the stream of one direction into records.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    header: Vec<u8>,
    body: Vec<u8>,
    /// Whether a record was cut.
    has_begun: bool,
    is_foreign: bool,
    /// How many bytes came after something foreign.
    unread: u64,
    last: Duration,
}

impl Cutter {
    /// Takes bytes from the front, up to the end of a record if that is among them.
    pub(super) fn cut(&mut self, at: Duration, rest: &mut &[u8]) -> Option<Cut> {
        self.last = at;
        if self.is_foreign {
            self.unread += rest.len() as u64;
            *rest = &[];
            return None;
        }
        fill(&mut self.header, HEADER_LEN, rest);
        let [kind, major, minor, high, low] = *self.header.as_slice() else { return None };
        if let Some(len) = self.ssl2_len() {
            fill(&mut self.body, len + ssl2::HEADER_LEN - HEADER_LEN, rest);
            if ssl2::HEADER_LEN + len > HEADER_LEN + self.body.len() {
                return None;
            }
            self.has_begun = true;
            let start = std::mem::take(&mut self.header).split_off(ssl2::HEADER_LEN);
            return Some(Cut::Ssl2([start, std::mem::take(&mut self.body)].concat()));
        }
        let len = usize::from(u16::from_be_bytes([high, low]));
        if names::content_type(kind).is_none() || major != 3 || len > MAX_BODY_LEN {
            self.is_foreign = true;
            return Some(Cut::Foreign(std::mem::take(&mut self.header)));
        }
        fill(&mut self.body, len, rest);
        if self.body.len() < len {
            return None;
        }
        self.header.clear();
        self.has_begun = true;
        Some(Cut::Record { kind, version: u16::from_be_bytes([major, minor]), body: std::mem::take(&mut self.body) })
    }

    /// The length of the message, if the stream begins with a hello in the format of SSL 2.0.
    fn ssl2_len(&self) -> Option<usize> {
        let start = self.header.first_chunk::<HEADER_LEN>().filter(|_| !self.has_begun)?;
        ssl2::hello_len(*start)
    }

    /// When the last byte passed.
    pub(super) fn last(&self) -> Duration {
        self.last
    }

    /// What is left at the end; nothing, after a whole record.
    pub(super) fn end(&mut self, direction: Direction) -> Option<Entry> {
        let ssl2_len = self.ssl2_len();
        let (header, body) = (std::mem::take(&mut self.header), std::mem::take(&mut self.body));
        let unread = std::mem::take(&mut self.unread);
        let mut details = Details::default();
        if unread > 0 {
            let len = usize::try_from(unread).unwrap_or(usize::MAX);
            details.add("why", "they came after something that is not TLS");
            return Some(problem(self.last, direction, len, "bytes that were not read", details.into_inner()));
        }
        let len = header.len() + body.len();
        if let Some(whole) = ssl2_len {
            details.add("why", format!("a hello message of SSL 2.0 of {} was cut", bytes(whole)));
        } else if let [kind, _, _, high, low] = *header.as_slice() {
            let whole = HEADER_LEN + usize::from(u16::from_be_bytes([high, low]));
            let name = names::content_type(kind).unwrap_or_default();
            details.add("why", format!("a record {name} of {} was cut", bytes(whole)));
        } else {
            details.add("why", format!("the header of a record was cut: {}", hex(&header)));
        }
        (len > 0).then(|| problem(self.last, direction, len, "half a record", details.into_inner()))
    }
}

/// Moves bytes until `to` has `len`.
fn fill(to: &mut Vec<u8>, len: usize, from: &mut &[u8]) {
    let missing = len.saturating_sub(to.len()).min(from.len());
    if let Some((taken, rest)) = from.split_at_checked(missing) {
        to.extend_from_slice(taken);
        *from = rest;
    }
}

/// The line about something that cannot be the header of a record.
pub(super) fn foreign(at: Duration, direction: Direction, header: &[u8]) -> Entry {
    let mut details = Details::default();
    details.add("bytes", format!("{} ({})", hex(header), text(header)));
    details.add("why", "no record begins like this (RFC 8446, section 5.1): what follows is not read");
    problem(at, direction, header.len(), "not TLS", details.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(stream: &[u8], size: usize) -> (Vec<(u8, usize)>, Option<usize>, Option<String>) {
        let (mut cutter, mut found, mut foreign) = (Cutter::default(), Vec::new(), None);
        for mut piece in stream.chunks(size) {
            while !piece.is_empty() {
                match cutter.cut(Duration::ZERO, &mut piece) {
                    Some(Cut::Record { kind, body, .. }) => found.push((kind, body.len())),
                    Some(Cut::Ssl2(message)) => found.push((0, message.len())),
                    Some(Cut::Foreign(header)) => foreign = Some(header.len()),
                    None => {}
                }
            }
        }
        (found, foreign, cutter.end(Direction::Sent).map(|entry| entry.name))
    }

    #[test]
    fn records_are_found_however_the_stream_is_cut() {
        let stream = [&[22, 3, 1, 0, 3, 9, 9, 9][..], &[20, 3, 3, 0, 1, 1], &[23, 3, 3, 0, 0], &[21, 3, 3, 0, 2, 1, 0]];
        let stream = stream.concat();
        for size in 1..=stream.len() {
            assert_eq!(cut(&stream, size), (vec![(22, 3), (20, 1), (23, 0), (21, 2)], None, None), "pieces of {size}");
        }
    }

    #[test]
    fn what_is_not_tls_ends_the_reading() {
        for size in 1..20 {
            let (found, foreign, rest) = cut(b"\x17\x03\x03\0\x01AHTTP/1.1 400 Bad Request\r\n", size);
            assert_eq!((found, foreign), (vec![(23, 1)], Some(5)), "pieces of {size}");
            assert_eq!(rest.as_deref(), Some("bytes that were not read"));
        }
        for header in [[22, 2, 0, 0, 1], [99, 3, 3, 0, 1], [23, 3, 3, 0x48, 1]] {
            assert_eq!(cut(&header, 9).1, Some(5), "{header:?}");
        }
        assert_eq!(cut(&[23, 3, 3, 0x48, 0], 9).1, None);
    }

    #[test]
    fn a_hello_of_ssl_2_is_only_the_first() {
        let hello = [&[0x80, 12, 4, 0, 1, 0, 2][..], &[7; 7], &[22, 3, 0, 0, 1, 9]].concat();
        for size in 1..=hello.len() {
            assert_eq!(cut(&hello, size), (vec![(0, 12), (22, 1)], None, None), "pieces of {size}");
        }
        assert_eq!(cut(&hello[..9], 1).2.as_deref(), Some("half a record"));
        assert_eq!(cut(&[&[22, 3, 0, 0, 1, 9][..], &hello].concat(), 9).1, Some(5));
    }

    #[test]
    fn half_a_record_is_told_at_the_end() {
        assert_eq!(cut(&[22, 3], 1).2.as_deref(), Some("half a record"));
        assert_eq!(cut(&[22, 3, 3, 0, 2, 1], 1).2.as_deref(), Some("half a record"));
    }
}
