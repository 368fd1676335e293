//! What rustls reports, in the words of someone who has to mend it: the end of a sentence that begins with the peer. No
//! text of rustls reaches anybody.

mod certificate;
mod protocol;

use std::{io, sync::Arc};

use rustls::{CertificateError, Error as TlsError, OtherError};

pub(super) use certificate::join_names;

use crate::escape::escape;

/// What a check of ours found wrong with a certificate, as the end of a sentence about the peer. It passes through
/// rustls as it is: [`complaint`] says it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", escape(.0))]
pub struct CertificateFault(pub String);

impl From<&str> for CertificateFault {
    fn from(fault: &str) -> Self {
        Self(fault.to_owned())
    }
}

impl From<CertificateFault> for TlsError {
    fn from(fault: CertificateFault) -> Self {
        CertificateError::Other(OtherError(Arc::new(fault))).into()
    }
}

/// What a peer did that is no good TLS, as the end of a sentence about it: what an error of the system holds after
/// [`in_words`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", escape(.0))]
struct PeerFault(String);

/// An error of a stream of rustls in words of ours, of the same kind.
pub fn in_words(error: io::Error) -> io::Error {
    match (fault_within(&error), error.kind()) {
        (Some(fault), kind) => io::Error::new(kind, PeerFault(fault)),
        (None, io::ErrorKind::UnexpectedEof) => {
            io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended without close_notify")
        }
        (None, _) => error,
    }
}

/// The error for a peer that sent something other than TLS.
pub(super) fn no_tls() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, PeerFault("does not speak TLS".to_owned()))
}

/// What the peer did, when that is what an error of the system is about.
pub fn fault_within(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?;
    let of_rustls = || inner.downcast_ref().map(complaint);
    inner.downcast_ref().map(|PeerFault(fault)| fault.clone()).or_else(of_rustls)
}

/// What the peer did.
pub fn complaint(error: &TlsError) -> String {
    use protocol::{alert_name, incompatible, invalid_message, message_name, misbehaved, record_name};
    match error {
        TlsError::InvalidMessage(error) => invalid_message(*error),
        TlsError::AlertReceived(alert) => format!("refused the handshake with the alert {}", alert_name(*alert)),
        TlsError::PeerIncompatible(why) => incompatible(why),
        TlsError::PeerMisbehaved(why) => misbehaved(why),
        TlsError::InappropriateMessage { got_type, .. } => {
            format!("broke the rules of TLS: it sent a record of type {} out of its turn", record_name(*got_type))
        }
        TlsError::InappropriateHandshakeMessage { got_type, .. } => {
            format!("broke the rules of TLS: it sent a {} message out of its turn", message_name(*got_type))
        }
        TlsError::PeerSentOversizedRecord => {
            "broke the rules of TLS: it sent a record that is longer than the rules allow".to_owned()
        }
        TlsError::DecryptError => {
            "sent a TLS record that cannot be decrypted: it was altered on the way, or the two sides have different keys"
                .to_owned()
        }
        TlsError::InvalidCertificate(error) => certificate::certificate(error),
        TlsError::NoCertificatesPresented => "presented no certificate".to_owned(),
        TlsError::NoApplicationProtocol => "has no application protocol (ALPN) in common with us".to_owned(),
        TlsError::UnsupportedNameType => "has a name of a type that is not checked here".to_owned(),
        // What follows is this side's: it is told of the peer all the same, who is one of two.
        TlsError::FailedToGetCurrentTime => "could not be verified: this machine does not know the time".to_owned(),
        TlsError::FailedToGetRandomBytes => {
            "could not be spoken to: this machine has no random numbers to make keys from".to_owned()
        }
        TlsError::InvalidCertRevocationList(_) => {
            "has a certificate of which it is not known whether its CA has revoked it".to_owned()
        }
        _ => "could not be spoken to: TLS failed on this side".to_owned(),
    }
}

#[cfg(test)]
mod tests;
