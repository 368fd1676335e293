//! The client's side: the upgrade, commands, messages, and what the end of the connection means.

use std::{fmt, io, str::FromStr, time::Duration};

use tungstenite::{
    Error as WsError, HandshakeError, Message as WsMessage, WebSocket,
    client::IntoClientRequest,
    error::{CapacityError, ProtocolError},
    protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
};

use super::{Message, WebSocketTransport, io_error};
use crate::{
    Error,
    escape::escape,
    net::{self, Connection, Deadline, Families, Server},
};

/// How many bytes tungstenite asks the socket for at once (ours; measured: larger reads are not faster).
const READ_LEN: usize = 256 * 1024;

/// How long a server may take to close TCP after the closing handshake (ours; RFC 6455, section 7.1.1 lets a client
/// wait for it).
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// The address of a WebSocket server: `ws://HOST[:PORT][/PATH]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    server: Server,
    path: String,
}

impl Url {
    /// The root of a server.
    pub fn of(server: Server) -> Self {
        Self { server, path: "/".to_owned() }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ws://{}{}", self.server, self.path)
    }
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        /// Of `ws` (RFC 6455, section 3).
        const DEFAULT_PORT: u16 = 80;
        let error = |reason: &str| Error::Usage(format!("'{}' {reason}", text.escape_debug()));
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        match scheme.to_ascii_lowercase().as_str() {
            "ws" => {}
            "wss" => return Err(error("asks for TLS, which part 5 does not use: expected ws://HOST:PORT/")),
            _ => return Err(error("is no WebSocket URL: expected ws://HOST:PORT/")),
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (server, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let server: Server = server.parse()?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(error("has a path with characters that must be written as %NN"));
        }
        Ok(Self { server: server.or_port(DEFAULT_PORT), path })
    }
}

/// How a client connects and what it accepts.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The end of look-up, connection and upgrade together.
    pub connect: Deadline,
    /// The longest silence of the server.
    pub silence: Option<Duration>,
    /// The longest message, in bytes.
    pub max_message: usize,
}

/// A WebSocket connection to a server.
#[derive(Debug)]
pub struct Client {
    socket: WebSocket<WebSocketTransport>,
    name: String,
    max_message: usize,
    messages: u64,
    message_bytes: u64,
}

impl Client {
    /// Connects over TCP and upgrades.
    ///
    /// # Errors
    /// Those of [`net::connect`]; [`Error::WebSocket`] when the server does not upgrade, [`Error::Silent`] when it does
    /// not do so in time.
    pub fn connect(url: &Url, options: Options) -> Result<Self, Error> {
        let mut connection = net::connect(&url.server, Families::Both, options.connect)?;
        connection.set_limits(None, options.connect)?;
        let name = url.to_string();
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_LEN)
            .max_message_size(Some(options.max_message))
            .max_frame_size(Some(options.max_message));
        let request = name.as_str().into_client_request().map_err(|error| upgrade_failed(&name, error))?;
        let peer = connection.peer();
        let upgraded =
            tungstenite::client::client_with_config(request, WebSocketTransport::new(connection), Some(config));
        let (mut socket, _response) = upgraded.map_err(|error| match error {
            HandshakeError::Failure(error) => match io_error(error) {
                Ok(source) if matches!(source.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    too_slow(&name)
                }
                Ok(source) => Error::Receive { from: peer, source },
                Err(error) => upgrade_failed(&name, error),
            },
            // The socket's patience ended within the upgrade.
            HandshakeError::Interrupted(_) => too_slow(&name),
        })?;
        socket.get_mut().connection_mut().set_limits(options.silence, Deadline::NONE)?;
        Ok(Self { socket, name, max_message: options.max_message, messages: 0, message_bytes: 0 })
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// [`Error::Send`].
    pub fn send(&mut self, text: &str) -> Result<(), Error> {
        self.socket.send(WsMessage::text(text)).map_err(|error| match io_error(error) {
            Ok(source) => Error::Send { to: self.connection().peer(), source },
            Err(error) => self.complaint(format!("cannot be sent to: {error}")),
        })
    }

    /// The next message, whole; pings are answered on the way. `None` is the normal end: a close frame with status
    /// 1000 or 1001, or without one.
    ///
    /// # Errors
    /// [`Error::WebSocket`] for any other end, [`Error::Silent`], [`Error::Receive`].
    pub fn receive(&mut self) -> Result<Option<Message>, Error> {
        loop {
            match self.socket.read() {
                Ok(WsMessage::Close(frame)) => return self.closed(frame),
                Ok(message) => {
                    if let Some(message) = Message::of(message) {
                        self.messages += 1;
                        self.message_bytes += message.as_ref().len() as u64;
                        return Ok(Some(message));
                    }
                }
                Err(error) => return Err(self.explain(error)),
            }
        }
    }

    /// How many messages have been received.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// How many bytes those messages have.
    pub fn message_bytes(&self) -> u64 {
        self.message_bytes
    }

    /// How many data frames have come whole.
    pub fn data_frames(&self) -> u64 {
        self.socket.get_ref().frames().data_frames()
    }

    /// The TCP connection below.
    pub fn connection(&self) -> &Connection {
        self.socket.get_ref().connection()
    }

    /// Answers a close frame, waits for the TCP close, and says what the status means.
    fn closed(&mut self, frame: Option<CloseFrame>) -> Result<Option<Message>, Error> {
        self.socket.get_mut().connection_mut().set_limits(None, Deadline::after(CLOSE_PATIENCE))?;
        let is_cut = self.socket.get_ref().frames().is_in_message();
        // How the connection goes down after the close frame changes nothing.
        while self.socket.read().is_ok() {}
        if is_cut {
            return Err(self.complaint("closed the connection in the middle of a message".to_owned()));
        }
        match frame {
            None => Ok(None),
            Some(frame) => match frame.code {
                CloseCode::Normal | CloseCode::Away => Ok(None),
                code => {
                    let reason = escape(frame.reason.as_bytes());
                    Err(self
                        .complaint(format!("ended its answer abnormally: close status {} '{reason}'", u16::from(code))))
                }
            },
        }
    }

    fn explain(&self, error: WsError) -> Error {
        let cut = match self.socket.get_ref().frames().unfinished() {
            Some((received, len)) => format!(", {received} bytes into a frame of {len}"),
            None => String::new(),
        };
        match error {
            WsError::Io(source) if source.kind() == io::ErrorKind::ConnectionReset => {
                self.complaint(format!("reset the connection without a close frame{cut}"))
            }
            WsError::Io(source) => self.connection().explain(source),
            WsError::ConnectionClosed | WsError::AlreadyClosed => self.complaint("closed the connection".to_owned()),
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                self.complaint(format!("closed the connection without a close frame{cut}"))
            }
            WsError::Capacity(CapacityError::MessageTooLong { size, .. }) => self.complaint(format!(
                "sent a message of {size} bytes or more, and --max-message is {}",
                self.max_message
            )),
            WsError::Utf8(_) => self.complaint("sent a text message that is not UTF-8".to_owned()),
            error => self.complaint(format!("broke the WebSocket protocol: {error}")),
        }
    }

    fn complaint(&self, complaint: String) -> Error {
        Error::WebSocket { peer: self.name.clone(), complaint }
    }
}

fn too_slow(name: &str) -> Error {
    Error::WebSocket { peer: name.to_owned(), complaint: "did not upgrade to WebSocket in time".to_owned() }
}

fn upgrade_failed(name: &str, error: WsError) -> Error {
    let complaint = match error {
        WsError::Http(response) => format!("answered HTTP {} instead of upgrading to WebSocket", response.status()),
        WsError::Protocol(ProtocolError::HandshakeIncomplete) => {
            "closed the connection instead of upgrading to WebSocket".to_owned()
        }
        WsError::Protocol(ProtocolError::HttparseError(error)) => format!("does not speak HTTP ({error})"),
        error => format!("did not upgrade to WebSocket: {error}"),
    };
    Error::WebSocket { peer: name.to_owned(), complaint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_host_port_and_path() {
        for (text, expected) in [
            ("ws://tcpip.epfl.ch:5006", "ws://tcpip.epfl.ch:5006/"),
            ("WS://[::1]:5006/pmu?x=1#top", "ws://[::1]:5006/pmu?x=1"),
            ("ws://localhost", "ws://localhost:80/"),
            ("ws://localhost?x", "ws://localhost:80/?x"),
        ] {
            assert_eq!(text.parse::<Url>().unwrap().to_string(), expected);
        }
        for wrong in
            ["", "localhost:5006", "http://localhost", "wss://localhost", "ws://", "ws://a b/", "ws://a/\u{e9}"]
        {
            assert!(wrong.parse::<Url>().is_err(), "{wrong}");
        }
    }
}
