//! The server's side of TCP: accept, a thread for each client, and limits that hold whatever the clients do.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use super::{Clock, Deadline, Peer, SystemClock};
use crate::{
    Error,
    pmu::{Command, CommandReader, Device, MAX_COMMAND_LEN, Progress},
};

/// How long a command that came in pieces must be followed by silence to be complete (the lab's contract).
const QUIET: Duration = Duration::from_millis(50);

/// How long a server goes on reading after its last byte, so that its close is a FIN and not a reset that would
/// destroy what is still on its way (ours).
const LINGER: Duration = Duration::from_secs(1);

/// What a server allows its clients.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many may be connected at once. At the cap the server stops accepting: further clients wait in the
    /// system's queue, unanswered but not refused, until one of those connected ends.
    pub connections: usize,
    /// How long a client may take over its command.
    pub silence: Duration,
    /// How long a client may take nothing of its answer before it is given up.
    pub stall: Duration,
}

impl Default for Limits {
    /// 1,024 connections and 10 s of silence (the lab's contract); a minute of stalling (ours: time to look at a pager).
    fn default() -> Self {
        Self { connections: 1024, silence: Duration::from_secs(10), stall: Duration::from_secs(60) }
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    clock: SystemClock,
    wakers: Vec<Waker>,
}

/// How to wake a thread that waits on a socket of this server.
#[derive(Clone, Copy, Debug)]
enum Waker {
    Tcp(SocketAddr),
    Udp(SocketAddr),
}

impl Running {
    /// A server that has no socket yet; its threads end with `clock`.
    pub fn new(clock: SystemClock) -> Self {
        Self { addresses: Vec::new(), clock, wakers: Vec::new() }
    }

    /// Where it can be reached, one address for each family.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The first of its addresses; with an ephemeral port this is the way to learn it.
    pub fn address(&self) -> SocketAddr {
        self.addresses.first().copied().unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into())
    }

    /// Counts a UDP socket, served by a thread of its own, as part of this server.
    pub fn add_udp(&mut self, address: SocketAddr) {
        self.addresses.push(address);
        self.wake_udp(address);
    }

    /// Counts a multicast group as what this server serves; its thread watches the clock by itself.
    pub fn add_group(&mut self, group: SocketAddr) {
        self.addresses.push(group);
    }

    /// Counts the thread that waits on a UDP socket as part of this server, without naming its address.
    pub fn wake_udp(&mut self, address: SocketAddr) {
        self.wakers.push(Waker::Udp(reachable(address)));
    }

    /// Serves a listening socket: `serve` runs in a thread of its own for each client; `events` hears of trouble.
    ///
    /// # Errors
    /// [`Error::System`] when there is no thread to be had.
    pub fn add_tcp(
        &mut self,
        listener: TcpListener,
        slots: &Slots,
        events: impl Fn(&str) + Send + 'static,
        serve: impl Fn(TcpStream, SocketAddr) + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let address = listener.local_addr().map_err(|source| Error::System { attempt: "name a socket", source })?;
        let (clock, slots) = (self.clock.clone(), slots.clone());
        let accept = move || accept(&listener, &clock, &slots, &events, &Arc::new(serve));
        thread::Builder::new()
            .name(format!("accept {address}"))
            .spawn(accept)
            .map_err(|source| Error::System { attempt: "start a thread", source })?;
        self.addresses.push(address);
        self.wakers.push(Waker::Tcp(reachable(address)));
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.clock.end();
        for waker in &self.wakers {
            // A socket that is closed already needs no waking.
            let _ = match waker {
                Waker::Tcp(address) => TcpStream::connect_timeout(address, Duration::from_secs(1)).map(drop),
                Waker::Udp(address) => {
                    let ip: IpAddr =
                        if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
                    UdpSocket::bind((ip, 0)).and_then(|socket| socket.send_to(&[], address)).map(drop)
                }
            };
        }
    }
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

fn accept<S>(listener: &TcpListener, clock: &SystemClock, slots: &Slots, events: &impl Fn(&str), serve: &Arc<S>)
where
    S: Fn(TcpStream, SocketAddr) + Send + Sync + 'static,
{
    loop {
        let slot = slots.take(events);
        let accepted = listener.accept();
        if clock.has_ended() {
            return;
        }
        let started = accepted.and_then(|(stream, peer)| {
            let serve = Arc::clone(serve);
            let client = move || {
                let _slot = slot;
                serve(stream, peer);
            };
            thread::Builder::new().name(format!("client {peer}")).spawn(client)
        });
        if let Err(error) = started
            && !matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
        {
            // Out of descriptors or threads: let those who are being served finish.
            events(&format!("cannot take a client: {}", crate::error::reason(&error)));
            clock.pause(Duration::from_millis(100));
        }
    }
}

/// The places for clients, shared by the sockets of one server.
#[derive(Clone, Debug)]
pub struct Slots {
    free: Arc<(Mutex<usize>, Condvar)>,
    all: usize,
}

impl Slots {
    /// That many, at least one.
    pub fn new(connections: usize) -> Self {
        let all = connections.max(1);
        Self { free: Arc::new((Mutex::new(all), Condvar::new())), all }
    }

    /// Waits for a free place.
    fn take(&self, events: &impl Fn(&str)) -> Slot {
        let (free, changed) = &*self.free;
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        if *free == 0 {
            events(&format!("{} clients are connected, the most allowed: further ones wait", self.all));
        }
        while *free == 0 {
            free = changed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Slot(Arc::clone(&self.free))
    }
}

/// A place that is free again when dropped.
struct Slot(Arc<(Mutex<usize>, Condvar)>);

impl Drop for Slot {
    fn drop(&mut self) {
        let (free, changed) = &*self.0;
        *free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        changed.notify_one();
    }
}

/// Binds the same port on each address, with `bind`; port 0 picks one that is free on all.
///
/// A machine without IPv6 gets the others, with a word to `events`.
///
/// # Errors
/// Those of `bind`.
pub fn bind_each<S>(
    addresses: &[IpAddr],
    port: u16,
    events: impl Fn(&str),
    bind: impl Fn(SocketAddr) -> Result<S, Error>,
    port_of: impl Fn(&S) -> io::Result<SocketAddr>,
) -> Result<Vec<S>, Error> {
    /// How often a port that is free on the first address only is given back (ours).
    const ATTEMPTS: usize = 32;
    let mut attempt = 0;
    'again: loop {
        attempt += 1;
        let mut bound = Vec::new();
        let mut common = port;
        for &ip in addresses {
            match bind(SocketAddr::new(ip, common)) {
                Ok(socket) => {
                    let address = port_of(&socket).map_err(|source| Error::System { attempt: "name a socket", source });
                    common = address?.port();
                    bound.push(socket);
                }
                Err(Error::Listen { source, .. })
                    if port == 0 && source.kind() == io::ErrorKind::AddrInUse && attempt < ATTEMPTS =>
                {
                    continue 'again;
                }
                Err(Error::Listen { source, .. }) if ip.is_ipv6() && !bound.is_empty() && is_absent(&source) => {
                    events(&format!("no IPv6 on this machine: {}", crate::error::reason(&source)));
                }
                Err(error) => return Err(error),
            }
        }
        return Ok(bound);
    }
}

/// Whether a family is missing, rather than a port taken.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        // EAFNOSUPPORT has no kind of its own.
        || cfg!(target_os = "linux") && error.raw_os_error() == Some(97)
}

/// Why a client gets no answer.
#[derive(Debug)]
pub enum NoCommand {
    /// What it sent is no command; empty when it sent nothing before its end.
    Unknown(Vec<u8>),
    /// It did not finish a command in time.
    Silent,
    /// The connection broke.
    Broken(io::Error),
}

impl std::fmt::Display for NoCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(bytes) if bytes.is_empty() => f.write_str("left without a command"),
            Self::Unknown(bytes) => write!(f, "unknown command '{}'", crate::escape::escape(bytes)),
            Self::Silent => f.write_str("too slow with its command"),
            Self::Broken(error) => write!(f, "gone: {}", crate::error::reason(error)),
        }
    }
}

/// Reads the command of a client, which has no delimiter.
///
/// One that arrives whole in the first recv is complete at once; one in pieces when it matches and 50 ms bring no
/// more, or at half-close.
///
/// # Errors
/// [`NoCommand`].
pub fn receive_command(peer: &mut impl Peer, deadline: Deadline) -> Result<Command, NoCommand> {
    let mut reader = CommandReader::default();
    let mut matched: Option<Command> = None;
    let mut buffer = [0; MAX_COMMAND_LEN];
    loop {
        let remaining = deadline.remaining();
        let patience =
            if matched.is_some() { Some(remaining.map_or(QUIET, |left| left.min(QUIET))) } else { remaining };
        if patience == Some(Duration::ZERO) {
            return matched.ok_or(NoCommand::Silent);
        }
        peer.set_patience(patience).map_err(NoCommand::Broken)?;
        match peer.read(&mut buffer) {
            Ok(0) => return matched.ok_or_else(|| NoCommand::Unknown(reader.received().to_vec())),
            Ok(n) => match reader.push(buffer.get(..n).unwrap_or_default()) {
                Progress::Complete(command) => return Ok(command),
                Progress::Matches(command) => matched = Some(command),
                Progress::Partial => matched = None,
                Progress::Unknown => return Err(NoCommand::Unknown(reader.received().to_vec())),
            },
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return matched.ok_or(NoCommand::Silent),
                _ => return Err(NoCommand::Broken(error)),
            },
        }
    }
}

/// The answer of the handout's PMU: one send for each message, or one for a flood. Yields their number.
///
/// # Errors
/// That of the stream, which includes the end of its patience.
pub fn answer(stream: &mut impl Write, device: &Device, command: &Command, clock: &dyn Clock) -> io::Result<u64> {
    let mut sends = 0;
    for send in device.answer(command) {
        if !send.pause.is_zero() && !clock.pause(send.pause) {
            break;
        }
        stream.write_all(&send.bytes)?;
        sends += 1;
    }
    Ok(sends)
}

/// Ends a client's stream with a FIN: says that nothing more comes, then reads what is still on its way, for a
/// second at most. Closing with unread bytes would send a reset, which can destroy an answer.
pub fn close(mut stream: TcpStream) {
    let deadline = Deadline::after(LINGER);
    if stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let mut rest = [0; 4096];
    while let Some(left) = deadline.remaining().filter(|left| !left.is_zero()) {
        match stream.set_read_timeout(Some(left)).and_then(|()| stream.read(&mut rest)) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
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
