//! A handshake from its first byte to its last, and what the peer did when it failed.

use std::io::{self, Read, Write};

use rustls::{ConnectionCommon, SideData};

use super::{
    SniFilter, TlsRole,
    explain::{complaint, within},
};

/// What a server did that reset the connection instead of answering a ClientHello.
pub(super) const RESET_BY_SERVER: &str = "reset the connection within the TLS handshake; does it speak TLS?";

/// Makes the handshake and sends all of its last flight. When it fails, the alert that is due has been sent. With
/// [`provider`](super::provider) a server ignores names (SNI) that are no DNS names.
///
/// # Errors
/// That of the stream, or of rustls within one; [`handshake_complaint`] has words for both.
pub fn complete_handshake<D: SideData>(
    tls: &mut ConnectionCommon<D>,
    stream: &mut (impl Read + Write),
) -> io::Result<()> {
    let stream = &mut SniFilter::new(stream);
    while tls.is_handshaking() || tls.wants_write() {
        if let Err(error) = tls.complete_io(stream) {
            // The peer is told why, if it still listens.
            let _ = tls.write_tls(stream);
            return Err(error);
        }
    }
    Ok(())
}

/// What the peer did that made a handshake fail, as the end of a sentence about it; `None` when the connection failed
/// for a reason that has nothing to do with TLS.
pub fn handshake_complaint(error: &io::Error, peer: TlsRole) -> Option<String> {
    use io::ErrorKind::{TimedOut, UnexpectedEof, WouldBlock};
    if let Some(error) = within(error) {
        return Some(complaint(error));
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
