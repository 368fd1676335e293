//! Hosts on a user-space switch, which applies delay, rate, loss, duplication and reordering to each packet.

use std::{
    collections::HashMap,
    io::{self, PipeWriter},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::AsFd,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Instant,
};

use nix::{
    poll::{PollFd, PollFlags, ppoll},
    sys::time::TimeSpec,
};

use crate::{
    Error, Host, HostsFile, Tap, ethtool,
    path::{NetworkPath, PathCounters, PathQueue},
    route,
};

/// The name of each host's network interface.
const INTERFACE: &str = "eth0";

/// The MTU of Ethernet, in bytes.
const MTU: u32 = 1500;

/// The longest Ethernet frame, with a VLAN tag, in bytes.
const MAX_FRAME: usize = 1522;

/// The receive buffer of a switch port, in bytes (ours).
const PORT_BUFFER: usize = 16 << 20;

/// The name and addresses of a host of a [`Lan`]. Prefix lengths are 24 (IPv4) and 64 (IPv6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostConfig {
    /// The name; all hosts of the LAN can resolve it.
    pub name: &'static str,
    /// The IPv4 address.
    pub ipv4: Ipv4Addr,
    /// The IPv6 address.
    pub ipv6: Ipv6Addr,
}

impl HostConfig {
    /// The client of the TLS lab, 10.9.0.5.
    pub const CLIENT: Self = Self::in_the_tls_lab("client", 5);
    /// The server of the TLS lab, 10.9.0.43.
    pub const SERVER: Self = Self::in_the_tls_lab("server", 43);
    /// The proxy of the TLS lab, 10.9.0.143.
    pub const PROXY: Self = Self::in_the_tls_lab("proxy", 143);

    /// The addresses of the lab's real servers, which programs have in them: [`SERVER`](Self::SERVER) has them, too, and
    /// every other host of its LAN reaches it there.
    pub const SERVER_LITERALS: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::new(128, 178, 151, 64)),
        IpAddr::V6(Ipv6Addr::new(0x2002, 0x80b2, 0x9c51, 0, 0, 0, 0xffff, 0x901)),
    ];

    const fn in_the_tls_lab(name: &'static str, number: u8) -> Self {
        let ipv6 = Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, number as u16);
        Self { name, ipv4: Ipv4Addr::new(10, 9, 0, number), ipv6 }
    }
}

/// The counters of one direction between two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPairCounters {
    /// The sending host, as an index into the host configurations.
    pub from: usize,
    /// The receiving host, as such an index.
    pub to: usize,
    /// The counters.
    pub counters: PathCounters,
}

/// A LAN: hosts that can reach each other, and no other network.
#[derive(Debug)]
pub struct Lan {
    hosts: Vec<Host>,
    counters: Arc<Mutex<Vec<HostPairCounters>>>,
    stop: Option<PipeWriter>,
    switch: Option<JoinHandle<()>>,
}

impl Lan {
    /// Creates the hosts. Each resolves the names of all hosts and of `hosts_file`. The path applies to each direction
    /// between two hosts; `seed` fixes its random decisions.
    ///
    /// # Errors
    /// [`Error::System`] with what the system refused.
    pub fn new(configs: &[HostConfig], hosts_file: &HostsFile, path: NetworkPath, seed: u64) -> Result<Self, Error> {
        let hosts_file = configs.iter().fold(hosts_file.clone(), |hosts_file, config| {
            hosts_file.with(config.name, &[config.ipv4.into(), config.ipv6.into()])
        });
        let switch_host = Host::new("switch", HostsFile::localhost())?;
        let mut hosts = Vec::new();
        for (number, config) in configs.iter().enumerate() {
            let host = Host::new(config.name, hosts_file.clone())?;
            let network = host.network()?;
            let attach = move || -> io::Result<()> {
                let port = port(number);
                route::add_veth_pair(&port, INTERFACE, network.as_fd(), MTU)?;
                ethtool::disable_offloads(&port)?;
                route::set_up(&port)
            };
            switch_host.run(attach).map_err(Error::io("create a veth pair"))?;
            let HostConfig { ipv4, ipv6, .. } = *config;
            let is_server = *config == HostConfig::SERVER;
            let settle = move || -> io::Result<()> {
                ethtool::disable_offloads(INTERFACE)?;
                route::set_up(INTERFACE)?;
                route::add_address(INTERFACE, ipv4.into(), 24)?;
                route::add_address(INTERFACE, ipv6.into(), 64)?;
                for literal in HostConfig::SERVER_LITERALS {
                    if is_server {
                        route::add_address(INTERFACE, literal, if literal.is_ipv4() { 32 } else { 128 })?;
                    } else {
                        route::add_on_link_route(INTERFACE, literal)?;
                    }
                }
                route::add_multicast_route(INTERFACE, ipv4)
            };
            host.run(settle).map_err(Error::io("give a host its addresses"))?;
            hosts.push(host);
        }
        let counters = Arc::default();
        let mut switch = Switch { ports: configs.len(), path, seed, counters: Arc::clone(&counters) };
        let (stopped, stop) = io::pipe().map_err(Error::io("start the switch"))?;
        let start = move || -> Result<JoinHandle<()>, Error> {
            let taps: Result<Vec<Tap>, Error> = (0..switch.ports).map(|n| Tap::open(&port(n), PORT_BUFFER)).collect();
            let taps = taps?;
            let work = move || switch.run(taps, stopped.as_fd());
            thread::Builder::new().name("switch".to_owned()).spawn(work).map_err(Error::io("start the switch"))
        };
        let switch = switch_host.run(start)?;
        Ok(Self { hosts, counters, stop: Some(stop), switch: Some(switch) })
    }

    /// A host, by the index of its configuration.
    pub fn host(&self, number: usize) -> Option<&Host> {
        self.hosts.get(number)
    }

    /// The counters so far, for each direction between two hosts that has had a packet.
    pub fn counters(&self) -> Vec<HostPairCounters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The name of each host's network interface.
    pub fn interface() -> &'static str {
        INTERFACE
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(switch) = self.switch.take() {
            let _ = switch.join();
        }
    }
}

/// The name of the switch's end of a veth pair.
fn port(number: usize) -> String {
    format!("port{number}")
}

/// A learning Ethernet switch.
struct Switch {
    ports: usize,
    path: NetworkPath,
    seed: u64,
    counters: Arc<Mutex<Vec<HostPairCounters>>>,
}

impl Switch {
    fn run(&mut self, mut taps: Vec<Tap>, stopped: std::os::fd::BorrowedFd<'_>) {
        let start = Instant::now();
        let mut queues = HashMap::new();
        let mut mac_table: HashMap<[u8; 6], usize> = HashMap::new();
        let mut buffer = vec![0; MAX_FRAME];
        loop {
            let next = queues.values().filter_map(PathQueue::next_arrival).min();
            let timeout = next.map(|at| TimeSpec::from(at.saturating_sub(start.elapsed())));
            let mut waiting: Vec<PollFd<'_>> = taps
                .iter()
                .map(|tap| tap.as_fd())
                .chain([stopped])
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
                .collect();
            if ppoll(&mut waiting, timeout, None).is_err() {
                continue;
            }
            if waiting.last().is_some_and(|stop| stop.any() == Some(true)) {
                return;
            }
            for (from, tap) in taps.iter_mut().enumerate() {
                while let Ok(Some(seen)) = tap.receive(&mut buffer) {
                    let Some(frame) = buffer.get(..seen.len).filter(|_| !seen.is_outgoing) else { continue };
                    let Some(Header { destination, source, is_control }) = header(frame) else { continue };
                    mac_table.insert(source, from);
                    let known = mac_table.get(&destination).copied();
                    for to in (0..self.ports).filter(|&to| to != from && known.is_none_or(|known| known == to)) {
                        let queue = queues.entry((from, to)).or_insert_with(|| {
                            let seed = self.seed.wrapping_add((from * self.ports + to) as u64);
                            PathQueue::new(self.path, seed)
                        });
                        queue.enqueue(start.elapsed(), frame.to_vec(), is_control);
                    }
                }
            }
            for (&(_, to), queue) in &mut queues {
                while let Some(frame) = queue.dequeue(start.elapsed()) {
                    // The host may be gone.
                    let _ = taps.get(to).map(|tap| tap.send(&frame));
                }
            }
            let counters =
                queues.iter().map(|(&(from, to), queue)| HostPairCounters { from, to, counters: queue.counters() });
            *self.counters.lock().unwrap_or_else(PoisonError::into_inner) = counters.collect();
        }
    }
}

/// The fields of a frame that the switch uses.
struct Header {
    destination: [u8; 6],
    source: [u8; 6],
    /// Whether it is ARP, ICMPv6 or multicast listener discovery.
    is_control: bool,
}

fn header(frame: &[u8]) -> Option<Header> {
    const IPV4: [u8; 2] = [0x08, 0x00];
    const IPV6: [u8; 2] = [0x86, 0xdd];
    /// Next headers of IPv6: hop-by-hop options (multicast listener discovery) and ICMPv6.
    const CONTROL: [u8; 2] = [0, 58];
    let (destination, rest) = frame.split_first_chunk::<6>()?;
    let (source, rest) = rest.split_first_chunk::<6>()?;
    let (kind, packet) = rest.split_first_chunk::<2>()?;
    let is_control = match *kind {
        IPV4 => false,
        IPV6 => packet.get(6).is_none_or(|next| CONTROL.contains(next)),
        _ => true,
    };
    Some(Header { destination: *destination, source: *source, is_control })
}
