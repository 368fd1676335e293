//! The format pcap: a header, then a record for each frame (draft-ietf-opsawg-pcap).

use std::{borrow::Cow, ops::Range, time::Duration};

use pcap_parser::{PcapHeader, parse_pcap_header};

use super::{LinkType, MAX_BLOCK_LEN};

/// The length of the file header, in bytes (section 4).
pub(super) const HEADER_LEN: usize = 24;

/// The magic numbers of times in microseconds, in nanoseconds, and of the "modified" format, in microseconds.
const MAGICS: [u32; 3] = [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34];

/// Whether these are the first bytes of a pcap file.
pub(super) fn is_pcap(bytes: &[u8]) -> bool {
    let is_any = |magic: [u8; 4]| {
        MAGICS.contains(&u32::from_le_bytes(magic)) || MAGICS.iter().take(2).any(|known| known.to_be_bytes() == magic)
    };
    bytes.first_chunk::<4>().is_some_and(|magic| is_any(*magic))
}

/// The properties of all records, from the file header.
pub(super) struct Layout {
    is_big_endian: bool,
    is_nanoseconds: bool,
    pub(super) link: LinkType,
    pub(super) snaplen: u32,
    /// The length of a record header, in bytes.
    pub(super) record_header_len: usize,
}

/// A record header (section 5).
pub(super) struct PcapRecord {
    pub(super) at: Duration,
    /// The position of the frame in the record.
    pub(super) range: Range<usize>,
    pub(super) original_len: u32,
}

impl Layout {
    /// Reads the file header, 24 bytes; `None` if it is shorter or invalid.
    pub(super) fn read(header: &[u8]) -> Option<Self> {
        let (_, header): (_, PcapHeader) = parse_pcap_header(header).ok()?;
        // The "modified" format, by a patch of Kuznetsov for Linux 2.1, has 8 bytes more.
        let record_header_len = if header.is_modified_format() { 24 } else { 16 };
        Some(Self {
            is_big_endian: header.is_bigendian(),
            is_nanoseconds: header.is_nanosecond_precision(),
            // The upper half is the length of the checksum behind each frame.
            link: LinkType(header.network.0 as u16),
            snaplen: header.snaplen,
            record_header_len,
        })
    }

    /// Reads a record header.
    ///
    /// # Errors
    /// A sentence, if the header is too short or its frame longer than [`MAX_BLOCK_LEN`].
    pub(super) fn record(&self, header: &[u8]) -> Result<PcapRecord, Cow<'static, str>> {
        let (fields, _) = header.as_chunks::<4>();
        let [seconds, fraction, len, original_len, ..] = *fields else { return Err("its header is not whole".into()) };
        let [seconds, fraction, len, original_len] = [seconds, fraction, len, original_len]
            .map(|field| if self.is_big_endian { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) });
        if len > MAX_BLOCK_LEN {
            return Err(
                format!("it says that its frame has {len} bytes, and more than {MAX_BLOCK_LEN} are not read").into()
            );
        }
        let fraction = u64::from(fraction);
        let fraction =
            if self.is_nanoseconds { Duration::from_nanos(fraction) } else { Duration::from_micros(fraction) };
        let at = Duration::from_secs(seconds.into()) + fraction;
        let range = self.record_header_len..self.record_header_len + len as usize;
        Ok(PcapRecord { at, range, original_len })
    }
}
