//! A handshake under a deadline, and what went wrong with one.

use std::{
    fmt,
    io::{self, IoSlice, Read, Write},
};

use labnet::{net::Connection, tls};
use rustls::{CommonState, ConnectionCommon, SideData};

use tls_trace::Suite;

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
}

impl<'c> HandshakeStream<'c> {
    pub(crate) fn new(connection: &'c mut Connection) -> Self {
        Self { connection, first: Vec::with_capacity(OPENING_LEN) }
    }

    fn is_plain_http(&self) -> bool {
        HTTP_METHODS.iter().any(|method| self.first.starts_with(method.get(..OPENING_LEN).unwrap_or(method)))
    }

    /// Makes the handshake, and sends all of its last flight.
    ///
    /// # Errors
    /// What the peer did, as the end of a sentence. The alert, if one is due, has been sent.
    pub(crate) fn complete<D: SideData>(&mut self, tls: &mut ConnectionCommon<D>) -> Result<(), String> {
        while tls.is_handshaking() || tls.wants_write() {
            if let Err(error) = tls.complete_io(self) {
                // The peer is told why, if it still listens.
                let _ = tls.write_tls(self);
                return Err(self.explain(&error));
            }
        }
        Ok(())
    }

    /// What a failure within a handshake means, as the end of a sentence about the peer.
    pub(crate) fn explain(&self, error: &io::Error) -> String {
        if self.is_plain_http() {
            return "spoke plain HTTP where TLS is expected: the address begins with https://".to_owned();
        }
        match tls::within(error) {
            Some(error) => tls::complaint(error),
            None => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "was too slow in the handshake".to_owned(),
                io::ErrorKind::UnexpectedEof => "left within the handshake".to_owned(),
                _ => format!("is gone within the handshake: {}", labnet::error::reason(error)),
            },
        }
    }
}

impl Read for HandshakeStream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.connection.read(buffer)?;
        let missing = OPENING_LEN.saturating_sub(self.first.len());
        self.first.extend(buffer.iter().take(n.min(missing)));
        Ok(n)
    }
}

/// To one who does not speak TLS an alert is but noise.
impl Write for HandshakeStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_plain_http() { Ok(bytes.len()) } else { self.connection.write(bytes) }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_plain_http() {
            Ok(pieces.iter().map(|piece| piece.len()).sum())
        } else {
            self.connection.write_vectored(pieces)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.connection.flush()
    }
}

/// What a handshake agreed on.
#[derive(Clone, Debug)]
pub(crate) struct Agreed {
    pub(crate) version: String,
    pub(crate) suite: String,
    /// OpenSSL's name of the suite.
    pub(crate) openssl: String,
    /// How the keys were exchanged, such as `X25519`.
    pub(crate) group: Option<String>,
    pub(crate) alpn: Option<Vec<u8>>,
}

impl Agreed {
    /// After a handshake; empty before it.
    pub(crate) fn of(state: &CommonState) -> Self {
        let version = state.protocol_version().map(|version| format!("{version:?}").replace("TLSv1_", "TLSv1."));
        let suite = state.negotiated_cipher_suite().map(|suite| Suite::of(suite.suite().into()));
        Self {
            version: version.unwrap_or_default(),
            openssl: suite.as_ref().and_then(|suite| suite.openssl).unwrap_or_default().to_owned(),
            suite: suite.map(|suite| suite.name).unwrap_or_default(),
            group: state.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
            alpn: state.alpn_protocol().map(<[u8]>::to_vec),
        }
    }
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.suite)
    }
}
