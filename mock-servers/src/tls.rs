//! The PMU of part 6: the dialogue of part 2 over TLS, under a certificate of the lab's CA (handout, section 6).

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
};

use labnet::{
    Error,
    net::{self, Running, Slots, SystemClock},
    pmu::Device,
    tls::{Acceptor, Credentials},
};
use ttp::Desk;

use crate::Site;

pub(crate) const NAME: &str = "tls";

/// The name of the certificate that is made at first use.
const CERTIFICATE_NAME: &str = "localhost";

/// A PMU behind TLS.
#[derive(Clone, Debug)]
pub struct Config {
    /// The port; 0 picks a free one.
    pub port: u16,
    /// What it answers.
    pub device: Device,
    /// Its certificate and key.
    pub identity: Identity,
}

/// Where a server's certificate comes from.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Files that exist.
    Files {
        /// A PEM file, the leaf first.
        certificate: PathBuf,
        /// A PEM file.
        key: PathBuf,
    },
    /// A certificate for localhost by the CA in this folder; either is made, or renewed, when it is missing or old.
    Made(PathBuf),
}

impl Default for Config {
    fn default() -> Self {
        Self { port: 5007, device: Device::default(), identity: Identity::Made("certs".into()) }
    }
}

impl Identity {
    fn credentials(&self) -> Result<Credentials, crate::Error> {
        Ok(match self {
            Self::Files { certificate, key } => Credentials::load(certificate, key)?,
            Self::Made(folder) => {
                let desk = Desk::new(folder);
                desk.ensure(&[CERTIFICATE_NAME])?;
                Credentials::load(&desk.certificate(CERTIFICATE_NAME), &desk.key(CERTIFICATE_NAME))?
            }
        })
    }
}

/// Starts a TLS PMU on the addresses of the site.
///
/// # Errors
/// [`Error::Listen`], or those of [`Credentials::load`] and [`Desk::ensure`].
pub fn spawn(config: &Config, site: &Site) -> Result<Running, crate::Error> {
    let acceptor = Acceptor::new(&config.identity.credentials()?)?;
    let clock = SystemClock::default();
    let mut running = Running::new(clock.clone());
    let report = site.events.reporter(NAME);
    let listen = |address| net::listen(address, true);
    let listeners = net::bind_each(&site.bind, config.port, &report, listen, TcpListener::local_addr)?;
    let slots = Slots::new(site.limits.connections);
    for listener in listeners {
        let (acceptor, device) = (acceptor.clone(), config.device.clone());
        let (site, clock) = (site.clone(), clock.clone());
        let serve = move |stream, peer| {
            let event =
                serve(stream, peer, &acceptor, &device, &site, &clock).unwrap_or_else(|error| error.to_string());
            site.events.report(NAME, event);
        };
        running.add_tcp(listener, &slots, report.clone(), serve)?;
    }
    Ok(running)
}

/// One client, from its handshake to the close; what there is to report of it.
fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: &Acceptor,
    device: &Device,
    site: &Site,
    clock: &SystemClock,
) -> Result<String, Error> {
    let mut client = acceptor.accept(stream, peer, &site.limits)?;
    let event = format!("{peer} {} {}", client.agreed(), client.converse(device, &site.limits, clock));
    client.close();
    Ok(event)
}
