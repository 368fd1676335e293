//! Where a group is sent to, and whether anybody on this machine has joined it there.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddrV4, UdpSocket},
};

/// The interface that datagrams to a group leave by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingInterface {
    /// Its name, where the system tells.
    name: Option<String>,
    /// Its address.
    address: Ipv4Addr,
}

impl fmt::Display for OutgoingInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} ({})", self.address),
            None => write!(f, "interface {}", self.address),
        }
    }
}

impl OutgoingInterface {
    /// The interface with that address; without one, the one that the system's routes name for the group.
    pub(super) fn of(group: SocketAddrV4, address: Option<Ipv4Addr>) -> Option<Self> {
        let address = match address {
            Some(address) => address,
            None => routed(group)?,
        };
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        let name = interfaces.into_iter().find(|interface| interface.ip() == IpAddr::V4(address));
        Some(Self { name: name.map(|interface| interface.name), address })
    }

    /// Whether a program on this machine has joined the group there; `None` where the system does not tell.
    pub fn has_member(&self, group: Ipv4Addr) -> Option<bool> {
        let table = std::fs::read_to_string("/proc/thread-self/net/igmp").ok()?;
        Some(members(&table, self.name.as_deref()?).any(|member| member == group))
    }
}

/// The address from which the system would send to a group.
fn routed(group: SocketAddrV4) -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(group).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// The groups that are joined on an interface, from the kernel's table:
///
/// ```text
/// Idx  Device : Count Querier  Group    Users Timer …
/// 1    lo     :     2      V3
///                              010101E0     1 0:00000000 …     224.1.1.1
/// ```
fn members<'a>(table: &'a str, interface: &'a str) -> impl Iterator<Item = Ipv4Addr> + 'a {
    let mut is_there = false;
    table.lines().skip(1).filter_map(move |line| {
        if !line.starts_with(char::is_whitespace) {
            is_there = line.split_whitespace().nth(1).is_some_and(|name| name.trim_end_matches(':') == interface);
            return None;
        }
        // The four bytes as this machine reads them.
        let group = u32::from_str_radix(line.split_whitespace().next()?, 16).ok()?;
        is_there.then_some(Ipv4Addr::from(group.to_ne_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_one_interface_are_read_from_the_kernels_table() {
        let group = |group: [u8; 4]| format!("\t\t\t\t{:08X}     1 0:00000000\t\t0\n", u32::from_ne_bytes(group));
        let table = format!(
            "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n1\tlo        :     2      V3\n{}{}\
             2\teth0      :     1      V3\n{}",
            group([224, 1, 1, 1]),
            group([224, 0, 0, 1]),
            group([239, 1, 2, 3]),
        );
        let check = |interface, expected: &[[u8; 4]]| {
            let expected: Vec<Ipv4Addr> = expected.iter().copied().map(Ipv4Addr::from).collect();
            assert_eq!(members(&table, interface).collect::<Vec<_>>(), expected, "{interface}");
        };
        check("lo", &[[224, 1, 1, 1], [224, 0, 0, 1]]);
        check("eth0", &[[239, 1, 2, 3]]);
        check("eth1", &[]);
    }
}
