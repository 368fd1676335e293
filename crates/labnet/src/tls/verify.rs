//! Whom to trust, and what a certificate must prove.

use std::{
    fmt,
    path::Path,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error as TlsError, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
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
            roots.add(certificate).map_err(|_| Error::credentials(path, "holds a damaged certificate"))?;
        }
        Ok(Self(Arc::new(roots)))
    }

    /// Those of the public web, as Mozilla lists them.
    pub fn public() -> Self {
        Self(Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()))
    }

    /// In the form that rustls takes.
    pub fn store(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.0)
    }
}

/// What the owner of a certificate wants to prove with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsRole {
    /// That it is the server of some name.
    Server,
    /// That it is some client.
    Client,
}

/// Verifies a certificate file (chain allowed): chain, validity, purpose, and the name if there is one.
///
/// # Errors
/// [`Error::Credentials`] with what is wrong.
pub fn verify_file(path: &Path, roots: &Roots, role: TlsRole, name: Option<&str>) -> Result<(), Error> {
    let chain = credentials::read_chain(path)?;
    let name = name.map(parse_name).transpose()?;
    verify(&chain, roots, role, name.as_ref(), UnixTime::now())
        .map_err(|error| Error::credentials(path, explain::complaint(&error)))
}

/// The certificates of a PEM file, in DER and in their order.
///
/// # Errors
/// [`Error::File`], or [`Error::Credentials`] when it holds none.
pub fn read_certificates(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    Ok(credentials::read_chain(path)?.iter().map(|certificate| certificate.to_vec()).collect())
}

/// Verifies a chain in DER, the leaf first, as of a moment: chain, validity, purpose, and the name.
///
/// # Errors
/// What is wrong, as the end of a sentence about whoever presented it: `has a certificate that …`.
pub fn verify_chain(
    chain: &[impl AsRef<[u8]>],
    roots: &Roots,
    role: TlsRole,
    name: &str,
    at: SystemTime,
) -> Result<(), String> {
    let chain: Vec<_> = chain.iter().map(|certificate| CertificateDer::from(certificate.as_ref())).collect();
    let name = server_name(name).ok_or_else(|| format!("was to be '{}', which is no name", name.escape_debug()))?;
    let at = UnixTime::since_unix_epoch(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
    verify(&chain, roots, role, Some(&name), at).map_err(|error| explain::complaint(&error))
}

fn verify(
    chain: &[CertificateDer<'_>],
    roots: &Roots,
    role: TlsRole,
    name: Option<&ServerName<'_>>,
    at: UnixTime,
) -> Result<(), TlsError> {
    let (leaf, intermediates) = chain.split_first().ok_or(TlsError::NoCertificatesPresented)?;
    match role {
        TlsRole::Server => verify_server_chain(leaf, intermediates, &roots.0, at)?,
        TlsRole::Client => client_verifier(roots)?.verify_client_cert(leaf, intermediates, at).map(drop)?,
    }
    name.map_or(Ok(()), |name| verify_name(leaf, name))
}

fn client_verifier(roots: &Roots) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots.0), provider()).build();
    verifier.map_err(|error| TlsError::General(error.to_string()))
}

/// A name from a command line.
pub(super) fn parse_name(name: &str) -> Result<ServerName<'static>, Error> {
    let error = || Error::Usage(format!("'{}' is no name of a server, such as localhost", name.escape_debug()));
    server_name(name).ok_or_else(error)
}

/// A DNS name or an address; `None` for what no server can be called.
fn server_name(name: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).ok()
}

/// Verifies the chain of a server's certificate: signatures, validity, purpose and constraints, not the name.
///
/// # Errors
/// [`TlsError::InvalidCertificate`].
pub fn verify_server_chain(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &RootCertStore,
    now: UnixTime,
) -> Result<(), TlsError> {
    let algorithms = provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(
        &ParsedCertificate::try_from(leaf)?,
        roots,
        intermediates,
        now,
        algorithms,
    )
}

fn verify_name(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), TlsError> {
    verify_server_name(&ParsedCertificate::try_from(leaf)?, name)
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
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
            .map_err(|error| self.check.bad_signature(error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.scheme.get_or_init(|| signature.scheme);
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
            .map_err(|error| self.check.bad_signature(error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The chain always, the name if it is told to.
#[derive(Debug)]
pub(super) struct ChainAndName {
    pub(super) roots: Roots,
    pub(super) checks_name: bool,
}

impl ServerCheck for ChainAndName {
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), TlsError> {
        verify_server_chain(leaf, intermediates, &self.roots.0, now)?;
        if self.checks_name { verify_name(leaf, name) } else { Ok(()) }
    }
}

/// A server's verifier of clients: the chain, the purpose, and the name.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    chain: Arc<dyn ClientCertVerifier>,
    name: ServerName<'static>,
}

impl ClientVerifier {
    pub(super) fn new(roots: &Roots, name: &str) -> Result<Self, Error> {
        let chain = client_verifier(roots)
            .map_err(|error| Error::System { attempt: "set up TLS", source: std::io::Error::other(error) })?;
        Ok(Self { chain, name: parse_name(name)? })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        let verified = self.chain.verify_client_cert(leaf, intermediates, now)?;
        verify_name(leaf, &self.name)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
