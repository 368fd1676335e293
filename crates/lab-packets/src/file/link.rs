//! Link types: the first header of a frame.

use std::fmt;

/// A number of the registry of link types (<https://www.tcpdump.org/linktypes.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: the address family in the byte order of the machine, 4 bytes.
    pub const NULL: Self = Self(0);
    /// Ethernet, also on Linux' loopback.
    pub const ETHERNET: Self = Self(1);
    /// An IPv4 or IPv6 header.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: the address family in network byte order, 4 bytes.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture, of all interfaces together: 16 bytes.
    pub const LINUX_SLL: Self = Self(113);
    /// An IPv4 header.
    pub const IPV4: Self = Self(228);
    /// An IPv6 header.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2: 20 bytes.
    pub const LINUX_SLL2: Self = Self(276);
}

/// `Ethernet`, or the number.
impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::NULL => "BSD loopback",
            Self::ETHERNET => "Ethernet",
            Self::RAW => "raw IP",
            Self::LOOP => "OpenBSD loopback",
            Self::LINUX_SLL => "Linux cooked",
            Self::IPV4 => "raw IPv4",
            Self::IPV6 => "raw IPv6",
            Self::LINUX_SLL2 => "Linux cooked v2",
            Self(other) => return write!(f, "link type {other}"),
        };
        f.write_str(name)
    }
}
