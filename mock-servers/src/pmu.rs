//! The PMU of part 2: answers a command over TCP, then closes (handout, section 2).

use std::{
    io,
    net::{TcpListener, TcpStream},
};

use labnet::{
    Error,
    net::{self, Clock, Deadline, Peer, Running, Slots, SystemClock},
    pmu::{Command, Device},
};

use crate::Site;

pub(crate) const NAME: &str = "pmu";

/// How much of an answer without pauses is held back before it leaves, in bytes.
const CORK_LEN: usize = 64 * 1024;

/// A PMU, the handout's by default.
#[derive(Clone, Debug)]
pub struct Config {
    /// The port; 0 picks a free one.
    pub port: u16,
    /// What it answers.
    pub device: Device,
    /// Whether messages without a pause leave together, as on a path with a round-trip time. On loopback Nagle's
    /// algorithm has nothing to wait for: each send would be a segment.
    pub cork: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { port: 5003, device: Device::default(), cork: true }
    }
}

/// Starts a PMU on the IPv4 addresses of the site.
///
/// # Errors
/// [`Error::Listen`].
pub fn spawn(config: &Config, site: &Site) -> Result<Running, Error> {
    let clock = SystemClock::default();
    let mut running = Running::new(clock.clone());
    let report = site.events.reporter(NAME);
    let listeners = net::bind_each(
        &site.bind_ipv4(),
        config.port,
        &report,
        |address| net::listen(address, true),
        TcpListener::local_addr,
    )?;
    let slots = Slots::new(site.limits.connections);
    for listener in listeners {
        let (config, site, clock) = (config.clone(), site.clone(), clock.clone());
        let serve = move |stream, peer| {
            let event = serve(stream, &config, &site, &clock);
            site.events.report(NAME, format_args!("{peer} {event}"));
        };
        running.add_tcp(listener, &slots, report.clone(), serve)?;
    }
    Ok(running)
}

/// One client, from its command to the close; what there is to report of it.
fn serve(mut stream: TcpStream, config: &Config, site: &Site, clock: &dyn Clock) -> String {
    let deadline = Deadline::after(site.limits.silence);
    let command = net::receive_command(&mut stream, deadline);
    let event = match &command {
        Ok(command) => {
            let sent = stream
                .set_write_timeout(Some(site.limits.stall))
                .and_then(|()| answer(&mut stream, config, command, clock));
            match sent {
                Ok(sends) => format!("{command}: answered in {sends} sends"),
                Err(error) => format!("{command}: gone: {}", labnet::error::reason(&error)),
            }
        }
        Err(why) => why.to_string(),
    };
    net::close(stream);
    event
}

/// The answer of a PMU, held back or not. Yields the number of its sends.
///
/// # Errors
/// That of the stream, which includes the end of its patience.
pub fn answer(client: &mut impl Peer, config: &Config, command: &Command, clock: &dyn Clock) -> io::Result<u64> {
    net::answer(client, &config.device, command, if config.cork { CORK_LEN } else { 0 }, clock)
}
