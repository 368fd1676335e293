//! Whom to trust, and what a certificate must prove.

use std::{path::Path, sync::Arc};

use rustls::{
    DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{ParsedCertificate, WebPkiClientVerifier},
};

use super::{credentials, explain, provider};
use crate::Error;

/// The certificate authorities that are trusted.
#[derive(Clone, Debug)]
pub struct Roots(Arc<RootCertStore>);

impl Roots {
    /// Those of a PEM file.
    ///
    /// # Errors
    /// [`Error::File`], or [`Error::Credentials`] when it holds none that can be used.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in credentials::read_chain(path)? {
            roots.add(certificate).map_err(|_| credentials::bad(path, "holds a damaged certificate"))?;
        }
        Ok(Self(Arc::new(roots)))
    }

    /// Those of the public web, as Mozilla lists them.
    pub fn public() -> Self {
        Self(Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()))
    }
}

/// What the owner of a certificate wants to prove with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// That it is the server of some name.
    Server,
    /// That it is some client.
    Client,
}

/// Verifies a certificate file (chain allowed): chain, validity, purpose, and the name if there is one.
///
/// # Errors
/// [`Error::Credentials`] with what is wrong.
pub fn verify_file(path: &Path, roots: &Roots, role: Role, name: Option<&str>) -> Result<(), Error> {
    let chain = credentials::read_chain(path)?;
    let (leaf, intermediates) = chain.split_first().ok_or_else(|| credentials::bad(path, "holds no certificate"))?;
    let verified = match role {
        Role::Server => verify_server(leaf, intermediates, roots, UnixTime::now()),
        Role::Client => WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots.0), provider())
            .build()
            .map_err(|error| TlsError::General(error.to_string()))
            .and_then(|verifier| verifier.verify_client_cert(leaf, intermediates, UnixTime::now()).map(drop)),
    };
    let server = match name {
        Some(name) => Some(server_name(name).ok_or_else(|| {
            Error::Usage(format!("'{}' is no name of a server, such as localhost", name.escape_debug()))
        })?),
        None => None,
    };
    let named = verified.and_then(|()| server.map_or(Ok(()), |name| verify_name(leaf, &name)));
    named.map_err(|error| credentials::bad(path, explain::complaint(&error)))
}

/// A DNS name or an address; `None` for what no server can be called.
pub(super) fn server_name(name: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).ok()
}

fn verify_server(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &Roots,
    now: UnixTime,
) -> Result<(), TlsError> {
    let algorithms = provider().signature_verification_algorithms;
    verify_server_cert_signed_by_trust_anchor(
        &ParsedCertificate::try_from(leaf)?,
        &roots.0,
        intermediates,
        now,
        algorithms.all,
    )
}

fn verify_name(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), TlsError> {
    verify_server_name(&ParsedCertificate::try_from(leaf)?, name)
}

/// A client's verifier: the chain always, the name if it is told to.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) roots: Roots,
    pub(super) checks_name: bool,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        verify_server(leaf, intermediates, &self.roots, now)?;
        if self.checks_name {
            verify_name(leaf, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
