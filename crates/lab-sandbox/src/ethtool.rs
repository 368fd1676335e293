//! Disables the offloads of a network interface (TSO, GSO, GRO, checksums), so that captured packets are those of a wire
//! (Linux, `Documentation/networking/ethtool-netlink.rst`).

use std::io;

use netlink_packet_core::{DecodeError, NetlinkDeserializable, NetlinkHeader, NetlinkPayload, NetlinkSerializable};
use nix::sys::socket::SockProtocol;

use crate::netlink::Netlink;

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
    netlink.request(Generic { family, command: FEATURES_SET, body }, 0).map(drop)
}

fn family(netlink: &Netlink, name: &str) -> io::Result<u16> {
    let body = attribute(FAMILY_NAME, &text(name));
    let answers = netlink.request(Generic { family: CONTROL, command: GET_FAMILY, body }, 0)?;
    let id = answers.iter().find_map(|answer| find(&answer.body, FAMILY_ID));
    let id = id.and_then(|bytes| Some(u16::from_ne_bytes(bytes.try_into().ok()?)));
    id.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "this kernel has no ethtool over netlink"))
}

/// A string with the zero at its end.
fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

/// Length and type, the value, and zeroes up to a multiple of four.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = [&len.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
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

/// A message of generic netlink: the family is its type.
#[derive(Debug)]
struct Generic {
    family: u16,
    command: u8,
    body: Vec<u8>,
}

/// The length of command, version and two bytes of nothing.
const HEADER_LEN: usize = 4;

impl NetlinkSerializable for Generic {
    fn message_type(&self) -> u16 {
        self.family
    }

    fn buffer_len(&self) -> usize {
        HEADER_LEN + self.body.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let bytes = [&[self.command, 1, 0, 0][..], &self.body].concat();
        if let Some(place) = buffer.get_mut(..bytes.len()) {
            place.copy_from_slice(&bytes);
        }
    }
}

impl NetlinkDeserializable for Generic {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let (command, body) = (payload.first().copied().unwrap_or_default(), payload.get(HEADER_LEN..));
        Ok(Self { family: header.message_type, command, body: body.unwrap_or_default().to_vec() })
    }
}

impl From<Generic> for NetlinkPayload<Generic> {
    fn from(message: Generic) -> Self {
        Self::InnerMessage(message)
    }
}
