//! The headers before the IP header: <https://www.tcpdump.org/linktypes.html>.

use etherparse::{EtherType, Ethernet2HeaderSlice, SingleVlanHeaderSlice, ether_type};

use super::DecodeError;
use crate::file::LinkType;

/// The length of an Ethernet header: two addresses and a type.
const ETHERNET_LEN: usize = 14;
/// The length of a VLAN tag (IEEE 802.1Q): a number and a type.
const VLAN_LEN: usize = 4;
/// The length of an address family before the IP header.
const FAMILY_LEN: usize = 4;
/// The length of a "cooked" header, and where its type is.
const SLL_LEN: usize = 16;
const SLL_TYPE: usize = 14;
/// The same of version 2.
const SLL2_LEN: usize = 20;
const SLL2_TYPE: usize = 0;

/// The link types of "raw IP" in old pcap files, which depend on the system that wrote them.
const OLD_RAW: [LinkType; 2] = [LinkType(12), LinkType(14)];

/// The bytes behind the link-layer header.
pub(super) fn network_layer(link: LinkType, frame: &[u8]) -> Result<&[u8], DecodeError> {
    let after = |len: usize| frame.get(len..).ok_or(DecodeError::Short);
    match link {
        LinkType::ETHERNET => {
            let header = Ethernet2HeaderSlice::from_slice(frame).map_err(|_| DecodeError::Short)?;
            by_type(header.ether_type(), after(ETHERNET_LEN)?)
        }
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => Ok(frame),
        link if OLD_RAW.contains(&link) => Ok(frame),
        LinkType::NULL | LinkType::LOOP => after(FAMILY_LEN),
        LinkType::LINUX_SLL => by_type(type_at(frame, SLL_TYPE)?, after(SLL_LEN)?),
        LinkType::LINUX_SLL2 => by_type(type_at(frame, SLL2_TYPE)?, after(SLL2_LEN)?),
        other => Err(DecodeError::Link(other)),
    }
}

fn type_at(frame: &[u8], at: usize) -> Result<EtherType, DecodeError> {
    let bytes = frame.get(at..).and_then(|rest| rest.first_chunk::<2>()).ok_or(DecodeError::Short)?;
    Ok(EtherType(u16::from_be_bytes(*bytes)))
}

/// Skips any number of VLAN tags.
fn by_type(mut kind: EtherType, mut rest: &[u8]) -> Result<&[u8], DecodeError> {
    use ether_type::{ARP, IPV4, IPV6, PROVIDER_BRIDGING, VLAN_DOUBLE_TAGGED_FRAME, VLAN_TAGGED_FRAME};
    loop {
        match kind {
            IPV4 | IPV6 => return Ok(rest),
            ARP => return Err(DecodeError::Arp),
            VLAN_TAGGED_FRAME | PROVIDER_BRIDGING | VLAN_DOUBLE_TAGGED_FRAME => {
                kind = SingleVlanHeaderSlice::from_slice(rest).map_err(|_| DecodeError::Short)?.ether_type();
                rest = rest.get(VLAN_LEN..).ok_or(DecodeError::Short)?;
            }
            _ => return Err(DecodeError::NotIp),
        }
    }
}
