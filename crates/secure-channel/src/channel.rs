//! The channel over a stream of bytes: drives the handshake, then carries one message and its acknowledgement.
//!
//! ```text
//!   server                                       client
//!   send                  ── data, data, … ──▶   receive
//!                         ── end ────────────▶     shows nothing before this has been verified
//!   await_acknowledgement ◀── acknowledgement ─   acknowledge
//!   nothing may follow    ◀──── end of stream ──▶ nothing may follow
//! ```

use std::{
    io::{self, Read, Write},
    time::{Duration, SystemTime},
};

use labnet::net::{Connection, Deadline};

use crate::{
    ChannelSuite, Failure, PartyIdentity, Trust,
    frame::{Frame, HEADER_LEN, Header, Kind},
    handshake::{Established, client, server},
    identity::Facts,
    message::{Certificate, ClientHello, ServerHello},
    record::MAX_PLAINTEXT_LEN,
};

/// The longest message that a receiver holds: it must have all of it before it may show any (ours).
pub const MAX_MESSAGE_LEN: usize = 256 << 20;

/// What acknowledges a message.
pub const ACKNOWLEDGEMENT: &[u8] = b"ACK";

/// How long a side that has had its last record listens for what must not follow (ours). The end of the stream ends
/// the wait; a peer that neither sends nor ends is none of its business any more.
const FAREWELL: Duration = Duration::from_secs(1);

/// How much of what is to be sent is gathered into one write (ours: four records).
const WRITE_LEN: usize = 4 * MAX_PLAINTEXT_LEN;

/// Why a channel came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The peer broke the rules, could not be verified, or gave up.
    #[error("{0}")]
    Failure(#[from] Failure),
    /// The stream ended where more was due.
    #[error("ended the connection where more ({}) was due: it is gone, or someone cut the stream", .awaited.name())]
    Cut {
        /// What was due.
        awaited: Kind,
    },
    /// The stream broke, or the peer was silent for too long.
    #[error("{0}")]
    Io(io::Error),
}

/// A stream of bytes that the channel runs over.
pub trait Stream: Read + Write {
    /// Says that nothing more is sent; receiving goes on.
    ///
    /// # Errors
    /// That of the stream.
    fn end(&mut self) -> io::Result<()>;

    /// How long a read may wait from now on.
    ///
    /// # Errors
    /// That of the stream.
    fn set_patience(&mut self, patience: Duration) -> io::Result<()>;
}

impl<S: Stream> Stream for &mut S {
    fn end(&mut self) -> io::Result<()> {
        (**self).end()
    }

    fn set_patience(&mut self, patience: Duration) -> io::Result<()> {
        (**self).set_patience(patience)
    }
}

impl Stream for Connection {
    fn end(&mut self) -> io::Result<()> {
        Self::end(self)
    }

    fn set_patience(&mut self, patience: Duration) -> io::Result<()> {
        self.set_limits(Some(patience), Deadline::NONE).map_err(io::Error::other)
    }
}

/// What happens in a handshake, for people to see. On either side.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The client's proposal.
    ClientHello(&'a ClientHello),
    /// The server's choice.
    ServerHello(&'a ServerHello),
    /// What the peer's certificate says, before it is verified; `None` for what is no certificate.
    Certificate(Option<&'a Facts>),
    /// It is the certificate that it should be.
    Verified,
    /// Both sides have the same keys, and have seen the same handshake.
    Confirmed,
}

/// What has passed over the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames, both ways.
    pub frames: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
    /// How often something was received after something was sent.
    pub round_trips: u64,
}

/// A message, verified to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The text.
    pub text: Vec<u8>,
    /// The body of its first record as it came over the wire, to be shown beside it.
    pub ciphertext: Vec<u8>,
}

/// A channel whose two sides have proved who they are.
#[derive(Debug)]
pub struct Channel<S> {
    link: Link<S>,
    established: Established,
    handshake: Tally,
}

impl<S: Stream> Channel<S> {
    /// Makes the handshake as the client.
    ///
    /// # Errors
    /// [`Error`]; the server has been told as much as it may know.
    pub fn connect(
        stream: S,
        suites: &[ChannelSuite],
        identity: &PartyIdentity,
        trust: &Trust,
        witness: &mut dyn FnMut(&Event<'_>),
    ) -> Result<Self, Error> {
        Self::establish(stream, |link| link.greet(suites, identity, trust, witness))
    }

    /// Makes the handshake as the server.
    ///
    /// # Errors
    /// [`Error`]; the client has been told as much as it may know.
    pub fn accept(
        stream: S,
        identity: &PartyIdentity,
        trust: &Trust,
        witness: &mut dyn FnMut(&Event<'_>),
    ) -> Result<Self, Error> {
        Self::establish(stream, |link| link.answer(identity, trust, witness))
    }

    fn establish(stream: S, handshake: impl FnOnce(&mut Link<S>) -> Result<Established, Error>) -> Result<Self, Error> {
        let mut link = Link::new(stream);
        let established = handshake(&mut link).inspect_err(|error| link.give_up(error))?;
        Ok(Self { handshake: link.tally, link, established })
    }

    /// What protects the records.
    pub fn suite(&self) -> ChannelSuite {
        self.established.suite
    }

    /// What passed over the wire until the handshake was complete.
    pub fn handshake(&self) -> Tally {
        self.handshake
    }

    /// Sends a message and its end.
    ///
    /// # Errors
    /// [`Error`].
    pub fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        let sent = self.try_send(message);
        sent.map_err(|error| self.link.reason_for(error))
    }

    fn try_send(&mut self, message: &[u8]) -> Result<(), Error> {
        let mut out = Vec::with_capacity(message.len().min(WRITE_LEN) + (1 << 10));
        for part in message.chunks(MAX_PLAINTEXT_LEN) {
            self.established.encryptor.seal(Kind::Data, part, &mut out)?;
            self.link.tally.frames += 1;
            if out.len() >= WRITE_LEN {
                self.link.write(&out)?;
                out.clear();
            }
        }
        self.established.encryptor.seal(Kind::End, &[], &mut out)?;
        self.link.tally.frames += 1;
        self.link.write(&out)
    }

    /// Receives a message: all of it, when its end has been verified.
    ///
    /// # Errors
    /// [`Error`]; the peer has been told that something failed.
    pub fn receive(&mut self) -> Result<Message, Error> {
        let received = self.try_receive();
        received.inspect_err(|error| self.link.give_up(error))
    }

    fn try_receive(&mut self) -> Result<Message, Error> {
        let mut message = Message { text: Vec::new(), ciphertext: Vec::new() };
        loop {
            let (header, body) = self.link.frame(Kind::Data)?;
            match header.kind {
                Kind::Data => {
                    if message.text.is_empty() {
                        message.ciphertext = body.to_vec();
                    }
                    let part = self.established.decryptor.open(header, body)?;
                    if message.text.len() + part.len() > MAX_MESSAGE_LEN {
                        return Err(Failure::MessageLength(MAX_MESSAGE_LEN).into());
                    }
                    message.text.extend_from_slice(part);
                }
                Kind::End => {
                    self.established.decryptor.open(header, body)?;
                    return Ok(message);
                }
                came => return Err(unexpected(came, Kind::Data, body)),
            }
        }
    }

    /// Acknowledges the message that was received, as the last word of this side.
    ///
    /// # Errors
    /// [`Error`], also when something follows the peer's last word, such as an alert.
    pub fn acknowledge(mut self) -> Result<(), Error> {
        let mut out = Vec::new();
        let sent = self.established.encryptor.seal(Kind::Acknowledgement, ACKNOWLEDGEMENT, &mut out);
        self.link.tally.frames += 1;
        let sent = sent.map_err(Error::from).and_then(|()| self.link.write(&out));
        let ended = sent.and_then(|()| {
            // A peer that is gone by now has had its last word too.
            let _ = self.link.stream.end();
            self.link.nothing_follows()
        });
        ended.inspect_err(|error| self.link.give_up(error))
    }

    /// Waits for the acknowledgement of what was sent, the peer's last word.
    ///
    /// # Errors
    /// [`Error`].
    pub fn await_acknowledgement(mut self) -> Result<(), Error> {
        let acknowledged = self.check_acknowledgement().and_then(|()| self.link.nothing_follows());
        acknowledged.inspect_err(|error| self.link.give_up(error))
    }

    fn check_acknowledgement(&mut self) -> Result<(), Error> {
        let (header, body) = self.link.frame(Kind::Acknowledgement)?;
        if header.kind != Kind::Acknowledgement {
            return Err(unexpected(header.kind, Kind::Acknowledgement, body));
        }
        let answer = self.established.decryptor.open(header, body)?;
        if answer == ACKNOWLEDGEMENT { Ok(()) } else { Err(Failure::NotAcknowledged.into()) }
    }
}

fn unexpected(came: Kind, awaited: Kind, body: &[u8]) -> Error {
    match came {
        Kind::Alert => Failure::Alerted(body.first().copied().into()).into(),
        _ => Failure::Unexpected { came, awaited }.into(),
    }
}

/// Frames over a stream.
struct Link<S> {
    stream: S,
    buffer: Vec<u8>,
    /// Where in the buffer what has not been read begins and ends.
    unread: std::ops::Range<usize>,
    tally: Tally,
    /// Whether what was sent has not been answered yet.
    is_asking: bool,
}

impl<S: Stream> Link<S> {
    fn new(stream: S) -> Self {
        // The longest frame fits.
        let buffer = vec![0; HEADER_LEN + Kind::Certificate.max_len()];
        Self { stream, buffer, unread: 0..0, tally: Tally::default(), is_asking: false }
    }

    fn greet(
        &mut self,
        suites: &[ChannelSuite],
        identity: &PartyIdentity,
        trust: &Trust,
        witness: &mut dyn FnMut(&Event<'_>),
    ) -> Result<Established, Error> {
        let (hello, state) = client::start(suites)?;
        witness(&Event::ClientHello(&ClientHello::decode(hello.body())?));
        self.write_frames(&[hello])?;

        let frame = self.handshake_frame(Kind::ServerHello)?;
        let state = state.server_hello(&frame)?;
        witness(&Event::ServerHello(&ServerHello::decode(frame.body())?));

        let frame = self.handshake_frame(Kind::Certificate)?;
        witness_certificate(&frame, witness)?;
        let state = state.certificate(&frame, trust, SystemTime::now())?;
        witness(&Event::Verified);

        let (flight, state) = state.certificate_request(&self.handshake_frame(Kind::CertificateRequest)?, identity)?;
        self.write_frames(&flight)?;

        let established = state.finished(&self.handshake_frame(Kind::Finished)?)?;
        witness(&Event::Confirmed);
        Ok(established)
    }

    fn answer(
        &mut self,
        identity: &PartyIdentity,
        trust: &Trust,
        witness: &mut dyn FnMut(&Event<'_>),
    ) -> Result<Established, Error> {
        let frame = self.handshake_frame(Kind::ClientHello)?;
        let (flight, state) = server::Listening::default().client_hello(&frame, identity)?;
        witness(&Event::ClientHello(&ClientHello::decode(frame.body())?));
        let [hello, ..] = &flight;
        witness(&Event::ServerHello(&ServerHello::decode(hello.body())?));
        self.write_frames(&flight)?;

        let frame = self.handshake_frame(Kind::Certificate)?;
        witness_certificate(&frame, witness)?;
        let state = state.certificate(&frame, trust, SystemTime::now())?;
        witness(&Event::Verified);

        let state = state.key_exchange(&self.handshake_frame(Kind::KeyExchange)?, identity)?;
        let state = state.certificate_verify(&self.handshake_frame(Kind::CertificateVerify)?)?;
        let (finished, established) = state.finished(&self.handshake_frame(Kind::Finished)?)?;
        self.write_frames(&[finished])?;
        witness(&Event::Confirmed);
        Ok(established)
    }

    /// The next frame, owned, as the handshake takes it.
    fn handshake_frame(&mut self, awaited: Kind) -> Result<Frame, Error> {
        let (header, body) = self.frame(awaited)?;
        Ok(Frame::new(header.kind, body)?)
    }

    /// The next frame, in the buffer.
    fn frame(&mut self, awaited: Kind) -> Result<(Header, &mut [u8]), Error> {
        self.fill(HEADER_LEN, awaited)?;
        let unread = self.buffer.get(self.unread.clone()).unwrap_or_default();
        let Some(header) = unread.first_chunk() else { return Err(Error::Cut { awaited }) };
        let header = Header::decode(*header)?;
        self.fill(HEADER_LEN + header.len, awaited)?;
        let start = self.unread.start + HEADER_LEN;
        self.unread.start = start + header.len;
        self.tally.frames += 1;
        self.tally.received += (HEADER_LEN + header.len) as u64;
        Ok((header, self.buffer.get_mut(start..start + header.len).unwrap_or_default()))
    }

    /// Reads until so many bytes are in the buffer.
    fn fill(&mut self, len: usize, awaited: Kind) -> Result<(), Error> {
        if self.unread.start + len > self.buffer.len() {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        while self.unread.len() < len {
            if self.read()? == 0 {
                return Err(Error::Cut { awaited });
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<usize, Error> {
        let n = loop {
            match self.stream.read(self.buffer.get_mut(self.unread.end..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(Error::Io)?,
            }
        };
        self.unread.end += n;
        if n > 0 && std::mem::take(&mut self.is_asking) {
            self.tally.round_trips += 1;
        }
        Ok(n)
    }

    fn write_frames(&mut self, frames: &[Frame]) -> Result<(), Error> {
        self.tally.frames += frames.len() as u64;
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.as_bytes()).copied().collect();
        self.write(&bytes).map_err(|error| self.reason_for(error))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).map_err(Error::Io)?;
        self.tally.sent += bytes.len() as u64;
        self.is_asking = true;
        Ok(())
    }

    /// Why nothing can be sent: the peer may have said it before it left.
    fn reason_for(&mut self, error: Error) -> Error {
        if let Error::Io(_) = error
            && let Ok((Header { kind: Kind::Alert, .. }, body)) = self.frame(Kind::Alert)
        {
            return Failure::Alerted(body.first().copied().into()).into();
        }
        error
    }

    /// Tells the peer that this is the end, but not why.
    fn give_up(&mut self, error: &Error) {
        if let Error::Failure(failure) = error
            && let Some(alert) = failure.alert()
            && let Ok(frame) = Frame::new(Kind::Alert, &[alert as u8])
        {
            // It may be gone.
            let _ = self.write(frame.as_bytes());
        }
    }

    /// Makes sure that the peer's last word was the last.
    fn nothing_follows(&mut self) -> Result<(), Error> {
        self.stream.set_patience(FAREWELL).map_err(Error::Io)?;
        let next = self.frame(Kind::Alert).map(|(header, body)| (header.kind, body.first().copied()));
        match next {
            // The end of the stream, or of the wait.
            Err(Error::Cut { .. } | Error::Io(_)) if self.unread.is_empty() => Ok(()),
            Ok((Kind::Alert, reason)) => Err(Failure::Alerted(reason.into()).into()),
            _ => Err(Failure::AfterEnd.into()),
        }
    }
}

/// Without what is in the buffer.
impl<S> std::fmt::Debug for Link<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("tally", &self.tally).finish_non_exhaustive()
    }
}

fn witness_certificate(frame: &Frame, witness: &mut dyn FnMut(&Event<'_>)) -> Result<(), Failure> {
    let certificate = Certificate::decode(frame.expect(Kind::Certificate)?)?;
    let facts = certificate.chain.first().and_then(|leaf| Facts::of(leaf));
    witness(&Event::Certificate(facts.as_ref()));
    Ok(())
}
