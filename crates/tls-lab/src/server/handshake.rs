//! A handshake under a deadline, and what went wrong with one.

use std::io::{self, IoSlice, Read, Write};

use labnet::{
    net::Connection,
    tls::{self, TlsRole},
};
use rustls::{ConnectionCommon, ServerConnection, SideData};
use tls_trace::Direction;

use super::recording::HandshakeRecording;

/// How plain HTTP begins: a method, in capitals.
const HTTP_METHODS: [&[u8]; 9] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"TRACE ", b"PATCH "];

/// How much of what a peer sends first is kept: the longest of the methods.
const OPENING_LEN: usize = 8;

/// A connection whose first bytes are remembered.
#[derive(Debug)]
pub(crate) struct HandshakeStream<'c> {
    connection: &'c mut Connection,
    first: Vec<u8>,
    recording: Option<&'c mut HandshakeRecording>,
}

impl<'c> HandshakeStream<'c> {
    pub(crate) fn new(connection: &'c mut Connection) -> Self {
        Self { connection, first: Vec::with_capacity(OPENING_LEN), recording: None }
    }

    /// The stream of a server that records what passes.
    pub(crate) fn recorded(connection: &'c mut Connection, recording: &'c mut HandshakeRecording) -> Self {
        Self { recording: Some(recording), ..Self::new(connection) }
    }

    fn record(&mut self, direction: Direction, bytes: &[u8]) {
        if let Some(recording) = &mut self.recording {
            recording.add(direction, bytes);
        }
    }

    fn is_plain_http(&self) -> bool {
        HTTP_METHODS.iter().any(|method| self.first.starts_with(method.get(..OPENING_LEN).unwrap_or(method)))
    }

    /// Makes the handshake, and sends all of its last flight.
    ///
    /// # Errors
    /// What the peer did, as the end of a sentence. The alert, if one is due, has been sent.
    pub(crate) fn complete<D: SideData>(&mut self, tls: &mut ConnectionCommon<D>) -> Result<(), String> {
        tls::complete_handshake(tls, self).map_err(|error| self.explain(error))
    }

    /// The same of a server, which ignores names (SNI) that are no DNS names.
    ///
    /// # Errors
    /// Those of [`complete`](Self::complete).
    pub(crate) fn accept(&mut self, tls: &mut ServerConnection) -> Result<(), String> {
        tls::accept_handshake(tls, self).map_err(|error| self.explain(error))
    }

    /// What a failure within a handshake means, as the end of a sentence about the peer.
    pub(crate) fn explain(&self, error: io::Error) -> String {
        if self.is_plain_http() {
            return "spoke plain HTTP where TLS is expected: the address begins with https://".to_owned();
        }
        let error = tls::handshake_error(error, &self.first);
        let is_gone = || format!("is gone within the handshake: {}", labnet::error::reason(&error));
        tls::handshake_complaint(&error, TlsRole::Client).unwrap_or_else(is_gone)
    }
}

impl Read for HandshakeStream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.connection.read(buffer)?;
        let missing = OPENING_LEN.saturating_sub(self.first.len());
        self.first.extend(buffer.iter().take(n.min(missing)));
        self.record(Direction::Sent, buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

/// To one who does not speak TLS an alert is but noise.
impl Write for HandshakeStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_plain_http() {
            return Ok(pieces.iter().map(|piece| piece.len()).sum());
        }
        let n = self.connection.write_vectored(pieces)?;
        if self.recording.is_some() {
            let sent: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).take(n).collect();
            self.record(Direction::Received, &sent);
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.connection.flush()
    }
}
