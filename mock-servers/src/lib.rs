//! The servers of the socket lab, for running it offline: each as the handout describes it, and as the real one
//! was seen to behave.
//!
//! Each module has a `spawn`, which binds (port 0 picks a free one) and returns a [`Running`] that says where and stops
//! when dropped, and beside it the server's own logic, without threads or clock. Time, randomness and addresses
//! come from the configuration.
//!
//! ```
//! use mock_servers::{ServerSettings, pmu};
//!
//! let server = pmu::spawn(&pmu::Config { port: 0, ..pmu::Config::default() }, &ServerSettings::default())?;
//! println!("a PMU listens on {}", server.address());
//! # Ok::<(), labnet::Error>(())
//! ```

pub mod event;
pub mod fault;
pub mod multicast;
pub mod pmu;
pub mod proxy;
pub mod reset;
pub mod tls;
pub mod ws;
pub mod zoo;

mod datagram_sender;
mod error;
mod settings;
mod workers;

pub use error::Error;
pub use event::{ClientId, Event, Events, ServerName};
pub use labnet::net::Running;
pub use settings::ServerSettings;

use event::TransportProtocol;

/// Which servers run, and how.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What they share.
    pub settings: ServerSettings,
    /// The PMU of part 2.
    pub pmu: Option<pmu::Config>,
    /// The PMU of part 3.
    pub reset: Option<reset::Config>,
    /// The broadcaster of part 4.
    pub multicast: Option<multicast::Config>,
    /// The PMU of part 5.
    pub ws: Option<ws::Config>,
    /// The PMU of part 6.
    pub tls: Option<tls::Config>,
    /// The servers with something wrong.
    pub zoo: Option<zoo::Config>,
    /// What stands in front of another server, with faults.
    pub proxy: Option<proxy::Config>,
}

/// Servers that run until they are dropped.
#[derive(Debug)]
pub struct Servers {
    running: Vec<(ServerName, TransportProtocol, Running)>,
}

impl Servers {
    /// An [`Event::Listening`] for each socket, in the order of [`Config`].
    pub fn listening(&self) -> impl Iterator<Item = Event> + '_ {
        self.running.iter().flat_map(|&(server, protocol, ref running)| {
            running.addresses().iter().map(move |&address| Event::Listening { server, protocol, address })
        })
    }
}

/// Binds and starts the servers that are configured: all or none.
///
/// # Errors
/// The first that cannot be bound.
pub fn spawn(config: &Config) -> Result<Servers, Error> {
    use TransportProtocol::{Tcp, Udp};
    let settings = &config.settings;
    let mut servers = Servers { running: Vec::new() };
    if let Some(config) = &config.pmu {
        servers.add(pmu::NAME, Tcp, pmu::spawn(config, settings))?;
    }
    if let Some(config) = &config.reset {
        servers.add(reset::NAME, Udp, reset::spawn(config, settings))?;
    }
    if let Some(config) = &config.multicast {
        servers.add(multicast::NAME, Udp, multicast::spawn(config, settings))?;
    }
    if let Some(config) = &config.ws {
        servers.add(ws::NAME, Tcp, ws::spawn(config, settings))?;
    }
    if let Some(config) = &config.tls {
        servers.add(tls::NAME, Tcp, tls::spawn(config, settings))?;
    }
    if let Some(config) = &config.zoo {
        servers.add(zoo::NAME, Tcp, zoo::spawn(config, settings))?;
    }
    if let Some(config) = &config.proxy {
        let tcp = proxy::spawn(config, settings)?;
        let udp = proxy::spawn_udp(&proxy::Config { port: tcp.address().port(), ..config.clone() }, settings);
        servers.add(proxy::NAME, Tcp, Ok::<_, Error>(tcp))?;
        servers.add(proxy::NAME, Udp, udp)?;
    }
    Ok(servers)
}

impl Servers {
    /// Takes a server over that was started; one that could not be may find another of these in its way.
    fn add(
        &mut self,
        server: ServerName,
        protocol: TransportProtocol,
        started: Result<Running, impl Into<Error>>,
    ) -> Result<(), Error> {
        let running = started.map_err(|error| match error.into() {
            Error::Lab(error) => Error::Lab(self.own_port(protocol, &error).unwrap_or(error)),
            error => error,
        })?;
        self.running.push((server, protocol, running));
        Ok(())
    }

    fn own_port(&self, protocol: TransportProtocol, error: &labnet::Error) -> Option<labnet::Error> {
        let of_protocol = self.running.iter().filter(|(_, other, _)| *other == protocol);
        of_protocol
            .filter_map(|(server, _, running)| {
                labnet::net::own_port(error, running.addresses(), &format!("this program's own server {server}"))
            })
            .next()
    }
}
