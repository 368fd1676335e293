//! The proxy over UDP: a socket for each client, so that the server's answers find their way back.

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use labnet::{
    Error,
    net::{self, Clock, Deadline, Families, Family, Running, ScopedIp, SystemClock, Wake},
};

use super::{Config, NAME, is_no_end};
use crate::{
    ClientId, Event, Events, ServerSettings,
    datagram_sender::DatagramSender,
    fault::{DatagramFaults, Outgoing},
};

/// The longest datagram that UDP can carry, in bytes.
const RECV_LEN: usize = 65_535;

/// How many clients are served at once (ours): a thread and a socket each. Further ones wait until some are silent.
const MAX_CLIENTS: usize = 256;

/// How long a client is remembered of which nothing comes or goes (ours).
const IDLE: Duration = Duration::from_secs(60);

/// How soon the end is noticed without a wake-up call (ours).
const NOTICE: Duration = Duration::from_millis(500);

/// Starts a proxy over UDP on the addresses of the settings.
///
/// # Errors
/// [`Error::Listen`]; [`Error::Resolve`] for the server's name.
pub fn spawn_udp(config: &Config, settings: &ServerSettings) -> Result<Running, Error> {
    let clock = SystemClock::default();
    let mut running = Running::new(clock.clone());
    let upstreams = config.to.resolve(Families::Both, Deadline::after(settings.limits.silence))?;
    let report = settings.events.of_serve(NAME);
    let sockets = net::bind_each(&settings.bind, config.port, report, net::bind_udp, UdpSocket::local_addr)?;
    for socket in sockets {
        let address = socket.local_addr().map_err(|source| Error::System { attempt: "name a socket", source })?;
        let of_family = upstreams.iter().find(|to| Family::of(**to) == Family::of(address));
        let Some(&upstream) = of_family.or(upstreams.first()) else { continue };
        let relay = Relay {
            socket: Arc::new(socket),
            upstream,
            name: format!("{NAME} {}", Family::of(address)),
            sender: DatagramSender::open(&settings.faults.of(NAME), address.into(), &mut running)?,
            settings: settings.clone(),
            clock: clock.clone(),
        };
        running.add_thread(&format!("proxy {address}"), Wake::Udp(address), move || relay.run())?;
        running.add_address(address);
    }
    Ok(running)
}

/// One address of the proxy.
struct Relay {
    socket: Arc<UdpSocket>,
    upstream: SocketAddr,
    /// The name of the socket.
    name: String,
    sender: DatagramSender,
    settings: ServerSettings,
    clock: SystemClock,
}

/// The way of one client to the server.
struct Way {
    upstream: Arc<UdpSocket>,
    /// Whether its answers are still waited for.
    is_open: Arc<AtomicBool>,
}

impl Relay {
    fn run(self) {
        let mut ways: HashMap<SocketAddr, Way> = HashMap::new();
        let (mut count, mut buffer) = (0, vec![0; RECV_LEN]);
        let set_up = self.socket.set_read_timeout(Some(NOTICE));
        while set_up.is_ok() && !self.clock.has_ended() {
            let (n, client) = match self.socket.recv_from(&mut buffer) {
                Ok(received) if !self.clock.has_ended() => received,
                // An answer found its client gone; on some systems the next recv says so.
                Err(error) if !is_no_end(&error) && error.kind() != io::ErrorKind::ConnectionReset => {
                    self.clock.pause(Duration::from_millis(100));
                    continue;
                }
                _ => continue,
            };
            ways.retain(|_, way| way.is_open.load(Ordering::Relaxed));
            if !ways.contains_key(&client) && ways.len() < MAX_CLIENTS {
                count += 1;
                match self.open(client, count) {
                    Ok(way) => drop(ways.insert(client, way)),
                    Err(error) => self.report(Event::NoUpstream {
                        client: ClientId::new(NAME, client),
                        reason: labnet::error::reason(&error),
                    }),
                }
            }
            if let Some(way) = ways.get(&client) {
                // A closed port of the server answers nothing; the client is told nothing either.
                let _ = way.upstream.send(buffer.get(..n).unwrap_or_default());
            }
        }
    }

    fn report(&self, event: Event) {
        self.settings.events.report(event);
    }

    /// Opens the way of a client, and waits for the server's answers in a thread of its own.
    fn open(&self, client: SocketAddr, number: u64) -> io::Result<Way> {
        let faults = self.settings.faults.for_datagrams(self.settings.seed, &self.name, NAME, number);
        if !faults.is_empty() {
            let faults = faults.iter().cloned().collect();
            self.report(Event::Faulty { client: ClientId::new(NAME, client), number, faults });
        }
        let upstream = UdpSocket::bind(ScopedIp::from(unspecified(self.upstream)).at(0))?;
        upstream.connect(self.upstream)?;
        upstream.set_read_timeout(Some(NOTICE))?;
        let (upstream, is_open) = (Arc::new(upstream), Arc::new(AtomicBool::new(true)));
        let answers = Answers {
            client,
            upstream: Arc::clone(&upstream),
            socket: Arc::clone(&self.socket),
            sender: self.sender.clone(),
            faults,
            events: self.settings.events.clone(),
            clock: self.clock.clone(),
        };
        let is_over = Arc::clone(&is_open);
        thread::Builder::new().name(format!("proxy for {client}")).spawn(move || {
            answers.pass_on();
            is_over.store(false, Ordering::Relaxed);
        })?;
        Ok(Way { upstream, is_open })
    }
}

/// Any address of the same family.
fn unspecified(address: SocketAddr) -> std::net::IpAddr {
    match address {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// What the server answers to one client.
struct Answers {
    client: SocketAddr,
    upstream: Arc<UdpSocket>,
    socket: Arc<UdpSocket>,
    sender: DatagramSender,
    faults: DatagramFaults,
    events: Events,
    clock: SystemClock,
}

impl Answers {
    fn pass_on(mut self) {
        let mut buffer = vec![0; RECV_LEN];
        let mut last = self.clock.now();
        while !self.clock.has_ended() && self.clock.now() - last < IDLE {
            // A closed port says so here; it may open.
            let Ok(n) = self.upstream.recv(&mut buffer) else { continue };
            last = self.clock.now();
            for outgoing in self.faults.apply(Outgoing::new(buffer.get(..n).unwrap_or_default())) {
                if let Err(error) = self.sender.send(outgoing, &self.socket, self.client) {
                    let (client, reason) = (ClientId::new(NAME, self.client), labnet::error::reason(&error));
                    self.events.report(Event::CannotAnswer { client, reason });
                }
            }
        }
    }
}
