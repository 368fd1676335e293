//! The lengths that headers state: each is believed only as far as there is room for it.

use std::fmt;

use etherparse::{Ipv6Header, LaxIpSlice};

use super::DecodeError;

/// The length of a UDP header (RFC 768).
pub(super) const UDP_HEADER_LEN: usize = 8;

/// A length in a header that cannot be true, so that another one was used in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WrongLength {
    /// The IP header states more bytes than the frame had on the wire: those of the frame count.
    IpBeyondFrame,
    /// The UDP header states more bytes than the IP packet has: those of the packet count.
    UdpBeyondPacket,
    /// The UDP header states less than its own 8 bytes (1 to 7; 0 stands for a jumbogram): there is no payload, as every
    /// receiver drops such a datagram.
    UdpBelowHeader,
}

impl fmt::Display for WrongLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IpBeyondFrame => "IP length beyond the frame",
            Self::UdpBeyondPacket => "UDP length beyond the IP packet",
            Self::UdpBelowHeader => "UDP length below 8",
        })
    }
}

/// The length of an IP packet of which the frame has room for `room` bytes, headers included.
///
/// # Errors
/// [`DecodeError::Malformed`] for a length that is shorter than the header itself.
pub(super) fn of_ip(ip: &LaxIpSlice<'_>, room: usize) -> Result<(usize, Option<WrongLength>), DecodeError> {
    let (stated, header_len, len) = match ip {
        LaxIpSlice::Ipv4(ip) => {
            let len = usize::from(ip.header().total_len());
            (len, ip.header().slice().len(), len)
        }
        LaxIpSlice::Ipv6(ip) => {
            let len = usize::from(ip.header().payload_length());
            (len, Ipv6Header::LEN, Ipv6Header::LEN + len)
        }
    };
    match len {
        // A packet of more than 64 KiB, which only the sending machine itself sees, has 0 there (Linux' BIG TCP).
        _ if stated == 0 => Ok((room, None)),
        _ if len < header_len => Err(DecodeError::Malformed),
        _ if len > room => Ok((room, Some(WrongLength::IpBeyondFrame))),
        _ => Ok((len, None)),
    }
}

/// The length of the payload of a UDP datagram in `room` bytes, its header included.
pub(super) fn of_udp(stated: u16, room: usize) -> (usize, Option<WrongLength>) {
    let room = room.saturating_sub(UDP_HEADER_LEN);
    match (stated, usize::from(stated).checked_sub(UDP_HEADER_LEN)) {
        // A jumbogram (RFC 2675, section 4).
        (0, _) => (room, None),
        (_, None) => (0, Some(WrongLength::UdpBelowHeader)),
        (_, Some(len)) if len > room => (room, Some(WrongLength::UdpBeyondPacket)),
        (_, Some(len)) => (len, None),
    }
}
