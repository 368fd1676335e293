//! The same message over mutual TLS, as it is done in earnest, with the same certificates.

use std::{
    io::{Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use labnet::{
    cli::Stats,
    net::{ClientLimits, ClientStream, Counted, Deadline, Server},
    tls::{Acceptor, Client, ClientOptions, Credentials, NegotiatedTls, Records, Roots},
    zone::Zoned,
};

use super::{ChannelStats, Narrator, Visitor, certificates, show_certificate, stats::Handshake};
use crate::{
    Error, Facts,
    channel::{ACKNOWLEDGEMENT, MAX_MESSAGE_LEN},
    identity::{CLIENT, SERVER},
};

/// The server.
#[derive(Debug)]
pub struct TlsServer(Acceptor);

impl TlsServer {
    /// With the certificates in a folder.
    ///
    /// # Errors
    /// Those of [`certificates`] and [`Credentials::load`].
    pub fn new(folder: &Path) -> Result<Self, Error> {
        let directory = certificates(folder, SERVER)?;
        let credentials = Credentials::load(&directory.certificate(SERVER), &directory.key(SERVER))?;
        Ok(Self(Acceptor::mutual(&credentials, &Roots::load(&directory.ca_certificate())?, CLIENT)?))
    }

    /// Sends the message to a client and waits for its acknowledgement.
    ///
    /// # Errors
    /// [`Error`].
    pub fn serve(
        &self,
        visitor: Visitor,
        message: &[u8],
        narrator: &Narrator,
        stats: &Stats<ChannelStats>,
    ) -> Result<(), Error> {
        let (peer, timeout) = (visitor.peer, visitor.timeout);
        let limits = ClientLimits { silence: timeout, stall: timeout, ..ClientLimits::default() };
        let begun = Instant::now();
        let mut client = self.0.accept(visitor.stream, peer, &limits)?;
        tell(CLIENT, &client.negotiated(), client.peer_certificate(), client.records(), begun, narrator, stats)?;

        let begun = Instant::now();
        narrator.say("sending the message over TLS")?;
        let mut answer = [0; ACKNOWLEDGEMENT.len()];
        let answered = client.write_all(message).and_then(|()| {
            client.end()?;
            client.set_patience(Some(timeout))?;
            client.read_exact(&mut answer)
        });
        let answered = answered.map_err(|error| client.explain(error));
        client.close();
        answered?;
        if answer != ACKNOWLEDGEMENT {
            let complaint = "answered with something other than an acknowledgement".to_owned();
            return Err(Error::Peer { peer, complaint });
        }
        stats.update(|stats| stats.carried(message.len(), begun.elapsed()));
        narrator.say("acknowledgement received over TLS: the client has the message")?;
        Ok(())
    }
}

/// The client.
#[derive(Debug)]
pub struct TlsClient {
    credentials: Credentials,
    roots: Roots,
}

impl TlsClient {
    /// With the certificates in a folder.
    ///
    /// # Errors
    /// Those of [`certificates`] and [`Credentials::load`].
    pub fn new(folder: &Path) -> Result<Self, Error> {
        let directory = certificates(folder, CLIENT)?;
        let credentials = Credentials::load(&directory.certificate(CLIENT), &directory.key(CLIENT))?;
        Ok(Self { credentials, roots: Roots::load(&directory.ca_certificate())? })
    }

    /// Connects to a server, receives the message and acknowledges it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn fetch(
        &self,
        server: &Server,
        connect: Deadline,
        timeout: Duration,
        narrator: &Narrator,
        stats: &Stats<ChannelStats>,
    ) -> Result<Vec<u8>, Error> {
        let options = ClientOptions {
            name: Some(SERVER.to_owned()),
            connect,
            silence: Some(timeout),
            credentials: Some(self.credentials.clone()),
            ..ClientOptions::trusting(self.roots.clone())
        };
        let begun = Instant::now();
        let mut server = Client::connect(server, &options)?;
        narrator.say(format_args!("connected to {}", Zoned(server.peer())))?;
        tell(SERVER, &server.negotiated(), server.peer_certificate(), server.records(), begun, narrator, stats)?;

        let begun = Instant::now();
        let mut message = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let bytes = server.recv(&mut buffer)?;
            if bytes.is_empty() {
                break;
            }
            if message.len() + bytes.len() > MAX_MESSAGE_LEN {
                let complaint = crate::Failure::MessageLength(MAX_MESSAGE_LEN).to_string();
                return Err(Error::Peer { peer: server.peer(), complaint });
            }
            message.extend_from_slice(bytes);
        }
        // Without close_notify the end may be an attacker's.
        server.check_end()?;
        stats.update(|stats| stats.carried(message.len(), begun.elapsed()));
        server.send(ACKNOWLEDGEMENT)?;
        narrator.say("message verified to its end, and acknowledged over TLS")?;
        Ok(message)
    }
}

fn tell(
    peer: &str,
    negotiated: &NegotiatedTls,
    certificate: Option<&[u8]>,
    records: Records,
    begun: Instant,
    narrator: &Narrator,
    stats: &Stats<ChannelStats>,
) -> Result<(), labnet::Error> {
    let Records { records, sent, received, round_trips } = records;
    let (bytes, time) = (sent + received, begun.elapsed());
    let handshake = Handshake { suite: negotiated.to_string(), records, bytes, round_trips, time };
    stats.update(|stats| stats.shook_hands(&handshake));
    narrator.say(format_args!("hellos exchanged: {negotiated}"))?;
    show_certificate(certificate.and_then(Facts::of).as_ref(), narrator)?;
    narrator.say(format_args!("{peer} certificate verified"))?;
    narrator.say(format_args!("handshake complete: {handshake}"))
}
