//! Interfaces, addresses and routes of the network that this thread is in (rtnetlink).

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    os::fd::{AsRawFd, BorrowedFd},
};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressFlags, AddressMessage},
    link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
    route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType},
};
use nix::{net::if_::if_nametoindex, sys::socket::SockProtocol};

use crate::netlink::Netlink;

/// All multicast groups of IPv4: 224.0.0.0/4.
const GROUPS: (Ipv4Addr, u8) = (Ipv4Addr::new(224, 0, 0, 0), 4);

/// The main routing table.
const MAIN_TABLE: u8 = 254;

fn request(message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
    Netlink::open(SockProtocol::NetlinkRoute, 0)?.request(message, flags).map(drop)
}

/// Sets an interface up.
pub(crate) fn set_up(interface: &str) -> io::Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = if_nametoindex(interface)?;
    (message.header.flags, message.header.change_mask) = (LinkFlags::Up, LinkFlags::Up);
    request(RouteNetlinkMessage::SetLink(message), 0)
}

/// Creates a veth pair: `here` in this network namespace, `there` in another, which is given as an open file.
pub(crate) fn add_veth_pair(here: &str, there: &str, network: BorrowedFd<'_>, mtu: u32) -> io::Result<()> {
    let mut peer = LinkMessage::default();
    peer.attributes = vec![
        LinkAttribute::IfName(there.to_owned()),
        LinkAttribute::Mtu(mtu),
        LinkAttribute::NetNsFd(network.as_raw_fd()),
    ];
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(here.to_owned()),
        LinkAttribute::Mtu(mtu),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]),
    ];
    request(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
}

/// Gives an address to an interface, at once: nobody else can have it.
pub(crate) fn add_address(interface: &str, address: IpAddr, prefix_len: u8) -> io::Result<()> {
    let mut message = AddressMessage::default();
    message.header.family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = prefix_len;
    message.header.index = if_nametoindex(interface)?;
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
        AddressAttribute::Flags(AddressFlags::Nodad | AddressFlags::Permanent),
    ];
    request(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
}

/// Sends all multicast of IPv4 through an interface, from one of its addresses.
pub(crate) fn add_multicast_route(interface: &str, source: Ipv4Addr) -> io::Result<()> {
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    (header.address_family, header.destination_prefix_length, header.table) =
        (AddressFamily::Inet, GROUPS.1, MAIN_TABLE);
    (header.protocol, header.scope, header.kind) = (RouteProtocol::Static, RouteScope::Link, RouteType::Unicast);
    message.attributes = vec![
        RouteAttribute::Destination(RouteAddress::Inet(GROUPS.0)),
        RouteAttribute::Oif(if_nametoindex(interface)?),
        RouteAttribute::PrefSource(RouteAddress::Inet(source)),
    ];
    request(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL)
}
