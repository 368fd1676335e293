//! What can go wrong with a capture file.

use std::{io, path::PathBuf};

use labnet::error::reason;

/// Why a capture could not be read or written, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // To blame: this machine.
    /// A file could not be used.
    #[error("cannot {attempt} {}: {}", .path.display(), reason(.source))]
    File {
        /// `open`, `write`, …
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// What a [`CaptureReader`](crate::file::CaptureReader) reads from failed.
    #[error("cannot read on after byte {offset}: {}", reason(.source))]
    Read {
        /// How many bytes had been read.
        offset: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// What a [`CaptureWriter`](crate::file::CaptureWriter) writes to failed.
    #[error("cannot write the capture: {}", reason(.0))]
    Write(#[source] io::Error),

    // To blame: the file.
    /// It is no capture file.
    #[error("this is no pcapng or pcap file: {why}")]
    Foreign {
        /// What it is instead, or how it begins.
        why: String,
    },
    /// It ends within a block.
    #[error("the file was cut off within the block at byte {offset}: {why}")]
    Cut {
        /// Where the block begins, in bytes from the start of the file.
        offset: u64,
        /// What is missing.
        why: String,
    },
    /// A block cannot be what it says it is.
    #[error("the block at byte {offset} is damaged: {why}")]
    Damaged {
        /// Where the block begins, in bytes from the start of the file.
        offset: u64,
        /// What is wrong.
        why: String,
    },

    // To blame: the caller.
    /// A frame is longer than a block may be, or belongs to no interface.
    #[error("cannot store a frame: {why}")]
    Unwritable {
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// Where the block begins that could not be read, in bytes from the start of the file.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::Read { offset, .. } | Self::Cut { offset, .. } | Self::Damaged { offset, .. } => Some(*offset),
            _ => None,
        }
    }
}
