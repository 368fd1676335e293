//! Every experiment of the handout, made with real programs in private networks, and captured.

mod multicast;
mod primer;
mod reset;
mod tls;
mod transfer;
mod websocket;

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use lab_process::{Failure, Program, sockets};
use lab_sandbox::{Host, Lan, Names, Station};

use crate::{
    answers::names,
    laboratory::{Laboratory, Session, Trouble},
};

/// What an experiment is, and what makes it.
struct Entry {
    name: &'static str,
    title: &'static str,
    make: fn(&Laboratory, &str),
    /// Whether it mostly waits; those that do are made beside the others, which are made one after the other so that
    /// they have the machine for themselves.
    waits: bool,
}

/// All of them, in the order of the handout.
const ENTRIES: &[Entry] = &[
    Entry { name: names::DATAGRAM, title: "Code A sends a datagram to Code B", make: primer::datagram, waits: false },
    Entry { name: names::ECHO, title: "Code D sends a line to Code C, and is ended", make: primer::echo, waits: false },
    Entry {
        name: names::SHORT_AT_ONCE,
        title: "CMD_short:0: messages without a pause",
        make: |laboratory, name| laboratory.experiment(name, |e| &mut e.short_at_once, |s| transfer::short(s, "0")),
        waits: false,
    },
    Entry {
        name: names::SHORT_PACED,
        title: "CMD_short:1: a message each second",
        make: |laboratory, name| laboratory.experiment(name, |e| &mut e.short_paced, |s| transfer::short(s, "1")),
        waits: true,
    },
    Entry {
        name: names::FLOOD,
        title: "CMD_floodme: one send, with several receive buffers",
        make: |laboratory, name| laboratory.experiment(name, |e| &mut e.floods, transfer::floods),
        waits: false,
    },
    Entry {
        name: names::RESETS[0],
        title: "A reset of a PMU that is on IPv4",
        make: |laboratory, name| laboratory.experiment(name, |e| first(&mut e.resets), reset::once),
        waits: true,
    },
    Entry {
        name: names::RESETS[1],
        title: "A reset of a PMU that is on IPv6",
        make: |laboratory, name| laboratory.experiment(name, |e| second(&mut e.resets), reset::once),
        waits: true,
    },
    Entry {
        name: names::SERIES[0],
        title: "Many resets at the same time, PMU on IPv4",
        make: |laboratory, name| laboratory.experiment(name, |e| first(&mut e.series), reset::series),
        waits: true,
    },
    Entry {
        name: names::SERIES[1],
        title: "Many resets at the same time, PMU on IPv6",
        make: |laboratory, name| laboratory.experiment(name, |e| second(&mut e.series), reset::series),
        waits: true,
    },
    Entry {
        name: names::MULTICAST,
        title: "A programme, a receiver, and two senders on another machine",
        make: |laboratory, name| laboratory.experiment(name, |e| &mut e.multicast, multicast::programme),
        waits: true,
    },
    Entry {
        name: names::WEBSOCKET_SHORT,
        title: "CMD_short:0 over WebSocket",
        make: |laboratory, name| laboratory.experiment(name, |e| &mut e.websocket_short, websocket::short),
        waits: false,
    },
    Entry {
        name: names::WEBSOCKET_FLOOD,
        title: "CMD_floodme over WebSocket",
        make: |laboratory, name| laboratory.experiment(name, |e| &mut e.websocket_flood, websocket::flood),
        waits: false,
    },
    Entry {
        name: names::TLS[0],
        title: "CMD_short:0 over TLS 1.2",
        make: |laboratory, name| laboratory.experiment(name, |e| first(&mut e.tls), |s| tls::session(s, "1.2")),
        waits: false,
    },
    Entry {
        name: names::TLS[1],
        title: "CMD_short:0 over TLS 1.3",
        make: |laboratory, name| laboratory.experiment(name, |e| second(&mut e.tls), |s| tls::session(s, "1.3")),
        waits: false,
    },
];

fn first<T>([first, _]: &mut [T; 2]) -> &mut T {
    first
}

fn second<T>([_, second]: &mut [T; 2]) -> &mut T {
    second
}

/// The names of all experiments.
pub fn all() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|entry| entry.name)
}

/// Makes those experiments whose names begin with one of `wanted`, or all; tells each that is over.
pub fn run(laboratory: &Laboratory, wanted: &[String], tell: impl Fn(&str) + Sync) {
    let is_wanted =
        |entry: &&Entry| wanted.is_empty() || wanted.iter().any(|name| entry.name.starts_with(name.as_str()));
    ENTRIES.iter().for_each(|entry| laboratory.announce(entry.name, entry.title));
    let make = |entry: &Entry| {
        (entry.make)(laboratory, entry.name);
        tell(entry.name);
    };
    let (waiting, working): (Vec<_>, Vec<_>) = ENTRIES.iter().filter(is_wanted).partition(|entry| entry.waits);
    thread::scope(|scope| {
        for entry in waiting {
            scope.spawn(move || make(entry));
        }
        working.into_iter().for_each(make);
    });
}

/// How many experiments [`run`] will make.
pub fn count(wanted: &[String]) -> usize {
    all().filter(|name| wanted.is_empty() || wanted.iter().any(|wanted| name.starts_with(wanted.as_str()))).count()
}

/// Client and server with a path between them, and the lab's names at the server.
struct Pair {
    lan: Lan,
}

/// Where hosts are among the stations.
const CLIENT: usize = 0;
const SERVER: usize = 1;

impl Pair {
    fn new(session: &Session<'_>) -> Result<Self, Trouble> {
        Self::with(session, &[Station::CLIENT, Station::SERVER])
    }

    fn with(session: &Session<'_>, stations: &[Station]) -> Result<Self, Trouble> {
        let server = [Station::SERVER.ipv4.into(), Station::SERVER.ipv6.into()];
        let names = Names::local().with_servers(&server);
        Ok(Self { lan: Lan::new(stations, &names, session.settings().path, session.seed())? })
    }

    fn host(&self, number: usize) -> Result<&Host, Trouble> {
        self.lan.host(number).ok_or_else(|| "there is no such host".into())
    }

    fn client(&self) -> Result<&Host, Trouble> {
        self.host(CLIENT)
    }

    fn server(&self) -> Result<&Host, Trouble> {
        self.host(SERVER)
    }
}

/// How long something is waited for that a program does in a moment (ours, for a machine that does other things).
const SOON: Duration = Duration::from_secs(20);

/// How long something is waited for that should not happen at all (ours): far longer than a program takes for it.
const A_MOMENT: Duration = Duration::from_millis(500);

/// How often it is looked whether a program has done something, or has ended (ours).
const GLANCE: Duration = Duration::from_millis(5);

/// Waits until a program has done what is looked for on its host.
fn look<T: Send + 'static>(
    host: &Host,
    program: &mut Program,
    awaited: &str,
    find: impl Fn() -> Option<T> + Clone + Send + 'static,
) -> Result<T, Trouble> {
    let until = Instant::now() + SOON;
    loop {
        if let Some(found) = host.run(find.clone()) {
            return Ok(found);
        }
        // No line is wanted, but a program that ends is.
        match program.line_with(awaited, GLANCE, |_| false) {
            Err(Failure::Deadline { command_line, awaited, seen, .. }) if Instant::now() >= until => {
                return Err(Failure::Deadline { command_line, awaited, deadline: SOON, seen }.into());
            }
            Err(Failure::Deadline { .. }) | Ok(_) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
}

/// Waits until a program listens on a port of its host.
fn wait_for_server(
    host: &Host,
    program: &mut Program,
    protocol: sockets::Protocol,
    port: u16,
) -> Result<SocketAddr, Trouble> {
    let waiting = move || sockets::waiting(protocol).ok()?.into_iter().find(|address| address.port() == port);
    let protocol_name = match protocol {
        sockets::Protocol::Tcp => "TCP",
        sockets::Protocol::Udp => "UDP",
    };
    look(host, program, &format!("open {protocol_name} port {port}"), waiting)
}
