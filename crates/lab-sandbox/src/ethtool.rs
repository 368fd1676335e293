//! Disables the offloads of a network interface (TSO, GSO, GRO, checksums), so that captured packets are those of a wire
//! (Linux, `Documentation/networking/ethtool-netlink.rst`).

use std::io;

use nix::sys::socket::SockProtocol;

use crate::netlink::{Message, Netlink, attribute, text};

/// The offloads that change captured packets, by the kernel's names.
const OFFLOADS: [&str; 4] = ["tx-checksum-ip-generic", "tx-generic-segmentation", "tx-udp-segmentation", "rx-gro"];

/// Generic netlink's own family, and how it is asked for another (`linux/genetlink.h`).
const CONTROL: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;

/// `linux/ethtool_netlink.h`.
const FEATURES_SET: u8 = 12;
const FEATURES_HEADER: u16 = 1;
const FEATURES_WANTED: u16 = 3;
const HEADER_DEV_NAME: u16 = 2;
const BITSET_BITS: u16 = 3;
const BITSET_BIT: u16 = 1;
const BIT_NAME: u16 = 2;

/// Set in the type of an attribute that holds others.
const NESTED: u16 = 1 << 15;

/// Disables the offloads of one interface.
pub(crate) fn disable_offloads(interface: &str) -> io::Result<()> {
    let netlink = Netlink::open(SockProtocol::NetlinkGeneric, 0)?;
    let family = family(&netlink, "ethtool")?;
    let bits: Vec<u8> =
        OFFLOADS.iter().flat_map(|name| attribute(BITSET_BIT | NESTED, &attribute(BIT_NAME, &text(name)))).collect();
    // A bit that is named without a value is cleared; those that are not named stay.
    let mut body = attribute(FEATURES_HEADER | NESTED, &attribute(HEADER_DEV_NAME, &text(interface)));
    body.extend(attribute(FEATURES_WANTED | NESTED, &attribute(BITSET_BITS | NESTED, &bits)));
    netlink.request(generic(family, FEATURES_SET, &body), 0).map(drop)
}

/// The length of a message's command, version and two bytes of nothing.
const HEADER_LEN: usize = 4;

/// A message of generic netlink: the family is its type.
fn generic(family: u16, command: u8, attributes: &[u8]) -> Message {
    Message { kind: family, body: [&[command, 1, 0, 0], attributes].concat() }
}

fn family(netlink: &Netlink, name: &str) -> io::Result<u16> {
    let body = attribute(FAMILY_NAME, &text(name));
    let answers = netlink.request(generic(CONTROL, GET_FAMILY, &body), 0)?;
    let id = answers.iter().find_map(|answer| find(answer.body.get(HEADER_LEN..)?, FAMILY_ID));
    let id = id.and_then(|bytes| Some(u16::from_ne_bytes(bytes.try_into().ok()?)));
    id.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "this kernel has no ethtool over netlink"))
}

/// The value of the first attribute of a type.
fn find(mut rest: &[u8], wanted: u16) -> Option<&[u8]> {
    while let Some((header, _)) = rest.split_first_chunk::<4>() {
        let [a, b, c, d] = *header;
        let (len, kind) = (usize::from(u16::from_ne_bytes([a, b])), u16::from_ne_bytes([c, d]));
        if kind & !NESTED == wanted {
            return rest.get(4..len);
        }
        rest = rest.get(len.max(4).next_multiple_of(4)..)?;
    }
    None
}
