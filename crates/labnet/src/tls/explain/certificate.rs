//! Certificates that are refused, in words: each the end of a sentence about the peer that presented it.

use std::net::IpAddr;

use rustls::{CertificateError, OtherError};

use super::CertificateFault;
use crate::escape::escape;

/// What is wrong with the peer's certificate.
pub(super) fn certificate(error: &CertificateError) -> String {
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
            _ => "has a certificate that is not acceptable".to_owned(),
        },
        CertificateError::NotValidForName => "has a certificate that is for another name".to_owned(),
        CertificateError::Revoked => "has a certificate that its CA has revoked".to_owned(),
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. }
        | CertificateError::InvalidOcspResponse => {
            "has a certificate of which it is not known whether its CA has revoked it".to_owned()
        }
        CertificateError::ApplicationVerificationFailure => "has a certificate that is not wanted here".to_owned(),
        _ => "has a certificate that is not acceptable".to_owned(),
    }
}

/// What rustls-webpki found for which rustls has no variant of its own.
fn webpki_fault(error: &webpki::Error) -> String {
    use webpki::Error as E;
    let fault = match error {
        E::CaUsedAsEndEntity => {
            "presented a CA certificate as its own: a server needs one that a CA signed for it (`openssl req -x509` \
             makes a CA's)"
        }
        E::UnsupportedCertVersion => {
            "has a certificate of X.509 version 1, which names no server: ask its CA for one of version 3"
        }
        E::NameConstraintViolation => "has a certificate for a name for which its CA may not vouch",
        E::PathLenConstraintViolated => "has a chain that is longer than its CA allows",
        E::MaximumPathDepthExceeded => "has a chain of more certificates than are followed here",
        E::MaximumPathBuildCallsExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => "has certificates that take too much time to verify",
        E::SignatureAlgorithmMismatch => {
            "has a certificate that names two different signature algorithms, inside and outside of what is signed"
        }
        E::UnsupportedCriticalExtension => "has a certificate with a critical extension that is not understood here",
        E::ExtensionValueInvalid | E::MalformedExtensions => {
            "has a certificate with an extension that is damaged, or appears twice"
        }
        E::EndEntityUsedAsCa => "has a certificate that was signed by something that is no CA",
        E::EmptyEkuExtension => "has a certificate that is for no purpose (its extended key usage is empty)",
        E::InvalidSerialNumber => "has a certificate with a serial number that is damaged, negative or too long",
        E::MalformedDnsIdentifier => "has a certificate with a DNS name that is none",
        E::MalformedNameConstraint | E::InvalidNetworkMaskConstraint => {
            "has a certificate of a CA whose name constraints cannot be read"
        }
        E::CertDistrusted => "has a certificate with a key that nobody trusts any more",
        E::UnsupportedNameType => "has a certificate with a name of a type that is not checked here",
        _ => "has a certificate that breaks the rules of X.509",
    };
    fault.to_owned()
}

/// rustls presents names as `DnsName("x")` and `IpAddress(x)`; people write x. Names of other types are no server's.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| {
        if let Some(name) = name.strip_prefix("DnsName(\"") {
            return Some(name.trim_end_matches("\")").to_owned());
        }
        let address = name.strip_prefix("IpAddress(")?.trim_end_matches(')');
        Some(address.parse::<IpAddr>().map_or_else(|_| address.to_owned(), |address| address.to_string()))
    };
    let plain: Vec<_> = presented.iter().filter_map(plain).collect();
    if plain.is_empty() { "no DNS name and no address".to_owned() } else { join_names(plain.into_iter()) }
}

/// Names of a certificate, escaped: whoever made it chose them.
pub(in crate::tls) fn join_names(names: impl Iterator<Item = String>) -> String {
    let all = names.collect::<Vec<_>>().join(", ");
    escape(all.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_people_write_them() {
        let presented = ["DnsName(\"localhost\")".to_owned(), "IpAddress(0::1)".to_owned()];
        assert_eq!(names(&presented), "localhost, ::1");
        let others = ["UniformResourceIdentifier(\"http://a\")".to_owned(), "Unsupported(0x01)".to_owned()];
        assert_eq!(names(&[&others[..], &presented].concat()), "localhost, ::1");
        assert_eq!(names(&others), "no DNS name and no address");
    }
}
