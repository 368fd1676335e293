//! IP addresses with the zone that they are of (RFC 4007, section 11): `fe80::1%eth0`.
//!
//! A link-local address says nothing without its link: the same one may be there on each interface.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    str::FromStr,
};

use crate::{Error, zone};

/// An address, and for IPv6 perhaps a zone: an interface of this machine, by name or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScopedIp {
    ip: IpAddr,
    /// The number of the interface; 0 is none.
    scope: u32,
}

impl ScopedIp {
    /// The address without its zone.
    pub fn ip(self) -> IpAddr {
        self.ip
    }

    /// The address with a port.
    pub fn at(self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(ip) => SocketAddr::new(ip.into(), port),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.scope).into(),
        }
    }

    /// An address with a zone; `None` for anything else, an address without one included.
    ///
    /// # Errors
    /// [`Error::Usage`] for a zone that this machine does not have.
    pub(super) fn with_zone(text: &str) -> Result<Option<Self>, Error> {
        let Some((ip, zone)) = text.split_once('%') else { return Ok(None) };
        let Ok(ip) = ip.parse::<Ipv6Addr>() else { return Ok(None) };
        Ok(Some(Self { ip: ip.into(), scope: interface(text, zone)? }))
    }
}

/// The number of an interface. Those without an address are left out: nothing can be sent there.
fn interface(text: &str, zone: &str) -> Result<u32, Error> {
    let interfaces =
        if_addrs::get_if_addrs().map_err(|source| Error::System { attempt: "list the network interfaces", source })?;
    let known = interfaces.iter().filter_map(|interface| Some((interface.name.as_str(), interface.index?)));
    let is_it = |(name, index): &(&str, u32)| *name == zone || zone.parse() == Ok(*index);
    known.clone().find(is_it).map(|(_, index)| index).ok_or_else(|| {
        let mut names: Vec<_> = known.map(|(name, index)| format!("{name} ({index})")).collect();
        names.sort_unstable();
        names.dedup();
        Error::Usage(format!("'{text}': '{zone}' is no interface of this machine; it has {}", names.join(", ")))
    })
}

impl From<IpAddr> for ScopedIp {
    fn from(ip: IpAddr) -> Self {
        Self { ip, scope: 0 }
    }
}

impl From<Ipv4Addr> for ScopedIp {
    fn from(ip: Ipv4Addr) -> Self {
        IpAddr::from(ip).into()
    }
}

impl From<Ipv6Addr> for ScopedIp {
    fn from(ip: Ipv6Addr) -> Self {
        IpAddr::from(ip).into()
    }
}

/// The address of a socket, without its port.
impl From<SocketAddr> for ScopedIp {
    fn from(address: SocketAddr) -> Self {
        let scope = if let SocketAddr::V6(address) = address { address.scope_id() } else { 0 };
        Self { ip: address.ip(), scope }
    }
}

impl fmt::Display for ScopedIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            0 => self.ip.fmt(f),
            scope => write!(f, "{}%{}", self.ip, zone::name(scope)),
        }
    }
}

/// `127.0.0.1`, `::1`, `fe80::1%eth0` or `fe80::1%2`.
impl FromStr for ScopedIp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(scoped) = Self::with_zone(text)? {
            return Ok(scoped);
        }
        let ip: Result<IpAddr, _> = text.parse();
        ip.map(Self::from)
            .map_err(|_| Error::Usage(format!("'{text}' is no IP address, such as 127.0.0.1, ::1 or fe80::1%eth0")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The loopback interface, which has another name and number on each system.
    fn loopback() -> (String, u32) {
        let interfaces = if_addrs::get_if_addrs().unwrap();
        let loopback = interfaces.into_iter().find(if_addrs::Interface::is_loopback).unwrap();
        (loopback.name, loopback.index.unwrap())
    }

    #[test]
    fn a_zone_is_the_name_or_the_number_of_an_interface() {
        let (name, index) = loopback();
        for zone in [name.clone(), index.to_string()] {
            let address: ScopedIp = format!("fe80::1%{zone}").parse().unwrap();
            assert_eq!(address.at(7), SocketAddrV6::new("fe80::1".parse().unwrap(), 7, 0, index).into());
            assert_eq!(address.to_string(), format!("fe80::1%{name}"));
            assert_eq!(address.at(7).to_string(), format!("[fe80::1%{index}]:7"));
            assert_eq!(ScopedIp::from(address.at(7)), address);
        }
        let plain: ScopedIp = "::1".parse().unwrap();
        assert_eq!((plain.to_string(), plain.at(7)), ("::1".to_owned(), "[::1]:7".parse().unwrap()));
    }

    #[test]
    fn an_unknown_zone_is_an_error_with_those_that_there_are() {
        let (name, index) = loopback();
        for zone in ["nowhere0", "", "4294967295", "lo\u{1b}"] {
            let error = format!("fe80::1%{zone}").parse::<ScopedIp>().unwrap_err().to_string();
            assert!(error.contains("is no interface of this machine"), "{error}");
            assert!(error.contains(&format!("{name} ({index})")) && !error.contains('\u{1b}'), "{error}");
        }
        for wrong in ["127.0.0.1%lo", "localhost%lo", "", "%lo", "fe80::1%"] {
            assert!(wrong.parse::<ScopedIp>().is_err(), "{wrong}");
        }
    }
}
