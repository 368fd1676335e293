//! The server's side: a thread and a permit for each client, and an end for all.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};

use super::{Clock, SystemClock, thread_pool::ThreadPool};
use crate::Error;

/// How soon a client that has silently vanished is looked for, and how often (ours).
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));

/// How long a thread that waits for a permit or a wake-up may take to notice the end by itself (ours).
const NOTICE: Duration = Duration::from_millis(100);

/// What a server allows its clients.
#[derive(Clone, Debug)]
pub struct ClientLimits {
    /// How many may be served at once. At the cap the server stops accepting: further clients wait, unanswered but
    /// not refused, in the system's queue (one has been accepted and waits here) until one of those served ends.
    pub connections: usize,
    /// How long a client may take over its command.
    pub silence: Duration,
    /// How long a client may take nothing of its answer before it is given up.
    pub stall: Duration,
}

impl Default for ClientLimits {
    /// 1,024 connections and 10 s of silence (the lab's contract); a minute of stalling (ours: time to look at a pager).
    fn default() -> Self {
        Self { connections: 1024, silence: Duration::from_secs(10), stall: Duration::from_secs(60) }
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
    /// There was no descriptor or no thread for a client; those who are being served may finish first.
    CannotAccept {
        /// The system's reason.
        reason: String,
    },
    /// As many clients are connected as are allowed: further ones wait.
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
                write!(f, "{clients} clients are connected, the most allowed: further ones wait")
            }
        }
    }
}

/// Serves listening sockets until the result is dropped. `handler` gets each client's stream, the client's address and
/// the server's clock; it has a thread to itself, so it may block, and the client counts as connected until it returns.
/// `events` hears of what belongs to no client.
///
/// That each client has a thread is known here alone: a handler that would be driven by readiness instead needs
/// another body of this function, and the same clock and steps.
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
    let mut running = Running::new(clock.clone());
    let permits = Permits::new(limits.connections);
    let handler = {
        let clock = clock.clone();
        move |(stream, peer, _permit): Client| handler(stream, peer, &clock)
    };
    let pool = ThreadPool::new(handler);
    for listener in listeners {
        let address = listener.local_addr().map_err(|source| Error::System { attempt: "name a socket", source })?;
        // Without keepalive a client that vanished would be missed only when something is sent to it. What a listening
        // socket has, those that it accepts inherit.
        let (time, interval) = KEEPALIVE;
        let keepalive = TcpKeepalive::new().with_time(time).with_interval(interval);
        SockRef::from(&listener)
            .set_tcp_keepalive(&keepalive)
            .map_err(|source| Error::System { attempt: "set up keepalive", source })?;
        let (clock, permits, events, pool) = (clock.clone(), permits.clone(), events.clone(), pool.clone());
        let accept = move || accept(&listener, &clock, &permits, &events, &pool);
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
    UdpSocket::bind((address.ip(), 0))?.send_to(&[], address).map(drop)
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

/// A client to be served, and its permit.
type Client = (TcpStream, SocketAddr, Permit);

fn accept(
    listener: &TcpListener,
    clock: &SystemClock,
    permits: &Permits,
    events: &impl Fn(ServeEvent),
    pool: &ThreadPool<Client>,
) {
    while !clock.has_ended() {
        let started = listener.accept().and_then(|(stream, peer)| match permits.acquire(clock, events) {
            Some(permit) => pool.run((stream, peer, permit)),
            None => Ok(()),
        });
        if let Err(error) = started
            && !matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
        {
            // Out of descriptors or threads: let those who are being served finish.
            events(ServeEvent::CannotAccept { reason: crate::error::reason(&error) });
            clock.pause(NOTICE);
        }
    }
}

/// The permits to be connected, shared by the sockets of one server.
#[derive(Clone, Debug)]
struct Permits {
    free: Arc<(Mutex<usize>, Condvar)>,
    all: usize,
}

impl Permits {
    /// That many, at least one.
    fn new(connections: usize) -> Self {
        let all = connections.max(1);
        Self { free: Arc::new((Mutex::new(all), Condvar::new())), all }
    }

    /// Waits for a free permit; `None` when everything ends first.
    fn acquire(&self, clock: &SystemClock, events: &impl Fn(ServeEvent)) -> Option<Permit> {
        let (free, changed) = &*self.free;
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        if *free == 0 {
            events(ServeEvent::AtCapacity { clients: self.all });
        }
        while *free == 0 && !clock.has_ended() {
            (free, _) = changed.wait_timeout(free, NOTICE).unwrap_or_else(PoisonError::into_inner);
        }
        *free = free.checked_sub(1).filter(|_| !clock.has_ended())?;
        Some(Permit(Arc::clone(&self.free)))
    }
}

/// A permit that is free again when dropped.
#[derive(Debug)]
struct Permit(Arc<(Mutex<usize>, Condvar)>);

impl Drop for Permit {
    fn drop(&mut self) {
        let (free, changed) = &*self.0;
        *free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        changed.notify_one();
    }
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
