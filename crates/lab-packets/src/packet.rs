//! Decodes the headers of a frame: addresses, ports, TCP fields, and the payload.

mod link;
mod tcp;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use etherparse::{IpNumber, LaxIpSlice, UdpHeaderSlice};

use crate::file::{CapturedFrame, LinkType};

pub use tcp::{TcpFlags, TcpHeader};

/// The length of a UDP header (RFC 768).
const UDP_HEADER_LEN: usize = 8;

/// An IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its number in the capture, from 1, as Wireshark counts.
    pub number: u64,
    /// When it was captured, since the Unix epoch.
    pub at: Duration,
    /// The source; port 0 when there are no ports.
    pub source: SocketAddr,
    /// The destination; port 0 when there are no ports.
    pub destination: SocketAddr,
    /// The transport protocol, with the header of TCP.
    pub transport: Transport,
    /// The captured bytes behind the transport header.
    pub payload: &'a [u8],
    /// The length of the payload on the wire, in bytes, by the IP header: Ethernet may pad a short frame.
    pub payload_len: usize,
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
    /// Decodes the headers of a frame. The payload may be cut off: its length comes from the IP header.
    ///
    /// # Errors
    /// [`DecodeError`] if the frame is no IP packet, or its headers are incomplete or contradictory.
    pub fn decode(number: u64, frame: &CapturedFrame<'a>) -> Result<Self, DecodeError> {
        let bytes = link::network_layer(frame.link, frame.bytes)?;
        let link_len = frame.bytes.len() - bytes.len();
        let original_len = (frame.original_len as usize).max(frame.bytes.len());
        let (ip, _) = LaxIpSlice::from_slice(bytes).map_err(|error| match error {
            etherparse::err::ip::LaxHeaderSliceError::Len(_) => DecodeError::Short,
            etherparse::err::ip::LaxHeaderSliceError::Content(_) => DecodeError::Malformed,
        })?;
        let payload = ip.payload();
        // A packet of more than 64 KiB, which only the sending machine itself sees, has 0 there (Linux' BIG TCP).
        let (said, header_len) = match &ip {
            LaxIpSlice::Ipv4(ip) => (usize::from(ip.header().total_len()), 0),
            LaxIpSlice::Ipv6(ip) => (usize::from(ip.header().payload_length()), etherparse::Ipv6Header::LEN),
        };
        let packet_len = if said == 0 { original_len - link_len } else { header_len + said };
        // What stands before the payload: the distance of the two slices' starts.
        let headers_len = payload.payload.as_ptr().addr().saturating_sub(bytes.as_ptr().addr());
        let len = packet_len.saturating_sub(headers_len);

        let addresses = (ip.source_addr(), ip.destination_addr());
        let packet = |(source, destination), transport, payload: &'a [u8], payload_len| {
            // Bytes behind the end that IP tells are no payload.
            let payload = payload.get(..payload_len).unwrap_or(payload);
            Self { number, at: frame.at, source, destination, transport, payload, payload_len }
        };
        let without_ports = |transport| Ok(packet(at_ports(addresses, 0, 0), transport, payload.payload, len));
        let kind = IpProtocol(payload.ip_number.0);
        if payload.fragmented {
            return without_ports(Transport::Fragment(kind));
        }
        match payload.ip_number {
            IpNumber::TCP => {
                let (header, ports, header_len) = TcpHeader::read(payload.payload)?;
                let rest = payload.payload.get(header_len..).unwrap_or_default();
                let len = len.saturating_sub(header_len);
                Ok(packet(at_ports(addresses, ports.0, ports.1), Transport::Tcp(header), rest, len))
            }
            IpNumber::UDP => {
                let header = UdpHeaderSlice::from_slice(payload.payload).map_err(|_| DecodeError::Short)?;
                let rest = payload.payload.get(UDP_HEADER_LEN..).unwrap_or_default();
                let len = match usize::from(header.length()).checked_sub(UDP_HEADER_LEN) {
                    // A jumbogram (RFC 2675).
                    None => len.saturating_sub(UDP_HEADER_LEN),
                    Some(said) => said.min(len.saturating_sub(UDP_HEADER_LEN)),
                };
                let ends = at_ports(addresses, header.source_port(), header.destination_port());
                Ok(packet(ends, Transport::Udp, rest, len))
            }
            IpNumber::ICMP | IpNumber::IPV6_ICMP => without_ports(Transport::Icmp),
            IpNumber::IGMP => without_ports(Transport::Igmp),
            _ => without_ports(Transport::Other(kind)),
        }
    }
}

fn at_ports((source, destination): (IpAddr, IpAddr), from: u16, to: u16) -> (SocketAddr, SocketAddr) {
    (SocketAddr::new(source, from), SocketAddr::new(destination, to))
}
