//! The channel beside rustls, in memory and in turn: records of bulk data, and whole handshakes with the same keys.
//!
//! Usage: `cargo bench --package secure-channel`

#![allow(missing_docs)]

use std::{
    io::{self, Read, Write},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use clap::Parser;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion,
    client::Resumption,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    version::{TLS12, TLS13},
};

use lab_run::{Error, measure::Bench};
use labnet::{
    cli::{self, Console},
    tls::{Credentials, Roots, read_certificates},
};
use secure_channel::{
    ChannelSuite, Failure, Kind, PartyIdentity, Trust,
    frame::{HEADER_LEN, Header},
    handshake::{Established, client, server},
    record::MAX_PLAINTEXT_LEN,
};
use ttp::CaDirectory;

/// How much is protected and opened in one measurement.
const BULK_LEN: usize = 256 << 20;

/// How many handshakes one measurement makes.
const HANDSHAKES: usize = 200;

/// Measure the secure channel against rustls
#[derive(Parser)]
struct Arguments {
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    cli::run(bench)
}

fn bench(_: Arguments, console: &Console) -> Result<(), Error> {
    let folder = tempfile::tempdir().map_err(|source| labnet::Error::System { attempt: "make a folder", source })?;
    let directory = CaDirectory::new(folder.path());
    directory.complete(&["server", "client"])?;
    let (ours, theirs) = (Parties::load(&directory)?, Rustls::load(&directory)?);

    let mut bench = Bench::new(console);
    let what = "256 MiB through the record layer, AES-256-GCM";
    let mut our_bulk = || ours.bulk(ChannelSuite::Aes256Gcm).ok();
    let mut their_bulk = || theirs.bulk().ok();
    // At least a third as fast (ours); the ratio is of speeds.
    bench.compare(what, ("ours", &mut our_bulk), ("rustls, TLS 1.3", &mut their_bulk), 0.334)?;
    let what = "256 MiB through the record layer, AES-128-CTR and HMAC";
    let mut our_bulk = || ours.bulk(ChannelSuite::Aes128CtrHmacSha256).ok();
    bench.compare(what, ("ours", &mut our_bulk), ("rustls, TLS 1.3 AES-256-GCM", &mut their_bulk), 0.0)?;

    let what = format!("{HANDSHAKES} full handshakes, RSA-2048 on both sides");
    let mut our_handshakes = || timed(|| (0..HANDSHAKES).all(|_| ours.shake_hands(ChannelSuite::Aes256Gcm).is_ok()));
    let mut their_handshakes = || timed(|| (0..HANDSHAKES).all(|_| Rustls::shake_hands(&theirs.tls12).is_ok()));
    let (ours, theirs) = (("ours", &mut our_handshakes as _), ("rustls, mutual TLS 1.2", &mut their_handshakes as _));
    bench.compare(&what, ours, theirs, 1.0)?;
    bench.table()
}

fn timed(work: impl FnOnce() -> bool) -> Option<Duration> {
    let begun = Instant::now();
    work().then(|| begun.elapsed())
}

/// Both sides of the channel.
struct Parties {
    server: (PartyIdentity, Trust),
    client: (PartyIdentity, Trust),
}

impl Parties {
    fn load(directory: &CaDirectory) -> Result<Self, labnet::Error> {
        let roots = Roots::load(&directory.ca_certificate())?;
        let identity = |name| PartyIdentity::load(&directory.certificate(name), &directory.key(name));
        Ok(Self {
            server: (identity("server")?, Trust::in_client(roots.clone())),
            client: (identity("client")?, Trust::in_server(roots)),
        })
    }

    fn shake_hands(&self, suite: ChannelSuite) -> Result<(Established, Established), Failure> {
        let now = SystemTime::now();
        let (hello, client) = client::start(&[suite])?;
        let ([hello, certificate, request], server) =
            server::Listening::default().client_hello(&hello, &self.server.0)?;
        let client = client.server_hello(&hello)?.certificate(&certificate, &self.client.1, now)?;
        let ([certificate, exchange, verify, finished], client) =
            client.certificate_request(&request, &self.client.0)?;
        let server = server.certificate(&certificate, &self.server.1, now)?;
        let server = server.key_exchange(&exchange, &self.server.0)?;
        let (finished, server) = server.certificate_verify(&verify)?.finished(&finished)?;
        Ok((server, client.finished(&finished)?))
    }

    fn bulk(&self, suite: ChannelSuite) -> Result<Duration, Failure> {
        let (mut server, mut client) = self.shake_hands(suite)?;
        let part = vec![b'x'; MAX_PLAINTEXT_LEN];
        let mut record = Vec::new();
        let begun = Instant::now();
        for _ in 0..BULK_LEN / part.len() {
            record.clear();
            server.encryptor.seal(Kind::Data, &part, &mut record)?;
            let Some((header, body)) = record.split_first_chunk_mut::<HEADER_LEN>() else { break };
            client.decryptor.open(Header::decode(*header)?, body)?;
        }
        Ok(begun.elapsed())
    }
}

/// Both sides of TLS 1.2 and 1.3, with what programs prepare once.
struct Rustls {
    tls12: (Arc<ServerConfig>, Arc<ClientConfig>),
    tls13: (Arc<ServerConfig>, Arc<ClientConfig>),
}

impl Rustls {
    fn load(directory: &CaDirectory) -> Result<Self, labnet::Error> {
        let failed = |error| labnet::Error::System { attempt: "set up rustls", source: io::Error::other(error) };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(
            read_certificates(&directory.ca_certificate())?.into_iter().map(CertificateDer::from),
        );
        let roots = Arc::new(roots);
        let credentials = |name| Credentials::load(&directory.certificate(name), &directory.key(name));
        let (server, client) = (credentials("server")?, credentials("client")?);
        let configure = |version| configurations(version, &roots, &server, &client).map_err(failed);
        Ok(Self { tls12: configure(&TLS12)?, tls13: configure(&TLS13)? })
    }

    /// Two connections, after a full handshake.
    fn shake_hands(
        (server, client): &(Arc<ServerConfig>, Arc<ClientConfig>),
    ) -> Result<(ServerConnection, ClientConnection), rustls::Error> {
        let name = "server".try_into().map_err(|_| rustls::Error::General("no name".to_owned()))?;
        let mut server = ServerConnection::new(Arc::clone(server))?;
        let mut client = ClientConnection::new(Arc::clone(client), name)?;
        while client.is_handshaking() || server.is_handshaking() {
            carry(|wire| client.write_tls(wire), |wire| server.read_tls(wire))?;
            server.process_new_packets()?;
            carry(|wire| server.write_tls(wire), |wire| client.read_tls(wire))?;
            client.process_new_packets()?;
        }
        Ok((server, client))
    }

    fn bulk(&self) -> Result<Duration, rustls::Error> {
        let (mut server, mut client) = Self::shake_hands(&self.tls13)?;
        let part = vec![b'x'; MAX_PLAINTEXT_LEN];
        let (mut wire, mut received) = (Vec::new(), vec![0; MAX_PLAINTEXT_LEN]);
        let begun = Instant::now();
        for _ in 0..BULK_LEN / part.len() {
            wire.clear();
            server.writer().write_all(&part).map_err(general)?;
            server.write_tls(&mut wire).map_err(general)?;
            let mut rest = wire.as_slice();
            while !rest.is_empty() {
                client.read_tls(&mut rest).map_err(general)?;
                client.process_new_packets()?;
            }
            client.reader().read_exact(&mut received).map_err(general)?;
        }
        Ok(begun.elapsed())
    }
}

fn configurations(
    version: &'static SupportedProtocolVersion,
    roots: &Arc<RootCertStore>,
    server: &Credentials,
    client: &Credentials,
) -> Result<(Arc<ServerConfig>, Arc<ClientConfig>), rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = |credentials: &Credentials| credentials.chain().map(|der| CertificateDer::from(der.to_vec())).collect();
    let key = |credentials: &Credentials| PrivateKeyDer::try_from(credentials.key().to_vec()).map_err(general);
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider)).build();
    let mut server_config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])?
        .with_client_cert_verifier(clients.map_err(general)?)
        .with_single_cert(chain(server), key(server)?)?;
    // Every handshake is a full one, and nothing is done for a resumption.
    server_config.send_tls13_tickets = 0;
    server_config.session_storage = Arc::new(NoServerSessionStorage {});
    let mut client_config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])?
        .with_root_certificates(Arc::clone(roots))
        .with_client_auth_cert(chain(client), key(client)?)?;
    client_config.resumption = Resumption::disabled();
    Ok((Arc::new(server_config), Arc::new(client_config)))
}

/// Carries everything that one side has to say to the other.
fn carry(
    mut write: impl FnMut(&mut Vec<u8>) -> io::Result<usize>,
    mut read: impl FnMut(&mut &[u8]) -> io::Result<usize>,
) -> Result<(), rustls::Error> {
    let mut wire = Vec::new();
    while write(&mut wire).map_err(general)? > 0 {}
    let mut rest = wire.as_slice();
    while !rest.is_empty() {
        read(&mut rest).map_err(general)?;
    }
    Ok(())
}

fn general(error: impl ToString) -> rustls::Error {
    rustls::Error::General(error.to_string())
}
