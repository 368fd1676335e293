//! Opening the sockets of a server: both families, the same port.

use std::{
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
};

use socket2::{Domain, Protocol, Socket, Type};

use super::{ScopedIp, ServeEvent};
use crate::Error;

/// How many connections may wait for `accept` (ours: as many as come at once to a large class). Linux allows no more than
/// `net.core.somaxconn`, 4,096 by default, and says nothing; what is beyond that, a client's system tries again after a
/// second.
const BACKLOG: i32 = 16_384;

/// Opens a listening socket; port 0 picks a free one.
///
/// With `reuse_address` (SO_REUSEADDR, handout section 1.2) a server can restart while connections of its previous
/// run are still in TIME_WAIT. On Windows that option means something else, and the restart works without it.
///
/// # Errors
/// [`Error::Listen`].
pub fn listen(address: SocketAddr, reuse_address: bool) -> Result<TcpListener, Error> {
    let open = || {
        let socket = bind_tcp(address, reuse_address)?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    open().map_err(|source| Error::Listen { protocol: "TCP", address, source })
}

/// Opens a listening socket on each address, all with the same port; port 0 picks one that is free on all.
///
/// # Errors
/// Those of [`bind_each`].
pub fn listen_each(addresses: &[ScopedIp], port: u16, events: impl Fn(ServeEvent)) -> Result<Vec<TcpListener>, Error> {
    bind_each(addresses, port, events, |address| listen(address, true), TcpListener::local_addr)
}

/// A TCP port that is kept, and on which nobody listens: whoever connects is refused.
#[derive(Debug)]
pub struct ClosedPort(#[expect(dead_code, reason = "it is kept open")] Socket);

/// Keeps a TCP port closed.
///
/// # Errors
/// [`Error::Listen`].
pub fn bind_closed(address: SocketAddr) -> Result<ClosedPort, Error> {
    bind_tcp(address, true).map(ClosedPort).map_err(|source| Error::Listen { protocol: "TCP", address, source })
}

fn bind_tcp(address: SocketAddr, reuse_address: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(reuse_address && cfg!(unix))?;
    if address.is_ipv6() {
        // IPv4 has a socket of its own, so that both families can have the same port.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Opens a UDP socket; port 0 picks a free one.
///
/// # Errors
/// [`Error::Listen`].
pub fn bind_udp(address: SocketAddr) -> Result<UdpSocket, Error> {
    let open = || {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        Ok(socket.into())
    };
    open().map_err(|source| Error::Listen { protocol: "UDP", address, source })
}

/// Binds the same port on each address, with `bind`; port 0 picks one that is free on all.
///
/// A machine without IPv6 gets the others; `events` hears of it.
///
/// # Errors
/// Those of `bind`; [`Error::Usage`] without an address.
pub fn bind_each<S>(
    addresses: &[ScopedIp],
    port: u16,
    events: impl Fn(ServeEvent),
    bind: impl Fn(SocketAddr) -> Result<S, Error>,
    port_of: impl Fn(&S) -> io::Result<SocketAddr>,
) -> Result<Vec<S>, Error> {
    /// How often a port that is free on the first address only is given back (ours).
    const ATTEMPTS: usize = 32;
    if addresses.is_empty() {
        return Err(Error::Usage("none of the addresses to listen on is of a family that this server uses".to_owned()));
    }
    let mut attempt = 0;
    'again: loop {
        attempt += 1;
        let (mut bound, mut taken) = (Vec::new(), Vec::new());
        let mut common = port;
        for &ip in addresses {
            let socket = bind(ip.at(common)).map_err(|error| own_port(&error, &taken, "this program").unwrap_or(error));
            match socket {
                Ok(socket) => {
                    let address = port_of(&socket).map_err(|source| Error::System { attempt: "name a socket", source });
                    let address = address?;
                    common = address.port();
                    taken.push(address);
                    bound.push(socket);
                }
                Err(Error::Listen { source, .. })
                    if port == 0 && source.kind() == io::ErrorKind::AddrInUse && attempt < ATTEMPTS =>
                {
                    continue 'again;
                }
                Err(Error::Listen { source, .. }) if ip.ip().is_ipv6() && !bound.is_empty() && is_absent(&source) => {
                    events(ServeEvent::NoIpv6 { reason: crate::error::reason(&source) });
                }
                Err(error) => return Err(error),
            }
        }
        return Ok(bound);
    }
}

/// What a port that is in use is to a program that has it itself: one of the addresses `taken` is in the way.
pub fn own_port(error: &Error, taken: &[SocketAddr], owner: &str) -> Option<Error> {
    let Error::Listen { protocol, address, source } = error else { return None };
    let is_in_way = |taken: &&SocketAddr| {
        let overlaps = taken.ip() == address.ip() || taken.ip().is_unspecified() || address.ip().is_unspecified();
        taken.port() == address.port() && taken.is_ipv4() == address.is_ipv4() && overlaps
    };
    let taken = *taken.iter().find(is_in_way).filter(|_| source.kind() == io::ErrorKind::AddrInUse)?;
    Some(Error::OwnPort { protocol, address: *address, taken, owner: owner.to_owned() })
}

/// Whether a family is missing, rather than a port taken.
fn is_absent(error: &io::Error) -> bool {
    /// EAFNOSUPPORT, which has no kind of its own.
    const NO_FAMILY: i32 = if cfg!(target_os = "linux") { 97 } else { 47 };
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || cfg!(unix) && error.raw_os_error() == Some(NO_FAMILY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_in_the_way_of_another_of_the_same_program_is_named() {
        let check = |addresses: [&str; 2], taken: &str| {
            let addresses = addresses.map(|address| address.parse().unwrap());
            let errors = [
                listen_each(&addresses, 0, |_| {}).map(drop),
                bind_each(&addresses, 0, |_| {}, bind_udp, UdpSocket::local_addr).map(drop),
            ];
            for error in errors.map(Result::unwrap_err) {
                assert!(matches!(error, Error::OwnPort { .. }), "{error}");
                let text = error.to_string();
                assert!(
                    text.contains(&format!(": this program listens on {taken}:")) && text.ends_with(" already"),
                    "{text}"
                );
            }
        };
        check(["127.0.0.1", "127.0.0.1"], "127.0.0.1");
        check(["0.0.0.0", "127.0.0.1"], "0.0.0.0");
        check(["127.0.0.1", "0.0.0.0"], "127.0.0.1");
    }
}
