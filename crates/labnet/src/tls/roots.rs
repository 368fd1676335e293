//! The certificate authorities that are trusted.

use std::{path::Path, sync::Arc};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, TrustAnchor},
};
use webpki::anchor_from_trusted_cert;

use super::credentials;
use crate::Error;

/// The certificate authorities that are trusted: their names and keys, and their certificates where there are any.
#[derive(Clone, Debug)]
pub struct Roots {
    store: Arc<RootCertStore>,
    certificates: Arc<Vec<CertificateDer<'static>>>,
}

impl Roots {
    /// Those of a PEM file.
    ///
    /// # Errors
    /// [`Error::File`], or [`Error::Credentials`] when it holds none that can be used.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let certificates = credentials::read_chain(path)?;
        let count = certificates.len();
        let roots = Self::of(certificates);
        if roots.certificates.len() == count {
            Ok(roots)
        } else {
            Err(Error::credentials(path, "holds a damaged certificate"))
        }
    }

    /// Those of certificates, but for the ones that cannot be read.
    pub fn of(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        let (mut store, mut readable) = (RootCertStore::empty(), Vec::new());
        for certificate in certificates {
            if store.add(certificate.clone()).is_ok() {
                readable.push(certificate);
            }
        }
        Self { store: Arc::new(store), certificates: Arc::new(readable) }
    }

    /// Those of the public web, as Mozilla lists them: without certificates.
    pub fn public() -> Self {
        let store = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        Self { store: Arc::new(store), certificates: Arc::default() }
    }

    /// These and others.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        let mut store = RootCertStore::clone(&self.store);
        store.extend(others.store.roots.iter().cloned());
        let certificates = self.certificates.iter().chain(others.certificates.iter()).cloned().collect();
        Self { store: Arc::new(store), certificates: Arc::new(certificates) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.store.is_empty()
    }

    /// In the form that rustls takes.
    pub fn store(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.store)
    }

    pub(super) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.store.roots
    }

    pub(super) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// The certificates with the name and the key of an anchor: several when a CA has renewed its own.
    pub(super) fn certificates_of(&self, anchor: &TrustAnchor<'_>) -> impl Iterator<Item = &CertificateDer<'static>> {
        let is_its = move |certificate: &&CertificateDer<'_>| {
            anchor_from_trusted_cert(certificate).is_ok_and(|own| own == *anchor)
        };
        self.certificates.iter().filter(is_its)
    }
}
