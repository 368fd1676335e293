//! IPv4 multicast: joining a group, and speaking to it.

mod members;

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    str::FromStr,
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{Error, error::NO_ROUTE};

pub use members::OutgoingInterface;

/// The network interface on which a group is joined or addressed: by default the one that the system's routes name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interface(Option<Ipv4Addr>);

impl Interface {
    /// This machine alone.
    pub const LOOPBACK: Self = Self(Some(Ipv4Addr::LOCALHOST));

    /// Whether that is this machine alone.
    fn is_loopback(self) -> bool {
        self.0.is_some_and(|address| address.is_loopback())
    }

    /// What to do when nothing comes from a group on this interface, or nobody hears what is sent there.
    pub fn advice(self) -> &'static str {
        if self.is_loopback() {
            "receiver and sender must be on this machine, both with --interface 127.0.0.1; `mock-servers multicast` sends there"
        } else {
            NO_ROUTE
        }
    }

    fn address(self) -> Ipv4Addr {
        self.0.unwrap_or(Ipv4Addr::UNSPECIFIED)
    }
}

impl From<Ipv4Addr> for Interface {
    fn from(address: Ipv4Addr) -> Self {
        Self(Some(address))
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, "interface {address}"),
            None => f.write_str("the default interface"),
        }
    }
}

/// `127.0.0.1` or `eth0`: an IPv4 address of this machine, or the name of an interface that has one.
impl FromStr for Interface {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Ok(address) = text.parse() {
            return Ok(Self(Some(address)));
        }
        let interfaces = if_addrs::get_if_addrs()
            .map_err(|source| Error::System { attempt: "list the network interfaces", source })?;
        let ipv4 = |interface: &if_addrs::Interface| match interface.ip() {
            IpAddr::V4(address) => Some((interface.name.clone(), address)),
            IpAddr::V6(_) => None,
        };
        let known: Vec<_> = interfaces.iter().filter_map(ipv4).collect();
        known.iter().find(|(name, _)| name == text).map(|(_, address)| Self(Some(*address))).ok_or_else(|| {
            let known: Vec<_> = known.iter().map(|(name, address)| format!("{name} ({address})")).collect();
            Error::Usage(format!(
                "'{text}' is no interface with an IPv4 address; this machine has {}",
                known.join(", ")
            ))
        })
    }
}

/// A member of a group.
#[derive(Debug)]
pub struct Group {
    socket: UdpSocket,
    group: SocketAddrV4,
}

impl Group {
    /// Opens the group's port, shared with other receivers on this host, and joins (IP_ADD_MEMBERSHIP).
    ///
    /// Only datagrams to this group on this interface arrive, not those of other groups on the same port.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address that is no group, [`Error::Listen`], or [`Error::Group`] without a route.
    pub fn join(group: SocketAddrV4, interface: Interface) -> Result<Self, Error> {
        check_group(group)?;
        let listen = |source| Error::Listen { protocol: "UDP", address: group.into(), source };
        let socket = bind_shared(group).map_err(listen)?;
        socket.join_multicast_v4(group.ip(), &interface.address()).map_err(|source| Error::Group {
            attempt: "join",
            group: group.into(),
            interface: interface.to_string(),
            is_loopback: interface.is_loopback(),
            source,
        })?;
        let socket: UdpSocket = socket.into();
        let port = socket.local_addr().map_err(listen)?.port();
        Ok(Self { socket, group: SocketAddrV4::new(*group.ip(), port) })
    }

    /// The group and its port; with port 0 this is the way to learn it.
    pub fn address(&self) -> SocketAddrV4 {
        self.group
    }

    /// The next datagram and its sender; `None` when none comes within `patience`.
    ///
    /// # Errors
    /// [`Error::Receive`].
    pub fn receive<'a>(
        &self,
        buffer: &'a mut [u8],
        patience: Duration,
    ) -> Result<Option<(&'a [u8], SocketAddr)>, Error> {
        let error = |source| Error::Receive { from: self.group.into(), source };
        // Zero would mean for ever.
        let patience = patience.max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(patience)).map_err(error)?;
        loop {
            match self.socket.recv_from(buffer) {
                Ok((n, from)) => return Ok(buffer.get(..n).map(|bytes| (bytes, from))),
                Err(source) => match source.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Ok(None),
                    _ => return Err(error(source)),
                },
            }
        }
    }
}

fn bind_shared(group: SocketAddrV4) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    // The BSDs, macOS among them, share a multicast port under this option only; on Linux it would mean otherwise.
    #[cfg(all(
        unix,
        not(any(target_os = "linux", target_os = "android", target_os = "solaris", target_os = "illumos"))
    ))]
    socket.set_reuse_port(true)?;
    // Without this Linux also delivers what other programs joined, on other interfaces.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_multicast_all_v4(false)?;
    // Bound to the group itself a socket does not see other groups on the port; Windows cannot bind so.
    let ip = if cfg!(windows) { Ipv4Addr::UNSPECIFIED } else { *group.ip() };
    socket.bind(&SocketAddrV4::new(ip, group.port()).into())?;
    Ok(socket)
}

fn check_group(group: SocketAddrV4) -> Result<(), Error> {
    if group.ip().is_multicast() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{} is no multicast group: expected an address from 224.0.0.0 to 239.255.255.255",
        group.ip()
    )))
}

/// A sender to a group, which need not be a member of it.
#[derive(Debug)]
pub struct MulticastSender {
    socket: UdpSocket,
    group: SocketAddrV4,
    interface: Interface,
}

impl MulticastSender {
    /// Opens a socket whose datagrams reach the group within `ttl` hops, members on this host included.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address that is no group; [`Error::Group`] when the interface is not of this machine.
    pub fn open(group: SocketAddrV4, interface: Interface, ttl: u8) -> Result<Self, Error> {
        check_group(group)?;
        let open = || {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
            if let Interface(Some(address)) = interface {
                socket.set_multicast_if_v4(&address)?;
            }
            socket.set_multicast_ttl_v4(ttl.into())?;
            socket.set_multicast_loop_v4(true)?;
            socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0).into())?;
            Ok(socket.into())
        };
        let socket = open().map_err(|source| failed(group, interface, source))?;
        Ok(Self { socket, group, interface })
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// [`Error::Group`], for instance without a route.
    pub fn send(&self, datagram: &[u8]) -> Result<(), Error> {
        let sent = self.socket.send_to(datagram, self.group);
        sent.map(drop).map_err(|source| failed(self.group, self.interface, source))
    }

    /// The interface by which its datagrams leave, where that is known.
    pub fn outgoing_interface(&self) -> Option<OutgoingInterface> {
        OutgoingInterface::of(self.group, self.interface.0)
    }

    /// The port from which it speaks.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn port(&self) -> Result<u16, Error> {
        let address = self.socket.local_addr();
        address.map(|address| address.port()).map_err(|source| Error::System { attempt: "name a socket", source })
    }
}

fn failed(group: SocketAddrV4, interface: Interface, source: io::Error) -> Error {
    let group: SocketAddr = group.into();
    let is_loopback = interface.is_loopback();
    Error::Group { attempt: "send to", group, interface: interface.to_string(), is_loopback, source }
}
