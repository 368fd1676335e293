//! The connection under a WebSocket: the HTTP head in one piece, the incoming frames counted.

use std::io::{self, IoSlice, Read, Write};

use super::frames::FrameCounter;
use crate::net::{Connection, End};

/// The longest HTTP request or response head that is collected, in bytes (ours: many times a usual one).
const MAX_HEAD_LEN: usize = 16 * 1024;

/// A connection on its way to WebSocket.
#[derive(Debug)]
pub struct WebSocketTransport {
    connection: Connection,
    frames: FrameCounter,
    /// What has been received and not yet been read.
    head: Vec<u8>,
}

impl WebSocketTransport {
    /// Before the upgrade.
    pub fn new(connection: Connection) -> Self {
        Self { connection, frames: FrameCounter::default(), head: Vec::new() }
    }

    /// The TCP connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    pub(super) fn frames(&self) -> &FrameCounter {
        &self.frames
    }

    /// Ends the TCP connection.
    pub fn finish(self, end: End) {
        self.connection.finish(end);
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.connection.read(buffer)?;
        self.frames.push(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

impl Read for WebSocketTransport {
    /// Waits for the whole head first: tungstenite takes one that arrives in small pieces for an attack.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.frames.is_in_head() && self.head.len() < MAX_HEAD_LEN && could_be_http(&self.head) {
            let mut piece = [0; 4096];
            match self.receive(&mut piece)? {
                0 => break,
                n => self.head.extend(piece.iter().take(n)),
            }
        }
        if self.head.is_empty() {
            return self.receive(buffer);
        }
        let n = self.head.as_slice().read(buffer)?;
        self.head.drain(..n);
        Ok(n)
    }
}

/// Whether this can still become a response (`HTTP/…`) or a request (a method and a space): what cannot is refused at
/// once, instead of being waited for.
fn could_be_http(head: &[u8]) -> bool {
    let method_len = head.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    head.get(method_len).is_none_or(|&next| next == b' ' || head.starts_with(b"HTTP/"))
}

impl Write for WebSocketTransport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.connection.write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.connection.write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.connection.flush()
    }
}
