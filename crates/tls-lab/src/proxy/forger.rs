//! Certificates for whatever name is asked for, each made once.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use labnet::Error;
use rustls::{
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::{CertifiedKey, SigningKey},
};
use ttp::{Minter, Name};

use crate::server::cannot_set_up;

/// How many names are remembered (ours): victims choose them.
const MAX_NAMES: usize = 1000;

/// How long a certificate is used; it is valid for longer (ours).
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// A CA, and what it has signed lately.
pub(super) struct Forger {
    minter: Minter,
    key: Arc<dyn SigningKey>,
    made: Mutex<HashMap<String, Forged>>,
}

/// A certificate that was made.
#[derive(Clone, Debug)]
struct Forged {
    certified: Arc<CertifiedKey>,
    serial: String,
    at: Instant,
}

impl Forger {
    pub(super) fn load(ca_certificate: &Path, ca_key: &Path) -> Result<Self, Error> {
        let minter = Minter::load(ca_certificate, ca_key)?;
        let key = PrivateKeyDer::try_from(minter.key()).map_err(|why| rustls::Error::General(why.to_owned()));
        let key = key.and_then(|key| any_supported_type(&key)).map_err(cannot_set_up)?;
        Ok(Self { minter, key, made: Mutex::default() })
    }

    /// The certificate for a name, and its serial number.
    pub(super) fn forge(&self, name: &str) -> Result<(Presents, String), Error> {
        let name: Name = name.parse()?;
        let key = name.to_string();
        // Held while it is made: who asks for the same name meanwhile gets the same certificate.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let known = made.get(&key).filter(|forged| forged.at.elapsed() < LIFETIME).cloned();
        let forged = known.map_or_else(|| self.make(&name), Ok)?;
        let presents = Presents(Some(Arc::clone(&forged.certified)));
        let serial = forged.serial.clone();
        if made.len() >= MAX_NAMES && !made.contains_key(&key) {
            let oldest = made.iter().min_by_key(|(_, forged)| forged.at).map(|(name, _)| name.clone());
            oldest.and_then(|oldest| made.remove(&oldest));
        }
        made.insert(key, forged);
        Ok((presents, serial))
    }

    fn make(&self, name: &Name) -> Result<Forged, Error> {
        let minted = self.minter.mint(name)?;
        let chain = minted.chain.into_iter().map(CertificateDer::from).collect();
        let certified = Arc::new(CertifiedKey::new(chain, Arc::clone(&self.key)));
        Ok(Forged { certified, serial: minted.serial, at: Instant::now() })
    }
}

/// Shows every client the same certificate.
#[derive(Debug)]
pub(super) struct Presents(Option<Arc<CertifiedKey>>);

impl Presents {
    /// Before it is known which.
    pub(super) fn nothing() -> Self {
        Self(None)
    }
}

impl ResolvesServerCert for Presents {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_one_certificate_and_only_so_many_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let desk = ttp::Desk::new(folder.path());
        desk.init(&ttp::Authority { key: ttp::KeyKind::P256, ..ttp::Authority::default() }, false).unwrap();
        let forger = Forger::load(&desk.ca_certificate(), &folder.path().join("cakey.pem")).unwrap();
        let serial = |name: &str| forger.forge(name).unwrap().1;
        let first = serial("a.test");
        assert_eq!(serial("A.test"), first);
        assert_ne!(serial("b.test"), first);
        assert!(forger.forge("no name").is_err());
        for i in 0..MAX_NAMES {
            serial(&format!("{i}.test"));
        }
        assert_eq!(forger.made.lock().unwrap().len(), MAX_NAMES);
        assert_ne!(serial("a.test"), first, "the oldest is forgotten");
    }
}
