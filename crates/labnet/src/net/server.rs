//! The server's side: a permit for each client, and an end for all.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread::{self, JoinHandle},
    time::Duration,
};

use socket2::SockRef;

use super::{
    Clock, ScopedIp, SystemClock,
    permits::{NoPermit, Permit, Permits},
    thread_pool::ThreadPool,
    turn_away::TurnAway,
    vanished,
};
use crate::{Error, count::Count};

/// How long a server without descriptors or threads waits before it takes the next client (ours).
const RESPITE: Duration = Duration::from_millis(100);

/// What a server allows its clients.
#[derive(Clone, Debug)]
pub struct ClientLimits {
    /// How many may be served at once. A further client is turned away: it gets [`overload_reply`](Self::overload_reply)
    /// and a FIN, at once.
    pub connections: usize,
    /// What a client that is turned away is sent: nothing, unless the protocol has words for it.
    pub overload_reply: &'static [u8],
    /// How long a client may take over its command.
    pub silence: Duration,
    /// How long a client may take over each send of its answer, until the last byte has left this program, before it is
    /// given up. In a pause a client that has silently vanished is missed within 10 s.
    pub stall: Duration,
}

impl Default for ClientLimits {
    /// 4,096 connections and 10 s of silence (the lab's contract); a minute for a send (ours: time to look at a pager).
    fn default() -> Self {
        Self {
            connections: 4096,
            overload_reply: b"",
            silence: Duration::from_secs(10),
            stall: Duration::from_secs(60),
        }
    }
}

/// What a server has to report that belongs to none of its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServeEvent {
    /// This machine has no IPv6: the server's other addresses are served.
    NoIpv6 {
        /// The system's reason.
        reason: String,
    },
    /// There was no descriptor or no thread for a client; those who are being served may finish first. Said again
    /// only after a client could be taken.
    CannotAccept {
        /// The system's reason.
        reason: String,
    },
    /// As many clients are connected as are allowed: further ones are turned away. Said again only after some of those
    /// have left.
    AtCapacity {
        /// How many that is.
        clients: usize,
    },
}

impl fmt::Display for ServeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIpv6 { reason } => write!(f, "no IPv6 on this machine: {reason}"),
            Self::CannotAccept { reason } => write!(f, "cannot take a client: {reason}"),
            Self::AtCapacity { clients } => {
                let clients = Count::of_len(*clients, "client");
                write!(f, "{clients} {} connected, the most allowed: further ones are turned away", clients.are())
            }
        }
    }
}

/// Serves listening sockets until the result is dropped. `handler` gets each client's stream, the client's address and
/// the server's clock; it has a thread to itself, so it may block, and the client counts as connected until it returns.
/// `events` hears of what belongs to no client.
///
/// # Errors
/// [`Error::System`] when a socket cannot be set up, or there is no thread to be had.
pub fn serve(
    listeners: Vec<TcpListener>,
    limits: &ClientLimits,
    events: impl Fn(ServeEvent) + Clone + Send + 'static,
    handler: impl Fn(TcpStream, SocketAddr, &dyn Clock) + Send + Sync + 'static,
) -> Result<Running, Error> {
    let clock = SystemClock::default();
    let pool = {
        let clock = clock.clone();
        ThreadPool::new(move |AdmittedClient { stream, peer, permit: _permit }: AdmittedClient| {
            handler(stream, peer, &clock)
        })
    };
    admit_clients(listeners, limits, clock, events, move |client| pool.run(client))
}

/// Accepts on listening sockets until the result is dropped, and admits clients within the limits: [`serve`] with another
/// way to serve them. `hand_over` gets each client and must not block.
///
/// # Errors
/// Those of [`serve`].
pub fn admit_clients(
    listeners: Vec<TcpListener>,
    limits: &ClientLimits,
    clock: SystemClock,
    events: impl Fn(ServeEvent) + Clone + Send + 'static,
    hand_over: impl Fn(AdmittedClient) -> io::Result<()> + Clone + Send + 'static,
) -> Result<Running, Error> {
    let mut running = Running::new(clock.clone());
    let permits = Permits::new(limits.connections);
    let turn_away = TurnAway::new(limits.overload_reply)?;
    for listener in listeners {
        let address = listener.local_addr().map_err(|source| Error::System { attempt: "name a socket", source })?;
        // What a listening socket has, those that it accepts inherit.
        vanished::probe(&listener)
            .and_then(|()| bound_send_memory(&listener))
            .map_err(|source| Error::System { attempt: "set up a socket", source })?;
        let (clock, events) = (clock.clone(), events.clone());
        let (permits, turn_away, hand_over) = (permits.clone(), turn_away.clone(), hand_over.clone());
        let entrance = Entrance { permits, turn_away, hand_over };
        let accept = move || entrance.accept(&listener, &clock, &events);
        running.add_thread(&format!("accept {address}"), Wake::Tcp(reachable(address)), accept)?;
        running.add_address(address);
    }
    Ok(running)
}

/// A server that runs until it is dropped; then its sockets are closed and its own threads have ended. Clients that
/// are being served end within their limits.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    clock: SystemClock,
    threads: Vec<(JoinHandle<()>, Wake)>,
}

/// How a thread that waits on a socket is woken.
#[derive(Clone, Copy, Debug)]
pub enum Wake {
    /// By a connection.
    Tcp(SocketAddr),
    /// By an empty datagram.
    Udp(SocketAddr),
    /// Not at all: it looks at the clock now and then.
    ByItself,
}

impl Running {
    /// A server that has no socket yet; its threads end with `clock`.
    pub fn new(clock: SystemClock) -> Self {
        Self { addresses: Vec::new(), clock, threads: Vec::new() }
    }

    /// Where it can be reached, one address for each family.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The first of its addresses; with an ephemeral port this is the way to learn it.
    pub fn address(&self) -> SocketAddr {
        self.addresses.first().copied().unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into())
    }

    /// Counts an address as one under which this server can be reached.
    pub fn add_address(&mut self, address: SocketAddr) {
        self.addresses.push(address);
    }

    /// Starts a thread that ends with this server.
    ///
    /// # Errors
    /// [`Error::System`] when there is no thread to be had.
    pub fn add_thread(&mut self, name: &str, wake: Wake, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        let thread = thread.map_err(|source| Error::System { attempt: "start a thread", source })?;
        self.threads.push((thread, wake));
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.clock.end();
        for (thread, wake) in self.threads.drain(..) {
            let woken = match wake {
                Wake::Tcp(address) => TcpStream::connect_timeout(&address, Duration::from_secs(1)).map(drop),
                Wake::Udp(address) => wake_udp(reachable(address)),
                Wake::ByItself => Ok(()),
            };
            // A socket that is closed already needs no waking, and one that cannot be woken is not waited for.
            if woken.is_ok() || thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

fn wake_udp(address: SocketAddr) -> io::Result<()> {
    UdpSocket::bind(ScopedIp::from(address).at(0))?.send_to(&[], address).map(drop)
}

/// The address under which this machine reaches a socket of its own.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// A client to be served.
#[derive(Debug)]
pub struct AdmittedClient {
    /// Its connection.
    pub stream: TcpStream,
    /// Its address.
    pub peer: SocketAddr,
    /// It counts as connected until this is dropped.
    pub permit: Permit,
}

/// What stands between a listening socket and whatever serves.
struct Entrance<H> {
    permits: Permits,
    turn_away: TurnAway,
    hand_over: H,
}

impl<H: Fn(AdmittedClient) -> io::Result<()>> Entrance<H> {
    fn accept(&self, listener: &TcpListener, clock: &SystemClock, events: &impl Fn(ServeEvent)) {
        let mut is_failing = false;
        while !clock.has_ended() {
            let result = listener.accept().and_then(|(stream, peer)| self.admit(stream, peer, clock, events));
            match result {
                Ok(()) => is_failing = false,
                Err(error) => {
                    use io::ErrorKind::{ConnectionAborted, Interrupted};
                    if matches!(error.kind(), Interrupted | ConnectionAborted) {
                        continue;
                    }
                    // Out of descriptors or threads: let those who are being served finish.
                    if !std::mem::replace(&mut is_failing, true) {
                        events(ServeEvent::CannotAccept { reason: crate::error::reason(&error) });
                    }
                    clock.pause(RESPITE);
                }
            }
        }
    }

    fn admit(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        clock: &SystemClock,
        events: &impl Fn(ServeEvent),
    ) -> io::Result<()> {
        if clock.has_ended() {
            return Ok(());
        }
        match self.permits.acquire() {
            Ok(permit) => (self.hand_over)(AdmittedClient { stream, peer, permit }),
            Err(NoPermit { connected, is_first }) => {
                if is_first {
                    events(ServeEvent::AtCapacity { clients: connected });
                }
                self.turn_away.end(stream);
                Ok(())
            }
        }
    }
}

/// Bounds what the system keeps of an answer that a client does not take, which may be 4 MiB otherwise.
fn bound_send_memory(listener: &TcpListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    // Bytes that have not left, whereas a bound for all (SO_SNDBUF) would make long paths slow, and loopback with its
    // delayed acknowledgements slower still. With 16 KiB Linux keeps 48 KiB for a client that never reads.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return socket.set_tcp_notsent_lowat(16 * 1024);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return socket.set_send_buffer_size(64 * 1024);
}

/// Lets this process open as many sockets as the system allows it to: the soft limit is often 1,024.
pub fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // Where this is refused the old limit stands, and `accept` says so when it is reached.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}
