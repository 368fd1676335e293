//! Certificates made while somebody waits: what a CA that is trusted can do to those who trust it.
//!
//! A CA signs what its owner wants it to sign. Nothing in a certificate for `bank.example` shows whether the bank asked
//! for it, and a client that trusts the CA accepts it either way. What protects a client is a constraint that it checks
//! itself: the lab's CA is made for the lab's names only, and what it signs for others is refused by those who trust
//! it (`ttp init --any-name` makes one without that constraint).

use std::path::Path;

use labnet::{Error, tls::Credentials};
use rcgen::{DistinguishedName, Issuer, KeyPair};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{KeyKind, Name, Purpose, SignatureHash, faithful, profile};

/// How long an issued certificate is valid, in days (ours; never longer than the CA).
const DAYS: u32 = 30;

/// The longest common name (RFC 5280, appendix A.1).
const MAX_COMMON_NAME_LEN: usize = 64;

/// A CA that signs whatever it is asked to, for one key of its own.
pub struct IssuingCa {
    issuer: Issuer<'static, KeyPair>,
    /// Its subject, in DER.
    name: Vec<u8>,
    key: KeyPair,
    ca_ends: OffsetDateTime,
    /// What lies between an issued certificate and the CA that others trust: none when this is that one.
    intermediates: Vec<Vec<u8>>,
}

/// A certificate that its subject never asked for.
#[derive(Clone, Debug)]
pub struct IssuedChain {
    /// In DER, the leaf first.
    pub chain: Vec<Vec<u8>>,
    /// Its serial number, in hexadecimal digits.
    pub serial: String,
}

impl IssuingCa {
    /// Reads a CA's certificate and key, and makes the key that all issued certificates share (P-256).
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Credentials`], which names the file and what is wrong with it.
    pub fn load(ca_certificate: &Path, ca_key: &Path) -> Result<Self, Error> {
        // Whether they belong together, in the words in which a server would hear it.
        let credentials = Credentials::load(ca_certificate, ca_key)?;
        let chain: Vec<Vec<u8>> = credentials.chain().map(<[u8]>::to_vec).collect();
        let bad = |complaint: &str| Error::credentials(ca_certificate, complaint);
        let own = chain.first().ok_or_else(|| bad("holds no certificate"))?;
        let (_, ca) = X509Certificate::from_der(own).map_err(|_| bad("is a damaged certificate"))?;
        if !ca.is_ca() {
            return Err(bad("is no CA's certificate: nobody would believe what it signs (`ttp init` makes a CA)"));
        }
        let is_root = ca.subject() == ca.issuer();
        let ca_ends = ca.validity().not_after.to_datetime();
        let cannot_sign = |error: rcgen::Error| Error::credentials(ca_key, format!("cannot sign: {error}"));
        faithful::check_issuer(ca.subject()).map_err(|complaint| bad(&complaint))?;
        let signing_key = profile::issuing_key(credentials.key(), SignatureHash::default()).map_err(cannot_sign)?;
        let issuer = Issuer::from_ca_cert_der(&own.as_slice().into(), signing_key).map_err(cannot_sign)?;
        let name = ca.subject().as_raw().to_vec();
        let intermediates = if is_root { Vec::new() } else { chain };
        Ok(Self { issuer, name, key: KeyKind::P256.generate()?, ca_ends, intermediates })
    }

    /// The key of all issued certificates, in DER (PKCS#8).
    pub fn key(&self) -> &[u8] {
        self.key.serialized_der()
    }

    /// A certificate for a server of this name. Whether those who trust the CA accept it is theirs to check.
    ///
    /// # Errors
    /// [`Error::System`] when it cannot be signed.
    pub fn issue(&self, name: &Name) -> Result<IssuedChain, Error> {
        let failed = |error: rcgen::Error| Error::System {
            attempt: "sign a certificate",
            source: std::io::Error::other(error.to_string()),
        };
        let subject = match name {
            Name::Dns(name) if name.len() <= MAX_COMMON_NAME_LEN => profile::subject(name, None)?,
            // A longer one would break the certificate; the SAN alone is looked at anyway.
            Name::Dns(_) => DistinguishedName::new(),
            // Not the address itself, which OpenSSL takes for a DNS name, for which the CA might not vouch.
            Name::Ip(ip) => profile::subject(&format!("the server at {ip}"), None)?,
        };
        let mut valid = profile::in_days(0, DAYS);
        valid.end = valid.end.min(self.ca_ends);
        let params = profile::leaf(subject, std::slice::from_ref(name), Purpose::Server, false, valid)?;
        let serial = params.serial_number.as_ref().map(ToString::to_string).unwrap_or_default();
        let leaf = params.signed_by(&self.key, &self.issuer).map_err(failed)?;
        if !faithful::has_issuer(leaf.der(), &self.name) {
            let differs = "the CA's subject cannot be written into a certificate as it is";
            return Err(Error::System { attempt: "sign a certificate", source: std::io::Error::other(differs) });
        }
        let chain = [leaf.der().to_vec()].into_iter().chain(self.intermediates.iter().cloned()).collect();
        Ok(IssuedChain { chain, serial })
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use labnet::tls::{Roots, TlsRole, verify_chain};

    use super::*;
    use crate::{CaDirectory, CaOptions, CertificateOptions};

    fn directory(any_name: bool) -> (tempfile::TempDir, CaDirectory) {
        let folder = tempfile::tempdir().unwrap();
        let directory = CaDirectory::new(folder.path());
        directory.init(&CaOptions { key: KeyKind::P256, any_name, ..CaOptions::default() }, false).unwrap();
        (folder, directory)
    }

    fn check(any_name: bool, name: &str) -> Result<(), String> {
        let (folder, directory) = directory(any_name);
        let issuer = IssuingCa::load(&directory.ca_certificate(), &folder.path().join("cakey.pem")).unwrap();
        let issued = issuer.issue(&name.parse().unwrap()).unwrap();
        let roots = Roots::load(&directory.ca_certificate()).unwrap();
        verify_chain(&issued.chain, &roots, TlsRole::Server, Some(name), SystemTime::now())
    }

    #[test]
    fn whoever_trusts_the_ca_believes_any_name_that_it_signs() {
        let long = format!("{}.{}.example", "a".repeat(60), "b".repeat(60));
        for name in ["bank.com", "192.0.2.1", "2001:db8::1", "_x.example", &long] {
            check(true, name).unwrap_or_else(|complaint| panic!("{name} {complaint}"));
        }
    }

    #[test]
    fn what_a_constrained_ca_signs_for_others_is_refused_by_those_who_trust_it() {
        check(false, "localhost").unwrap();
        check(false, "bank.example").unwrap();
        assert!(check(false, "bank.com").unwrap_err().contains("may not vouch"));
        assert!(check(false, "192.0.2.1").unwrap_err().contains("may not vouch"));
    }

    #[test]
    fn an_issuing_ca_needs_a_ca_certificate_and_its_own_key() {
        let (folder, directory) = directory(true);
        directory.issue("localhost", KeyKind::P256, None, &CertificateOptions::default()).unwrap();
        let load = |certificate: &Path, key: &Path| IssuingCa::load(certificate, key).err().unwrap().to_string();
        assert!(
            load(&directory.certificate("localhost"), &directory.key("localhost")).contains("is no CA's certificate")
        );
        assert!(load(&directory.ca_certificate(), &directory.key("localhost")).contains("does not match"));
        assert!(load(&directory.ca_certificate(), &folder.path().join("missing")).contains("missing"));
    }
}
