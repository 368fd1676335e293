//! Capture files: frames with their times, as tcpdump and Wireshark write and read them.
//!
//! ```text
//! pcapng   Section Header ‖ Interface Description… ‖ Decryption Secrets ‖ Enhanced Packet… ‖ Interface Statistics
//! pcap     header ‖ (time ‖ captured length ‖ original length ‖ frame)…
//! ```
//!
//! Written is pcapng (draft-ietf-opsawg-pcapng, the sections named below), little endian, with times in nanoseconds; read
//! are both formats (draft-ietf-opsawg-pcap), in either byte order.

mod buffer;
mod keylog;
mod link;
mod options;
mod pcap;
mod pcapng;
mod reader;
mod recording;
mod time;
mod writer;

#[cfg(test)]
mod tests;

use std::{borrow::Cow, time::Duration};

pub use keylog::{KeyLog, KeyLogEntry};
pub use link::LinkType;
pub use reader::{CaptureReader, FileItem};
pub use recording::{FrameBuf, Recording};
pub use writer::{CaptureWriter, InterfaceStatistics};

/// The longest block that is read or written, 64 MiB (ours): Wireshark's own limit for a frame is 256 KiB on any link
/// of the lab.
pub const MAX_BLOCK_LEN: u32 = 1 << 26;

/// How many interfaces a file may describe (ours).
pub const MAX_INTERFACES: usize = 1 << 16;

/// Where frames were captured (section 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureInterface {
    /// Its name, such as `lo`; empty when the file does not say.
    pub name: String,
    /// What its frames begin with.
    pub link: LinkType,
    /// The most bytes that were kept of a frame; 0 for no limit.
    pub snaplen: u32,
    /// What somebody noted about it.
    pub comment: Option<String>,
}

impl CaptureInterface {
    /// An interface without a limit or a comment.
    pub fn new(name: impl Into<String>, link: LinkType) -> Self {
        Self { name: name.into(), link, snaplen: 0, comment: None }
    }
}

/// A frame as it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedFrame<'a> {
    /// When, since the Unix epoch. A Simple Packet Block has no time: it gets that of the frame before it.
    pub at: Duration,
    /// What it begins with.
    pub link: LinkType,
    /// Where: the interfaces of a file are numbered from 0, over all its sections.
    pub interface: usize,
    /// The captured bytes, from the link layer's header on.
    pub bytes: &'a [u8],
    /// How many bytes it had on the wire, which may be more.
    pub original_len: u32,
    /// What somebody noted about it.
    pub comments: Vec<Cow<'a, str>>,
}
