//! The handshakes of the TLS PMU: the right one, and those with a fault.

use std::borrow::Cow;

use labnet::{
    Error,
    tls::{Acceptor, Credentials, TlsVersion},
};
use ttp::{CaDirectory, CertificateOptions, KeyKind, Name};

use super::{CERTIFICATE_NAME, CertificateSource};
use crate::fault::{Fault, FaultRules};

/// The subject of a certificate that expired yesterday, and its files' name.
const EXPIRED: &str = "expired";

/// The same of one for another name.
const WRONG_NAME: &str = "wrong-name";

/// A name that is not the server's, for which the lab's CA may vouch.
const OTHER_NAME: &str = "elsewhere.example";

/// A server's handshakes.
#[derive(Debug)]
pub(super) struct Acceptors {
    right: Acceptor,
    credentials: Credentials,
    expired: Option<Credentials>,
    wrong_name: Option<Credentials>,
}

impl Acceptors {
    /// Loads or makes the certificates that these rules need.
    ///
    /// # Errors
    /// Those of [`Credentials::load`] and [`CaDirectory`]; [`Error::Usage`] where a certificate cannot be made.
    pub(super) fn new(source: &CertificateSource, rules: &FaultRules) -> Result<Self, crate::Error> {
        let credentials = source.credentials()?;
        let needs = |fault: &Fault| rules.iter().any(|rule| rule.fault == *fault);
        let options = CertificateOptions { force: true, ..CertificateOptions::default() };
        let expired = CertificateOptions { names: names(CERTIFICATE_NAME)?, starts_in: -2, days: 1, ..options.clone() };
        let wrong_name = CertificateOptions { names: names(OTHER_NAME)?, ..options };
        let make = |fault, name, options| needs(&fault).then(|| source.issue(&fault, name, options)).transpose();
        Ok(Self {
            right: Acceptor::new(&credentials)?,
            credentials,
            expired: make(Fault::Expired, EXPIRED, &expired)?,
            wrong_name: make(Fault::WrongName, WRONG_NAME, &wrong_name)?,
        })
    }

    /// The handshake for a client that meets these faults.
    ///
    /// # Errors
    /// Those of [`Acceptor::with_versions`].
    pub(super) fn of(&self, faults: &[Fault]) -> Result<Cow<'_, Acceptor>, Error> {
        let (mut credentials, mut versions, mut cut) = (&self.credentials, &TlsVersion::ALL[..], None);
        for fault in faults {
            match fault {
                Fault::Expired => credentials = self.expired.as_ref().unwrap_or(credentials),
                Fault::WrongName => credentials = self.wrong_name.as_ref().unwrap_or(credentials),
                Fault::OneVersion(version) => versions = std::slice::from_ref(version),
                Fault::CutHandshake(message) => cut = Some(*message),
                _ => continue,
            }
        }
        if std::ptr::eq(credentials, &self.credentials) && versions == TlsVersion::ALL && cut.is_none() {
            return Ok(Cow::Borrowed(&self.right));
        }
        let acceptor = Acceptor::with_versions(credentials, versions)?;
        Ok(Cow::Owned(match cut {
            Some(cut) => acceptor.with_cut(cut),
            None => acceptor,
        }))
    }
}

fn names(name: &str) -> Result<Vec<Name>, ttp::Error> {
    Ok(vec![name.parse()?])
}

impl CertificateSource {
    /// A certificate with a fault, of the same CA.
    fn issue(&self, fault: &Fault, name: &str, options: &CertificateOptions) -> Result<Credentials, crate::Error> {
        let Self::Made(folder) = self else {
            return Err(fault.without_own_certificate().into());
        };
        let directory = CaDirectory::new(folder);
        directory.issue(name, KeyKind::P256, None, options)?;
        Ok(Credentials::load(&directory.certificate(name), &directory.key(name))?)
    }
}
