//! The chain of a certificate: signatures, validity, purpose and constraints, up to a CA that is trusted.

use std::{cell::RefCell, sync::Arc};

use rustls::{
    CertificateError, Error as TlsError, OtherError,
    pki_types::{CertificateDer, TrustAnchor, UnixTime},
};
use webpki::{EndEntityCert, Error as E, KeyUsage, VerifiedPath};

use super::{Roots, TlsRole, authority, explain::CertificateFault, provider, signature, version_one};

/// Which versions of X.509 a leaf may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeafVersion {
    /// Version 3 only, as of every certificate of the public web.
    Three,
    /// Version 1 too, which the lab's older CAs issued.
    Any,
}

/// Verifies the chain of a server's certificate: signatures, validity, purpose and constraints, not the name. Yields the
/// CA that is trusted.
///
/// # Errors
/// [`TlsError::InvalidCertificate`].
pub fn verify_server_chain(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &Roots,
    now: UnixTime,
) -> Result<TrustAnchor<'static>, TlsError> {
    verify(leaf, intermediates, roots, TlsRole::Server, now)
}

/// Verifies a chain for what its owner wants to prove.
pub(super) fn verify_leaf(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &Roots,
    role: TlsRole,
    version: LeafVersion,
    at: UnixTime,
) -> Result<(), TlsError> {
    if version == LeafVersion::Any && version_one::is_version_one(leaf) {
        version_one::verify(leaf, roots, role, at)
    } else {
        verify(leaf, intermediates, roots, role, at).map(drop)
    }
}

fn verify(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &Roots,
    role: TlsRole,
    at: UnixTime,
) -> Result<TrustAnchor<'static>, TlsError> {
    let certificate = EndEntityCert::try_from(leaf).map_err(tls_error)?;
    let algorithms = provider().signature_verification_algorithms.all;
    let usage = match role {
        TlsRole::Server => KeyUsage::server_auth(),
        TlsRole::Client => KeyUsage::client_auth(),
    };
    // webpki goes on to look for another path, and then tells of that.
    let refused = RefCell::new(None);
    let check = |path: &VerifiedPath<'_>| {
        authority::check_path(path, roots, role, at).map_err(|fault| {
            refused.borrow_mut().get_or_insert(fault);
            webpki::Error::UnknownIssuer
        })
    };
    let verified =
        certificate.verify_for_usage(algorithms, roots.anchors(), intermediates, at, usage, None, Some(&check));
    let anchor = verified.map(|path| path.anchor().to_owned());
    anchor.map_err(|error| match (refused.take(), &error) {
        (Some(fault), _) => fault.into(),
        (None, E::PathLenConstraintViolated | E::InvalidSignatureForPublicKey)
            if is_counted_too_long(leaf, intermediates, roots) =>
        {
            CertificateFault::from(
                "has a chain that is longer than its CA allows: a CA certificate in it is self-issued (from the CA to \
                 itself), which RFC 5280 does not count, but is counted here",
            )
            .into()
        }
        _ => tls_error(error),
    })
}

/// Whether the chain of those that signed has a CA certificate that the CA issued to itself, and ends at one that is
/// trusted. webpki counts such a certificate in the length of a path; and of two CAs of one name it may have tried the
/// other one last, and tell of its signature.
fn is_counted_too_long(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>], roots: &Roots) -> bool {
    let path = signers(leaf, intermediates);
    path.iter().any(is_self_issued)
        && path.last().is_some_and(|top| roots.certificates().iter().any(|root| has_signed(root, top)))
}

/// Whether a certificate was signed by the owner of another.
fn has_signed(issuer: &CertificateDer<'_>, certificate: &CertificateDer<'_>) -> bool {
    signature::parse(issuer).is_ok_and(|issuer| signature::verify(certificate, issuer.public_key().raw).is_ok())
}

/// The most certificates between leaf and root, as many as webpki follows.
const MAX_INTERMEDIATES: usize = 6;

/// The intermediates that signed the leaf, and each other.
fn signers<'c>(leaf: &CertificateDer<'c>, intermediates: &[CertificateDer<'c>]) -> Vec<CertificateDer<'c>> {
    let mut path: Vec<CertificateDer<'c>> = Vec::new();
    while path.len() < MAX_INTERMEDIATES {
        let last = path.last().unwrap_or(leaf);
        match intermediates.iter().find(|candidate| !path.contains(candidate) && has_signed(candidate, last)) {
            Some(next) => path.push(next.clone()),
            None => break,
        }
    }
    path
}

fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate).is_ok_and(|certificate| certificate.subject() == certificate.issuer())
}

/// What webpki found, as rustls tells it: each with the alert that is due.
pub(super) fn tls_error(error: webpki::Error) -> TlsError {
    let error = match error {
        E::BadDer | E::BadDerTime | E::TrailingData(_) => CertificateError::BadEncoding,
        E::CertNotValidYet { time, not_before } => CertificateError::NotValidYetContext { time, not_before },
        E::CertExpired { time, not_after } => CertificateError::ExpiredContext { time, not_after },
        E::InvalidCertValidity => CertificateError::Expired,
        E::UnknownIssuer => CertificateError::UnknownIssuer,
        E::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        E::UnsupportedSignatureAlgorithmContext(found) => CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: found.signature_algorithm_id,
            supported_algorithms: found.supported_algorithms,
        },
        E::UnsupportedSignatureAlgorithmForPublicKeyContext(found) => {
            CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: found.signature_algorithm_id,
                public_key_algorithm_id: found.public_key_algorithm_id,
            }
        }
        E::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        error => CertificateError::Other(OtherError(Arc::new(error))),
    };
    error.into()
}
