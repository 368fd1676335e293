//! Reading a certificate request (PKCS#10, RFC 2986): who asks, with which key, for which names, and what else.

use std::path::Path;

use labnet::{
    Error,
    error::{CredentialsFault, MIN_RSA_BITS},
};
use rcgen::{
    DistinguishedName, DnType, DnValue, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, PublicKeyData,
    SubjectPublicKeyInfo,
    string::{Ia5String, PrintableString},
};
use x509_parser::{
    certification_request::X509CertificationRequest,
    extensions::{GeneralName, ParsedExtension},
    oid_registry::OID_PKCS1_RSAENCRYPTION,
    pem::parse_x509_pem,
    prelude::FromDer,
    public_key::PublicKey,
};

use crate::{Name, Purpose, files};

/// The object identifier of a subject's mail address (PKCS#9).
const EMAIL: [u64; 7] = [1, 2, 840, 113_549, 1, 9, 1];

/// A request whose signature was checked: whoever made it has the key.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) subject: DistinguishedName,
    pub(crate) key: SubjectPublicKeyInfo,
    pub(crate) is_rsa: bool,
    pub(crate) names: Vec<Name>,
    /// To prove what, if it says so.
    pub(crate) purpose: Option<Purpose>,
    /// What was asked for and is not granted.
    pub(crate) refused: Vec<String>,
}

impl Request {
    /// Reads and checks a PEM file.
    ///
    /// # Errors
    /// [`Error::Credentials`] with what is wrong with it.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = files::read(path)?;
        let bad = |complaint: &str| Error::credentials(path, complaint);
        let no_request = "holds no certificate request, which begins with -----BEGIN CERTIFICATE REQUEST-----";
        let (_, pem) = parse_x509_pem(text.as_bytes()).map_err(|_| bad(no_request))?;
        if !["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"].contains(&pem.label.as_str()) {
            return Err(bad(no_request));
        }
        let (rest, request) =
            X509CertificationRequest::from_der(&pem.contents).map_err(|_| bad("is a damaged certificate request"))?;
        if !rest.is_empty() {
            return Err(bad("is a certificate request with something behind it"));
        }
        // The key before the signature, which is not checked with a key that TLS refuses.
        let key = certifiable_key(&request).map_err(|complaint| Error::credentials(path, complaint))?;
        request.verify_signature().map_err(|_| {
            bad("is a certificate request whose signature does not fit: it was damaged, or not made with its key")
        })?;
        Self::of(&request, key).map_err(|complaint| Error::credentials(path, complaint))
    }

    fn of(request: &X509CertificationRequest<'_>, key: SubjectPublicKeyInfo) -> Result<Self, String> {
        let info = &request.certification_request_info;
        let is_rsa = info.subject_pki.algorithm.algorithm == OID_PKCS1_RSAENCRYPTION;
        let (mut names, mut purpose, mut refused) = (Vec::new(), None, Vec::new());
        let mut subject = DistinguishedName::new();
        for attribute in info.subject.iter_attributes() {
            let kind: Vec<u64> = attribute.attr_type().iter().map(Iterator::collect).unwrap_or_default();
            let text = attribute.as_str().map_err(|_| "has a subject that is no text".to_owned())?;
            let kind = DnType::from_oid(&kind);
            if subject.get(&kind).is_some() {
                // rcgen holds one of each.
                refused.push("another value of one attribute of its subject".to_owned());
                continue;
            }
            subject.push(kind.clone(), value_of(&kind, text));
        }
        for extension in request.requested_extensions().into_iter().flatten() {
            match extension {
                ParsedExtension::SubjectAlternativeName(san) => {
                    for name in &san.general_names {
                        names.push(readable(name).ok_or_else(|| {
                            format!("asks for the name {name}, which is neither DNS name nor IP address")
                        })?);
                    }
                }
                ParsedExtension::BasicConstraints(constraints) if constraints.ca => {
                    refused.push("the right to be a CA (CA:TRUE)".to_owned());
                }
                // Ours to say, and much the same.
                ParsedExtension::BasicConstraints(_) | ParsedExtension::SubjectKeyIdentifier(_) => {}
                ParsedExtension::KeyUsage(usage) if usage.key_cert_sign() || usage.crl_sign() => {
                    refused.push("the right to sign certificates or revocations (key usage)".to_owned());
                }
                ParsedExtension::KeyUsage(_) => {}
                ParsedExtension::ExtendedKeyUsage(usage) => {
                    purpose = Purpose::of(usage.server_auth, usage.client_auth);
                    let other = [usage.any, usage.code_signing, usage.email_protection, usage.time_stamping];
                    if other.contains(&true) || usage.ocsp_signing || !usage.other.is_empty() {
                        refused.push("a purpose other than TLS (extended key usage)".to_owned());
                    }
                }
                _ => refused.push("an extension that this CA does not issue".to_owned()),
            }
        }
        Ok(Self { subject, key, is_rsa, names, purpose, refused })
    }

    /// The common name, if the subject has one that is text.
    pub(crate) fn common_name(&self) -> Option<String> {
        match self.subject.get(&DnType::CommonName)? {
            DnValue::Utf8String(text) => Some(text.clone()),
            _ => None,
        }
    }
}

/// The key of a request, if it is of a kind and strength that TLS takes.
fn certifiable_key(request: &X509CertificationRequest<'_>) -> Result<SubjectPublicKeyInfo, CredentialsFault> {
    let key = &request.certification_request_info.subject_pki;
    if let Ok(PublicKey::RSA(key)) = key.parsed()
        && key.key_size() < MIN_RSA_BITS
    {
        return Err(CredentialsFault::WeakRequestKey { bits: key.key_size() });
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
