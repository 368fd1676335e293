//! Where a server is: what the user wrote, and the addresses behind it.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    str::FromStr,
    sync::mpsc,
    thread,
};

use super::{Deadline, ScopedIp};
use crate::Error;

/// A server as the user names it: a host, and a port if it differs from the part's own.
///
/// ```text
/// HOST   HOST:PORT   127.0.0.1:5003   ::1   [::1]   [::1]:5003   fe80::1%eth0   [fe80::1%eth0]:5003
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    host: String,
    port: Option<u16>,
    /// The port to try when none of the addresses has somebody at the first.
    other_port: Option<u16>,
}

/// Which families of addresses a part can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// IPv4 alone, as the handout asks of parts 1 and 2.
    Ipv4,
    /// Whatever the name has.
    Both,
}

impl Families {
    fn include(self, address: IpAddr) -> bool {
        self == Self::Both || address.is_ipv4()
    }
}

impl Server {
    /// A host with a port of its own.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port: Some(port), other_port: None }
    }

    /// Whether a port was named.
    pub fn has_port(&self) -> bool {
        self.port.is_some()
    }

    /// The same host, with `port` unless one was named.
    #[must_use]
    pub fn or_port(mut self, port: u16) -> Self {
        self.port.get_or_insert(port);
        self
    }

    /// The same host, where `port` is tried after the first one, if it is another.
    #[must_use]
    pub fn or_else_port(mut self, port: u16) -> Self {
        self.other_port = Some(port).filter(|port| Some(*port) != self.port);
        self
    }

    /// The host as it is written in a URL, where the `%` before a zone is `%25` (RFC 6874); a plain `%` is taken as well.
    ///
    /// # Errors
    /// [`Error::Usage`], as of its [`FromStr`].
    pub fn in_url(text: &str) -> Result<Self, Error> {
        match text.split_once("%25") {
            Some((address, zone)) if text.starts_with('[') && !zone.starts_with(']') => {
                format!("{address}%{zone}").parse()
            }
            _ => text.parse(),
        }
    }

    /// Shows the server as a URL has it.
    pub fn url(&self) -> impl fmt::Display + use<> {
        let text = self.to_string();
        if self.host.contains(':') { text.replacen('%', "%25", 1) } else { text }
    }

    /// The same server without a zone, which is of this machine and means nothing to a peer.
    #[must_use]
    pub fn without_zone(&self) -> Self {
        let address = self.host.split('%').next().unwrap_or_default();
        let host = if address.contains(':') { address } else { &self.host };
        Self { host: host.to_owned(), ..self.clone() }
    }

    /// The host as it was written, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The addresses of the host, in the system's order and without duplicates; at least one. Those with the port to
    /// try after the first come last.
    ///
    /// `localhost` is 127.0.0.1 and ::1, whatever the hosts file says.
    ///
    /// # Errors
    /// [`Error::Resolve`] when the name is unknown or not found before the deadline; [`Error::NoAddress`] when it
    /// has addresses of the other family only.
    pub fn resolve(&self, families: Families, deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
        let mut addresses: Vec<SocketAddr> = Vec::new();
        let found = look_up(&self.host, deadline)?;
        for port in [self.port.unwrap_or(0)].into_iter().chain(self.other_port) {
            for &address in &found {
                let address = canonical(address, port);
                if families.include(address.ip()) && !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        if addresses.is_empty() {
            let family = if families == Families::Ipv4 { "IPv4" } else { "IPv4 or IPv6" };
            return Err(Error::NoAddress { host: self.host.clone(), family });
        }
        Ok(addresses)
    }
}

/// An address with a port; IPv4 as such, where it came as `::ffff:127.0.0.1`.
fn canonical(address: ScopedIp, port: u16) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), port),
        IpAddr::V6(_) => address.at(port),
    }
}

fn look_up(host: &str, deadline: Deadline) -> Result<Vec<ScopedIp>, Error> {
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![address.into()]);
    }
    if let Some(address) = ScopedIp::with_zone(host)? {
        return Ok(vec![address]);
    }
    let error = |reason: String| Error::Resolve { host: host.to_owned(), reason };
    // The system's resolver knows no deadline: it gets a thread that may outlive our patience.
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    let look_up = move || {
        let found = (name.as_str(), 0).to_socket_addrs().map(|found| found.map(ScopedIp::from).collect());
        // The receiver is gone when the deadline has passed.
        let _ = sender.send(found);
    };
    thread::Builder::new()
        .name("resolver".to_owned())
        .spawn(look_up)
        .map_err(|source| Error::System { attempt: "start a thread for the name look-up", source })?;
    let found = match deadline.remaining() {
        Some(remaining) => receiver.recv_timeout(remaining).ok(),
        None => receiver.recv().ok(),
    };
    match found {
        Some(Ok(addresses)) => Ok(addresses),
        Some(Err(source)) => {
            let reason = crate::error::reason(&source);
            Err(error(reason.trim_start_matches("failed to lookup address information: ").to_owned()))
        }
        None => Err(error("the name look-up took too long".to_owned())),
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }?;
        self.other_port.map_or(Ok(()), |port| write!(f, " or {port}"))
    }
}

/// Whether a text is an IPv6 address; one with a zone that this machine does not have is an error of its own.
fn is_ipv6(text: &str) -> Result<bool, Error> {
    Ok(text.parse::<Ipv6Addr>().is_ok() || ScopedIp::with_zone(text)?.is_some())
}

impl FromStr for Server {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let error = || Error::Usage(format!("'{text}' is no server: expected HOST, HOST:PORT, or [IPV6]:PORT"));
        let port = |digits: &str| match digits.parse::<u16>() {
            Ok(port) if port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(port)),
            _ => Err(error()),
        };
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, after) = rest.split_once(']').ok_or_else(error)?;
            if !is_ipv6(host)? {
                return Err(error());
            }
            match after.strip_prefix(':') {
                Some(digits) => (host, port(digits)?),
                None if after.is_empty() => (host, None),
                None => return Err(error()),
            }
        } else if is_ipv6(text)? {
            (text, None)
        } else {
            match text.split_once(':') {
                Some((host, digits)) => (host, port(digits)?),
                None => (text, None),
            }
        };
        let plain =
            |character: char| !character.is_whitespace() && !character.is_control() && !"/%".contains(character);
        if host.is_empty() || !is_ipv6(host)? && !host.chars().all(plain) {
            return Err(error());
        }
        Ok(Self { host: host.to_owned(), port, other_port: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, Option<u16>)>) {
        let server = text.parse::<Server>().ok();
        let seen = server.as_ref().map(|server| (server.host.as_str(), server.port));
        assert_eq!(seen, expected, "{text}");
    }

    #[test]
    fn a_server_is_a_host_with_or_without_port() {
        check("tcpip.epfl.ch", Some(("tcpip.epfl.ch", None)));
        check("localhost:5003", Some(("localhost", Some(5003))));
        check("127.0.0.1:1", Some(("127.0.0.1", Some(1))));
        check("::1", Some(("::1", None)));
        check("[::1]", Some(("::1", None)));
        check("[::1]:65535", Some(("::1", Some(65535))));
        for wrong in [
            "",
            ":5003",
            "host:",
            "host:0",
            "host:65536",
            "host:+1",
            "host:x",
            "[::1",
            "[::1]5",
            "[::1]:",
            "[host]:1",
            "a:b:c",
            "a b",
            "http://host",
            "1:2:3",
            "127.0.0.1%lo:1",
            "[fe80::1%nowhere0]:1",
            "fe80::1%nowhere0",
            "fe80::1%",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn an_address_keeps_its_zone() {
        let interfaces = if_addrs::get_if_addrs().unwrap();
        let loopback = interfaces.iter().find(|interface| interface.is_loopback()).unwrap();
        let (name, index) = (&loopback.name, loopback.index.unwrap());
        let check = |server: Server| {
            assert_eq!((server.host(), server.port), (format!("fe80::1%{name}").as_str(), Some(5003)));
            assert_eq!(server.to_string(), format!("[fe80::1%{name}]:5003"));
            assert_eq!(server.url().to_string(), format!("[fe80::1%25{name}]:5003"));
            assert_eq!(server.without_zone().to_string(), "[fe80::1]:5003");
            let found = server.resolve(Families::Both, Deadline::NONE).unwrap();
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [format!("[fe80::1%{index}]:5003")]);
        };
        check(format!("[fe80::1%{name}]:5003").parse().unwrap());
        check(format!("fe80::1%{name}").parse::<Server>().unwrap().or_port(5003));
        check(Server::in_url(&format!("[fe80::1%25{name}]:5003")).unwrap());
        check(Server::in_url(&format!("[fe80::1%{name}]:5003")).unwrap());
        let error = "[fe80::1%nowhere0]:1".parse::<Server>().unwrap_err().to_string();
        assert!(error.contains("'nowhere0' is no interface of this machine; it has "), "{error}");
    }

    #[test]
    fn localhost_is_both_loopback_addresses_whatever_the_hosts_file_says() {
        let server = Server::new("LocalHost", 7);
        let both = server.resolve(Families::Both, Deadline::NONE).unwrap();
        assert_eq!(both.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1:7", "[::1]:7"]);
        let ipv4 = server.resolve(Families::Ipv4, Deadline::NONE).unwrap();
        assert_eq!(ipv4.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1:7"]);
    }

    #[test]
    fn a_second_port_is_tried_after_all_addresses_of_the_first() {
        let server = "127.0.0.1".parse::<Server>().unwrap().or_port(5007).or_else_port(5003);
        assert_eq!(server.to_string(), "127.0.0.1:5007 or 5003");
        let addresses = server.resolve(Families::Both, Deadline::NONE).unwrap();
        assert_eq!(addresses, ["127.0.0.1:5007".parse().unwrap(), "127.0.0.1:5003".parse().unwrap()]);
        assert_eq!(Server::new("host", 5003).or_else_port(5003), Server::new("host", 5003));
    }

    #[test]
    fn an_address_of_the_other_family_only_is_an_error_that_says_so() {
        let error = Server::new("::1", 7).resolve(Families::Ipv4, Deadline::NONE).unwrap_err();
        assert_eq!(error.to_string(), "'::1' has no IPv4 address, and this part needs one");
        let mapped = Server::new("::ffff:127.0.0.1", 7).resolve(Families::Ipv4, Deadline::NONE).unwrap();
        assert_eq!(mapped, ["127.0.0.1:7".parse().unwrap()]);
    }
}
