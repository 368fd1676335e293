//! The error of reading and writing capture files.

use std::{io, path::PathBuf};

use labnet::{error::reason, escape::escape};

use crate::file::{Compression, CompressionFault};

/// Why a capture cannot be read or written, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // To blame: this machine.
    /// The system refuses a file.
    #[error("cannot {attempt} {}: {}", .path.display(), reason(.source))]
    File {
        /// `open`, `write`, …
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The input of a [`CaptureReader`](crate::file::CaptureReader) failed.
    #[error("cannot read on after byte {offset}: {}", reason(.source))]
    Read {
        /// The position in the file, in bytes.
        offset: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// The output of a [`CaptureWriter`](crate::file::CaptureWriter) failed.
    #[error("cannot write the capture: {}", reason(.0))]
    Write(#[source] io::Error),

    // To blame: the file.
    /// The file is neither pcapng nor pcap.
    #[error("this is no pcapng or pcap file: {}", escape(.why))]
    Foreign {
        /// Its format, or its first bytes.
        why: String,
    },
    /// The file ends within a block.
    #[error("the file was cut off within the block at byte {offset}: {}", escape(.why))]
    Cut {
        /// The start of the block, in bytes from the start of the file.
        offset: u64,
        /// What is missing.
        why: String,
    },
    /// The fields of a block contradict each other or a limit.
    #[error("the block at byte {offset} is damaged: {}", escape(.why))]
    Damaged {
        /// The start of the block, in bytes from the start of the file.
        offset: u64,
        /// What is wrong.
        why: String,
    },

    /// The compressed data ends early, or cannot be decompressed.
    #[error("the {compression} data {fault}: of the capture nothing can be read after byte {offset}")]
    Compressed {
        /// How the file is compressed.
        compression: Compression,
        /// The start of the first block that is not whole, in bytes of the uncompressed capture.
        offset: u64,
        /// What is wrong.
        fault: CompressionFault,
    },

    // To blame: the caller.
    /// A frame or its secrets are longer than a block may be, or the frame belongs to no interface.
    #[error("cannot store a frame: {}", escape(.why))]
    Unwritable {
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// The start of the unreadable block, in bytes from the start of the (uncompressed) file; `None` for other errors.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::Read { offset, .. }
            | Self::Cut { offset, .. }
            | Self::Damaged { offset, .. }
            | Self::Compressed { offset, .. } => Some(*offset),
            _ => None,
        }
    }
}
