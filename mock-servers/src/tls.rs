//! The PMU of part 6: the dialogue of part 2 over TLS, under a certificate of the lab's CA (handout, section 6).

use std::{
    net::{SocketAddr, TcpStream},
    path::PathBuf,
};

use labnet::{
    Error,
    net::{self, ClientLimits, Clock, Running},
    pmu::Device,
    tls::Credentials,
};
use ttp::CaDirectory;

use crate::{ClientId, Event, ServerName, ServerSettings, fault::Fault, pmu};

mod acceptors;

use acceptors::Acceptors;

pub(crate) const NAME: ServerName = ServerName::Tls;

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
    pub certificate: CertificateSource,
}

/// Where a server's certificate comes from.
#[derive(Clone, Debug)]
pub enum CertificateSource {
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
        Self { port: 5007, device: Device::default(), certificate: CertificateSource::Made("certs".into()) }
    }
}

impl CertificateSource {
    fn credentials(&self) -> Result<Credentials, crate::Error> {
        Ok(match self {
            Self::Files { certificate, key } => Credentials::load(certificate, key)?,
            Self::Made(folder) => {
                let directory = CaDirectory::new(folder);
                directory.ensure(&[CERTIFICATE_NAME])?;
                Credentials::load(&directory.certificate(CERTIFICATE_NAME), &directory.key(CERTIFICATE_NAME))?
            }
        })
    }
}

/// Starts a TLS PMU on the addresses of the settings.
///
/// # Errors
/// [`Error::Listen`], or those of [`Credentials::load`] and [`CaDirectory::ensure`].
pub fn spawn(config: &Config, settings: &ServerSettings) -> Result<Running, crate::Error> {
    let acceptors = Acceptors::new(&config.certificate, &settings.faults.of(NAME))?;
    let device = config.device.clone();
    let listeners = settings.listen(NAME, &settings.bind, config.port)?;
    let running = settings.serve(NAME, listeners, move |stream, peer, faults, limits, clock| {
        serve(stream, peer, &acceptors, &device, faults, limits, clock)
            .unwrap_or_else(|error| Event::of_handshake(ClientId::new(NAME, peer), &error))
    })?;
    Ok(running)
}

/// One client, from its handshake to the close.
fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    acceptors: &Acceptors,
    device: &Device,
    faults: &[Fault],
    limits: &ClientLimits,
    clock: &dyn Clock,
) -> Result<Event, Error> {
    let mut client = acceptors.of(faults)?.accept(stream, peer, limits)?;
    let id = ClientId { tls: Some(client.negotiated().into()), ..ClientId::new(NAME, peer) };
    let dialogue = net::converse(&mut client, limits, |command| pmu::steps(device, faults, command), 0, clock);
    client.finish(dialogue.end());
    Ok(Event::of_dialogue(id, &dialogue))
}
