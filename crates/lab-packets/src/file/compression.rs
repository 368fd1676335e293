//! Decompresses a capture while it is read: gzip (RFC 1952) and zstd (RFC 8878), known by their first bytes.
//!
//! Both are sequences: of members, of frames. Memory is bounded by the window of the format, whatever comes out of it.

use std::{
    fmt,
    io::{self, BufRead, ErrorKind, Read},
    mem,
};

use flate2::bufread::GzDecoder;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder, errors::FrameDecoderError};

use super::{buffer::Buffer, skip::Skip};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The magic number of a skippable frame, little endian; the lower half of the first byte is free (RFC 8878, section 3.1.2).
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
/// The header of a skippable frame: magic number and length.
const SKIPPABLE_HEADER_LEN: usize = 8;

/// The maximum window of a zstd frame, 128 MiB: what `zstd` and Wireshark accept without an option.
const MAX_ZSTD_WINDOW: u64 = 1 << 27;

/// The format of a compressed capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// Why nothing more can be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionFault {
    /// The file ends too early.
    Cut,
    /// Its bytes contradict the format or a checksum.
    Damaged,
    /// A frame of zstd needs more memory than is used here, 128 MiB.
    WindowTooLarge,
}

impl fmt::Display for CompressionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "was cut off",
            Self::Damaged => "is damaged",
            Self::WindowTooLarge => "needs a window of more than 128 MiB (unzstd --long=31 first)",
        })
    }
}

/// What a read fails with, within an [`io::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {compression} data {fault}")]
pub(super) struct CompressedDataError {
    pub(super) compression: Compression,
    pub(super) fault: CompressionFault,
}

/// The bytes of a capture: those of the file, or those that are compressed in it.
pub(super) struct Input<R> {
    state: State<R>,
    compression: Option<Compression>,
}

enum State<R> {
    /// Nothing was read.
    Unknown(Buffer<R>),
    Plain(Buffer<R>),
    /// Within a member.
    Gzip(Box<GzDecoder<Buffer<R>>>),
    /// Within a frame.
    Zstd(Buffer<R>, Box<FrameDecoder>),
    Over,
}

impl<R: Read> Input<R> {
    pub(super) fn new(from: R) -> Self {
        Self { state: State::Unknown(Buffer::new(from)), compression: None }
    }

    /// The format, once the first byte was read; `None` if the file is not compressed.
    pub(super) fn compression(&self) -> Option<Compression> {
        self.compression
    }

    fn begin(&mut self, mut source: Buffer<R>) -> io::Result<State<R>> {
        let magic = source.peek(ZSTD.len())?;
        if magic.starts_with(&GZIP) {
            self.compression = Some(Compression::Gzip);
            return Ok(State::Gzip(Box::new(GzDecoder::new(source))));
        }
        if magic == ZSTD || is_skippable(magic) {
            self.compression = Some(Compression::Zstd);
            return next_frame(source, Box::new(frame_decoder()));
        }
        Ok(State::Plain(source))
    }
}

/// Only of what is not compressed.
impl<R: Skip> Skip for Input<R> {
    fn skip(&mut self, len: u64) -> io::Result<bool> {
        match &mut self.state {
            State::Plain(source) => source.skip(len),
            _ => Ok(false),
        }
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            self.state = match mem::replace(&mut self.state, State::Over) {
                State::Over => return Ok(0),
                State::Unknown(source) => self.begin(source)?,
                State::Plain(mut source) => {
                    let read = source.read(to);
                    self.state = State::Plain(source);
                    return read;
                }
                State::Gzip(mut decoder) => match decoder.read(to) {
                    Ok(0) if !to.is_empty() => next_member(decoder.into_inner())?,
                    Ok(read) => {
                        self.state = State::Gzip(decoder);
                        return Ok(read);
                    }
                    // Not the format's but the system's.
                    Err(error) if error.raw_os_error().is_some() => return Err(error),
                    Err(error) => return Err(broken(Compression::Gzip, error.kind() == ErrorKind::UnexpectedEof)),
                },
                State::Zstd(mut source, mut decoder) => match decode(&mut source, &mut decoder, to) {
                    Ok(0) if !to.is_empty() => next_frame(source, decoder)?,
                    Ok(read) => {
                        self.state = State::Zstd(source, decoder);
                        return Ok(read);
                    }
                    Err(error) => return Err(error),
                },
            };
        }
    }
}

/// Decompresses a part of a frame; 0 bytes at its end.
fn decode<R: Read>(source: &mut Buffer<R>, decoder: &mut FrameDecoder, to: &mut [u8]) -> io::Result<usize> {
    while decoder.can_collect() == 0 && !decoder.is_finished() {
        let block = decoder.decode_blocks(&mut *source, BlockDecodingStrategy::UptoBlocks(1));
        block.map_err(|_| broken(Compression::Zstd, source.is_over()))?;
    }
    let read = decoder.read(to)?;
    let checksum = decoder.get_checksum_from_data();
    if read == 0 && checksum.is_some() && checksum != decoder.get_calculated_checksum() {
        return Err(broken(Compression::Zstd, false));
    }
    Ok(read)
}

fn next_member<R: Read>(mut source: Buffer<R>) -> io::Result<State<R>> {
    match source.peek(GZIP.len())? {
        magic if magic == GZIP => Ok(State::Gzip(Box::new(GzDecoder::new(source)))),
        _ => end(source, Compression::Gzip),
    }
}

fn next_frame<R: Read>(mut source: Buffer<R>, mut decoder: Box<FrameDecoder>) -> io::Result<State<R>> {
    loop {
        let header = source.peek(SKIPPABLE_HEADER_LEN)?;
        if is_skippable(header) {
            let Some(len) = header.last_chunk::<4>().filter(|_| header.len() == SKIPPABLE_HEADER_LEN) else {
                return Err(broken(Compression::Zstd, true));
            };
            let len = u64::from(u32::from_le_bytes(*len));
            source.consume(SKIPPABLE_HEADER_LEN);
            if io::copy(&mut source.by_ref().take(len), &mut io::sink())? < len {
                return Err(broken(Compression::Zstd, true));
            }
            continue;
        }
        if !header.starts_with(&ZSTD) {
            return end(source, Compression::Zstd);
        }
        decoder.reset(&mut source).map_err(|error| match error {
            FrameDecoderError::WindowSizeTooBig { .. } => failed(Compression::Zstd, CompressionFault::WindowTooLarge),
            _ => broken(Compression::Zstd, source.is_over()),
        })?;
        return Ok(State::Zstd(source, decoder));
    }
}

/// The end of the compressed data. Zeros may follow, as on a tape; anything else cannot be read.
fn end<R: Read>(mut source: Buffer<R>, compression: Compression) -> io::Result<State<R>> {
    loop {
        match source.peek(1)? {
            [] => return Ok(State::Over),
            [0] => source.consume(1),
            _ => return Err(broken(compression, false)),
        }
    }
}

fn frame_decoder() -> FrameDecoder {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_ZSTD_WINDOW);
    decoder
}

fn is_skippable(magic: &[u8]) -> bool {
    matches!(magic, [first, rest @ ..] if first >> 4 == 5 && rest.starts_with(&SKIPPABLE))
}

fn broken(compression: Compression, is_cut: bool) -> io::Error {
    failed(compression, if is_cut { CompressionFault::Cut } else { CompressionFault::Damaged })
}

fn failed(compression: Compression, fault: CompressionFault) -> io::Error {
    io::Error::other(CompressedDataError { compression, fault })
}
