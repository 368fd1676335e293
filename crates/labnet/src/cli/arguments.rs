//! Arguments that several parts share.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddrV4},
    path::Path,
    time::Duration,
};

use clap::Args;

use crate::{
    Error,
    net::{Deadline, Server},
    pmu::Command,
};

/// The environment variable that overrides a part's default host.
const LAB_SERVER: &str = "LAB_SERVER";

/// Where the server is, for a part with one.
#[derive(Args, Clone, Debug)]
pub struct ServerOption {
    /// The server: HOST, HOST:PORT or `[IPV6]:PORT`, also with a zone (fe80::1%eth0); the variable LAB_SERVER (a host)
    /// changes the default
    #[arg(long, value_name = "SERVER")]
    pub server: Option<Server>,
}

/// How long to wait for a server.
#[derive(Args, Clone, Debug)]
pub struct Timeouts {
    /// Seconds to find and reach the server, look-up and any handshake included
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    connect_timeout: Duration,
    /// Seconds of silence after which to give up; by default wait for ever
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub timeout: Option<Duration>,
}

impl Timeouts {
    /// The end of the time to connect, from now.
    pub fn connect_deadline(&self) -> Deadline {
        Deadline::after(self.connect_timeout)
    }
}

/// The server of the handout, for a command line that names none.
#[derive(Clone, Copy, Debug)]
pub struct DefaultServer {
    /// The handout's host.
    pub host: &'static str,
    /// The handout's port.
    pub port: u16,
    /// The port of the same server among `mock-servers`, which is asked first where `LAB_SERVER` names the host.
    pub mock_port: u16,
}

impl DefaultServer {
    /// The server of a command line, `LAB_SERVER`, or the handout's; always with a port.
    ///
    /// # Errors
    /// [`Error::Usage`] when `LAB_SERVER` is no host.
    pub fn or(self, named: Option<Server>) -> Result<Server, Error> {
        if let Some(server) = named {
            return Ok(server.or_port(self.port));
        }
        match std::env::var(LAB_SERVER) {
            Ok(host) if !host.is_empty() => match host.parse::<Server>() {
                Ok(server) if !server.has_port() => Ok(server.or_port(self.mock_port).or_else_port(self.port)),
                // Of a zone that this machine does not have the error says more.
                Err(error) if host.contains(':') && host.contains('%') => Err(error),
                _ => Err(Error::Usage(format!("{LAB_SERVER}='{}' is no host (give no port)", host))),
            },
            _ => Ok(Server::new(self.host, self.port)),
        }
    }

    /// The server of a program without commands, by `SERVER PORT` or `--server`.
    ///
    /// # Errors
    /// [`Error::Usage`] when it is named in both ways; those of [`or`](Self::or).
    pub fn or_one(self, positional: &[String], named: Option<Server>) -> Result<Server, Error> {
        match (server_alone(positional)?, named) {
            (Some(_), Some(_)) => Err(named_twice(&positional.join(" "))),
            (server, named) => self.or(server.or(named)),
        }
    }

    /// The servers of a part that asks both families, by `SERVER PORT`, or one or two `--server`.
    ///
    /// # Errors
    /// [`Error::Usage`] when they are named in both ways or more than twice; those of [`or`](Self::or).
    pub fn or_each(self, positional: &[String], named: &[Server]) -> Result<Vec<Server>, Error> {
        match (positional, named) {
            (positional, []) => Ok(vec![self.or(server_alone(positional)?)?]),
            ([], [_] | [_, _]) => named.iter().map(|server| self.or(Some(server.clone()))).collect(),
            ([], _) => {
                Err(Error::Usage("--server is given more than twice: name one address of each family".to_owned()))
            }
            _ => Err(named_twice(&positional.join(" "))),
        }
    }
}

/// The positional arguments of both editions of the lab: `[SERVER PORT] COMMAND…`.
///
/// # Errors
/// [`Error::Usage`] when SERVER has no PORT, a command is unknown or missing, or the server is named twice.
pub fn server_and_commands(
    positional: &[String],
    named: Option<&Server>,
) -> Result<(Option<Server>, Vec<Command>), Error> {
    const EXPECTED: &str = "[SERVER PORT] COMMAND…, a command being CMD_short:d or CMD_floodme";
    let no_command = || Error::Usage(format!("no command given: expected {EXPECTED}"));
    let at = positional.iter().position(|argument| argument.starts_with("CMD"));
    let (server, commands) = match (at, positional) {
        (Some(0), commands) => (named.cloned(), commands),
        (_, [host, port, ..]) if at != Some(1) && named.is_some() => {
            return Err(named_twice(&format!("{host} {port}")));
        }
        (_, [host, port, commands @ ..]) if at != Some(1) => (Some(server(host, port)?), commands),
        (_, []) => return Err(no_command()),
        _ => {
            return Err(Error::Usage(format!(
                "'{}' is neither a command nor a server followed by its port: expected {EXPECTED}",
                positional.join(" "),
            )));
        }
    };
    let commands: Vec<Command> = commands.iter().map(|command| command.parse()).collect::<Result<_, _>>()?;
    if commands.is_empty() {
        return Err(no_command());
    }
    Ok((server, commands))
}

/// The positional arguments of a part without commands: `[SERVER PORT]`.
fn server_alone(positional: &[String]) -> Result<Option<Server>, Error> {
    match positional {
        [] => Ok(None),
        [host, port] => server(host, port).map(Some),
        _ => Err(Error::Usage(format!(
            "'{}' is no server followed by its port: expected [SERVER PORT]",
            positional.join(" "),
        ))),
    }
}

fn server(host: &str, port: &str) -> Result<Server, Error> {
    let server: Server = host.parse()?;
    match port.parse() {
        Ok(port) if port > 0 && !server.has_port() => Ok(server.or_port(port)),
        _ => Err(Error::Usage(format!("'{} {}' is no server and port, such as 127.0.0.1 5003", host, port,))),
    }
}

fn named_twice(positional: &str) -> Error {
    Error::Usage(format!("the server is named twice: as '{}' and by --server", positional))
}

/// The positional arguments of a server with a certificate: `[PORT] CERTIFICATE KEY`.
///
/// # Errors
/// [`Error::Usage`].
pub fn port_and_files(positional: &[String], default: u16) -> Result<(u16, &Path, &Path), Error> {
    match positional {
        [certificate, key] => Ok((default, Path::new(certificate), Path::new(key))),
        [port, certificate, key] => {
            let error = |_| Error::Usage(format!("'{}' is no port: expected [PORT] CERTIFICATE KEY", port));
            Ok((port.parse().map_err(error)?, Path::new(certificate), Path::new(key)))
        }
        _ => Err(Error::Usage("expected [PORT] CERTIFICATE KEY".to_owned())),
    }
}

/// A group and its port, of which both or none are given.
///
/// # Errors
/// [`Error::Usage`].
pub fn group(positional: &[String], default: SocketAddrV4) -> Result<SocketAddrV4, Error> {
    let error = || {
        Error::Usage(format!(
            "'{}' is no group and port, such as {} {}",
            positional.join(" "),
            default.ip(),
            default.port()
        ))
    };
    match positional {
        [] => Ok(default),
        [group, port] => {
            let ip: Ipv4Addr = match group.parse() {
                Ok(IpAddr::V4(ip)) => ip,
                _ => return Err(error()),
            };
            let port = port.parse().ok().filter(|&port| port > 0).ok_or_else(error)?;
            Ok(SocketAddrV4::new(ip, port))
        }
        _ => Err(error()),
    }
}

/// A positive number of seconds, with an optional fraction, up to a year.
///
/// # Errors
/// What was expected.
pub fn parse_seconds(text: &str) -> Result<Duration, String> {
    const MAX: Duration = Duration::from_secs(366 * 24 * 3600);
    let seconds: Option<f64> = text.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|&duration| !duration.is_zero() && duration <= MAX)
        .ok_or_else(|| "expected seconds, more than 0, such as 2 or 0.5".to_owned())
}
