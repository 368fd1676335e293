//! What several targets need: the two parties, and a session of theirs.

use std::{sync::OnceLock, time::SystemTime};

use labnet::tls::{Credentials, Roots};
use secure_channel::{
    Failure, Frame, PartyIdentity, ChannelSuite, Trust,
    handshake::{Established, client, server},
    message::Certificate,
};
use ttp::CaDirectory;

/// The two parties, and whom they trust.
pub struct Parties {
    pub client: PartyIdentity,
    pub server: PartyIdentity,
    pub roots: Roots,
    /// The message with which the client shows its certificate.
    pub certificate: Frame,
}

/// Made once, with certificates that nobody else has.
pub fn parties() -> &'static Parties {
    static PARTIES: OnceLock<Parties> = OnceLock::new();
    PARTIES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let directory = CaDirectory::new(folder.path());
        directory.complete(&["server", "client"]).unwrap();
        let [client, server] =
            ["client", "server"].map(|name| Credentials::load(&directory.certificate(name), &directory.key(name)).unwrap());
        let certificate = Certificate { chain: client.chain().map(<[u8]>::to_vec).collect() }.encode().unwrap();
        Parties {
            client: PartyIdentity::new(&client).unwrap(),
            server: PartyIdentity::new(&server).unwrap(),
            roots: Roots::load(&directory.ca_certificate()).unwrap(),
            certificate,
        }
    })
}

/// What the client has after a handshake with the server.
pub fn established(suite: ChannelSuite) -> Result<Established, Failure> {
    let Parties { client, server, roots, .. } = parties();
    let now = SystemTime::now();
    let (hello, greeted) = client::start(&[suite])?;
    let ([hello, certificate, request], asked) = server::Listening::default().client_hello(&hello, server)?;
    let trusting = greeted.server_hello(&hello)?.certificate(&certificate, &Trust::in_server(roots.clone()), now)?;
    let ([certificate, exchange, verify, finished], confirming) = trusting.certificate_request(&request, client)?;
    let trusting = asked.certificate(&certificate, &Trust::in_client(roots.clone()), now)?;
    let informed = trusting.key_exchange(&exchange, server)?;
    let (finished, _) = informed.certificate_verify(&verify)?.finished(&finished)?;
    confirming.finished(&finished)
}
