//! Hosts on one switch, which is a program of ours: it decides when each packet arrives, and whether.

use std::{
    collections::HashMap,
    io::{self, PipeWriter},
    net::{Ipv4Addr, Ipv6Addr},
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

/// The interface of each host.
const INTERFACE: &str = "eth0";

/// Ethernet's.
const MTU: u32 = 1500;

/// A frame of Ethernet, with a VLAN tag if need be.
const MAX_FRAME: usize = 1522;

/// How many bytes of frames may wait for the switch (ours).
const PORT_BUFFER: usize = 16 << 20;

/// A host to be, with its addresses: /24 and /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostConfig {
    /// Its name, for all of them.
    pub name: &'static str,
    /// Its address.
    pub ipv4: Ipv4Addr,
    /// Its other address.
    pub ipv6: Ipv6Addr,
}

impl HostConfig {
    /// The three machines of the TLS lab; they only ever exist in a private network.
    pub const CLIENT: Self = Self::in_the_tls_lab("client", 5);
    /// See [`CLIENT`](Self::CLIENT).
    pub const SERVER: Self = Self::in_the_tls_lab("server", 43);
    /// See [`CLIENT`](Self::CLIENT).
    pub const PROXY: Self = Self::in_the_tls_lab("proxy", 143);

    const fn in_the_tls_lab(name: &'static str, number: u8) -> Self {
        let ipv6 = Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, number as u16);
        Self { name, ipv4: Ipv4Addr::new(10, 9, 0, number), ipv6 }
    }
}

/// What the switch did with the packets from one host to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPairCounters {
    /// The host they came from, in the order of the configs.
    pub from: usize,
    /// The host they were for.
    pub to: usize,
    /// What became of them.
    pub counters: PathCounters,
}

/// Hosts that reach each other, and nobody else.
#[derive(Debug)]
pub struct Lan {
    hosts: Vec<Host>,
    counters: Arc<Mutex<Vec<HostPairCounters>>>,
    stop: Option<PipeWriter>,
    switch: Option<JoinHandle<()>>,
}

impl Lan {
    /// Hosts at `configs` that know each other's hosts_file and the further `hosts_file`; what the switch does at random is fixed
    /// by `seed`.
    ///
    /// # Errors
    /// What the system refused.
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
            switch_host.run(attach).map_err(Error::io("lay a cable"))?;
            let HostConfig { ipv4, ipv6, .. } = *config;
            let settle = move || -> io::Result<()> {
                ethtool::disable_offloads(INTERFACE)?;
                route::set_up(INTERFACE)?;
                route::add_address(INTERFACE, ipv4.into(), 24)?;
                route::add_address(INTERFACE, ipv6.into(), 64)?;
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

    /// The host at a config, by its place among them.
    pub fn host(&self, number: usize) -> Option<&Host> {
        self.hosts.get(number)
    }

    /// What the switch has done so far, for each pair of hosts that had something to say to each other.
    pub fn counters(&self) -> Vec<HostPairCounters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The interface of each host.
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

/// The switch's end of a cable.
fn port(number: usize) -> String {
    format!("port{number}")
}

/// A learning switch.
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
                    // A host that is gone hears nothing.
                    let _ = taps.get(to).map(|tap| tap.send(&frame));
                }
            }
            let counters =
                queues.iter().map(|(&(from, to), queue)| HostPairCounters { from, to, counters: queue.counters() });
            *self.counters.lock().unwrap_or_else(PoisonError::into_inner) = counters.collect();
        }
    }
}

/// What a switch reads of a frame.
struct Header {
    destination: [u8; 6],
    source: [u8; 6],
    /// Whether it is neither IPv4 nor IPv6 with something else than ICMPv6.
    is_control: bool,
}

fn header(frame: &[u8]) -> Option<Header> {
    const IPV4: [u8; 2] = [0x08, 0x00];
    const IPV6: [u8; 2] = [0x86, 0xdd];
    /// The next header of an IPv6 packet: hop-by-hop options, which announce groups, and ICMPv6.
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
