//! Writes pcapng, little endian, with times in nanoseconds.
//!
//! ```text
//! block = type u32 ‖ total length u32 ‖ body, padded to 4 bytes ‖ total length u32      (section 3.1)
//! ```

use std::{
    io::{BufWriter, Write},
    time::Duration,
};

use super::{
    CaptureInterface, CapturedFrame, KeyLog, MAX_BLOCK_LEN,
    options::{self, add, close},
};
use crate::Error;

/// Section Header Block (section 4.1).
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// Version 1.0.
const VERSION: [u16; 2] = [1, 0];
/// The length of a section: unknown.
const UNKNOWN_LEN: i64 = -1;
/// Interface Description Block (section 4.2).
const INTERFACE_DESCRIPTION: u32 = 1;
/// Times are in 10^-9 seconds.
const NANOSECONDS: u8 = 9;
/// Enhanced Packet Block (section 4.3).
const ENHANCED_PACKET: u32 = 6;
/// Simple Packet Block (section 4.4).
const SIMPLE_PACKET: u32 = 3;
/// Interface Statistics Block (section 4.6).
const INTERFACE_STATISTICS: u32 = 5;
/// Decryption Secrets Block (section 4.7).
const DECRYPTION_SECRETS: u32 = 0x0a;
/// `TLSK`: a key log.
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// The bytes of a block beside its body: type, and length twice.
const FRAME_LEN: usize = 12;

/// The size of the output buffer, in bytes (ours).
const BUFFER_LEN: usize = 1 << 18;

/// The counters of an interface (section 4.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceStatistics {
    /// The index of the interface, from 0.
    pub interface: usize,
    /// The time of the counters, since the Unix epoch.
    pub at: Duration,
    /// Frames that the interface received, if known.
    pub received: Option<u64>,
    /// Frames that the capture missed because it was too slow, if known.
    pub dropped: Option<u64>,
}

/// Writes a capture file, block by block.
///
/// Secrets must come before the frames that they decrypt, since readers do not go back.
pub struct CaptureWriter<W: Write> {
    to: BufWriter<W>,
    interfaces: usize,
    /// The snap length of the first interface.
    first_snaplen: u32,
    /// A buffer for options, allocated once.
    scratch: Vec<u8>,
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a file, with a comment on the whole of it.
    ///
    /// # Errors
    /// [`Error::Write`] if the output fails.
    pub fn new(to: W, comment: Option<&str>) -> Result<Self, Error> {
        let mut writer = Self {
            to: BufWriter::with_capacity(BUFFER_LEN, to),
            interfaces: 0,
            first_snaplen: 0,
            scratch: Vec::with_capacity(256),
        };
        let mut body = Vec::new();
        body.extend(BYTE_ORDER_MAGIC.to_le_bytes());
        body.extend(VERSION.map(u16::to_le_bytes).concat());
        body.extend(UNKNOWN_LEN.to_le_bytes());
        let mut about = Vec::new();
        if let Some(comment) = comment {
            add(&mut about, options::COMMENT, comment.as_bytes());
        }
        add(&mut about, options::SHB_OS, std::env::consts::OS.as_bytes());
        let program = concat!("lab-capture ", env!("CARGO_PKG_VERSION"));
        add(&mut about, options::SHB_USERAPPL, program.as_bytes());
        close(&mut about);
        writer.block(SECTION_HEADER, &[&body, &about])?;
        Ok(writer)
    }

    /// Describes an interface. Returns its index, for [`CapturedFrame::interface`].
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn interface(&mut self, interface: &CaptureInterface) -> Result<usize, Error> {
        let mut body = Vec::new();
        body.extend(interface.link.0.to_le_bytes());
        body.extend([0; 2]);
        body.extend(interface.snaplen.to_le_bytes());
        let mut about = Vec::new();
        if let Some(comment) = &interface.comment {
            add(&mut about, options::COMMENT, comment.as_bytes());
        }
        if !interface.name.is_empty() {
            add(&mut about, options::IF_NAME, interface.name.as_bytes());
        }
        add(&mut about, options::IF_TSRESOL, &[NANOSECONDS]);
        close(&mut about);
        self.block(INTERFACE_DESCRIPTION, &[&body, &about])?;
        if self.interfaces == 0 {
            self.first_snaplen = interface.snaplen;
        }
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Adds the secrets of TLS connections whose frames follow; an empty key log adds nothing.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::Unwritable`] if they are longer than [`MAX_BLOCK_LEN`].
    pub fn secrets(&mut self, log: &KeyLog) -> Result<(), Error> {
        if log.is_empty() {
            return Ok(());
        }
        let text = log.as_str().as_bytes();
        let Some(len) = u32::try_from(text.len()).ok().filter(|len| *len <= MAX_BLOCK_LEN - 64) else {
            return Err(Error::Unwritable { why: format!("{} bytes of secrets before it are too many", text.len()) });
        };
        self.block(DECRYPTION_SECRETS, &[&TLS_KEY_LOG.to_le_bytes(), &len.to_le_bytes(), text])
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::Unwritable`] without a description of its interface, if it is longer than
    /// [`MAX_BLOCK_LEN`], or if it has no time and is not what a Simple Packet Block can hold.
    pub fn frame(&mut self, frame: &CapturedFrame<'_>) -> Result<(), Error> {
        if frame.interface >= self.interfaces {
            let (number, known) = (frame.interface, self.interfaces);
            return Err(Error::Unwritable { why: format!("it is of interface {number}, and {known} are described") });
        }
        let mut about = std::mem::take(&mut self.scratch);
        about.clear();
        for comment in &frame.comments {
            add(&mut about, options::COMMENT, comment.as_bytes());
        }
        close(&mut about);

        let len = frame.bytes.len();
        if len + about.len() > MAX_BLOCK_LEN as usize - 64 {
            return Err(Error::Unwritable { why: format!("{len} bytes and its comments are too long") });
        }
        // The length was bounded; a file has at most as many interfaces as there were calls.
        let (len, number) = (len as u32, frame.interface as u32);
        let original_len = frame.original_len.max(len);
        let Some(at) = frame.at else {
            // The only block without a time takes the captured length from the snap length, and has no options.
            let limit = if self.first_snaplen == 0 { u32::MAX } else { self.first_snaplen };
            let is_simple = number == 0 && about.is_empty() && len == original_len.min(limit);
            self.scratch = about;
            if !is_simple {
                return Err(Error::Unwritable {
                    why: "without a time it must be whole and of the first interface".into(),
                });
            }
            return self.block(SIMPLE_PACKET, &[&original_len.to_le_bytes(), frame.bytes]);
        };
        let [high, low] = time(at);
        let mut head = [[0; 4]; 5];
        for (to, from) in head.iter_mut().zip([number, high, low, len, original_len]) {
            *to = from.to_le_bytes();
        }
        let result = self.block(ENHANCED_PACKET, &[head.as_flattened(), frame.bytes, &about]);
        self.scratch = about;
        result
    }

    /// Adds the counters of an interface, at the end of the file.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn statistics(&mut self, statistics: &InterfaceStatistics) -> Result<(), Error> {
        let [high, low] = time(statistics.at);
        let mut body = Vec::new();
        body.extend([statistics.interface as u32, high, low].map(u32::to_le_bytes).concat());
        let mut about = Vec::new();
        for (code, count) in [(options::ISB_IFRECV, statistics.received), (options::ISB_IFDROP, statistics.dropped)] {
            if let Some(count) = count {
                add(&mut about, code, &count.to_le_bytes());
            }
        }
        close(&mut about);
        self.block(INTERFACE_STATISTICS, &[&body, &about])
    }

    /// Flushes the buffer, and returns the output.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self) -> Result<W, Error> {
        self.to.flush().map_err(Error::Write)?;
        self.to.into_inner().map_err(|error| Error::Write(error.into_error()))
    }

    /// Writes a block; its body is the pieces, each padded. The caller bounds their lengths.
    fn block(&mut self, kind: u32, pieces: &[&[u8]]) -> Result<(), Error> {
        let body: usize = pieces.iter().map(|piece| piece.len().next_multiple_of(4)).sum();
        let len = ((FRAME_LEN + body) as u32).to_le_bytes();
        let write = |to: &mut BufWriter<W>| {
            to.write_all(&kind.to_le_bytes())?;
            to.write_all(&len)?;
            for piece in pieces {
                to.write_all(piece)?;
                let padding = piece.len().next_multiple_of(4) - piece.len();
                to.write_all([0; 3].get(..padding).unwrap_or_default())?;
            }
            to.write_all(&len)
        };
        write(&mut self.to).map_err(Error::Write)
    }
}

/// Nanoseconds since the epoch, as two halves of 64 bits: up to the year 2554.
fn time(at: Duration) -> [u32; 2] {
    let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
    [(nanos >> 32) as u32, nanos as u32]
}
