//! Zones of IPv6 addresses by name (RFC 4007, section 11.2): `fe80::1%eth0`, where the number of the interface is known.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

/// Shows the address of a socket with its zone as `ip address` names it; by its number where it has no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zoned(pub SocketAddr);

impl fmt::Display for Zoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SocketAddr::V6(address) if address.scope_id() != 0 => {
                write!(f, "[{}%{}]:{}", address.ip(), name(address.scope_id()), address.port())
            }
            address => address.fmt(f),
        }
    }
}

/// The name of an interface; its number where it has none. Those without an address are not looked at.
pub fn name(index: u32) -> String {
    let mut interfaces = if_addrs::get_if_addrs().unwrap_or_default().into_iter();
    let interface = interfaces.find(|interface| interface.index == Some(index));
    interface.map_or_else(|| index.to_string(), |interface| interface.name)
}

/// Whether an address says nothing without a zone, and has none: a link-local one is there on each interface.
pub fn is_missing(address: SocketAddr) -> bool {
    match (address.ip(), address) {
        (IpAddr::V6(ip), SocketAddr::V6(address)) => ip.is_unicast_link_local() && address.scope_id() == 0,
        _ => false,
    }
}

/// What to do about an address that misses its zone.
pub fn advice(address: SocketAddr) -> String {
    let ip = address.ip();
    let mut names: Vec<_> = if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(|known| known.name).collect();
    names.sort_unstable();
    names.dedup();
    let example = names.iter().find(|name| *name != "lo").or(names.first()).map_or("eth0", String::as_str);
    let names = if names.is_empty() { String::new() } else { format!("; this machine has {}", names.join(", ")) };
    format!("a link-local address needs its zone, the interface that it is on: {ip}%{example}{names}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_shown_by_name_or_by_its_number_when_there_is_no_such_interface() {
        let interfaces = if_addrs::get_if_addrs().unwrap();
        let loopback = interfaces.iter().find(|interface| interface.is_loopback()).unwrap();
        let (name, index) = (&loopback.name, loopback.index.unwrap());
        for (address, expected) in [
            (format!("[fe80::1%{index}]:7"), format!("[fe80::1%{name}]:7")),
            ("[fe80::1%4294967295]:7".to_owned(), "[fe80::1%4294967295]:7".to_owned()),
            ("[fe80::1]:7".to_owned(), "[fe80::1]:7".to_owned()),
            ("[::1]:7".to_owned(), "[::1]:7".to_owned()),
            ("127.0.0.1:7".to_owned(), "127.0.0.1:7".to_owned()),
        ] {
            assert_eq!(Zoned(address.parse().unwrap()).to_string(), expected);
        }
    }

    #[test]
    fn a_link_local_address_without_a_zone_misses_it() {
        for (address, expected) in
            [("[fe80::1]:7", true), ("[fe80::1%1]:7", false), ("[::1]:7", false), ("169.254.0.1:7", false)]
        {
            assert_eq!(is_missing(address.parse().unwrap()), expected, "{address}");
        }
    }
}
