//! The PMU of part 6: the dialogue of part 2 over TLS, under a certificate of the lab's CA (handout, section 6).

use std::{path::PathBuf, sync::Arc};

use labnet::{
    Error,
    net::{self, Connection, Running},
    pmu::{Command, Device},
    tls::Credentials,
};
use ttp::CaDirectory;

use crate::{ClientId, Event, ServerName, ServerSettings, pmu, settings::Service};

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
    let acceptors = Arc::new(acceptors);
    let running = settings.serve(NAME, listeners, move |client, service| {
        // Clones share what is in them.
        let (acceptors, device) = (Arc::clone(&acceptors), device.clone());
        async move {
            let peer = client.peer();
            let served = serve(client, &acceptors, &device, &service).await;
            served.unwrap_or_else(|error| Event::of_handshake(ClientId::new(NAME, peer), &error))
        }
    })?;
    Ok(running)
}

/// One client, from its handshake to the close.
async fn serve(client: Connection, acceptors: &Acceptors, device: &Device, service: &Service) -> Result<Event, Error> {
    let (peer, limits, faults) = (client.peer(), service.limits(), service.faults());
    let acceptor = acceptors.of(faults)?;
    // In a box, of which nothing is left after the handshake.
    let mut client = Box::pin(acceptor.accept_async(client, limits)).await?;
    drop(acceptor);
    let id = ClientId { tls: Some(client.negotiated().into()), ..ClientId::new(NAME, peer) };
    let answer = |command: &Command| pmu::steps(device, faults, command);
    let dialogue = net::converse_async(&mut client, limits, answer, 0, service.clock()).await;
    client.finish_async(dialogue.end()).await;
    Ok(Event::of_dialogue(id, &dialogue))
}
