//! The header of a TCP segment (RFC 9293, section 3.1).

use std::fmt;

use etherparse::{TcpHeaderSlice, TcpOptionElement};
use serde::{Serialize, Serializer};

use super::DecodeError;

/// The length of a header without options.
const MIN_HEADER_LEN: usize = 20;
/// The maximum length of a header, with options.
const MAX_HEADER_LEN: usize = 60;

/// The fields of a TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpHeader {
    /// The sequence number of the first byte of payload, or of SYN, modulo 2^32.
    pub seq: u32,
    /// The acknowledgement number: the next expected sequence number. Valid with the flag ACK.
    pub ack: u32,
    /// The control bits.
    pub flags: TcpFlags,
    /// The receive window, without the window scale of the SYN.
    pub window: u16,
    /// The maximum segment size, in bytes; only in a SYN (section 3.7.1).
    pub mss: Option<u16>,
}

/// The control bits: `CWR ECE URG ACK PSH RST SYN FIN`, from the most significant one.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from this side.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number is valid.
    pub const ACK: Self = Self(0x10);

    const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
    /// The order of the names in text.
    const SHOWN: [usize; 8] = [1, 0, 2, 3, 4, 5, 6, 7];

    /// Whether all of these are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether FIN is set.
    pub fn fin(self) -> bool {
        self.contains(Self::FIN)
    }

    /// Whether SYN is set.
    pub fn syn(self) -> bool {
        self.contains(Self::SYN)
    }

    /// Whether RST is set.
    pub fn rst(self) -> bool {
        self.contains(Self::RST)
    }

    /// Whether ACK is set.
    pub fn ack(self) -> bool {
        self.contains(Self::ACK)
    }
}

/// `SYN, ACK`.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = Self::SHOWN.into_iter().filter(|bit| self.0 >> bit & 1 == 1);
        let names: Vec<&str> = set.filter_map(|bit| Self::NAMES.get(bit)).copied().collect();
        f.write_str(&names.join(", "))
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpFlags({self})")
    }
}

/// As text.
impl Serialize for TcpFlags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl TcpHeader {
    /// Reads a header: the fields, the two ports, and its length, which is at most that of the segment on the wire.
    /// The options may be cut off.
    pub(super) fn read(segment: &[u8], wire_len: usize) -> Result<(Self, (u16, u16), usize), DecodeError> {
        let mut padded = [0; MAX_HEADER_LEN];
        let header = match TcpHeaderSlice::from_slice(segment) {
            Ok(header) => header,
            Err(etherparse::err::tcp::HeaderSliceError::Content(_)) => return Err(DecodeError::Malformed),
            Err(_) if segment.len() < MIN_HEADER_LEN => return Err(DecodeError::Short),
            Err(_) => {
                // Zeros end the options (section 3.2).
                padded.iter_mut().zip(segment).for_each(|(to, from)| *to = *from);
                TcpHeaderSlice::from_slice(&padded).map_err(|_| DecodeError::Malformed)?
            }
        };
        let bits = [
            header.fin(),
            header.syn(),
            header.rst(),
            header.psh(),
            header.ack(),
            header.urg(),
            header.ece(),
            header.cwr(),
        ];
        let flags = TcpFlags(bits.iter().enumerate().fold(0, |flags, (bit, is_set)| flags | u8::from(*is_set) << bit));
        let mss = || {
            header.options_iterator().find_map(|option| match option {
                Ok(TcpOptionElement::MaximumSegmentSize(size)) => Some(size),
                _ => None,
            })
        };
        let read = Self {
            seq: header.sequence_number(),
            ack: header.acknowledgment_number(),
            flags,
            window: header.window_size(),
            mss: if flags.syn() { mss() } else { None },
        };
        let header_len = header.slice().len();
        if header_len > wire_len {
            return Err(DecodeError::Malformed);
        }
        Ok((read, (header.source_port(), header.destination_port()), header_len))
    }
}
