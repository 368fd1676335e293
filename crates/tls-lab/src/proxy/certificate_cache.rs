//! Certificates for whatever name is asked for, each made once.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use labnet::{Error, tls::FixedCertificate};
use rustls::{
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::{CertifiedKey, SigningKey},
};
use ttp::{IssuingCa, Name};

use crate::server::cannot_set_up;

/// How many names are remembered (ours): victims choose them.
const MAX_NAMES: usize = 1000;

/// How long a certificate is used; it is valid for longer (ours).
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// A CA, and what it has signed lately.
pub(super) struct CertificateCache {
    issuer: IssuingCa,
    key: Arc<dyn SigningKey>,
    made: Mutex<HashMap<String, CachedCertificate>>,
}

/// A certificate that was made.
#[derive(Clone, Debug)]
struct CachedCertificate {
    certified: Arc<CertifiedKey>,
    serial: String,
    at: Instant,
}

impl CertificateCache {
    pub(super) fn load(ca_certificate: &Path, ca_key: &Path) -> Result<Self, Error> {
        let issuer = IssuingCa::load(ca_certificate, ca_key)?;
        let key = PrivateKeyDer::try_from(issuer.key()).map_err(|why| rustls::Error::General(why.to_owned()));
        let key = key.and_then(|key| any_supported_type(&key)).map_err(cannot_set_up)?;
        Ok(Self { issuer, key, made: Mutex::default() })
    }

    /// The certificate for a name, and its serial number.
    pub(super) fn certificate_for(&self, name: &str) -> Result<(FixedCertificate, String), Error> {
        let name: Name = name.parse()?;
        let key = name.to_string();
        // Held while it is made: who asks for the same name meanwhile gets the same certificate.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let known = made.get(&key).filter(|cached| cached.at.elapsed() < LIFETIME).cloned();
        let cached = known.map_or_else(|| self.make(&name), Ok)?;
        let resolver = FixedCertificate(Arc::clone(&cached.certified));
        let serial = cached.serial.clone();
        if made.len() >= MAX_NAMES && !made.contains_key(&key) {
            let oldest = made.iter().min_by_key(|(_, cached)| cached.at).map(|(name, _)| name.clone());
            oldest.and_then(|oldest| made.remove(&oldest));
        }
        made.insert(key, cached);
        Ok((resolver, serial))
    }

    fn make(&self, name: &Name) -> Result<CachedCertificate, Error> {
        let issued = self.issuer.issue(name)?;
        let chain = issued.chain.into_iter().map(CertificateDer::from).collect();
        let certified = Arc::new(CertifiedKey::new(chain, Arc::clone(&self.key)));
        Ok(CachedCertificate { certified, serial: issued.serial, at: Instant::now() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_one_certificate_and_only_so_many_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let directory = ttp::CaDirectory::new(folder.path());
        directory.init(&ttp::CaOptions { key: ttp::KeyKind::P256, ..ttp::CaOptions::default() }, false).unwrap();
        let cache = CertificateCache::load(&directory.ca_certificate(), &folder.path().join("cakey.pem")).unwrap();
        let serial = |name: &str| cache.certificate_for(name).unwrap().1;
        let first = serial("a.test");
        assert_eq!(serial("A.test"), first);
        assert_ne!(serial("b.test"), first);
        assert!(cache.certificate_for("no name").is_err());
        for i in 0..MAX_NAMES {
            serial(&format!("{i}.test"));
        }
        assert_eq!(cache.made.lock().unwrap().len(), MAX_NAMES);
        assert_ne!(serial("a.test"), first, "the oldest is forgotten");
    }
}
