//! permessage-deflate, the bytes (RFC 7692, section 7.2): DEFLATE without header, ended by a flush whose last four bytes
//! are left out.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::violation::Violation;

/// What ends a compressed message, and is not sent (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// How much is decompressed at once (ours): a message grows with what comes out, not with what a peer claims.
const STEP: usize = 64 * 1024;

/// Decompresses the messages of a peer. Its window is the largest, which reads what was written with any other.
#[derive(Debug)]
pub(super) struct Inflater {
    inflate: Decompress,
    /// Whether each message begins with an empty window.
    is_reset: bool,
}

impl Inflater {
    pub(super) fn new(is_reset: bool) -> Self {
        Self { inflate: Decompress::new(false), is_reset }
    }

    /// Decompresses a part of a message behind `message`, which may become `limit` bytes long.
    pub(super) fn push(&mut self, mut part: &[u8], message: &mut Vec<u8>, limit: usize) -> Result<(), Violation> {
        loop {
            message.reserve(STEP.min((limit - message.len()).saturating_add(1)));
            let (read, written) = (self.inflate.total_in(), message.len());
            let status = self.inflate.decompress_vec(part, message, FlushDecompress::Sync);
            if message.len() > limit {
                return Err(Violation::TooBig { len: message.len() as u64, limit });
            }
            let read = usize::try_from(self.inflate.total_in() - read).unwrap_or(usize::MAX);
            part = part.get(read..).unwrap_or_default();
            match status {
                // A block that says that it is the last (section 7.2.3.4): what follows begins anew.
                Ok(Status::StreamEnd) => self.inflate.reset(false),
                Ok(_) if read == 0 && message.len() == written => {
                    return if part.is_empty() { Ok(()) } else { Err(Violation::CannotInflate) };
                }
                Ok(_) => {}
                Err(_) => return Err(Violation::CannotInflate),
            }
        }
    }

    /// The end of a message.
    pub(super) fn finish(&mut self, message: &mut Vec<u8>, limit: usize) -> Result<(), Violation> {
        self.push(&TAIL, message, limit)?;
        if self.is_reset {
            self.inflate.reset(false);
        }
        Ok(())
    }
}

/// Compresses the messages to a peer.
#[derive(Debug)]
pub(super) struct Deflater {
    deflate: Compress,
    /// Whether each message begins with an empty window.
    is_reset: bool,
}

impl Deflater {
    /// With a window of 2^`window_bits` bytes. `None` for the smallest one, of 256 bytes, with which zlib cannot compress:
    /// then no message is, as an endpoint may decide for each (section 6.1).
    pub(super) fn new(is_reset: bool, window_bits: u8) -> Option<Self> {
        let deflate = || Compress::new_with_window_bits(Compression::default(), false, window_bits);
        (9..=15).contains(&window_bits).then(|| Self { deflate: deflate(), is_reset })
    }

    /// A compressed message.
    pub(super) fn compress(&mut self, mut message: &[u8]) -> Vec<u8> {
        if message.is_empty() {
            // An empty block (section 7.2.3.6): zlib writes nothing for a flush that follows another.
            return vec![0];
        }
        let mut compressed = Vec::with_capacity(message.len() / 4 + STEP / 64);
        loop {
            if compressed.len() == compressed.capacity() {
                compressed.reserve(STEP);
            }
            let read = self.deflate.total_in();
            // Fails only with a dictionary, which is not used.
            let _ = self.deflate.compress_vec(message, &mut compressed, FlushCompress::Sync);
            let read = usize::try_from(self.deflate.total_in() - read).unwrap_or(usize::MAX);
            message = message.get(read..).unwrap_or_default();
            // Room left over means that all is out.
            if message.is_empty() && compressed.len() < compressed.capacity() {
                break;
            }
        }
        if self.is_reset {
            self.deflate.reset();
        }
        compressed.truncate(compressed.len().saturating_sub(TAIL.len()));
        compressed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflate(inflater: &mut Inflater, compressed: &[u8], piece: usize, limit: usize) -> Result<Vec<u8>, Violation> {
        let mut message = Vec::new();
        for part in compressed.chunks(piece) {
            inflater.push(part, &mut message, limit)?;
        }
        inflater.finish(&mut message, limit).map(|()| message)
    }

    #[test]
    fn messages_come_back_as_they_were_with_every_window_and_cut() {
        let lines: String = (0..2000).map(|i| format!("This is PMU data {i}\n")).collect();
        let noise: Vec<u8> = (0..20_000_u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        for window_bits in 9..=15 {
            for is_reset in [false, true] {
                let mut deflater = Deflater::new(is_reset, window_bits).unwrap();
                let mut inflater = Inflater::new(is_reset);
                for message in [b"".as_slice(), b"x", lines.as_bytes(), &noise, lines.as_bytes(), b"Hello", b"Hello"] {
                    let compressed = deflater.compress(message);
                    assert!(!compressed.ends_with(&TAIL));
                    for piece in [1, 1000, usize::MAX] {
                        // Each reading changes the window; a second reader of all would be needed for each piece.
                        if is_reset || piece == usize::MAX {
                            let inflated = inflate(&mut inflater, &compressed, piece, 1 << 20);
                            assert!(inflated.as_deref() == Ok(message), "{window_bits} {is_reset} {piece}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // Section 7.2.3: a block, one that shares the window, one without compression, one that says it is the last.
        let mut inflater = Inflater::new(false);
        for compressed in [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            &[0xf2, 0x00, 0x11, 0x00, 0x00],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ] {
            assert_eq!(inflate(&mut inflater, compressed, 3, 5).as_deref(), Ok(&b"Hello"[..]), "{compressed:02x?}");
        }
        assert_eq!(Deflater::new(false, 15).unwrap().compress(b"Hello"), [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    }

    #[test]
    fn what_is_not_deflate_and_what_becomes_too_big() {
        let check = |compressed: &[u8], limit, expected| {
            assert_eq!(inflate(&mut Inflater::new(false), compressed, 100, limit), Err(expected));
        };
        check(b"This is PMU data 1", 1000, Violation::CannotInflate);
        // A mebibyte of zeros: the reader stops soon behind its limit.
        let bomb = Deflater::new(false, 15).unwrap().compress(&vec![0; 1 << 20]);
        assert!(bomb.len() < 2000);
        check(&bomb, 1000, Violation::TooBig { len: 1001, limit: 1000 });
        assert!(Deflater::new(false, 8).is_none());
    }

    #[test]
    fn an_empty_message_may_follow_another() {
        for is_reset in [false, true] {
            let (mut deflater, mut inflater) = (Deflater::new(is_reset, 15).unwrap(), Inflater::new(is_reset));
            for message in [&b""[..], b"x", b"", b"", b"This is PMU data 1"] {
                let compressed = deflater.compress(message);
                assert!(!compressed.is_empty());
                assert_eq!(inflate(&mut inflater, &compressed, 1, 100).unwrap(), message, "{is_reset}");
            }
        }
    }
}
