//! What to do when a server cannot be reached or a port cannot be had, in the terms of the program that met that.

use std::{io, net::SocketAddr};

use super::Diagnosis;
use crate::{Error, net::PortHolder};

/// The hint for an error that ends `program`; that of the error itself where the program makes no difference.
pub(super) fn hint(program: &str, error: &impl Diagnosis) -> Option<String> {
    error.lab_error().and_then(|error| of_network(program, error)).or_else(|| error.hint())
}

fn of_network(program: &str, error: &Error) -> Option<String> {
    if error.without_zone().is_some() {
        return None;
    }
    match error {
        Error::Resolve { .. } => offline(program),
        Error::Connect { attempts, .. } if attempts.iter().all(|(_, error)| is_refused(error)) => {
            let Counterpart { start, at, .. } = counterpart(program)?;
            Some(format!("nothing listens there; start {start}, or say where it is: {at}"))
        }
        Error::Connect { .. } => offline(program),
        Error::Listen { protocol, address, source } if source.kind() == io::ErrorKind::AddrInUse => {
            Some(port_in_use(program, protocol, *address))
        }
        Error::OwnPort { owner, address, .. } if owner != "this program" => {
            Some(format!("each server needs a port of its own: {}", port_option(program, address.port())))
        }
        _ => None,
    }
}

/// What to do without the network.
fn offline(program: &str) -> Option<String> {
    let Counterpart { start, local, .. } = counterpart(program)?;
    Some(match program {
        "part2-pdc" | "part3-reset" | "part5-ws" | "part6-pdc" => {
            format!("the lab's servers run offline too: start `mock-servers`, then pass {local}")
        }
        _ => format!("to stay on this machine, start {start}, then pass {local}"),
    })
}

/// The server of a client program.
struct Counterpart {
    /// What starts it.
    start: &'static str,
    /// How the client is told where it is.
    at: &'static str,
    /// The same, on this machine.
    local: &'static str,
}

fn counterpart(program: &str) -> Option<Counterpart> {
    let (start, at, local) = match program {
        "part1-primer" => (
            "`part1-primer echo-server` or `udp-server` (they are not among `mock-servers`)",
            "--server HOST:PORT",
            "--server localhost",
        ),
        "part2-pdc" => ("`mock-servers pmu`", "--server HOST:PORT", "--server localhost"),
        "part3-reset" => ("`mock-servers reset`", "--server HOST:PORT", "--server localhost"),
        "part5-ws" => ("`mock-servers ws`", "--server HOST:PORT", "--server localhost"),
        "part6-pdc" => {
            ("`part6-pmu`, or `mock-servers tls` on port 5007", "--server HOST:PORT", "--server localhost:5007")
        }
        "tls-client" => ("`tls-server`", "HOST PORT", "localhost 4433"),
        "channel-client" => ("`channel-server`", "--server HOST:PORT", "--server localhost"),
        "channel-attack" => ("`channel-server`", "--to SERVER:PORT", "--to localhost:5010"),
        _ => return None,
    };
    Some(Counterpart { start, at, local })
}

fn port_in_use(program: &str, protocol: &str, address: SocketAddr) -> String {
    let other = format!("choose another port: {}", port_option(program, address.port()));
    match PortHolder::of(protocol, address) {
        Some(holder) => format!("{holder} listens there; stop it, or {other}"),
        None if protocol == "TCP" => format!(
            "another program has that port, or a connection of the previous run is still in TIME_WAIT; stop it, wait a \
             minute, or {other}"
        ),
        None => format!("another program has that port; stop it, or {other}"),
    }
}

/// How a server is told its port.
fn port_option(program: &str, taken: u16) -> &'static str {
    match (program, taken) {
        ("mock-servers", 5003) => "--pmu-port 0 picks a free one",
        ("mock-servers", 5004) => "--reset-port 0 picks a free one",
        ("mock-servers", 5006) => "--ws-port 0 picks a free one",
        ("mock-servers", 5007) => "--tls-port 0 picks a free one",
        ("mock-servers", _) => "each server has an option for it, such as --pmu-port; 0 picks a free one",
        ("part6-pmu", _) => "PORT before CERTIFICATE; 0 picks a free one",
        ("part4-receiver", _) => "GROUP PORT",
        ("tls-proxy", _) => "--listen ADDR:PORT",
        ("channel-attack", _) => "--listen PORT",
        _ => "--port PORT; 0 picks a free one",
    }
}

fn is_refused(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionRefused
}
