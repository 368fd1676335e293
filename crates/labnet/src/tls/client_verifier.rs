//! How a server verifies its clients.

use std::{io, sync::Arc};

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error as TlsError, SignatureScheme,
    client::{danger::HandshakeSignatureValid, verify_server_name},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::{Roots, name::parse_name, provider, server_name};
use crate::Error;

/// A server's verifier of clients whose certificates these CAs signed; without `is_required`, clients may have none.
///
/// # Errors
/// [`Error::System`], for CAs that cannot be used.
pub fn client_verifier(roots: &Roots, is_required: bool) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    Ok(Arc::new(ClientVerifier::of(roots, is_required)?))
}

/// A server's verifier of clients: the chain, the purpose, and perhaps the name.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    chain: Arc<dyn ClientCertVerifier>,
    name: Option<ServerName<'static>>,
}
impl ClientVerifier {
    /// Of clients that prove that they are `name`.
    pub(super) fn new(roots: &Roots, name: &str) -> Result<Self, Error> {
        Ok(Self { name: Some(parse_name(name)?), ..Self::of(roots, true)? })
    }

    fn of(roots: &Roots, is_required: bool) -> Result<Self, Error> {
        let builder = WebPkiClientVerifier::builder_with_provider(roots.store(), provider());
        let builder = if is_required { builder } else { builder.allow_unauthenticated() };
        let unusable =
            |_| Error::System { attempt: "set up TLS", source: io::Error::other("no CA to check clients with") };
        Ok(Self { chain: builder.build().map_err(unusable)?, name: None })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

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
        if let Some(name) = &self.name {
            verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        // In TLS 1.2 it is the handshake itself that is signed, and not its hash.
        self.chain.verify_tls12_signature(&server_name::restore(message), certificate, signature)
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
