//! The PMU of part 5: the dialogue of part 2 over WebSocket (handout, section 5).

use std::net::{SocketAddr, TcpListener, TcpStream};

use labnet::{
    Error,
    escape::escape,
    net::{self, Clock, Connection, Running, Slots, SystemClock},
    pmu::{Command, Device},
    ws::{Kind, ServerSide, Wire},
};

use crate::Site;

pub(crate) const NAME: &str = "ws";

/// A PMU behind WebSocket.
#[derive(Clone, Debug)]
pub struct Config {
    /// The port; 0 picks a free one.
    pub port: u16,
    /// What it answers.
    pub device: Device,
    /// In which frames: binary ones as the real server.
    pub kind: Kind,
}

impl Default for Config {
    fn default() -> Self {
        Self { port: 5006, device: Device::default(), kind: Kind::Binary }
    }
}

/// Starts a WebSocket PMU on the addresses of the site.
///
/// # Errors
/// [`Error::Listen`].
pub fn spawn(config: &Config, site: &Site) -> Result<Running, Error> {
    let clock = SystemClock::default();
    let mut running = Running::new(clock.clone());
    let report = site.events.reporter(NAME);
    let listen = |address| net::listen(address, true);
    let listeners = net::bind_each(&site.bind, config.port, &report, listen, TcpListener::local_addr)?;
    let slots = Slots::new(site.limits.connections);
    for listener in listeners {
        let (config, site, clock) = (config.clone(), site.clone(), clock.clone());
        let serve = move |stream, peer| serve(stream, peer, &config, &site, &clock);
        running.add_tcp(listener, &slots, report.clone(), serve)?;
    }
    Ok(running)
}

/// One client, from its upgrade to the TCP close.
fn serve(stream: TcpStream, peer: SocketAddr, config: &Config, site: &Site, clock: &dyn Clock) {
    let mut wire = Wire::new(Connection::new(stream, peer));
    let event = match converse(&mut wire, config, site, clock) {
        Ok(event) => format!("{peer} {event}"),
        Err(error) => error.to_string(),
    };
    site.events.report(NAME, event);
    wire.close();
}

fn converse(wire: &mut Wire, config: &Config, site: &Site, clock: &dyn Clock) -> Result<String, Error> {
    let mut client = ServerSide::accept(wire, &site.limits)?;
    let Some(message) = client.receive()? else {
        return Ok("left without a command".to_owned());
    };
    let text = message.as_ref().trim_ascii_end();
    match str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
        Some(command) => {
            let messages = answer(&mut client, config, &command, clock)?;
            client.close()?;
            Ok(format!("{command}: answered in {messages} messages"))
        }
        None => {
            let event = format!("unknown command '{}'", escape(text));
            client.refuse("unknown command")?;
            Ok(event)
        }
    }
}

/// One message in one frame for each send of a PMU. Yields their number.
fn answer(client: &mut ServerSide<'_>, config: &Config, command: &Command, clock: &dyn Clock) -> Result<u64, Error> {
    let mut messages = 0;
    for send in config.device.answer(command) {
        if !send.pause.is_zero() && !client.wait(send.pause, clock)? {
            break;
        }
        client.send(&send.bytes, config.kind)?;
        messages += 1;
    }
    Ok(messages)
}
