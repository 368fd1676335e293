//! The PMU of part 2: answers a command over TCP, then closes (handout, section 2).

use std::{io, sync::Arc};

use labnet::{
    Error,
    net::{self, ClientStream, Clock, Connection, Family, Running, Sent},
    pmu::{Command, Device},
};

use crate::{
    ClientId, Event, ServerName, ServerSettings,
    fault::{self, Fault, Steps},
    settings::Service,
};

pub(crate) const NAME: ServerName = ServerName::Pmu;

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
    /// Whether Nagle's algorithm is off (TCP_NODELAY): each send leaves at once.
    pub no_delay: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { port: 5003, device: Device::default(), cork: true, no_delay: false }
    }
}

/// Starts a PMU on the IPv4 addresses of the settings.
///
/// # Errors
/// [`Error::Listen`].
pub fn spawn(config: &Config, settings: &ServerSettings) -> Result<Running, Error> {
    let config = config.clone();
    let addresses = settings.bind_ipv4();
    settings.need_address(NAME, Family::Ipv4, &addresses)?;
    let listeners = settings.listen(NAME, &addresses, config.port)?;
    let config = Arc::new(config);
    settings.serve(NAME, listeners, move |client, service| serve(client, Arc::clone(&config), service))
}

/// One client, from its command to the close.
async fn serve(mut client: Connection, config: Arc<Config>, service: Service) -> Event {
    let (peer, limits, faults) = (client.peer(), service.limits(), service.faults());
    client.set_stall(Some(limits.stall));
    let shapes_sends = faults.iter().any(Fault::shapes_sends);
    if config.no_delay || shapes_sends {
        // Where the system refuses, messages may share a packet.
        let _ = client.set_nodelay();
    }
    let held_back = if config.cork && !shapes_sends { CORK_LEN } else { 0 };
    let answer = |command: &Command| steps(&config.device, faults, command);
    let dialogue = net::converse_async(&mut client, limits, answer, held_back, service.clock()).await;
    client.finish_async(dialogue.end()).await;
    Event::of_dialogue(ClientId::new(NAME, peer), &dialogue)
}

/// The answer of a PMU, held back or not. Yields what was sent.
///
/// # Errors
/// That of the stream, which includes the end of its patience.
pub fn answer(
    client: &mut impl ClientStream,
    config: &Config,
    command: &Command,
    clock: &dyn Clock,
) -> io::Result<Sent> {
    let held_back = if config.cork { CORK_LEN } else { 0 };
    net::execute(client, config.device.answer(command), held_back, clock)
}

/// The steps with which a PMU answers a command, after the faults.
pub(crate) fn steps<'a>(device: &'a Device, faults: &[Fault], command: &Command) -> Steps<'a> {
    fault::apply_all(faults, Box::new(device.answer(command)))
}
