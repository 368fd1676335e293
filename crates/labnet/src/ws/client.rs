//! The client's side: the upgrade, commands, messages, and what the end of the connection means.

use std::{
    io::{self, Write},
    time::Duration,
};

use tungstenite::handshake::client::generate_key;

use super::{
    Message, Url,
    close::{CloseFrame, GOING_AWAY, NORMAL},
    frame::Opcode,
    head::{self, HeadError},
    message::FrameType,
    negotiation::Deflate,
    reader::Sender,
    socket::{Received, Socket, SocketError, Terms},
    upgrade::{self, Answer},
    violation::Violation,
};
use crate::{
    Error,
    escape::escape,
    net::{self, Connection, Deadline, Families, block_on},
};

/// How many bytes are asked of the socket at once (ours; measured: larger reads are not faster).
const READ_LEN: usize = 256 * 1024;

/// How long a server may take to close TCP after the closing handshake (ours; RFC 6455, section 7.1.1 lets a client
/// wait for it).
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// How many answers with a status from 100 to 199 may come before the upgrade (ours).
const MAX_INTERIM: usize = 10;

/// How a client connects and what it accepts.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The end of look-up, connection and upgrade together.
    pub connect: Deadline,
    /// The longest silence of the server.
    pub silence: Option<Duration>,
    /// The longest message, in bytes; of a compressed one, of what it becomes.
    pub max_message: usize,
    /// Whether to offer compression (permessage-deflate, RFC 7692).
    pub deflate: bool,
}

/// A WebSocket connection to a server.
#[derive(Debug)]
pub struct Client {
    socket: Socket<Connection>,
    name: String,
    deflate: Option<Deflate>,
    messages: u64,
    message_bytes: u64,
}

impl Client {
    /// Connects over TCP and upgrades.
    ///
    /// # Errors
    /// Those of [`net::connect`]; [`Error::WebSocket`] when the server does not upgrade, or not in time.
    pub fn connect(url: &Url, options: Options) -> Result<Self, Error> {
        let name = url.to_string();
        let mut connection = net::connect(url.server(), Families::Both, options.connect)?;
        connection.set_limits(None, options.connect)?;
        let (deflate, input) = upgrade(&mut connection, url, options.deflate).map_err(|failure| match failure {
            UpgradeFailure::Complaint(complaint) => Error::WebSocket { peer: name.clone(), complaint },
            UpgradeFailure::Error(error) => error,
        })?;
        connection.set_limits(options.silence, Deadline::NONE)?;
        let terms = Terms { from: Sender::Server, limit: options.max_message, deflate, read_len: READ_LEN };
        let socket = Socket::new(connection, input, terms);
        Ok(Self { socket, name, deflate, messages: 0, message_bytes: 0 })
    }

    /// Whether both sides compress.
    pub fn is_deflated(&self) -> bool {
        self.deflate.is_some()
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// [`Error::Send`].
    pub fn send(&mut self, text: &str) -> Result<(), Error> {
        let sent = block_on(self.socket.send(Opcode::Data(FrameType::Text), text.as_bytes()));
        sent.map_err(|source| Error::Send { to: self.connection().peer(), source })
    }

    /// Sends a message back, in the frames in which it came.
    ///
    /// # Errors
    /// [`Error::Send`].
    pub fn echo(&mut self, message: &Message) -> Result<(), Error> {
        let sent = block_on(self.socket.send(Opcode::Data(message.frame_type()), message.as_ref()));
        sent.map_err(|source| Error::Send { to: self.connection().peer(), source })
    }

    /// The next message, whole; pings are answered on the way. `None` is the normal end: a close frame with status
    /// 1000 or 1001, or without one.
    ///
    /// # Errors
    /// [`Error::WebSocket`] for any other end, [`Error::Silent`], [`Error::Receive`].
    pub fn receive(&mut self) -> Result<Option<Message>, Error> {
        match block_on(self.socket.receive()) {
            Ok(Received::Message(message)) => {
                self.messages += 1;
                self.message_bytes += message.as_ref().len() as u64;
                Ok(Some(message))
            }
            Ok(Received::Close(frame)) => self.closed(frame),
            Err(error) => Err(self.explain(error)),
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
        self.socket.reader().data_frames()
    }

    /// The TCP connection below.
    pub fn connection(&self) -> &Connection {
        self.socket.connection()
    }

    /// After a close frame: waits for the TCP close, and says what the status means.
    fn closed(&mut self, frame: Option<CloseFrame>) -> Result<Option<Message>, Error> {
        let is_cut = self.socket.reader().is_in_message();
        self.socket.await_close(Deadline::after(CLOSE_PATIENCE));
        if is_cut {
            return Err(self.complaint("closed the connection in the middle of a message".to_owned()));
        }
        match frame {
            None | Some(CloseFrame { status: NORMAL | GOING_AWAY, .. }) => Ok(None),
            Some(CloseFrame { status, reason }) => {
                let reason = escape(reason.as_bytes());
                Err(self.complaint(format!("ended its answer abnormally: close status {status} '{reason}'")))
            }
        }
    }

    fn explain(&mut self, error: SocketError) -> Error {
        let cut = match self.socket.reader().unfinished() {
            Some((received, len)) => format!(", {received} bytes into a frame of {len}"),
            None => String::new(),
        };
        match error {
            SocketError::Io(source) if source.kind() == io::ErrorKind::ConnectionReset => {
                self.complaint(format!("reset the connection without a close frame{cut}"))
            }
            SocketError::Io(source) => self.connection().explain(source),
            SocketError::Ended => self.complaint(format!("closed the connection without a close frame{cut}")),
            SocketError::Violation(violation) => {
                // A close with bytes unread would be a reset, which could destroy our close frame on its way.
                let _ = self.connection().end();
                self.socket.await_close(Deadline::after(CLOSE_PATIENCE));
                self.complaint(describe(violation))
            }
        }
    }

    fn complaint(&self, complaint: String) -> Error {
        Error::WebSocket { peer: self.name.clone(), complaint }
    }
}

/// What a server did, as the end of a sentence.
fn describe(violation: Violation) -> String {
    match violation {
        Violation::TooBig { len, limit } => {
            format!("sent a message of {len} bytes or more, and --max-message is {limit}")
        }
        Violation::TextNotUtf8 => "sent a text message that is not UTF-8".to_owned(),
        Violation::ReasonNotUtf8 => "closed the connection with a reason that is not UTF-8".to_owned(),
        Violation::CloseStatus(status) => {
            format!("closed the connection with status {status}, which nobody may send")
        }
        violation => format!("broke the WebSocket protocol: {violation}"),
    }
}

/// Why there is no WebSocket connection.
enum UpgradeFailure {
    /// What the server did, as the end of a sentence.
    Complaint(String),
    Error(Error),
}

/// Asks for the upgrade: what was agreed on, and what came behind the server's head.
fn upgrade(
    connection: &mut Connection,
    url: &Url,
    is_deflate_offered: bool,
) -> Result<(Option<Deflate>, Vec<u8>), UpgradeFailure> {
    let complaint = |complaint: &str| UpgradeFailure::Complaint(complaint.to_owned());
    let peer = connection.peer();
    let key = generate_key();
    let sent = connection.write_all(upgrade::request(url, &key, is_deflate_offered).as_bytes());
    sent.map_err(|source| UpgradeFailure::Error(Error::Send { to: peer, source }))?;
    let mut input = Vec::new();
    for _ in 0..=MAX_INTERIM {
        let len = head::receive(connection, &mut input, &mut 0).map_err(|error| match error {
            HeadError::Ended => complaint("closed the connection instead of upgrading to WebSocket"),
            HeadError::TooLong => complaint("did not upgrade to WebSocket: its answer has more than 16 KiB of headers"),
            HeadError::Io(source) => match source.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    complaint("did not upgrade to WebSocket in time")
                }
                _ => UpgradeFailure::Error(Error::Receive { from: peer, source }),
            },
        })?;
        let behind = input.split_off(len);
        let answer = upgrade::answer(&input, &key, is_deflate_offered).map_err(UpgradeFailure::Complaint)?;
        input = behind;
        if let Answer::Upgraded(deflate) = answer {
            return Ok((deflate, input));
        }
    }
    Err(complaint("did not upgrade to WebSocket: it goes on to answer with a status below 200"))
}
