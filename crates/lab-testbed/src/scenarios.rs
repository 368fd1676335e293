//! The experiments of the handout, with real programs in private networks, and captures.

pub use crate::rehearsal::rehearse;

mod clients;
mod guests;
mod multicast;
mod pdc;
pub(crate) mod pmu;
mod primer;
mod reset;
mod separators;
mod tls;
mod transfer;
mod websocket;

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use lab_process::{Program, sockets};
use lab_sandbox::{Host, HostConfig};
use labnet::{net::Family, tls::TlsVersion};

use crate::{
    ExperimentFailure, Testbed, facts::Scenario, session::ExperimentSession, topology::Topology, watch::EVENT_TIMEOUT,
};

/// Runs one experiment, whether it was asked for or not. Several may run at the same time.
pub fn make(testbed: &Testbed, scenario: Scenario) {
    match scenario {
        Scenario::Datagram => testbed.experiment(scenario, |m| &mut m.datagram, primer::datagram),
        Scenario::Echo => testbed.experiment(scenario, |m| &mut m.echo, primer::echo),
        Scenario::ShortAtOnce => testbed.experiment(scenario, |m| &mut m.short_at_once, transfer::short),
        Scenario::ShortPaced => testbed.experiment(scenario, |m| &mut m.short_paced, transfer::paced),
        Scenario::ShortOpen => testbed.experiment(scenario, |m| &mut m.short_open, transfer::open),
        Scenario::ShortNoDelay => testbed.experiment(scenario, |m| &mut m.short_no_delay, transfer::no_delay),
        Scenario::ShortPieces => testbed.experiment(scenario, |m| &mut m.short_pieces, transfer::pieces),
        Scenario::Flood => testbed.experiment(scenario, |m| &mut m.floods, transfer::floods),
        Scenario::Reset(family) => {
            testbed.experiment(scenario, |m| of_family(&mut m.resets, family), |s| reset::once(s, family));
        }
        Scenario::Series(family) => {
            testbed.experiment(scenario, |m| of_family(&mut m.series, family), |s| reset::series(s, family));
        }
        Scenario::FloodUtf8 => testbed.experiment(scenario, |m| &mut m.flood_utf8, transfer::flood_utf8),
        Scenario::Rounds(family) => {
            testbed.experiment(scenario, |m| of_rounds(&mut m.rounds, family), |s| reset::rounds(s, family));
        }
        Scenario::Multicast => testbed.experiment(scenario, |m| &mut m.multicast, multicast::programme),
        Scenario::Guests => testbed.experiment(scenario, |m| &mut m.guests, guests::guests),
        Scenario::WebSocketShort => testbed.experiment(scenario, |m| &mut m.websocket_short, websocket::short),
        Scenario::WebSocketFlood => testbed.experiment(scenario, |m| &mut m.websocket_flood, websocket::flood),
        Scenario::WebSocketText => testbed.experiment(scenario, |m| &mut m.websocket_text, websocket::text),
        Scenario::WebSocketNoClose => testbed.experiment(scenario, |m| &mut m.websocket_no_close, websocket::no_close),
        Scenario::PmuClients => testbed.experiment(scenario, |m| &mut m.pmu_clients, clients::clients),
        Scenario::Tls(version) => {
            testbed.experiment(scenario, |m| of_version(&mut m.tls, version), |s| tls::session(s, version));
        }
    }
}

/// Whether an experiment mostly waits. These run at the same time; the others run one after another, so that each has the
/// machine for itself.
fn is_mostly_waiting(scenario: Scenario) -> bool {
    match scenario {
        Scenario::ShortPaced
        | Scenario::ShortOpen
        | Scenario::ShortPieces
        | Scenario::Reset(_)
        | Scenario::Series(_)
        | Scenario::Rounds(_)
        | Scenario::Guests
        | Scenario::Multicast
        | Scenario::WebSocketText
        | Scenario::WebSocketNoClose
        | Scenario::PmuClients => true,
        Scenario::Datagram
        | Scenario::Echo
        | Scenario::ShortAtOnce
        | Scenario::ShortNoDelay
        | Scenario::Flood
        | Scenario::FloodUtf8
        | Scenario::WebSocketShort
        | Scenario::WebSocketFlood
        | Scenario::Tls(_) => false,
    }
}

fn of_family<T>([ipv4, ipv6]: &mut [T; 2], family: Family) -> &mut T {
    match family {
        Family::Ipv4 => ipv4,
        Family::Ipv6 => ipv6,
    }
}

fn of_rounds<T>([ipv4, ipv6, both]: &mut [T; 3], family: Option<Family>) -> &mut T {
    match family {
        Some(Family::Ipv4) => ipv4,
        Some(Family::Ipv6) => ipv6,
        None => both,
    }
}

fn of_version<T>([tls12, tls13]: &mut [T; 2], version: TlsVersion) -> &mut T {
    match version {
        TlsVersion::Tls12 => tls12,
        TlsVersion::Tls13 => tls13,
    }
}

/// Runs the experiments that were asked for; calls `on_done` after each.
pub fn run(testbed: &Testbed, on_done: impl Fn(Scenario) + Sync) {
    rehearse(testbed);
    let make = |scenario| {
        make(testbed, scenario);
        on_done(scenario);
    };
    let wanted = Scenario::ALL.into_iter().filter(|&scenario| testbed.settings().is_wanted(scenario));
    let (waiting, working): (Vec<_>, Vec<_>) = wanted.partition(|&scenario| is_mostly_waiting(scenario));
    thread::scope(|scope| {
        for scenario in waiting {
            scope.spawn(move || make(scenario));
        }
        working.into_iter().for_each(make);
    });
}

/// Two hosts, client and server, with a path between them.
fn client_and_server(session: &ExperimentSession<'_>) -> Result<Topology, ExperimentFailure> {
    let hosts = [HostConfig::CLIENT, HostConfig::SERVER];
    Ok(Topology::switched(&hosts, session.settings().path, session.seed())?)
}

/// The interval between two checks of a program (ours).
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Calls `find` on the host of a program until it returns a value, or the program ends.
fn poll<T: Send + 'static>(
    host: &Host,
    program: &mut Program,
    awaited: &str,
    find: impl Fn() -> Option<T> + Clone + Send + 'static,
) -> Result<T, ExperimentFailure> {
    poll_for(EVENT_TIMEOUT, host, program, awaited, find)
}

/// The same, for so long.
fn poll_for<T: Send + 'static>(
    patience: Duration,
    host: &Host,
    program: &mut Program,
    awaited: &str,
    find: impl Fn() -> Option<T> + Clone + Send + 'static,
) -> Result<T, ExperimentFailure> {
    let until = Instant::now() + patience;
    loop {
        if let Some(found) = host.run(find.clone()) {
            return Ok(found);
        }
        // No line matches: this waits, and fails if the program ends.
        match program.line_with(awaited, POLL_INTERVAL, |_| false) {
            Err(lab_process::Error::Deadline { command_line, awaited, seen, .. }) if Instant::now() >= until => {
                return Err(lab_process::Error::Deadline { command_line, awaited, deadline: patience, seen }.into());
            }
            Err(lab_process::Error::Deadline { .. }) | Ok(_) => {}
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
) -> Result<SocketAddr, ExperimentFailure> {
    let waiting = move || sockets::waiting(protocol).ok()?.into_iter().find(|address| address.port() == port);
    let protocol_name = match protocol {
        sockets::Protocol::Tcp => "TCP",
        sockets::Protocol::Udp => "UDP",
    };
    poll(host, program, &format!("open {protocol_name} port {port}"), waiting)
}
