//! A pair of UDP sockets, one for each family, that wait together.

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, UdpSocket},
    ops::AddAssign,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use socket2::SockRef;

use super::{Deadline, Families, Server};
use crate::Error;

/// The longest datagram that UDP can carry, in bytes: a shorter buffer would make another one of it.
const MAX_DATAGRAM_LEN: usize = 65_535;

/// How many datagrams wait to be looked at (ours); the system drops what comes on top.
const QUEUE_LEN: usize = 64;

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    #[serde(rename = "IPv4")]
    Ipv4,
    /// IPv6.
    #[serde(rename = "IPv6")]
    Ipv6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: SocketAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// Receives a datagram that has come already; without one, or where the system cannot be asked for that, this fails with
/// [`WouldBlock`](io::ErrorKind::WouldBlock) at once.
///
/// # Errors
/// That of the socket.
pub fn recv_arrived(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    #[cfg(unix)]
    {
        use rustix::net::{RecvFlags, recvfrom};
        let (received, _, from) = recvfrom(socket, buffer, RecvFlags::DONTWAIT)?;
        let from = from.and_then(|from| SocketAddr::try_from(from).ok());
        from.map(|from| (received, from)).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
    #[cfg(not(unix))]
    {
        let _ = (socket, buffer);
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// How many packets went over each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerFamily {
    /// Over IPv4.
    pub ipv4: u64,
    /// Over IPv6.
    pub ipv6: u64,
}

impl PerFamily {
    /// The count of one family.
    pub fn of(self, family: Family) -> u64 {
        match family {
            Family::Ipv4 => self.ipv4,
            Family::Ipv6 => self.ipv6,
        }
    }

    fn add(&mut self, family: Family) {
        match family {
            Family::Ipv4 => self.ipv4 += 1,
            Family::Ipv6 => self.ipv6 += 1,
        }
    }
}

impl AddAssign for PerFamily {
    fn add_assign(&mut self, other: Self) {
        self.ipv4 += other.ipv4;
        self.ipv6 += other.ipv6;
    }
}

/// A datagram from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The address that was asked, and answered.
    pub from: SocketAddr,
    /// Its payload.
    pub bytes: Vec<u8>,
}

/// What a retransmission needs of the world: time, a way to send to each address, and one to receive from any.
pub trait Exchange {
    /// The present.
    fn now(&self) -> Instant;

    /// Sends `bytes` once to every address; yields how many packets that were.
    ///
    /// # Errors
    /// [`Error::Send`] when it could go to none of them.
    fn send_to_each(&mut self, bytes: &[u8]) -> Result<PerFamily, Error>;

    /// The next datagram from an address that was asked; `None` when there is none before `until`.
    fn receive(&mut self, until: Instant) -> Option<Datagram>;
}

/// Connected UDP sockets to a server's addresses, at most one of each family.
///
/// Being connected, they drop what comes from a stranger, and a closed port shows as ECONNREFUSED, which is "no answer
/// yet": the next datagram may find it open. A new pair has new source ports, so no answer to an older one reaches it.
#[derive(Debug)]
pub struct Pair {
    sockets: Vec<(SocketAddr, Arc<UdpSocket>)>,
    arrivals: Receiver<(Instant, Datagram)>,
    /// One that came after the deadline of the round that looked at it.
    next: Option<(Instant, Datagram)>,
    closed: Arc<AtomicBool>,
}

impl Pair {
    /// The addresses that a pair talks to: the first of each family, over all `servers`.
    ///
    /// # Errors
    /// Those of [`Server::resolve`]; [`Error::Usage`] when a server adds no family.
    pub fn addresses(servers: &[Server], deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
        let mut chosen: Vec<SocketAddr> = Vec::new();
        for server in servers {
            let before = chosen.len();
            for address in server.resolve(Families::Both, deadline)? {
                if !chosen.iter().any(|other| Family::of(*other) == Family::of(address)) {
                    chosen.push(address);
                }
            }
            if chosen.len() == before {
                return Err(Error::Usage(format!("'{server}' adds no family: name one IPv4 and one IPv6 address")));
            }
        }
        Ok(chosen)
    }

    /// Opens a socket for each address. A family that this machine does not have is left out, with `warn`.
    ///
    /// # Errors
    /// [`Error::Connect`] when no address can be used.
    pub fn open(addresses: &[SocketAddr], mut warn: impl FnMut(&str)) -> Result<Self, Error> {
        let (sender, arrivals) = mpsc::sync_channel(QUEUE_LEN);
        let closed = Arc::new(AtomicBool::new(false));
        let mut pair = Self { sockets: Vec::new(), arrivals, next: None, closed };
        let mut attempts = Vec::new();
        for &address in addresses {
            match pair.add(address, sender.clone()) {
                Ok(()) => {}
                Err(source) => attempts.push((address, source)),
            }
        }
        if pair.sockets.is_empty() {
            let server = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
            return Err(Error::Connect { server, attempts });
        }
        for (address, source) in attempts {
            let (family, reason) = (Family::of(address), crate::error::reason(&source));
            warn(&format!("no {family}: cannot use {address}: {reason}"));
        }
        Ok(pair)
    }

    fn add(&mut self, address: SocketAddr, sender: SyncSender<(Instant, Datagram)>) -> io::Result<()> {
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = Arc::new(UdpSocket::bind(any)?);
        socket.connect(address)?;
        // What came before the socket was connected is a stranger's: nothing has been asked yet.
        socket.set_nonblocking(true)?;
        while socket.recv(&mut [0]).is_ok() {}
        socket.set_nonblocking(false)?;
        // Of 0.0.0.0 and [::] the system makes the loopback address.
        let from = socket.peer_addr()?;
        let reader = Reader { socket: Arc::clone(&socket), from, closed: Arc::clone(&self.closed), sender };
        thread::Builder::new().name(format!("recv {address}")).spawn(move || reader.run())?;
        self.sockets.push((address, socket));
        Ok(())
    }
}

impl Exchange for Pair {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn send_to_each(&mut self, bytes: &[u8]) -> Result<PerFamily, Error> {
        let mut sent = PerFamily::default();
        let mut failed = None;
        for (to, socket) in &self.sockets {
            // A refusal of the previous datagram may surface here, in place of the send: then send again.
            let result = match socket.send(bytes) {
                Err(error) if is_no_answer_yet(&error) => socket.send(bytes),
                result => result,
            };
            match result {
                Ok(_) => sent.add(Family::of(*to)),
                // Still no way to the peer: lost like any other packet.
                Err(error) if is_no_answer_yet(&error) => sent.add(Family::of(*to)),
                Err(source) => failed = Some(Error::Send { to: *to, source }),
            }
        }
        match failed {
            Some(error) if sent == PerFamily::default() => Err(error),
            _ => Ok(sent),
        }
    }

    fn receive(&mut self, until: Instant) -> Option<Datagram> {
        loop {
            let remaining = until.saturating_duration_since(Instant::now());
            let (at, datagram) = match self.next.take() {
                Some(arrival) => arrival,
                None => match self.arrivals.recv_timeout(remaining) {
                    Ok(arrival) => arrival,
                    Err(_) if remaining.is_zero() => return None,
                    // Woken early, or without readers: the rest of the time passes all the same.
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => {
                        thread::sleep(remaining);
                        continue;
                    }
                },
            };
            if at <= until {
                return Some(datagram);
            }
            // It belongs to the next round, which must not wait until all that arrives has been looked at.
            self.next = Some((at, datagram));
            return None;
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        for (_, socket) in &self.sockets {
            // Wakes the reader; should a system not do so, the reader sees `closed` at its next datagram.
            let _ = SockRef::from(&**socket).shutdown(Shutdown::Both);
        }
    }
}

/// The thread that waits on one socket of a pair.
struct Reader {
    socket: Arc<UdpSocket>,
    from: SocketAddr,
    closed: Arc<AtomicBool>,
    sender: SyncSender<(Instant, Datagram)>,
}

impl Reader {
    fn run(self) {
        let mut buffer = vec![0; MAX_DATAGRAM_LEN];
        loop {
            let received = self.socket.recv(&mut buffer);
            if self.closed.load(Ordering::Relaxed) {
                return;
            }
            match received {
                Ok(n) => {
                    let datagram = Datagram { from: self.from, bytes: buffer.get(..n).unwrap_or_default().to_vec() };
                    if self.sender.send((Instant::now(), datagram)).is_err() {
                        return;
                    }
                }
                Err(error) if is_no_answer_yet(&error) => {}
                // A socket that fails at once and always must not spin.
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

/// What ICMP says of a datagram that could not be delivered this time.
fn is_no_answer_yet(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable | Interrupted)
}
