//! The signature under a certificate, by the algorithms with which chains are verified.

use rustls::{
    CertificateError, Error as TlsError,
    pki_types::{CertificateDer, SubjectPublicKeyInfoDer},
};
use webpki::RawPublicKeyEntity;
use x509_parser::{certificate::X509Certificate, der_parser::asn1_rs::Sequence, prelude::FromDer};

use super::{chain::tls_error, provider};

/// Verifies it with a key, a SubjectPublicKeyInfo.
pub(super) fn verify(der: &CertificateDer<'_>, key: &[u8]) -> Result<(), TlsError> {
    let certificate = parse(der)?;
    let damaged = || TlsError::from(CertificateError::BadEncoding);
    let signed = certificate.tbs_certificate.as_ref();
    // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature } (RFC 5280, section 4.1)
    let (_, fields) = Sequence::from_der(der).map_err(|_| damaged())?;
    let rest = fields.content.get(signed.len()..).ok_or_else(damaged)?;
    let (_, algorithm) = Sequence::from_der(rest).map_err(|_| damaged())?;
    if certificate.signature_algorithm != certificate.tbs_certificate.signature {
        return Err(tls_error(webpki::Error::SignatureAlgorithmMismatch));
    }
    let key = SubjectPublicKeyInfoDer::from(key);
    let key = RawPublicKeyEntity::try_from(&key).map_err(tls_error)?;
    let supported = provider().signature_verification_algorithms.all;
    let mut verified = Err(CertificateError::UnsupportedSignatureAlgorithmContext {
        signature_algorithm_id: algorithm.content.to_vec(),
        supported_algorithms: Vec::new(),
    }
    .into());
    // One for each kind of key.
    for candidate in supported.iter().filter(|known| *known.signature_alg_id() == *algorithm.content) {
        match key.verify_signature(*candidate, signed, &certificate.signature_value.data) {
            Err(error @ webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {
                verified = Err(tls_error(error));
            }
            checked => return checked.map_err(tls_error),
        }
    }
    verified
}

/// A certificate of any version, with nothing behind its end.
pub(super) fn parse<'c>(certificate: &'c CertificateDer<'_>) -> Result<X509Certificate<'c>, TlsError> {
    match X509Certificate::from_der(certificate) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(CertificateError::BadEncoding.into()),
    }
}
