//! What a certificate must prove, in files and in handshakes.

use std::{fmt, path::Path, sync::OnceLock, time::SystemTime};

use rustls::{
    DigitallySignedStruct, Error as TlsError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{
    Roots,
    chain::{LeafVersion, verify_leaf},
    credentials, explain,
    name::{ExpectedName, server_name},
    provider, version_one,
};
use crate::{Error, escape::escape};

/// What the owner of a certificate wants to prove with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsRole {
    /// That it is the server of some name.
    Server,
    /// That it is some client.
    Client,
}

/// Verifies a certificate file (chain allowed): chain, validity, purpose, and the name if there is one: one of those in
/// the SAN, or the common name of a certificate that has no SAN. X.509 version 1 is accepted, from a CA that is trusted
/// itself.
///
/// # Errors
/// [`Error::Credentials`] with what is wrong.
pub fn verify_file(path: &Path, roots: &Roots, role: TlsRole, name: Option<&str>) -> Result<(), Error> {
    let chain = credentials::read_chain(path)?;
    let name =
        name.map_or(ExpectedName::Any, |name| ExpectedName::Given { name: name.to_owned(), may_be_skipped: false });
    verify(&chain, roots, role, LeafVersion::Any, &name, UnixTime::now())
        .map_err(|error| Error::credentials(path, explain::complaint(&error)))
}

/// The certificates of a PEM file, in DER and in their order.
///
/// # Errors
/// [`Error::File`], or [`Error::Credentials`] when it holds none.
pub fn read_certificates(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    Ok(credentials::read_chain(path)?.iter().map(|certificate| certificate.to_vec()).collect())
}

/// Verifies a chain in DER, the leaf first and of X.509 version 3, as of a moment: chain, validity, purpose, and the
/// name in the SAN if there is one to check.
///
/// # Errors
/// What is wrong, as the end of a sentence about whoever presented it: `has a certificate that …`.
pub fn verify_chain(
    chain: &[impl AsRef<[u8]>],
    roots: &Roots,
    role: TlsRole,
    name: Option<&str>,
    at: SystemTime,
) -> Result<(), String> {
    let chain: Vec<_> = chain.iter().map(|certificate| CertificateDer::from(certificate.as_ref())).collect();
    let name = match name {
        None => ExpectedName::Any,
        Some(name) => {
            let host = server_name(name);
            ExpectedName::Host(host.ok_or_else(|| format!("was to be '{}', which is no name", escape(name)))?)
        }
    };
    let at = UnixTime::since_unix_epoch(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
    verify(&chain, roots, role, LeafVersion::Three, &name, at).map_err(|error| explain::complaint(&error))
}

fn verify(
    chain: &[CertificateDer<'_>],
    roots: &Roots,
    role: TlsRole,
    version: LeafVersion,
    name: &ExpectedName,
    at: UnixTime,
) -> Result<(), TlsError> {
    let (leaf, intermediates) = chain.split_first().ok_or(TlsError::NoCertificatesPresented)?;
    verify_leaf(leaf, intermediates, roots, role, version, at)?;
    name.check(leaf)
}

/// What a client checks of a server's certificate.
pub trait ServerCheck: fmt::Debug + Send + Sync {
    /// Checks a certificate, the leaf first, against the name of the server that was asked for.
    ///
    /// # Errors
    /// What is wrong; a verdict of ours is a [`CertificateFault`](super::CertificateFault).
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), TlsError>;

    /// What it means when the server's signature under the handshake fails.
    fn bad_signature(&self, error: TlsError) -> TlsError {
        error
    }
}

/// The verifier of every client of ours: a check of the certificate, and rustls' own of the handshake's signature.
#[derive(Debug)]
pub struct ServerVerifier<C> {
    /// What is checked of the certificate.
    pub check: C,
    algorithms: WebPkiSupportedAlgorithms,
    scheme: OnceLock<SignatureScheme>,
}

impl<C: ServerCheck> ServerVerifier<C> {
    /// For one connection.
    pub fn new(check: C) -> Self {
        Self { check, algorithms: provider().signature_verification_algorithms, scheme: OnceLock::new() }
    }

    /// How the server signed the handshake, once it has.
    pub fn signature_scheme(&self) -> Option<SignatureScheme> {
        self.scheme.get().copied()
    }
}

impl<C: ServerCheck> ServerCertVerifier for ServerVerifier<C> {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        self.check.check(leaf, intermediates, name, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.scheme.get_or_init(|| signature.scheme);
        let verify = if version_one::is_version_one(certificate) {
            version_one::verify_tls12_signature
        } else {
            verify_tls12_signature
        };
        verify(message, certificate, signature, &self.algorithms).map_err(|error| self.check.bad_signature(error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.scheme.get_or_init(|| signature.scheme);
        let verify = if version_one::is_version_one(certificate) {
            version_one::verify_tls13_signature
        } else {
            verify_tls13_signature
        };
        verify(message, certificate, signature, &self.algorithms).map_err(|error| self.check.bad_signature(error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The chain always, the name if it is told to. X.509 version 1 has no names that could be checked: it is accepted
/// where the name is not checked, or is compared with the common name.
#[derive(Debug)]
pub(super) struct ChainAndName {
    pub(super) roots: Roots,
    pub(super) name: ExpectedName,
}

impl ServerCheck for ChainAndName {
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), TlsError> {
        verify_leaf(leaf, intermediates, &self.roots, TlsRole::Server, LeafVersion::Any, now)?;
        self.name.check(leaf)
    }
}
