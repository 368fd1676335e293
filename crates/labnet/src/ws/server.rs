//! The server's side: accepting an upgrade, or refusing it in HTTP.

use std::{io, time::Duration};

use super::{
    FrameType, Message,
    close::{self, NORMAL, POLICY_VIOLATION},
    frame::Opcode,
    head::{self, HeadError},
    reader::Sender,
    socket::{Received, Socket, SocketError, Terms},
    upgrade::{self, Refusal, Upgrade},
    violation::Violation,
};
use crate::{
    Error,
    net::{ClientLimits, ClientStream, Clock, Connection, Deadline, Execute, Operation, block_on, send_all},
};

/// How long a client may take over the closing handshake (ours).
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// How many bytes are asked of a client at once: commands are short.
const READ_LEN: usize = 4096;

/// What a server does with its clients' messages.
#[derive(Clone, Copy, Debug)]
pub struct AcceptOptions {
    /// In which frames it sends.
    pub frame_type: FrameType,
    /// The longest message that it takes, in bytes; of a compressed one, of what it becomes.
    pub max_message: usize,
    /// Whether it compresses for a client that offers that (permessage-deflate, RFC 7692).
    pub deflate: bool,
    /// What it does with a right request.
    pub upgrade: Upgrade,
}

impl Default for AcceptOptions {
    /// As the handout's PMU: commands are short.
    fn default() -> Self {
        Self { frame_type: FrameType::Binary, max_message: 4096, deflate: false, upgrade: Upgrade::Right }
    }
}

/// A WebSocket connection from a client.
#[derive(Debug)]
pub struct WebSocketConnection<'a> {
    socket: Socket<&'a mut Connection>,
    frame_type: FrameType,
    name: String,
    has_left: bool,
}

impl<'a> WebSocketConnection<'a> {
    /// Upgrades a client's connection, within the limits, which go on to hold for its command. A request that is no
    /// upgrade is answered with HTTP 426 or 400.
    ///
    /// # Errors
    /// [`Error::WebSocket`], [`Error::Silent`] or [`Error::Receive`].
    pub fn accept(
        connection: &'a mut Connection,
        limits: &ClientLimits,
        options: AcceptOptions,
    ) -> Result<Self, Error> {
        block_on(Self::accept_async(connection, limits, options))
    }

    /// The same without a thread of its own: see [`accept`](Self::accept).
    ///
    /// # Errors
    /// Those of [`accept`](Self::accept).
    pub async fn accept_async(
        connection: &'a mut Connection,
        limits: &ClientLimits,
        options: AcceptOptions,
    ) -> Result<Self, Error> {
        connection.set_limits(None, Deadline::after(limits.silence))?;
        connection.set_stall(Some(limits.stall));
        // One send for each message, at once: what this part is about.
        connection.set_nodelay()?;
        let (peer, name) = (connection.peer(), connection.peer().to_string());
        let complaint = |complaint: String| Error::WebSocket { peer: name.clone(), complaint };
        let mut input = Vec::new();
        let accepted = match receive_head(connection, &mut input).await {
            Ok(len) => {
                let behind = input.split_off(len);
                let accepted = upgrade::accept(&input, options.deflate, options.upgrade);
                input = behind;
                accepted
            }
            Err(HeadError::TooLong) => Err(Refusal::bad_request("it has more than 16 KiB of headers")),
            Err(HeadError::Ended) => return Err(complaint("left before it had asked for an upgrade".to_owned())),
            Err(HeadError::Io(source)) => {
                return Err(match connection.explain(source) {
                    Error::Silent { .. } => complaint("did not ask for an upgrade in time".to_owned()),
                    error => error,
                });
            }
        };
        match accepted {
            Ok(accepted) => {
                let sent = send_all(connection, accepted.head.as_bytes()).await;
                sent.map_err(|source| Error::Send { to: peer, source })?;
                let read_len = options.max_message.clamp(READ_LEN, 64 * 1024);
                let (limit, deflate) = (options.max_message, accepted.deflate);
                let socket = Socket::new(connection, input, Terms { from: Sender::Client, limit, deflate, read_len });
                Ok(Self { socket, frame_type: options.frame_type, name, has_left: false })
            }
            Err(refusal) => {
                // The client may be gone already; then it needs no answer.
                let _ = send_all(connection, refusal.response().as_bytes()).await;
                Err(complaint(format!("is refused: {}", refusal.why)))
            }
        }
    }

    /// The next message; `None` when the client closes.
    ///
    /// # Errors
    /// [`Error::WebSocket`], [`Error::Silent`] or [`Error::Receive`].
    pub async fn receive(&mut self) -> Result<Option<Message>, Error> {
        match self.socket.receive().await {
            Ok(Received::Message(message)) => Ok(Some(message)),
            Ok(Received::Close(_)) => {
                self.has_left = true;
                Ok(None)
            }
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Gives the client as long for its next message as it had for the first.
    ///
    /// # Errors
    /// [`Error::Receive`] when the system refuses.
    pub fn await_next(&mut self, limits: &ClientLimits) -> Result<(), Error> {
        self.socket.connection_mut().set_limits(None, Deadline::after(limits.silence))
    }

    /// Sends a message back, in the frames in which it came.
    ///
    /// # Errors
    /// [`Error::Send`].
    pub async fn echo(&mut self, message: &Message) -> Result<(), Error> {
        self.send_as(message.frame_type(), message.as_ref()).await
    }

    /// Whether the client said, with a close frame, that it leaves, before this server did.
    pub fn has_left(&self) -> bool {
        self.has_left
    }

    /// Ends the connection of a client whose command is not known: status 1008, policy violation.
    pub async fn refuse(mut self, reason: &'static str) {
        self.close_with(POLICY_VIOLATION, reason).await;
    }

    /// The closing handshake. A client that answers with more messages, or not at all, has been told.
    async fn close_with(&mut self, status: u16, reason: &'static str) {
        self.socket.close(&close::payload(status, reason)).await;
        let deadline = Deadline::after(CLOSE_PATIENCE);
        if self.socket.connection_mut().set_limits(None, deadline).is_err() {
            return;
        }
        while !self.has_left && deadline.remaining() != Some(Duration::ZERO) {
            match self.socket.receive().await {
                Ok(Received::Close(_)) | Err(_) => return,
                Ok(Received::Message(_)) => {}
            }
        }
    }

    async fn send_as(&mut self, frame_type: FrameType, bytes: &[u8]) -> Result<(), Error> {
        let sent = self.socket.send(Opcode::Data(frame_type), bytes).await;
        sent.map_err(|source| Error::Send { to: self.socket.connection().peer(), source })
    }

    fn explain(&self, error: SocketError) -> Error {
        let complaint = match error {
            SocketError::Io(source) => return self.socket.connection().explain(source),
            SocketError::Ended => "left without a close frame".to_owned(),
            SocketError::Violation(Violation::TooBig { len, limit }) => {
                format!("sent a message of {len} bytes or more, and {limit} is the longest that is taken")
            }
            SocketError::Violation(violation) => format!("broke the WebSocket protocol: {violation}"),
        };
        Error::WebSocket { peer: self.name.clone(), complaint }
    }
}

/// Receives the head of a request, with a thread or without.
async fn receive_head(connection: &mut Connection, input: &mut Vec<u8>) -> Result<usize, HeadError> {
    let mut searched = 0;
    loop {
        match head::receive(connection, input, &mut searched) {
            Err(HeadError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                connection.ready(Operation::Read).await.map_err(HeadError::Io)?;
            }
            received => return received,
        }
    }
}

impl Execute for WebSocketConnection<'_> {
    type Error = Error;

    /// One message in one frame.
    async fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let is_text = self.frame_type == FrameType::Text && str::from_utf8(bytes).is_ok();
        self.send_as(if is_text { FrameType::Text } else { FrameType::Binary }, bytes).await
    }

    /// Answers pings on the way.
    async fn pause(&mut self, duration: Duration, clock: &dyn Clock) -> Result<bool, Error> {
        /// How often to look whether everything ends.
        const SLICE: Duration = Duration::from_secs(1);
        let end = Deadline::after(duration);
        self.socket.connection().watch(duration >= SLICE);
        while end.remaining() != Some(Duration::ZERO) {
            let slice = end.remaining().map_or(SLICE, |left| left.min(SLICE));
            self.socket.connection_mut().set_limits(None, Deadline::after(slice))?;
            match self.socket.receive().await {
                Ok(Received::Close(_)) => {
                    self.has_left = true;
                    return Ok(false);
                }
                Ok(Received::Message(_)) => {}
                Err(SocketError::Io(error))
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) => return Err(self.explain(error)),
            }
            if !clock.pause(Duration::ZERO) {
                return Ok(false);
            }
        }
        self.socket.connection().watch(false);
        Ok(true)
    }

    async fn stall(&mut self, limit: Duration, clock: &dyn Clock) -> Result<bool, Error> {
        self.pause(limit, clock).await
    }

    /// The closing handshake, with status 1000: the client's close frame is waited for.
    async fn finish_sending(&mut self) -> Result<(), Error> {
        self.close_with(NORMAL, "").await;
        Ok(())
    }
}

/// The same connection for frames that are encoded already, right or wrong ([`RawFrame`](super::RawFrame)): what is sent
/// leaves as it is.
#[derive(Debug)]
pub struct EncodedFrames<'c, 'a>(pub &'c mut WebSocketConnection<'a>);

impl Execute for EncodedFrames<'_, '_> {
    type Error = Error;

    /// Bytes of frames.
    async fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let connection = self.0.socket.connection_mut();
        let sent = send_all(connection, bytes).await;
        sent.map_err(|source| Error::Send { to: connection.peer(), source })
    }

    async fn pause(&mut self, duration: Duration, clock: &dyn Clock) -> Result<bool, Error> {
        self.0.pause(duration, clock).await
    }

    async fn stall(&mut self, limit: Duration, clock: &dyn Clock) -> Result<bool, Error> {
        self.0.stall(limit, clock).await
    }

    async fn finish_sending(&mut self) -> Result<(), Error> {
        self.0.finish_sending().await
    }
}
