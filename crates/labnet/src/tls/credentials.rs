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
use rustls_pemfile::Item;
use x509_parser::{
    der_parser::asn1_rs::{FromDer, Integer, Sequence},
    prelude::{SubjectPublicKeyInfo, X509Certificate},
};
use zeroize::Zeroizing;

use crate::{
    Error,
    error::{CredentialsFault, MIN_RSA_BITS},
    file,
};

/// The largest PEM file that is read (ours: a long chain, several times over).
const MAX_FILE_LEN: u64 = 1 << 20;

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

/// What a PEM file holds.
struct Pem {
    text: String,
    items: Vec<Item>,
}

impl Pem {
    fn read(path: &Path) -> Result<Self, Error> {
        let bytes = file::read(path, MAX_FILE_LEN)
            .map_err(|source| Error::File { attempt: "read", path: path.display().to_string(), source })?
            .ok_or_else(|| Error::credentials(path, "is too long for a certificate or a key"))?;
        if bytes.is_empty() {
            return Err(Error::credentials(path, "is empty"));
        }
        // A block that cannot be read is missed below, where what was expected is known.
        let items = rustls_pemfile::read_all(&mut bytes.as_slice()).map_while(Result::ok).collect();
        Ok(Self { text: String::from_utf8_lossy(&bytes).into_owned(), items })
    }

    fn has_key(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Pkcs1Key(_) | Item::Pkcs8Key(_) | Item::Sec1Key(_)))
    }

    fn is_encrypted(&self) -> bool {
        self.text.contains("BEGIN ENCRYPTED PRIVATE KEY") || self.text.contains("Proc-Type: 4,ENCRYPTED")
    }

    /// How to name a file in which something else was looked for.
    fn complaint(&self, wanted: &str, label: &str) -> String {
        let holds = match self.items.first() {
            Some(Item::X509Certificate(_)) => "a certificate",
            Some(Item::Csr(_)) => "a certificate request, which the CA has yet to sign",
            Some(_) if self.has_key() => "a private key",
            _ if self.text.contains("-----BEGIN") => "a PEM block that cannot be read",
            _ => "no PEM block",
        };
        format!("holds {holds}; expected {wanted}, which begins with -----BEGIN {label}-----")
    }
}

pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = Pem::read(path)?;
    let complaint = pem.complaint("a certificate", "CERTIFICATE");
    let certificate = |item| if let Item::X509Certificate(certificate) = item { Some(certificate) } else { None };
    let chain: Vec<_> = pem.items.into_iter().filter_map(certificate).collect();
    if chain.is_empty() { Err(Error::credentials(path, complaint)) } else { Ok(chain) }
}

fn read_key(path: &Path) -> Result<(Arc<dyn SigningKey>, SecretDer), Error> {
    let pem = Pem::read(path)?;
    if pem.is_encrypted() {
        return Err(Error::credentials(
            path,
            "is encrypted with a passphrase, and a server starts without one; \
             write it in clear: openssl pkey -in ENCRYPTED.pem -out ID_key.pem",
        ));
    }
    let complaint = pem.complaint("a private key", "PRIVATE KEY");
    let key = pem.items.into_iter().find_map(|item| match item {
        Item::Pkcs1Key(key) => Some(PrivateKeyDer::Pkcs1(key)),
        Item::Pkcs8Key(key) => Some(PrivateKeyDer::Pkcs8(key)),
        Item::Sec1Key(key) => Some(PrivateKeyDer::Sec1(key)),
        _ => None,
    });
    let key = key.ok_or_else(|| Error::credentials(path, complaint))?;
    if let Some(bits) = rsa_bits(&key).filter(|&bits| bits < MIN_RSA_BITS) {
        return Err(Error::credentials(path, CredentialsFault::WeakKey { bits }));
    }
    let signing_key = any_supported_type(&key).map_err(|_| {
        Error::credentials(path, "is no key that TLS can use: expected RSA from 2048 bits, P-256 or P-384")
    })?;
    Ok((signing_key, Zeroizing::new(key.secret_der().to_vec())))
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
    let digits: Vec<u8> = modulus.as_ref().iter().copied().skip_while(|&byte| byte == 0).collect();
    Some(digits.len() * 8 - digits.first()?.leading_zeros() as usize)
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
