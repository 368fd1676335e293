//! What is checked of a server's certificate, by the client and by the proxy alike: chain, CAs, name, and what browsers ask.

use std::sync::OnceLock;

use labnet::tls::{self, ServerCheck};
use rustls::{
    CertificateError, Error as TlsError,
    client::verify_server_name,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use crate::{anchors::Anchors, certificate_checks};

/// How much of the server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Everything.
    All,
    /// The chain, but not the name.
    NoName,
    /// Nothing: any server is accepted.
    None,
}

/// Checks the server's certificate as far as it is told to.
#[derive(Debug)]
pub(crate) struct CertificateCheck {
    anchors: Anchors,
    pub(crate) checks: Checks,
    /// What is wrong with the certificate, when that was not to be checked.
    pub(crate) overlooked: OnceLock<String>,
}

impl CertificateCheck {
    pub(crate) fn new(anchors: Anchors, checks: Checks) -> Self {
        Self { anchors, checks, overlooked: OnceLock::new() }
    }

    fn check_all(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), TlsError> {
        let verified = tls::verify_server_chain(leaf, intermediates, self.anchors.roots(), now);
        if let Err(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)) = verified {
            certificate_checks::self_signed(leaf)?;
        }
        verified?;
        let name = Some(name).filter(|_| self.checks != Checks::NoName);
        if let Some(name) = name {
            verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
        }
        Ok(certificate_checks::leaf(leaf, name)?)
    }
}

impl ServerCheck for CertificateCheck {
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), TlsError> {
        match self.check_all(leaf, intermediates, name, now) {
            Err(error) if self.checks == Checks::None => {
                self.overlooked.get_or_init(|| tls::complaint(&error));
                Ok(())
            }
            checked => checked,
        }
    }

    /// A signature that fails is one by another key than that of the certificate, not one of the CA.
    fn bad_signature(&self, error: TlsError) -> TlsError {
        match error {
            TlsError::InvalidCertificate(CertificateError::BadSignature) => certificate_checks::foreign_key().into(),
            error => error,
        }
    }
}
