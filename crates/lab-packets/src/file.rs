//! Capture files: frames with their times, in the formats of tcpdump and Wireshark.
//!
//! ```text
//! pcapng   Section Header ‖ Interface Description… ‖ Decryption Secrets ‖ Enhanced Packet… ‖ Interface Statistics
//! pcap     header ‖ (time ‖ captured length ‖ original length ‖ frame)…
//! ```
//!
//! [`CaptureWriter`] writes pcapng (draft-ietf-opsawg-pcapng; section numbers below are of it) in little endian, with times
//! in nanoseconds. [`CaptureReader`] reads pcapng and pcap (draft-ietf-opsawg-pcap) in both byte orders,
//! as they are or compressed with gzip or zstd.

mod buffer;
mod compression;
mod keylog;
mod link;
mod options;
mod pcap;
mod pcapng;
mod reader;
mod recording;
mod skip;
mod time;
mod writer;

#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt, time::Duration};

pub use compression::{Compression, CompressionFault};
pub use keylog::{KeyLog, KeyLogEntry};
pub use link::LinkType;
pub use reader::{CaptureReader, FileItem};
pub use recording::{FrameBuf, Recording};
pub use writer::{CaptureWriter, InterfaceStatistics};

/// The maximum length of a block, 64 MiB (ours). Wireshark's limit for a frame is 256 KiB on the links of the lab.
pub const MAX_BLOCK_LEN: u32 = 1 << 26;

/// The maximum number of interfaces in a file (ours).
pub const MAX_INTERFACES: usize = 1 << 16;

/// An interface on which frames were captured (section 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureInterface {
    /// Its name, such as `lo`; empty if the file has none.
    pub name: String,
    /// The link type of its frames.
    pub link: LinkType,
    /// The maximum of captured bytes of a frame; 0 for no limit.
    pub snaplen: u32,
    /// A comment on it.
    pub comment: Option<String>,
}

impl CaptureInterface {
    /// An interface without a limit or a comment.
    pub fn new(name: impl Into<String>, link: LinkType) -> Self {
        Self { name: name.into(), link, snaplen: 0, comment: None }
    }
}

/// A block of pcapng that is no frame, but is shown, and so numbered, among them by Wireshark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NumberedBlock {
    /// A Custom Block, whoever defined it (section 4.9).
    Custom,
    /// A systemd Journal Export Block (draft-richardson-opsawg-pcapng-extras).
    Journal,
    /// An event of Sysdig.
    Sysdig,
}

impl fmt::Display for NumberedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Custom => "Custom Block",
            Self::Journal => "Journal Export Block",
            Self::Sysdig => "Sysdig Event Block",
        })
    }
}

/// The minimum of a long frame that [`CaptureReader::without_payloads`] reads, in bytes (ours): headers are shorter.
pub const MIN_HEADERS_LEN: usize = 1024;

/// A frame as it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedFrame<'a> {
    /// Its time since the Unix epoch. A Simple Packet Block has none (section 4.4): it has that of the frame before, and
    /// before the first time it is unknown.
    pub at: Option<Duration>,
    /// Its link type.
    pub link: LinkType,
    /// Its interface: the index in [`CaptureReader::interfaces`], over all sections of the file.
    pub interface: usize,
    /// The captured bytes, from the link-layer header on; of a long frame the first ones, at least
    /// [`MIN_HEADERS_LEN`], from [`CaptureReader::without_payloads`].
    pub bytes: &'a [u8],
    /// Its length on the wire, in bytes; at least that of the captured bytes in a valid file.
    pub original_len: u32,
    /// The comments on it.
    pub comments: Vec<Cow<'a, str>>,
}
