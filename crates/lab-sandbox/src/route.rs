//! Interfaces, addresses and routes of the network that this thread is in (Linux, `rtnetlink(7)`).

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    os::fd::{AsRawFd, BorrowedFd},
};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use nix::{
    libc::{
        AF_INET, AF_INET6, IFA_ADDRESS, IFA_F_NODAD, IFA_F_PERMANENT, IFA_FLAGS, IFA_LOCAL, IFF_UP, IFLA_IFNAME,
        IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_LINKINFO, IFLA_MTU, IFLA_NET_NS_FD, RT_SCOPE_LINK, RT_SCOPE_UNIVERSE,
        RT_TABLE_MAIN, RTA_DST, RTA_OIF, RTA_PREFSRC, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWROUTE, RTM_SETLINK, RTN_UNICAST,
        RTPROT_STATIC,
    },
    net::if_::if_nametoindex,
    sys::socket::SockProtocol,
};

use crate::netlink::{Message, Netlink, attribute, text};

/// All multicast groups of IPv4: 224.0.0.0/4.
const GROUPS: (Ipv4Addr, u8) = (Ipv4Addr::new(224, 0, 0, 0), 4);

/// The attribute of a veth pair that describes its other end (`linux/veth.h`).
const VETH_INFO_PEER: u16 = 1;

/// What is added must be new.
const NEW: u16 = NLM_F_CREATE | NLM_F_EXCL;

fn request(kind: u16, parts: &[Vec<u8>], flags: u16) -> io::Result<()> {
    let message = Message { kind, body: parts.concat() };
    Netlink::open(SockProtocol::NetlinkRoute, 0)?.request(message, flags).map(drop)
}

/// `struct ifinfomsg`: an interface (0: a new one), and the flags that are set.
fn interface(index: u32, flags: i32) -> Vec<u8> {
    [[0; 4], index.to_ne_bytes(), flags.to_ne_bytes(), flags.to_ne_bytes()].concat()
}

fn family(address: IpAddr) -> u8 {
    // Both fit into a byte.
    (if address.is_ipv4() { AF_INET } else { AF_INET6 }) as u8
}

/// Sets an interface up.
pub(crate) fn set_up(name: &str) -> io::Result<()> {
    request(RTM_SETLINK, &[interface(if_nametoindex(name)?, IFF_UP)], 0)
}

/// Creates a veth pair: `here` in this network namespace, `there` in another, which is given as an open file.
pub(crate) fn add_veth_pair(here: &str, there: &str, network: BorrowedFd<'_>, mtu: u32) -> io::Result<()> {
    let end = |name: &str| {
        [interface(0, 0), attribute(IFLA_IFNAME, &text(name)), attribute(IFLA_MTU, &mtu.to_ne_bytes())].concat()
    };
    let peer = [end(there), attribute(IFLA_NET_NS_FD, &network.as_raw_fd().to_ne_bytes())].concat();
    let kind = attribute(IFLA_INFO_KIND, &text("veth"));
    let data = attribute(IFLA_INFO_DATA, &attribute(VETH_INFO_PEER, &peer));
    request(RTM_NEWLINK, &[end(here), attribute(IFLA_LINKINFO, &[kind, data].concat())], NEW)
}

/// Gives an address to an interface, at once: nobody else can have it.
pub(crate) fn add_address(name: &str, address: IpAddr, prefix_len: u8) -> io::Result<()> {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    // `struct ifaddrmsg`: family, length of the prefix, flags, scope, interface.
    let header = [[family(address), prefix_len, 0, 0], if_nametoindex(name)?.to_ne_bytes()].concat();
    let flags = attribute(IFA_FLAGS, &(IFA_F_NODAD | IFA_F_PERMANENT).to_ne_bytes());
    request(RTM_NEWADDR, &[header, attribute(IFA_LOCAL, &bytes), attribute(IFA_ADDRESS, &bytes), flags], NEW)
}

/// Sends packets to one address out of an interface: it is on this link, though its prefix is not.
pub(crate) fn add_on_link_route(name: &str, address: IpAddr) -> io::Result<()> {
    let (bytes, scope) = match address {
        IpAddr::V4(address) => (address.octets().to_vec(), RT_SCOPE_LINK),
        IpAddr::V6(address) => (address.octets().to_vec(), RT_SCOPE_UNIVERSE),
    };
    let prefix_len = (bytes.len() * 8) as u8;
    // `struct rtmsg`, as below.
    let header = [[family(address), prefix_len, 0, 0], [RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST], [0; 4]];
    let through = attribute(RTA_OIF, &if_nametoindex(name)?.to_ne_bytes());
    request(RTM_NEWROUTE, &[header.concat(), attribute(RTA_DST, &bytes), through], NEW)
}

/// Sends all multicast of IPv4 through an interface, from one of its addresses.
pub(crate) fn add_multicast_route(name: &str, source: Ipv4Addr) -> io::Result<()> {
    // `struct rtmsg`: family, lengths of destination and source, TOS; table, protocol, scope, type; flags.
    let header =
        [[family(source.into()), GROUPS.1, 0, 0], [RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_LINK, RTN_UNICAST], [0; 4]];
    let destination = attribute(RTA_DST, &GROUPS.0.octets());
    let through = attribute(RTA_OIF, &if_nametoindex(name)?.to_ne_bytes());
    request(RTM_NEWROUTE, &[header.concat(), destination, through, attribute(RTA_PREFSRC, &source.octets())], NEW)
}
