//! The one reader of files with certificates, certificate requests and keys.

use std::path::{Path, PathBuf};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls_pemfile::Item;
use x509_parser::{
    certification_request::X509CertificationRequest, der_parser::asn1_rs::FromDer, prelude::X509Certificate,
};

use super::pem::{self, Block};
use crate::{Error, error::CredentialsFault, file};

/// The largest PEM file that is read (ours: a long chain, several times over).
const MAX_FILE_LEN: u64 = 1 << 20;

/// The mark that some editors put before UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A file of PEM blocks, read whole: a block that is damaged or cut short is an error, whatever was looked for.
#[derive(Debug)]
pub struct PemFile {
    path: PathBuf,
    blocks: Vec<Block>,
    is_empty: bool,
}

/// A structure that can be shown, in DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PemItem {
    /// A certificate.
    Certificate(Vec<u8>),
    /// A certificate request.
    Request(Vec<u8>),
}

impl PemFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Credentials`] for a block that cannot be read, and for a file in another form (DER,
    /// UTF-16), with the command that converts it as its hint.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = file::read(path, MAX_FILE_LEN)
            .map_err(|source| Error::File { attempt: "read", path: path.display().to_string(), source })?
            .ok_or_else(|| Error::credentials(path, "is too long for a certificate, a request or a key"))?;
        if let Some(fault) = other_form(path, &bytes) {
            return Err(Error::credentials(path, fault));
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
        let blocks = pem::blocks(text).map_err(|complaint| Error::credentials(path, complaint))?;
        Ok(Self { path: path.to_owned(), blocks, is_empty: bytes.is_empty() })
    }

    /// The certificates in their order; at least one.
    ///
    /// # Errors
    /// [`Error::Credentials`], which says what the file holds instead.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let certificate = |block: &Block| match block {
            Block::Known(Item::X509Certificate(certificate)) => Some(certificate.clone()),
            _ => None,
        };
        let chain: Vec<_> = self.blocks.iter().filter_map(certificate).collect();
        if chain.is_empty() { Err(self.holds_no("a certificate", "CERTIFICATE")) } else { Ok(chain) }
    }

    /// The first private key.
    ///
    /// # Errors
    /// [`Error::Credentials`], which says what the file holds instead; also for a key under a passphrase.
    pub fn private_key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        if self.blocks.contains(&Block::EncryptedKey) {
            return Err(Error::credentials(
                &self.path,
                "is encrypted with a passphrase, and a server starts without one; \
                 write it in clear: openssl pkey -in ENCRYPTED.pem -out ID_key.pem",
            ));
        }
        let key = self.blocks.iter().find_map(|block| match block {
            Block::Known(Item::Pkcs1Key(key)) => Some(PrivateKeyDer::Pkcs1(key.clone_key())),
            Block::Known(Item::Pkcs8Key(key)) => Some(PrivateKeyDer::Pkcs8(key.clone_key())),
            Block::Known(Item::Sec1Key(key)) => Some(PrivateKeyDer::Sec1(key.clone_key())),
            _ => None,
        });
        key.ok_or_else(|| self.holds_no("a private key", "PRIVATE KEY"))
    }

    /// The one certificate request, in DER.
    ///
    /// # Errors
    /// [`Error::Credentials`], which says what the file holds instead; also of a second request.
    pub fn request(&self) -> Result<Vec<u8>, Error> {
        let mut requests = self.blocks.iter().filter_map(|block| match block {
            Block::Known(Item::Csr(request)) => Some(request.to_vec()),
            _ => None,
        });
        let request = requests.next();
        match requests.count() {
            0 => request.ok_or_else(|| self.holds_no("a certificate request", "CERTIFICATE REQUEST")),
            more => Err(Error::credentials(
                &self.path,
                format!("holds {} certificate requests: put each into a file of its own", more + 1),
            )),
        }
    }

    /// The certificates and requests in their order; at least one.
    ///
    /// # Errors
    /// [`Error::Credentials`], which says what the file holds instead.
    pub fn items(&self) -> Result<Vec<PemItem>, Error> {
        let item = |block: &Block| match block {
            Block::Known(Item::X509Certificate(certificate)) => Some(PemItem::Certificate(certificate.to_vec())),
            Block::Known(Item::Csr(request)) => Some(PemItem::Request(request.to_vec())),
            _ => None,
        };
        let items: Vec<_> = self.blocks.iter().filter_map(item).collect();
        if items.is_empty() { Err(self.holds_no("a certificate or a request", "CERTIFICATE")) } else { Ok(items) }
    }

    /// How to name a file in which something else was looked for.
    fn holds_no(&self, wanted: &str, label: &str) -> Error {
        let is_key = |block: &Block| {
            matches!(
                block,
                Block::EncryptedKey | Block::Known(Item::Pkcs1Key(_) | Item::Pkcs8Key(_) | Item::Sec1Key(_))
            )
        };
        let holds = match self.blocks.first() {
            None if self.is_empty => "is empty",
            None => "holds no PEM block",
            Some(Block::Known(Item::X509Certificate(_))) => "holds a certificate",
            Some(Block::Known(Item::Csr(_))) => "holds a certificate request, which the CA has yet to sign",
            Some(_) if self.blocks.iter().any(is_key) => "holds a private key",
            Some(_) => "holds a PEM block of another kind",
        };
        let complaint = format!("{holds}; expected {wanted}, which begins with -----BEGIN {label}-----");
        Error::credentials(&self.path, complaint)
    }
}

/// What a file is that is no PEM, and the command that makes PEM of it; `None` for text, and for what is neither.
fn other_form(path: &Path, bytes: &[u8]) -> Option<CredentialsFault> {
    /// SignedData (RFC 5652, section 5.1), by its object identifier.
    const PKCS7: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
    let [from, to] = [path.to_owned(), path.with_extension("pem")].map(|path| quote(&path.to_string_lossy()));
    let to = if from == to { "NEW.pem".to_owned() } else { to };
    let form = |found, command: String| Some(CredentialsFault::OtherForm { found, command });
    if [&b"\xff\xfe"[..], b"\xfe\xff", b"-\0-\0", b"\0-\0-"].iter().any(|start| bytes.starts_with(start)) {
        return form("text in UTF-16", format!("iconv -f UTF-16 -t UTF-8 {from} > {to}"));
    }
    // A newline that an editor added does no harm.
    let len = pem::der_len(bytes).filter(|len| (*len..=len + 2).contains(&bytes.len()))?;
    let der = bytes.get(..len)?;
    let openssl = |task: &str| format!("openssl {task} -in {from} -out {to}");
    if X509Certificate::from_der(der).is_ok() {
        return form("a certificate in DER, the binary form", openssl("x509 -inform DER"));
    }
    if X509CertificationRequest::from_der(der).is_ok() {
        return form("a certificate request in DER, the binary form", openssl("req -inform DER"));
    }
    match pem::der_content(der)? {
        [2, 1, 0 | 1, ..] => form("a private key in DER, the binary form", openssl("pkey -inform DER")),
        [2, 1, 3, ..] => form("a PKCS#12 file, which has its key and certificates in one", openssl("pkcs12 -nodes")),
        content if content.starts_with(&PKCS7) => form("a PKCS#7 file", openssl("pkcs7 -inform DER -print_certs")),
        _ => None,
    }
}

/// A file's name as a shell takes it.
fn quote(path: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "-_./+@".contains(character);
    let path = if path.starts_with('-') { format!("./{path}") } else { path.to_owned() };
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', "'\\''")) }
}
