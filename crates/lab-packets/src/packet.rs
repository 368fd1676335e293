//! Decodes the headers of a frame: addresses, ports, TCP fields, and the payload.

mod length;
mod link;
mod tcp;

use std::{fmt, net::SocketAddr, time::Duration};

use etherparse::{IpNumber, LaxIpSlice, UdpHeaderSlice};

use crate::file::{CapturedFrame, LinkType};

use length::UDP_HEADER_LEN;
pub use length::WrongLength;
pub use tcp::{TcpFlags, TcpHeader};

/// An IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its number in the capture, from 1, as Wireshark counts.
    pub number: u64,
    /// When it was captured, since the Unix epoch, if known.
    pub at: Option<Duration>,
    /// The source; port 0 when there are no ports.
    pub source: SocketAddr,
    /// The destination; port 0 when there are no ports.
    pub destination: SocketAddr,
    /// The transport protocol, with the header of TCP.
    pub transport: Transport,
    /// The captured bytes behind the transport header.
    pub payload: &'a [u8],
    /// The length of the payload on the wire, in bytes, by the IP header: Ethernet may pad a short frame. A length beyond
    /// the frame is not believed.
    pub payload_len: usize,
    /// A length in its headers that cannot be true.
    pub wrong_length: Option<WrongLength>,
}

/// The payload of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP (RFC 9293).
    Tcp(TcpHeader),
    /// UDP (RFC 768).
    Udp,
    /// ICMP of the packet's version of IP (RFC 792, RFC 4443).
    Icmp,
    /// Multicast group membership (RFC 3376).
    Igmp,
    /// A fragment (RFC 791; RFC 8200, section 4.5). Fragments are not decoded, not even the first one, which has the ports.
    Fragment(IpProtocol),
    /// Another protocol.
    Other(IpProtocol),
}

/// A protocol by its number in IANA's registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpProtocol(pub u8);

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(_) => f.write_str("TCP"),
            Self::Udp => f.write_str("UDP"),
            Self::Icmp => f.write_str("ICMP"),
            Self::Igmp => f.write_str("IGMP"),
            Self::Fragment(_) => f.write_str("IP fragment"),
            Self::Other(IpProtocol(number)) => write!(f, "IP protocol {number}"),
        }
    }
}

/// Why a frame is not decoded as an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DecodeError {
    /// Address resolution for IPv4 (RFC 826).
    Arp,
    /// Another protocol than IP.
    NotIp,
    /// The captured bytes end within the headers.
    Short,
    /// The headers contradict themselves.
    Malformed,
    /// An unknown link type.
    Link(LinkType),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arp => f.write_str("ARP"),
            Self::NotIp => f.write_str("not IP"),
            Self::Short => f.write_str("cut within its headers"),
            Self::Malformed => f.write_str("malformed headers"),
            Self::Link(link) => write!(f, "{link}"),
        }
    }
}

impl<'a> Packet<'a> {
    /// Decodes the headers of a frame. The payload may be cut off: its length comes from the headers, as far as the frame
    /// was that long.
    ///
    /// # Errors
    /// [`DecodeError`] if the frame is no IP packet, or its headers are incomplete or contradictory.
    pub fn decode(number: u64, frame: &CapturedFrame<'a>) -> Result<Self, DecodeError> {
        let bytes = link::network_layer(frame.link, frame.bytes)?;
        let link_len = frame.bytes.len() - bytes.len();
        let room = (frame.original_len as usize).max(frame.bytes.len()) - link_len;
        let (ip, _) = LaxIpSlice::from_slice(bytes).map_err(|error| match error {
            etherparse::err::ip::LaxHeaderSliceError::Len(_) => DecodeError::Short,
            etherparse::err::ip::LaxHeaderSliceError::Content(_) => DecodeError::Malformed,
        })?;
        let payload = ip.payload();
        let (packet_len, mut wrong_length) = length::of_ip(&ip, room)?;
        // What stands before the payload: the distance of the two slices' starts.
        let headers_len = payload.payload.as_ptr().addr().saturating_sub(bytes.as_ptr().addr());
        let len = packet_len.saturating_sub(headers_len);
        // Bytes behind the end that IP tells belong to no header and no payload.
        let captured = payload.payload.get(..len).unwrap_or(payload.payload);

        let packet = |transport, payload, payload_len, ports: (u16, u16), wrong_length| Self {
            number,
            at: frame.at,
            source: SocketAddr::new(ip.source_addr(), ports.0),
            destination: SocketAddr::new(ip.destination_addr(), ports.1),
            transport,
            payload,
            payload_len,
            wrong_length,
        };
        let kind = IpProtocol(payload.ip_number.0);
        let transport = match payload.ip_number {
            _ if payload.fragmented => Transport::Fragment(kind),
            IpNumber::TCP => {
                let (header, ports, header_len) = TcpHeader::read(captured, len)?;
                let rest = captured.get(header_len..).unwrap_or_default();
                return Ok(packet(Transport::Tcp(header), rest, len - header_len, ports, wrong_length));
            }
            IpNumber::UDP => {
                let header = UdpHeaderSlice::from_slice(captured).map_err(|_| DecodeError::Short)?;
                let (payload_len, wrong) = length::of_udp(header.length(), len);
                wrong_length = wrong_length.or(wrong);
                let rest = captured.get(UDP_HEADER_LEN..).unwrap_or_default();
                let rest = rest.get(..payload_len).unwrap_or(rest);
                let ports = (header.source_port(), header.destination_port());
                return Ok(packet(Transport::Udp, rest, payload_len, ports, wrong_length));
            }
            IpNumber::ICMP | IpNumber::IPV6_ICMP => Transport::Icmp,
            IpNumber::IGMP => Transport::Igmp,
            _ => Transport::Other(kind),
        };
        Ok(packet(transport, captured, len, (0, 0), wrong_length))
    }
}
