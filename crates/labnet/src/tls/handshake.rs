//! A handshake from its first byte to its last, and what the peer did when it failed.

use std::io::{self, IoSlice, Read, Write};

use rustls::{ConnectionCommon, ServerConnection, SideData};

use super::{
    HandshakeCut, SniFilter, TlsRole,
    explain::{fault_within, in_words, no_tls},
    handshake_cut::CutStream,
    records::CountedStream,
};
use crate::net::{ClientStream, Connection, Operation};

/// What a server did that reset the connection instead of answering a ClientHello.
pub(super) const RESET_BY_SERVER: &str = "reset the connection within the TLS handshake; does it speak TLS?";

/// Makes the handshake and sends all of its last flight. When it fails, the alert that is due has been sent.
///
/// # Errors
/// That of the stream, or what the peer did; [`handshake_complaint`] has words for both.
pub fn complete_handshake<D: SideData>(
    tls: &mut ConnectionCommon<D>,
    stream: &mut (impl Read + Write),
) -> io::Result<()> {
    let mut stream = Beginning { stream, first: Vec::new() };
    advance(tls, &mut stream).map_err(|error| failed(tls, &mut stream, error))
}

/// Makes as much of the handshake as the stream allows; the rest may follow when it would block.
fn advance<D: SideData>(tls: &mut ConnectionCommon<D>, stream: &mut (impl Read + Write)) -> io::Result<()> {
    while tls.is_handshaking() || tls.wants_write() {
        tls.complete_io(stream)?;
    }
    Ok(())
}

/// The end of a handshake that failed.
fn failed<D: SideData>(
    tls: &mut ConnectionCommon<D>,
    stream: &mut Beginning<impl Read + Write>,
    error: io::Error,
) -> io::Error {
    // The peer is told why, if it still listens.
    let _ = tls.write_tls(stream);
    handshake_error(error, &stream.first)
}

/// An error of a handshake in words of ours, given the first bytes that the peer sent: whether they begin a record of
/// TLS is what tells a peer that breaks the rules from one that has never heard of them.
pub fn handshake_error(error: io::Error, first: &[u8]) -> io::Error {
    let error_of_rustls = error.get_ref().and_then(|inner| inner.downcast_ref());
    match error_of_rustls {
        Some(rustls::Error::InvalidMessage(_)) if !is_record(first) => no_tls(),
        _ => in_words(error),
    }
}

/// The header of a record: a content type, a version, and a length (RFC 8446, section 5.1).
const RECORD_HEADER_LEN: usize = 5;

/// The longest record of any version (RFC 5246, section 6.2.3).
const MAX_RECORD_LEN: u16 = (1 << 14) + 2048;

/// Whether bytes begin a record of TLS, as far as they go.
fn is_record(first: &[u8]) -> bool {
    match first {
        [20..=24] | [20..=24, 3] | [20..=24, 3, _] | [20..=24, 3, _, _] => true,
        [20..=24, 3, _, high, low, ..] => u16::from_be_bytes([*high, *low]) <= MAX_RECORD_LEN,
        _ => false,
    }
}

/// A stream of which so much is remembered as the header of a record has.
struct Beginning<S> {
    stream: S,
    first: Vec<u8>,
}

impl<S: Read> Read for Beginning<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer)?;
        let missing = RECORD_HEADER_LEN.saturating_sub(self.first.len());
        self.first.extend(buffer.iter().take(n.min(missing)));
        Ok(n)
    }
}

impl<S: Write> Write for Beginning<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// The same of a server with [`provider`](super::provider), which ignores names (SNI) that are no DNS names.
///
/// # Errors
/// Those of [`complete_handshake`].
pub fn accept_handshake(tls: &mut ServerConnection, stream: &mut (impl Read + Write)) -> io::Result<()> {
    complete_handshake(tls, &mut SniFilter::new(stream))
}

/// The same on the connection of a client, with a thread for it or without.
///
/// # Errors
/// Those of [`complete_handshake`].
pub(super) async fn accept_handshake_async(
    tls: &mut ServerConnection,
    connection: &mut CountedStream<Connection>,
    cut: Option<HandshakeCut>,
) -> io::Result<()> {
    let mut stream = Beginning { stream: SniFilter::new(CutStream::new(connection, cut)), first: Vec::new() };
    loop {
        let error = match advance(tls, &mut stream) {
            Ok(()) => return stream.flush(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let operation = if tls.wants_write() { Operation::Write } else { Operation::Read };
                match stream.stream.get_mut().get_mut().ready(operation).await {
                    Ok(()) => continue,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        return Err(failed(tls, &mut stream, error));
    }
}

/// What the peer did that made a handshake fail, as the end of a sentence about it; `None` when the connection failed
/// for a reason that has nothing to do with TLS.
pub fn handshake_complaint(error: &io::Error, peer: TlsRole) -> Option<String> {
    use io::ErrorKind::{TimedOut, UnexpectedEof, WouldBlock};
    if let Some(fault) = fault_within(error) {
        return Some(fault);
    }
    let words = match (peer, error.kind()) {
        (TlsRole::Server, WouldBlock | TimedOut) => "did not finish the TLS handshake in time",
        (TlsRole::Server, UnexpectedEof) => "closed the connection within the TLS handshake; does it speak TLS?",
        (TlsRole::Server, _) if is_reset(error) => RESET_BY_SERVER,
        (TlsRole::Client, WouldBlock | TimedOut) => "was too slow in the handshake",
        (TlsRole::Client, UnexpectedEof) => "left within the handshake",
        _ => return None,
    };
    Some(words.to_owned())
}

pub(super) fn is_reset(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: TlsRole, error: io::Error, expected: Option<&str>) {
        assert_eq!(handshake_complaint(&error, peer).as_deref(), expected, "{error:?}");
    }

    #[test]
    fn a_peer_that_speaks_tls_badly_speaks_tls() {
        let check = |first: &[u8], expected: &str| {
            let error = rustls::Error::from(rustls::InvalidMessage::InvalidContentType);
            let error = handshake_error(io::Error::new(io::ErrorKind::InvalidData, error), first);
            assert!(error.to_string().contains(expected), "{first:?}: {error}");
        };
        for first in [b"GE".as_slice(), b"\0\0", &[22, 2], &[0x80, 46], &[25, 3], &[22, 3, 3, 0xff, 0xff], &[]] {
            check(first, "does not speak TLS");
        }
        for first in [&[22, 3][..], &[24, 3, 1, 0, 2], &[21], &[22, 3, 3, 0x48, 0]] {
            check(first, "broke the rules of TLS");
        }
    }

    #[test]
    fn a_failed_handshake_is_told_of_the_peer_that_failed() {
        let error = |kind: io::ErrorKind| io::Error::from(kind);
        let rustls = || io::Error::new(io::ErrorKind::InvalidData, rustls::Error::NoCertificatesPresented);
        for peer in [TlsRole::Server, TlsRole::Client] {
            check(peer, rustls(), Some("presented no certificate"));
            check(peer, error(io::ErrorKind::NetworkDown), None);
        }
        check(TlsRole::Server, error(io::ErrorKind::ConnectionReset), Some(RESET_BY_SERVER));
        check(TlsRole::Client, error(io::ErrorKind::ConnectionReset), None);
        check(TlsRole::Server, error(io::ErrorKind::WouldBlock), Some("did not finish the TLS handshake in time"));
        check(TlsRole::Client, error(io::ErrorKind::TimedOut), Some("was too slow in the handshake"));
    }
}
