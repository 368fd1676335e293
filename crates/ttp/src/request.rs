//! Reading a certificate request (PKCS#10, RFC 2986): who asks, with which key, for which names, and what else.

use std::path::Path;

use labnet::{
    Error,
    error::{CredentialsFault, MIN_RSA_BITS},
    escape::Printable,
    tls::{self, DottedOid, KeySize, PemFile},
};
use rcgen::{
    DistinguishedName, DnType, DnValue, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, PublicKeyData,
    SubjectPublicKeyInfo,
    string::{Ia5String, PrintableString},
};
use x509_parser::{
    der_parser::asn1_rs::{Any, FromDer, Oid, oid},
    extensions::{GeneralName, ParsedExtension, X509Extension},
    oid_registry::{OID_PKCS1_RSAENCRYPTION, OID_X509_EXT_SUBJECT_ALT_NAME},
};

use crate::{Name, Purpose, faithful, purpose};

mod structure;

pub(crate) use structure::Structure;

/// The signatures with which nobody proves anything any more (RFC 6151), and their hash functions.
const BROKEN_HASHES: [(Oid<'static>, &str); 3] =
    [(oid!(1.2.840.113549.1.1.2), "MD2"), (oid!(1.2.840.113549.1.1.3), "MD4"), (oid!(1.2.840.113549.1.1.4), "MD5")];

/// The signatures that are checked: RSA (PKCS#1 1.5) with SHA-1 to SHA-512, ECDSA with SHA-256 and SHA-384.
const CHECKED_SIGNATURES: [Oid<'static>; 6] = [
    oid!(1.2.840.113549.1.1.5),
    oid!(1.2.840.113549.1.1.11),
    oid!(1.2.840.113549.1.1.12),
    oid!(1.2.840.113549.1.1.13),
    oid!(1.2.840.10045.4.3.2),
    oid!(1.2.840.10045.4.3.3),
];

/// The object identifier of a subject's mail address (PKCS#9).
const EMAIL: [u64; 7] = [1, 2, 840, 113_549, 1, 9, 1];

/// A request whose signature was checked: whoever made it has the key.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) subject: DistinguishedName,
    /// The same as it was written: the type of each attribute, in DER, and its text.
    attributes: Vec<(Vec<u8>, String)>,
    pub(crate) key: SubjectPublicKeyInfo,
    key_der: Vec<u8>,
    pub(crate) is_rsa: bool,
    pub(crate) names: Vec<Name>,
    /// To prove what, if it says so.
    pub(crate) purpose: Option<Purpose>,
    /// What was asked for and is not granted.
    pub(crate) refused: Vec<Printable>,
}

impl Request {
    /// Reads and checks a PEM file.
    ///
    /// # Errors
    /// [`Error::Credentials`] with what is wrong with it.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(&PemFile::read(path)?.request()?).map_err(|fault| Error::credentials(path, fault))
    }

    /// Reads and checks a request in DER.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(der: &[u8]) -> Result<Self, CredentialsFault> {
        if Any::from_der(der).is_ok_and(|(rest, _)| !rest.is_empty()) {
            return Err("is a certificate request with something behind it".into());
        }
        let request = Structure::parse(der).ok_or("is a damaged certificate request")?;
        // The key before the signature, which is not checked with a key that TLS refuses.
        let key = certifiable_key(&request)?;
        if let Some((_, hash)) = BROKEN_HASHES.iter().find(|(oid, _)| *oid == request.algorithm.algorithm) {
            return Err(CredentialsFault::BrokenHash { hash });
        }
        if !CHECKED_SIGNATURES.contains(&request.algorithm.algorithm) {
            return Err(format!(
                "is a certificate request signed with {}, which is not checked here: expected RSA or ECDSA with SHA-256 or \
                 SHA-384",
                tls::identifier(&request.algorithm.algorithm)
            )
            .into());
        }
        request.verify_signature().map_err(|_| {
            "is a certificate request whose signature does not fit: it was damaged, or not made with its key".to_owned()
        })?;
        let mut own = Self::with_subject(&request, key)?;
        for extension in &request.extensions {
            own.ask(extension)?;
        }
        Ok(own)
    }

    fn with_subject(request: &Structure<'_>, key: SubjectPublicKeyInfo) -> Result<Self, String> {
        let mut own = Self {
            subject: DistinguishedName::new(),
            attributes: Vec::new(),
            key,
            key_der: request.key.raw.to_vec(),
            is_rsa: request.key.algorithm.algorithm == OID_PKCS1_RSAENCRYPTION,
            names: Vec::new(),
            purpose: None,
            refused: Vec::new(),
        };
        for attribute in request.subject.iter_attributes() {
            let oid = DottedOid::of(attribute.attr_type());
            let kind = DnType::from_oid(&faithful::arcs(oid).ok_or_else(|| faithful::cannot_write(oid))?);
            let text = tls::text(attribute.attr_value()).ok_or("has a subject that is no text")?;
            if own.subject.get(&kind).is_some() {
                // rcgen holds one of each.
                own.refused.push("another value of one attribute of its subject".into());
                continue;
            }
            own.subject.push(kind.clone(), value_of(&kind, &text));
            own.attributes.push((attribute.attr_type().as_bytes().to_vec(), text));
        }
        Ok(own)
    }

    /// Takes a wish: grants it, or counts it among those that are refused.
    fn ask(&mut self, extension: &X509Extension<'_>) -> Result<(), String> {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(san) => {
                for name in &san.general_names {
                    self.names.push(readable(name).ok_or_else(|| {
                        let name = tls::general_name(name);
                        format!("asks for the name {name}, which is neither DNS name nor IP address")
                    })?);
                }
            }
            // Not among what is left out: the certificate would be for other names than were asked for.
            _ if extension.oid == OID_X509_EXT_SUBJECT_ALT_NAME => {
                return Err("asks for names in a list (SAN) that is damaged".to_owned());
            }
            ParsedExtension::BasicConstraints(constraints) if constraints.ca => {
                self.refused.push("the right to be a CA (CA:TRUE)".into());
            }
            // Ours to say, and much the same.
            ParsedExtension::BasicConstraints(_) | ParsedExtension::SubjectKeyIdentifier(_) => {}
            ParsedExtension::KeyUsage(usage) if usage.key_cert_sign() || usage.crl_sign() => {
                self.refused.push("the right to sign certificates or revocations (key usage)".into());
            }
            ParsedExtension::KeyUsage(_) => {}
            ParsedExtension::ExtendedKeyUsage(usage) => {
                self.purpose = Purpose::of(usage.server_auth, usage.client_auth);
                let other = purpose::other(usage);
                if !other.is_empty() {
                    let other = other.join(", ");
                    self.refused.push(format!("a purpose other than TLS (extended key usage): {other}").into());
                }
            }
            _ => {
                let kind = purpose::identified(&extension.oid);
                self.refused.push(format!("an extension that this CA does not issue: {kind}").into());
            }
        }
        Ok(())
    }

    /// Refuses a certificate that does not say what the request says, for these names.
    ///
    /// # Errors
    /// That it does not.
    pub(crate) fn check_certificate(&self, certificate: &[u8], names: &[Name]) -> Result<(), &'static str> {
        let is_same = faithful::has_subject(certificate, &self.key_der, &self.attributes);
        is_same.then_some(()).ok_or("has a subject or a key that cannot be written into a certificate as it is")?;
        let is_same = faithful::has_names(certificate, names);
        is_same.then_some(()).ok_or("asks for names that cannot be written into a certificate as they are")
    }

    /// The common name, if the subject has one that is text.
    pub(crate) fn common_name(&self) -> Option<String> {
        match self.subject.get(&DnType::CommonName)? {
            DnValue::Utf8String(text) => Some(text.clone()),
            _ => None,
        }
    }
}

/// Whether the signature of a request can be checked: its key and its algorithm are such that are certified here.
pub(crate) fn is_checkable(request: &Structure<'_>) -> bool {
    certifiable_key(request).is_ok() && CHECKED_SIGNATURES.contains(&request.algorithm.algorithm)
}

/// The key of a request, if it is of a kind and strength that TLS takes.
fn certifiable_key(request: &Structure<'_>) -> Result<SubjectPublicKeyInfo, CredentialsFault> {
    let key = &request.key;
    if let Some(KeySize::Rsa(bits)) = KeySize::of(key)
        && bits < MIN_RSA_BITS
    {
        return Err(CredentialsFault::WeakRequestKey { bits });
    }
    let known = [&PKCS_RSA_SHA256, &PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384];
    let key = SubjectPublicKeyInfo::from_der(key.raw).ok().filter(|key| known.contains(&key.algorithm()));
    key.ok_or_else(|| "is for a kind of key that cannot be certified here: expected RSA, P-256 or P-384".into())
}

/// A value in the type that RFC 5280, appendix A.1 has for its attribute.
fn value_of(kind: &DnType, text: &str) -> DnValue {
    let typed = match kind {
        DnType::CountryName => PrintableString::try_from(text).ok().map(DnValue::PrintableString),
        DnType::CustomDnType(oid) if *oid == EMAIL => Ia5String::try_from(text).ok().map(DnValue::Ia5String),
        _ => None,
    };
    typed.unwrap_or_else(|| DnValue::Utf8String(text.to_owned()))
}

fn readable(name: &GeneralName<'_>) -> Option<Name> {
    match name {
        GeneralName::DNSName(name) => name.parse().ok(),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| Name::Ip(bytes.into())),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| Name::Ip(bytes.into())),
            _ => None,
        },
        _ => None,
    }
}
