//! What rustls reports, in the words of someone who has to mend it: the end of a sentence that begins with the peer.

use std::{io, net::IpAddr, sync::Arc};

use rustls::{AlertDescription, CertificateError, Error as TlsError, OtherError, PeerIncompatible, PeerMisbehaved};

use crate::escape::escape;

/// The error of rustls within one of the system, if there is one.
pub fn within(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

/// What a check of ours found wrong with a certificate, as the end of a sentence about the peer. It passes through
/// rustls as it is: [`complaint`] says it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
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

/// What the peer did.
pub fn complaint(error: &TlsError) -> String {
    match error {
        TlsError::InvalidMessage(_) => "does not speak TLS".to_owned(),
        TlsError::AlertReceived(alert) => format!("refused the handshake with the alert {}", alert_name(*alert)),
        TlsError::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            "speaks only an old TLS version, before 1.2, which is not safe any more".to_owned()
        }
        TlsError::PeerMisbehaved(
            PeerMisbehaved::SelectedUnofferedCipherSuite | PeerMisbehaved::SelectedUnusableCipherSuiteForVersion,
        ) => "broke the rules of TLS: it chose a cipher suite that was not offered".to_owned(),
        TlsError::PeerMisbehaved(PeerMisbehaved::IllegalHelloRetryRequestWithOfferedGroup) => {
            "broke the rules of TLS: it asked for a new hello (HelloRetryRequest) for which there is no reason"
                .to_owned()
        }
        TlsError::DecryptError => {
            "sent a TLS record that cannot be decrypted: it was altered on the way, or the two sides have different keys"
                .to_owned()
        }
        TlsError::PeerIncompatible(why) => format!("has no TLS version or cipher suite in common with us ({why:?})"),
        TlsError::InvalidCertificate(error) => certificate(error),
        TlsError::NoCertificatesPresented => "presented no certificate".to_owned(),
        error => format!("broke the rules of TLS: {error}"),
    }
}

/// What is wrong with the peer's certificate.
fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "has a certificate of an unknown CA: none of the CAs that are trusted here signed it".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has a certificate that expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "has a certificate that is not valid yet; is the clock right?".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } if presented.is_empty() => format!(
            "has a certificate that names no server: it has no SAN (subject alternative name), so it cannot be checked \
             that it is for {}; --no-check-hostname goes on without that check",
            expected.to_str()
        ),
        CertificateError::NotValidForNameContext { expected, presented } => {
            format!("was to be {}, but its certificate is for {}", expected.to_str(), names(presented))
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "has a certificate for another purpose (its extended key usage does not allow this one)".to_owned()
        }
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "has a certificate whose signature is not that of the CA that is trusted here: it is of another CA of the same \
             name, or was forged"
                .to_owned()
        }
        CertificateError::BadEncoding => "has a damaged certificate".to_owned(),
        CertificateError::UnhandledCriticalExtension => {
            "has a certificate with a critical extension that is not understood here".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } => {
            "has a certificate signed with an algorithm that is too weak or unknown (such as SHA-1)".to_owned()
        }
        CertificateError::Other(OtherError(other)) => match (other.downcast_ref(), other.downcast_ref()) {
            (Some(CertificateFault(fault)), _) => fault.clone(),
            (_, Some(error)) => webpki_fault(error),
            _ => format!("has a certificate that is not acceptable ({other})"),
        },
        error => format!("has a certificate that is not acceptable ({error})"),
    }
}

/// What rustls-webpki found for which rustls has no variant of its own.
fn webpki_fault(error: &webpki::Error) -> String {
    use webpki::Error::{
        CaUsedAsEndEntity, EndEntityUsedAsCa, ExtensionValueInvalid, MaximumPathDepthExceeded, NameConstraintViolation,
        PathLenConstraintViolated, SignatureAlgorithmMismatch, UnsupportedCertVersion, UnsupportedCriticalExtension,
    };
    let fault = match error {
        CaUsedAsEndEntity => {
            "presented a CA certificate as its own: a server needs one that a CA signed for it (`openssl req -x509` \
             makes a CA's)"
        }
        UnsupportedCertVersion => {
            "has a certificate of X.509 version 1, which names no server: ask its CA for one of version 3"
        }
        NameConstraintViolation => "has a certificate for a name for which its CA may not vouch",
        PathLenConstraintViolated => "has a chain that is longer than its CA allows",
        MaximumPathDepthExceeded => "has a chain of more certificates than are followed here",
        SignatureAlgorithmMismatch => {
            "has a certificate that names two different signature algorithms, inside and outside of what is signed"
        }
        UnsupportedCriticalExtension => "has a certificate with a critical extension that is not understood here",
        ExtensionValueInvalid => "has a certificate with an extension that is damaged, or appears twice",
        EndEntityUsedAsCa => "has a certificate that was signed by something that is no CA",
        error => return format!("has a certificate that is not acceptable ({error})"),
    };
    fault.to_owned()
}

/// rustls presents names as `DnsName("x")`; people write x.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| match name.split_once("(\"") {
        Some((_, name)) => name.trim_end_matches("\")").to_owned(),
        None => {
            let address = name.trim_start_matches("IpAddress(").trim_end_matches(')');
            address.parse::<IpAddr>().map_or_else(|_| address.to_owned(), |address| address.to_string())
        }
    };
    join_names(presented.iter().map(plain))
}

/// Names of a certificate, escaped: whoever made it chose them.
pub(super) fn join_names(names: impl Iterator<Item = String>) -> String {
    let all = names.collect::<Vec<_>>().join(", ");
    escape(all.as_bytes()).to_string()
}

/// An alert as RFC 8446, section 6 writes it: `handshake_failure`.
fn alert_name(alert: AlertDescription) -> String {
    let mut name = String::new();
    for character in format!("{alert:?}").chars() {
        if character.is_uppercase() && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    // The RFC's spelling; a number that no RFC defines has no name.
    name.replace("c_a", "ca").replace("unrecognised", "unrecognized").replace("alert_description(", "number (")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_variant_in_rustls_is_found_by_its_type() {
        let of_webpki = |error: webpki::Error| CertificateError::Other(OtherError(Arc::new(error))).into();
        assert!(complaint(&of_webpki(webpki::Error::NameConstraintViolation)).contains("may not vouch"));
        assert!(complaint(&of_webpki(webpki::Error::MalformedExtensions)).contains("(MalformedExtensions)"));
        // A text of ours is never taken for one of theirs, however it begins.
        let ours = CertificateFault::from("NameConstraintViolation, says the check");
        assert_eq!(complaint(&ours.into()), "NameConstraintViolation, says the check");
    }

    #[test]
    fn alerts_are_named_as_in_the_rfc() {
        assert_eq!(alert_name(AlertDescription::HandshakeFailure), "handshake_failure");
        assert_eq!(alert_name(AlertDescription::UnknownCA), "unknown_ca");
        assert_eq!(alert_name(AlertDescription::BadCertificate), "bad_certificate");
    }

    #[test]
    fn names_are_shown_as_people_write_them() {
        let presented = ["DnsName(\"localhost\")".to_owned(), "IpAddress(0::1)".to_owned()];
        assert_eq!(names(&presented), "localhost, ::1");
    }
}
