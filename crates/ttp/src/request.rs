//! Reading a certificate request (PKCS#10, RFC 2986): who asks, with which key, for which names, and what else.

use std::path::Path;

use labnet::Error;
use rcgen::{DistinguishedName, DnType, DnValue, SubjectPublicKeyInfo, string::PrintableString};
use x509_parser::{
    certification_request::X509CertificationRequest,
    extensions::{GeneralName, ParsedExtension},
    oid_registry::OID_PKCS1_RSAENCRYPTION,
    pem::parse_x509_pem,
    prelude::FromDer,
    public_key::PublicKey,
};

use crate::{Name, Purpose, files};

/// The smallest RSA key that is certified, in bits.
const MIN_RSA_BITS: usize = 2048;

/// The object identifier of a subject's country.
const COUNTRY: [u64; 4] = [2, 5, 4, 6];

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
        let bad = |complaint: &str| files::bad(path, complaint);
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
        // Before the signature, which the library does not check with such a key.
        if let Ok(PublicKey::RSA(key)) = request.certification_request_info.subject_pki.parsed()
            && key.key_size() < MIN_RSA_BITS
        {
            let bits = key.key_size();
            return Err(bad(&format!("is for an RSA key of {bits} bits, and TLS needs {MIN_RSA_BITS} or more")));
        }
        request.verify_signature().map_err(|_| {
            bad("is a certificate request whose signature does not fit: it was damaged, or not made with its key")
        })?;
        Self::of(&request).map_err(|complaint| files::bad(path, complaint))
    }

    fn of(request: &X509CertificationRequest<'_>) -> Result<Self, String> {
        let info = &request.certification_request_info;
        let is_rsa = info.subject_pki.algorithm.algorithm == OID_PKCS1_RSAENCRYPTION;
        let key = SubjectPublicKeyInfo::from_der(info.subject_pki.raw).map_err(|_| {
            "is for a kind of key that cannot be certified here: expected RSA, P-256 or P-384".to_owned()
        })?;
        let mut subject = DistinguishedName::new();
        for attribute in info.subject.iter_attributes() {
            let kind: Vec<u64> = attribute.attr_type().iter().map(Iterator::collect).unwrap_or_default();
            let text = attribute.as_str().map_err(|_| "has a subject that is no text".to_owned())?;
            let value = match PrintableString::try_from(text) {
                // RFC 5280, appendix A.1 has the country in this type, the rest in any.
                Ok(code) if kind == COUNTRY => DnValue::PrintableString(code),
                _ => DnValue::Utf8String(text.to_owned()),
            };
            subject.push(DnType::from_oid(&kind), value);
        }
        let (mut names, mut purpose, mut refused) = (Vec::new(), None, Vec::new());
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
