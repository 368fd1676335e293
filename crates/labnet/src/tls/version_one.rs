//! Certificates of X.509 version 1, as the lab's own CA issued them: a name, a key, a signature, and no extension.
//!
//! webpki refuses them. They are accepted where somebody asks for it (`--no-check-hostname`, `--name`, `ttp verify`),
//! and only from a CA that is trusted itself: without extensions nothing in a chain says who is a CA.

use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, PeerMisbehaved,
    client::danger::HandshakeSignatureValid,
    crypto::WebPkiSupportedAlgorithms,
    pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime},
};
use webpki::RawPublicKeyEntity;
use x509_parser::x509::X509Version;

use super::{Roots, TlsRole, authority, chain::tls_error, signature};

/// Whether a certificate is one of version 1, which has no extensions.
pub(super) fn is_version_one(certificate: &CertificateDer<'_>) -> bool {
    signature::parse(certificate)
        .is_ok_and(|parsed| parsed.version() == X509Version::V1 && parsed.extensions().is_empty())
}

/// Verifies validity, issuer and signature.
pub(super) fn verify(leaf: &CertificateDer<'_>, roots: &Roots, role: TlsRole, at: UnixTime) -> Result<(), TlsError> {
    let parsed = signature::parse(leaf)?;
    let now = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    if now > parsed.validity().not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    if now < parsed.validity().not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    let mut verified = Err(CertificateError::UnknownIssuer.into());
    for ca in roots.certificates() {
        let Ok(authority) = signature::parse(ca) else { continue };
        if authority.subject().as_raw() != parsed.issuer().as_raw() {
            continue;
        }
        verified = signature::verify(leaf, authority.public_key().raw)
            .and_then(|()| Ok(authority::check_root(ca, 0, role, at)?));
        if verified.is_ok() {
            break;
        }
    }
    verified
}

/// The server's signature under a handshake of TLS 1.2, with the key of such a certificate.
pub(super) fn verify_tls12_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, TlsError> {
    let key = public_key(certificate)?;
    let key = RawPublicKeyEntity::try_from(&key).map_err(tls_error)?;
    let candidates = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme);
    let mut verified = Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    for candidate in candidates.map(|(_, candidates)| *candidates).unwrap_or_default() {
        match key.verify_signature(*candidate, message, signature.signature()) {
            Err(error @ webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {
                verified = Err(tls_error(error));
            }
            checked => return checked.map(|()| HandshakeSignatureValid::assertion()).map_err(tls_error),
        }
    }
    verified
}

/// The same of TLS 1.3.
pub(super) fn verify_tls13_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, TlsError> {
    let key = public_key(certificate)?;
    rustls::crypto::verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
}

fn public_key<'c>(certificate: &'c CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'c>, TlsError> {
    let key = signature::parse(certificate)?.tbs_certificate.subject_pki.raw;
    Ok(SubjectPublicKeyInfoDer::from(key))
}
