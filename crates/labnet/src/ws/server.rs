//! The server's side: accepting an upgrade, or refusing it in HTTP.

use std::{
    io::{self, Write},
    time::Duration,
};

use tungstenite::{
    Bytes, Error as WsError, HandshakeError, Message as WsMessage, Utf8Bytes, WebSocket,
    error::ProtocolError,
    protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
};

use super::{Message, WebSocketTransport, io_error};
use crate::{
    Error,
    net::{ClientLimits, Clock, Connection, Deadline, Execute},
};

/// The longest message that a server of the lab takes, in bytes: commands are short.
const MAX_MESSAGE_LEN: usize = 4096;

/// How long a client may take over the closing handshake (ours).
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// In which frames a server of the lab sends its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameType {
    /// As the real server does.
    Binary,
    /// As most clients expect.
    Text,
}

/// A WebSocket connection from a client.
#[derive(Debug)]
pub struct WebSocketConnection<'a> {
    socket: WebSocket<&'a mut WebSocketTransport>,
    frame_type: FrameType,
    name: String,
}

impl<'a> WebSocketConnection<'a> {
    /// Upgrades a client's connection, within the limits, which go on to hold for its command. A request that is no
    /// upgrade is answered with HTTP 426 or 400.
    ///
    /// # Errors
    /// [`Error::WebSocket`], [`Error::Silent`] or [`Error::Receive`].
    pub fn accept(
        transport: &'a mut WebSocketTransport,
        limits: &ClientLimits,
        frame_type: FrameType,
    ) -> Result<Self, Error> {
        transport.connection_mut().set_limits(None, Deadline::after(limits.silence))?;
        transport.connection_mut().set_stall(Some(limits.stall));
        // One send for each message, at once: what this part is about.
        transport.connection().set_nodelay()?;
        let (peer, name) = (transport.connection().peer(), transport.connection().peer().to_string());
        let config = WebSocketConfig::default()
            .read_buffer_size(MAX_MESSAGE_LEN)
            .max_message_size(Some(MAX_MESSAGE_LEN))
            .max_frame_size(Some(MAX_MESSAGE_LEN));
        let error = match tungstenite::accept_with_config(&mut *transport, Some(config)) {
            Ok(_) => None,
            Err(HandshakeError::Failure(error)) => Some(io_error(error)),
            Err(HandshakeError::Interrupted(_)) => Some(Ok(io::ErrorKind::TimedOut.into())),
        };
        match error {
            None => {
                // tungstenite has read nothing beyond the request, so the upgraded stream can start afresh.
                let role = tungstenite::protocol::Role::Server;
                let socket = WebSocket::from_raw_socket(transport, role, Some(config));
                Ok(Self { socket, frame_type, name })
            }
            Some(Ok(source)) => Err(match transport.connection().explain(source) {
                Error::Silent { .. } => {
                    Error::WebSocket { peer: name, complaint: "did not ask for an upgrade in time".to_owned() }
                }
                error => error,
            }),
            Some(Err(error)) => {
                let complaint = format!("is refused: {error}");
                // The client may be gone already; then it needs no answer.
                let _ = transport.write_all(refusal(&error).as_bytes());
                Err(Error::WebSocket { peer: peer.to_string(), complaint })
            }
        }
    }

    /// The next message, at most 4,096 bytes; `None` when the client closes.
    ///
    /// # Errors
    /// [`Error::WebSocket`], [`Error::Silent`] or [`Error::Receive`].
    pub fn receive(&mut self) -> Result<Option<Message>, Error> {
        loop {
            match self.socket.read() {
                Ok(WsMessage::Close(_)) => {
                    // The answer to it is on its way out; a client that is gone needs none.
                    let _ = self.socket.flush();
                    return Ok(None);
                }
                Ok(message) => {
                    if let Some(message) = Message::of(message) {
                        return Ok(Some(message));
                    }
                }
                Err(error) => {
                    return Err(match io_error(error) {
                        Ok(source) => self.connection().explain(source),
                        Err(error) => self.complaint(&error),
                    });
                }
            }
        }
    }

    /// Ends the connection of a client whose command is not known: status 1008, policy violation.
    ///
    /// # Errors
    /// [`Error::Send`].
    pub fn refuse(mut self, reason: &'static str) -> Result<(), Error> {
        self.close_with(CloseCode::Policy, reason)
    }

    fn close_with(&mut self, code: CloseCode, reason: &'static str) -> Result<(), Error> {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        self.socket.close(Some(frame)).map_err(|error| self.send_failed(error))?;
        self.socket.get_mut().connection_mut().set_limits(None, Deadline::after(CLOSE_PATIENCE))?;
        // A client that answers with more messages, or not at all, has been told.
        while self.socket.read().is_ok() {}
        Ok(())
    }

    fn connection(&self) -> &Connection {
        self.socket.get_ref().connection()
    }

    fn send_failed(&self, error: WsError) -> Error {
        match io_error(error) {
            Ok(source) => Error::Send { to: self.connection().peer(), source },
            Err(error) => self.complaint(&error),
        }
    }

    fn complaint(&self, error: &WsError) -> Error {
        Error::WebSocket { peer: self.name.clone(), complaint: format!("broke the WebSocket protocol: {error}") }
    }
}

impl Execute for WebSocketConnection<'_> {
    type Error = Error;

    /// One message in one frame.
    fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let bytes = Bytes::copy_from_slice(bytes);
        let message = match (self.frame_type, Utf8Bytes::try_from(bytes.clone())) {
            (FrameType::Text, Ok(text)) => WsMessage::Text(text),
            _ => WsMessage::Binary(bytes),
        };
        self.socket.send(message).map_err(|error| self.send_failed(error))
    }

    /// Answers pings on the way.
    fn pause(&mut self, duration: Duration, clock: &dyn Clock) -> Result<bool, Error> {
        /// How often to look whether everything ends.
        const SLICE: Duration = Duration::from_secs(1);
        let end = Deadline::after(duration);
        self.connection().watch(duration >= SLICE);
        while end.remaining() != Some(Duration::ZERO) {
            let slice = end.remaining().map_or(SLICE, |left| left.min(SLICE));
            self.socket.get_mut().connection_mut().set_limits(None, Deadline::after(slice))?;
            let is_there = match self.socket.read() {
                Ok(message) => !message.is_close(),
                Err(WsError::Io(error)) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => true,
                    // It has vanished.
                    io::ErrorKind::ConnectionAborted => return Err(self.connection().explain(error)),
                    _ => false,
                },
                Err(_) => false,
            };
            if !is_there || !clock.pause(Duration::ZERO) {
                return Ok(false);
            }
        }
        self.connection().watch(false);
        Ok(true)
    }

    fn stall(&mut self, limit: Duration, clock: &dyn Clock) -> Result<bool, Error> {
        self.pause(limit, clock)
    }

    /// The closing handshake, with status 1000: the client's close frame is waited for.
    fn finish_sending(&mut self) -> Result<(), Error> {
        self.close_with(CloseCode::Normal, "")
    }
}

/// The HTTP answer to a request that is no upgrade (RFC 6455, section 4.2.2; RFC 9110, section 15.5.22).
fn refusal(error: &WsError) -> String {
    let (status, upgrade) = match error {
        WsError::Protocol(
            ProtocolError::MissingConnectionUpgradeHeader
            | ProtocolError::MissingUpgradeWebSocketHeader
            | ProtocolError::MissingSecWebSocketVersionHeader,
        ) => ("426 Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
        _ => ("400 Bad Request", ""),
    };
    let body = "This is the WebSocket PMU of the socket lab: connect with a WebSocket client.\n";
    format!(
        "HTTP/1.1 {status}\r\n{upgrade}Connection: {}close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        if upgrade.is_empty() { "" } else { "upgrade, " },
        body.len(),
    )
}
