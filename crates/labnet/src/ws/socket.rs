//! Frames on a connection, on either side: what comes is put together, pings are answered, violations are told.

use std::{
    borrow::BorrowMut,
    io::{self, IoSlice, Read, Write},
};

use super::{
    Message,
    close::{self, CloseFrame},
    deflate::{Deflater, Inflater},
    frame::{Header, Opcode, apply_mask},
    negotiation::Deflate,
    reader::{Event, MessageReader, Sender},
    violation::Violation,
};
use crate::net::{ClientStream, Connection, Deadline, Operation};

/// What has come whole, and is not answered here.
#[derive(Debug)]
pub(super) enum Received {
    Message(Message),
    /// `None` is a close frame without a status.
    Close(Option<CloseFrame>),
}

/// Why nothing more is received.
#[derive(Debug)]
pub(super) enum SocketError {
    /// The peer closed TCP without a close frame.
    Ended,
    /// The peer broke the protocol, and was told so.
    Violation(Violation),
    Io(io::Error),
}

/// Which side this is, and what both agreed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Whose messages are received.
    pub(super) from: Sender,
    /// The longest message, in bytes.
    pub(super) limit: usize,
    pub(super) deflate: Option<Deflate>,
    /// How many bytes are asked of the connection at once.
    pub(super) read_len: usize,
}

/// A WebSocket connection, upgraded.
#[derive(Debug)]
pub(super) struct Socket<C> {
    connection: C,
    reader: MessageReader,
    /// What was received, of which `unread` is still to be read.
    input: Vec<u8>,
    unread: usize,
    read_len: usize,
    is_masking: bool,
    deflater: Option<Deflater>,
    /// Whether a close frame was sent, behind which nothing may be.
    is_closing: bool,
}

impl<C: BorrowMut<Connection>> Socket<C> {
    /// Takes over a connection, with what the peer sent behind its head.
    pub(super) fn new(connection: C, input: Vec<u8>, terms: Terms) -> Self {
        let windows = terms.deflate.map(|deflate| {
            let server = (deflate.server_no_context_takeover, deflate.server_max_window_bits);
            let client = (deflate.client_no_context_takeover, deflate.client_max_window_bits);
            if terms.from == Sender::Client { (client, server) } else { (server, client) }
        });
        let inflater = windows.map(|((is_reset, _), _)| Inflater::new(is_reset));
        let deflater = windows.and_then(|(_, (is_reset, bits))| Deflater::new(is_reset, bits));
        Self {
            connection,
            reader: MessageReader::new(terms.from, terms.limit, inflater),
            unread: input.len(),
            input,
            read_len: terms.read_len,
            is_masking: terms.from == Sender::Server,
            deflater,
            is_closing: false,
        }
    }

    pub(super) fn connection(&self) -> &Connection {
        self.connection.borrow()
    }

    pub(super) fn connection_mut(&mut self) -> &mut Connection {
        self.connection.borrow_mut()
    }

    pub(super) fn reader(&self) -> &MessageReader {
        &self.reader
    }

    /// The next message or close frame. A ping is answered on the way; so are a close frame, if it is the first on this
    /// connection, and a violation.
    pub(super) async fn receive(&mut self) -> Result<Received, SocketError> {
        loop {
            while self.unread > 0 {
                let begin = self.input.len() - self.unread;
                match self.reader.push(self.input.get(begin..).unwrap_or_default()) {
                    Ok((taken, event)) => {
                        self.unread = self.unread.saturating_sub(taken);
                        match event {
                            None | Some(Event::Pong) => {}
                            Some(Event::Ping(payload)) => self.answer(Opcode::Pong, &payload).await,
                            Some(Event::Close(frame)) => {
                                let payload = frame.as_ref().map(|frame| close::payload(frame.status, ""));
                                self.close(&payload.unwrap_or_default()).await;
                                return Ok(Received::Close(frame));
                            }
                            Some(Event::Message(message)) => return Ok(Received::Message(message)),
                        }
                    }
                    Err(violation) => {
                        self.unread = 0;
                        self.close(&close::payload(violation.close_status(), "")).await;
                        return Err(SocketError::Violation(violation));
                    }
                }
            }
            self.input.resize(self.read_len, 0);
            match self.connection.borrow_mut().read(&mut self.input) {
                Ok(0) => return Err(SocketError::Ended),
                Ok(len) => {
                    self.input.truncate(len);
                    self.unread = len;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // For a peer that is waited for there is no buffer.
                    self.input = Vec::new();
                    self.connection.borrow_mut().ready(Operation::Read).await.map_err(SocketError::Io)?;
                }
                Err(error) => return Err(SocketError::Io(error)),
            }
        }
    }

    /// Sends a message in one frame.
    pub(super) async fn send(&mut self, opcode: Opcode, message: &[u8]) -> io::Result<()> {
        match &mut self.deflater {
            Some(deflater) => {
                let compressed = deflater.compress(message);
                self.write(opcode, true, &compressed).await
            }
            None => self.write(opcode, false, message).await,
        }
    }

    /// Sends a close frame, once. A peer that is gone need not hear it.
    pub(super) async fn close(&mut self, payload: &[u8]) {
        self.answer(Opcode::Close, payload).await;
        self.is_closing = true;
    }

    /// Waits, after a close frame, until the peer has closed, too; not longer than until `deadline`.
    pub(super) fn await_close(&mut self, deadline: Deadline) {
        // Whatever still comes, and however the connection goes down, changes nothing.
        if self.connection_mut().set_limits(None, deadline).is_ok() {
            self.input.resize(self.read_len, 0);
            while deadline.remaining().is_none_or(|left| !left.is_zero())
                && self.connection.borrow_mut().read(&mut self.input).is_ok_and(|len| len > 0)
            {}
        }
        self.unread = 0;
    }

    /// Sends a control frame, unless the connection is closing.
    async fn answer(&mut self, opcode: Opcode, payload: &[u8]) {
        if !self.is_closing {
            // A failure is that of the next call that receives.
            let _ = self.write(opcode, false, payload).await;
        }
    }

    /// Writes a frame as one send: Nagle's algorithm would hold the payload back until the header is acknowledged.
    async fn write(&mut self, opcode: Opcode, is_compressed: bool, payload: &[u8]) -> io::Result<()> {
        let mask = self.is_masking.then(rand::random::<[u8; 4]>);
        let masked = mask.map(|key| {
            let mut masked = payload.to_vec();
            apply_mask(&mut masked, key, 0);
            masked
        });
        let payload_len = payload.len() as u64;
        let header = Header { is_final: true, is_compressed, opcode, mask, payload_len }.encode();
        let connection = self.connection.borrow_mut();
        connection.begin_send();
        let mut pieces = [IoSlice::new(&header), IoSlice::new(masked.as_deref().unwrap_or(payload))];
        let sent = write_all(connection, &mut pieces).await;
        connection.end_send();
        sent
    }
}

/// Writes all pieces, without copying them together.
async fn write_all(connection: &mut Connection, mut pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut pieces, 0);
    while !pieces.is_empty() {
        match connection.write_vectored(pieces) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(len) => IoSlice::advance_slices(&mut pieces, len),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => connection.ready(Operation::Write).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
