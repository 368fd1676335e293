//! Steps 2 to 5: certificates, handshake, record protocol, acknowledgement.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use labnet::{cli::Stats, net::Connection, tls::Roots};

use super::{ChannelStats, Narrator, Visitor, bytes, certificates, hex, limit, show_certificate, stats::Handshake};
use crate::{
    Channel, ChannelSuite, Error, Event, Message, PartyIdentity, Trust,
    channel::{self, Stream, Tally},
    identity::{CLIENT, SERVER},
    message::{ClientHello, RANDOM_LEN, ServerHello},
};

/// A party of the channel: who it is, and whom it talks to.
#[derive(Debug)]
pub struct Party {
    identity: PartyIdentity,
    trust: Trust,
}

impl Party {
    /// The server, with the certificates in a folder.
    ///
    /// # Errors
    /// Those of [`certificates`] and [`PartyIdentity::load`].
    pub fn server(folder: &Path) -> Result<Self, Error> {
        Self::load(folder, SERVER, Trust::in_client)
    }

    /// The client, with the certificates in a folder.
    ///
    /// # Errors
    /// Those of [`certificates`] and [`PartyIdentity::load`].
    pub fn client(folder: &Path) -> Result<Self, Error> {
        Self::load(folder, CLIENT, Trust::in_server)
    }

    fn load(folder: &Path, name: &str, trust: fn(Roots) -> Trust) -> Result<Self, Error> {
        let directory = certificates(folder, name)?;
        let identity = PartyIdentity::load(&directory.certificate(name), &directory.key(name))?;
        Ok(Self { identity, trust: trust(Roots::load(&directory.ca_certificate())?) })
    }

    /// Sends the message to a client and waits for its acknowledgement.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Peer`] with the check that failed.
    pub fn serve(
        &self,
        visitor: Visitor,
        message: &[u8],
        narrator: &Narrator,
        stats: &Stats<ChannelStats>,
    ) -> Result<(), Error> {
        let mut client = visitor.connection()?;
        let served = self.serve_over(&mut client, message, narrator, stats);
        part(client, served)?;
        narrator.say("acknowledgement verified: the client has the message")?;
        Ok(())
    }

    fn serve_over(
        &self,
        client: &mut Connection,
        message: &[u8],
        narrator: &Narrator,
        stats: &Stats<ChannelStats>,
    ) -> Result<(), SessionError> {
        let mut narration = HandshakeNarration::of(CLIENT, narrator);
        let begun = Instant::now();
        let channel = Channel::accept(client, &self.identity, &self.trust, &mut |event| narration.tell(event));
        let mut channel = narration.end(channel, begun, stats)?;

        let begun = Instant::now();
        narrator.say("sending the message, protected")?;
        channel.send(message)?;
        channel.await_acknowledgement()?;
        stats.update(|stats| stats.carried(message.len(), begun.elapsed()));
        Ok(())
    }

    /// Receives the message from a server and acknowledges it.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Peer`] with the check that failed.
    pub fn fetch(
        &self,
        mut server: Connection,
        suites: &[ChannelSuite],
        timeout: Duration,
        narrator: &Narrator,
        stats: &Stats<ChannelStats>,
    ) -> Result<Vec<u8>, Error> {
        limit(&mut server, timeout)?;
        let fetched = self.fetch_over(&mut server, suites, narrator, stats);
        let message = part(server, fetched)?;
        narrator.say("message verified to its end, and acknowledged")?;
        Ok(message)
    }

    fn fetch_over(
        &self,
        server: &mut Connection,
        suites: &[ChannelSuite],
        narrator: &Narrator,
        stats: &Stats<ChannelStats>,
    ) -> Result<Vec<u8>, SessionError> {
        let mut narration = HandshakeNarration::of(SERVER, narrator);
        let begun = Instant::now();
        let channel = Channel::connect(server, suites, &self.identity, &self.trust, &mut |event| narration.tell(event));
        let mut channel = narration.end(channel, begun, stats)?;

        let begun = Instant::now();
        let Message { text, ciphertext } = channel.receive()?;
        stats.update(|stats| stats.carried(text.len(), begun.elapsed()));
        narrator.say("message received, protected")?;
        narrator.say(format_args!("ciphertext: {} ({})", hex(&ciphertext), bytes(ciphertext.len() as u64)))?;
        channel.acknowledge()?;
        Ok(text)
    }
}

/// What ends a session early.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    /// The channel.
    #[error(transparent)]
    Channel(#[from] channel::Error),
    /// What is not the peer's business, such as an output that cannot be written.
    #[error(transparent)]
    Lab(#[from] labnet::Error),
}

/// Ends a connection so that the peer still gets the alert, if there was one; what to tell the user.
fn part<T>(connection: Connection, result: Result<T, SessionError>) -> Result<T, Error> {
    let result = result.map_err(|error| match error {
        SessionError::Channel(channel::Error::Io(error)) => connection.explain(error).into(),
        SessionError::Channel(error) => Error::Peer { peer: connection.peer(), complaint: error.to_string() },
        SessionError::Lab(error) => error.into(),
    });
    connection.close();
    result
}

/// Tells a handshake as the source does.
struct HandshakeNarration<'n> {
    peer: &'static str,
    narrator: &'n Narrator,
    /// Output that fails is reported after the handshake, which nothing should hold up.
    told: Result<(), labnet::Error>,
}

impl<'n> HandshakeNarration<'n> {
    fn of(peer: &'static str, narrator: &'n Narrator) -> Self {
        Self { peer, narrator, told: Ok(()) }
    }

    fn tell(&mut self, event: &Event<'_>) {
        if self.told.is_ok() {
            self.told = self.try_tell(event);
        }
    }

    fn try_tell(&self, event: &Event<'_>) -> Result<(), labnet::Error> {
        let (say, peer) = (|line: String| self.narrator.say(line), self.peer);
        match event {
            Event::ClientHello(ClientHello { random, suites }) => {
                let suites: Vec<_> = suites.iter().map(|number| suite_name(*number)).collect();
                say("handshake begins".to_owned())?;
                say("message: client hello".to_owned())?;
                self.hello("cipher suites", &suites.join(", "), random)?;
                say(format!("client hello {}", if peer == CLIENT { "received" } else { "sent" }))
            }
            Event::ServerHello(ServerHello { random, suite }) => {
                say("message: server hello".to_owned())?;
                self.hello("cipher suite", &suite_name(*suite), random)?;
                say(format!("server hello {}", if peer == SERVER { "received" } else { "sent" }))
            }
            Event::Certificate(facts) => {
                say(format!("verifying the {peer}'s certificate"))?;
                show_certificate(*facts, self.narrator)
            }
            Event::Verified => say(format!("{peer} certificate verified")),
            Event::Confirmed => say("symmetric keys exchanged, and confirmed by both sides".to_owned()),
        }
    }

    fn hello(&self, label: &str, suites: &str, random: &[u8; RANDOM_LEN]) -> Result<(), labnet::Error> {
        self.narrator.say(format_args!("  protocol: {}", crate::suite::VERSION))?;
        self.narrator.say(format_args!("  {label}: {suites}"))?;
        self.narrator.say("  hash: SHA-256")?;
        self.narrator.say(format_args!("  random bytes: {}", hex(random)))
    }

    /// Sums the handshake up.
    fn end<S: Stream>(
        self,
        channel: Result<Channel<S>, channel::Error>,
        begun: Instant,
        stats: &Stats<ChannelStats>,
    ) -> Result<Channel<S>, SessionError> {
        let (channel, time) = (channel?, begun.elapsed());
        self.told?;
        let Tally { frames: records, sent, received, round_trips } = channel.handshake();
        let (suite, bytes) = (channel.suite().to_string(), sent + received);
        let handshake = Handshake { suite, records, bytes, round_trips, time };
        stats.update(|stats| stats.shook_hands(&handshake));
        self.narrator.say(format_args!("handshake complete: {handshake}"))?;
        Ok(channel)
    }
}

fn suite_name(number: u16) -> String {
    ChannelSuite::of(number).map_or_else(|| format!("{number:#06x}"), |suite| suite.to_string())
}
