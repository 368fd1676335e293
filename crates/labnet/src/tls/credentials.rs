//! A certificate and its private key, read from PEM files and checked before a port is opened.

use std::{fmt, path::Path, sync::Arc};

use rustls::{
    SignatureScheme,
    client::ResolvesClientCert,
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::{CertifiedKey, SigningKey},
};
use x509_parser::{
    der_parser::asn1_rs::{FromDer, Integer, Sequence},
    prelude::{SubjectPublicKeyInfo, X509Certificate},
};
use zeroize::Zeroizing;

use super::{key_size, pem_file::PemFile};
use crate::{
    Error,
    error::{CredentialsFault, MIN_RSA_BITS},
};

/// A certificate chain and the key that belongs to it.
#[derive(Clone)]
pub struct Credentials {
    certified: Arc<CertifiedKey>,
    key: Arc<SecretDer>,
}

/// A private key in DER, wiped when dropped.
type SecretDer = Zeroizing<Vec<u8>>;

/// Without the key.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("certified", &self.certified).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads CERTIFICATE (leaf first, chain allowed) and KEY (PKCS#1, PKCS#8 or SEC1; RSA from 2048 bits, P-256, P-384).
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Credentials`], which names the file and what is wrong with it.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let chain = read_chain(certificate)?;
        let (signing_key, der) = read_key(key)?;
        let leaf = chain.first().ok_or_else(|| Error::credentials(certificate, "holds no certificate"))?;
        if !belong_together(leaf, &*signing_key)
            .ok_or_else(|| Error::credentials(certificate, "holds a damaged certificate"))?
        {
            let complaint = format!("does not match the certificate in {}: it is another key", certificate.display());
            return Err(Error::credentials(key, complaint));
        }
        Ok(Self { certified: Arc::new(CertifiedKey::new(chain, signing_key)), key: Arc::new(der) })
    }

    /// The certificates in DER, the leaf first.
    pub fn chain(&self) -> impl Iterator<Item = &[u8]> {
        self.certified.cert.iter().map(AsRef::as_ref)
    }

    /// The private key in DER, in the form in which the file has it: PKCS#1, PKCS#8 or SEC1.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Certificates and key in the form that rustls takes.
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

/// The same certificate for every peer; unlike rustls' own resolver it takes any, X.509 version 1 included.
#[derive(Debug)]
pub struct FixedCertificate(pub Arc<CertifiedKey>);

impl ResolvesServerCert for FixedCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl ResolvesClientCert for FixedCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    PemFile::read(path)?.certificates()
}

fn read_key(path: &Path) -> Result<(Arc<dyn SigningKey>, SecretDer), Error> {
    let key = PemFile::read(path)?.private_key()?;
    if let Some(bits) = rsa_bits(&key).filter(|&bits| bits < MIN_RSA_BITS) {
        return Err(Error::credentials(path, CredentialsFault::WeakKey { bits }));
    }
    let signing_key = any_supported_type(&key).map_err(|_| Error::credentials(path, unusable(&key)))?;
    Ok((signing_key, Zeroizing::new(key.secret_der().to_vec())))
}

/// Why a key whose structure is whole cannot be used: its kind, or its numbers.
fn unusable(key: &PrivateKeyDer<'_>) -> String {
    let kind = match key {
        PrivateKeyDer::Pkcs1(_) => Some("an RSA"),
        PrivateKeyDer::Pkcs8(key) => kind_within(key.secret_pkcs8_der()),
        PrivateKeyDer::Sec1(key) => {
            CURVES.iter().any(|curve| contains(key.secret_sec1_der(), curve)).then_some("an EC")
        }
        _ => None,
    };
    kind.map_or_else(
        || "is no key that TLS can use: expected RSA from 2048 bits, P-256 or P-384".to_owned(),
        |kind| format!("is damaged: it has the form of {kind} key, but its numbers do not belong together"),
    )
}

/// The object identifiers of P-256, P-384 and P-521, in DER.
const CURVES: [&[u8]; 3] =
    [b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", b"\x06\x05\x2b\x81\x04\x00\x22", b"\x06\x05\x2b\x81\x04\x00\x23"];

/// The kind of a key in PKCS#8 whose kind can be used.
fn kind_within(pkcs8: &[u8]) -> Option<&'static str> {
    if pkcs1_within(pkcs8).is_some() {
        return Some("an RSA");
    }
    CURVES.iter().any(|curve| contains(pkcs8, curve)).then_some("an EC")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The length of an RSA key's modulus; `None` for any other key.
fn rsa_bits(key: &PrivateKeyDer<'_>) -> Option<usize> {
    let pkcs1 = match key {
        PrivateKeyDer::Pkcs1(key) => key.secret_pkcs1_der().to_vec(),
        PrivateKeyDer::Pkcs8(key) => pkcs1_within(key.secret_pkcs8_der())?,
        _ => return None,
    };
    // RFC 8017, A.1.2: RSAPrivateKey ::= SEQUENCE { version, modulus, … }
    let (_, key) = Sequence::from_der(&pkcs1).ok()?;
    let (rest, _version) = Integer::from_der(&key.content).ok()?;
    let (_, modulus) = Integer::from_der(rest).ok()?;
    Some(key_size::bits(modulus.as_ref())).filter(|bits| *bits > 0)
}

/// RFC 5958: PrivateKeyInfo ::= SEQUENCE { version, algorithm, OCTET STRING with the key itself }; that of RSA.
fn pkcs1_within(pkcs8: &[u8]) -> Option<Vec<u8>> {
    use x509_parser::{
        der_parser::asn1_rs::OctetString, oid_registry::OID_PKCS1_RSAENCRYPTION, x509::AlgorithmIdentifier,
    };
    let (_, info) = Sequence::from_der(pkcs8).ok()?;
    let (rest, _version) = Integer::from_der(&info.content).ok()?;
    let (rest, algorithm) = AlgorithmIdentifier::from_der(rest).ok()?;
    let (_, key) = OctetString::from_der(rest).ok()?;
    (algorithm.algorithm == OID_PKCS1_RSAENCRYPTION).then(|| key.as_ref().to_vec())
}

/// Whether the certificate is for this key. rustls' own check refuses certificates of X.509 version 1.
fn belong_together(certificate: &CertificateDer<'_>, key: &dyn SigningKey) -> Option<bool> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let public = key.public_key()?;
    let (_, public) = SubjectPublicKeyInfo::from_der(&public).ok()?;
    Some(certificate.public_key().subject_public_key.data == public.subject_public_key.data)
}
