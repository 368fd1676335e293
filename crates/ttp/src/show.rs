//! A certificate or a request in words.

use std::path::Path;

use labnet::{
    Error,
    escape::Printable,
    tls::{self, PemFile, PemItem},
};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{ParsedExtension, X509Extension},
    prelude::FromDer,
    public_key::PublicKey,
    x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Version},
};

use crate::request::{Structure, is_checkable};

/// A fact and its label.
type Fact = (&'static str, Printable);

/// What a file says, one fact a line: each certificate and each request, with an empty line between two.
///
/// # Errors
/// [`Error::File`] or [`Error::Credentials`].
pub fn show(path: &Path) -> Result<String, Error> {
    let damaged = |what: &str| Error::credentials(path, format!("is a damaged {what}"));
    let mut parts = Vec::new();
    for item in PemFile::read(path)?.items()? {
        let facts = match &item {
            PemItem::Certificate(der) => {
                let (_, certificate) = X509Certificate::from_der(der).map_err(|_| damaged("certificate"))?;
                describe(&certificate)
            }
            PemItem::Request(der) => {
                describe_request(&Structure::parse(der).ok_or_else(|| damaged("certificate request"))?)
            }
        };
        let lines = facts.iter().map(|(label, value)| format!("{:<20} {value}\n", format!("{label}:")));
        parts.push(lines.collect::<String>());
    }
    Ok(parts.join("\n"))
}

/// The same of a certificate in DER, each fact with its label. `None` for what is none.
pub fn facts(certificate: &[u8]) -> Option<Vec<(&'static str, String)>> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(describe(&certificate).into_iter().map(|(label, value)| (label, value.to_string())).collect())
}

fn describe(certificate: &X509Certificate<'_>) -> Vec<Fact> {
    let version = match certificate.version() {
        X509Version(number) => u64::from(number) + 1,
    };
    let mut facts = vec![
        ("version", version.to_string().into()),
        ("subject", tls::name(certificate.subject())),
        ("issuer", tls::name(certificate.issuer())),
        ("serial", certificate.raw_serial_as_string().into()),
        ("valid from", certificate.validity().not_before.to_string().into()),
        ("valid until", certificate.validity().not_after.to_string().into()),
        ("key", key(certificate.public_key()).into()),
        ("signed with", algorithm(&certificate.signature_algorithm)),
    ];
    facts.extend(certificate.extensions().iter().filter_map(extension));
    facts
}

/// A request asks; what of it is granted, `ttp sign` says.
fn describe_request(request: &Structure<'_>) -> Vec<Fact> {
    // Whoever made it has the key, or not.
    let signature = match request.verify_signature() {
        Ok(()) => "",
        Err(_) if is_checkable(request) => " (the signature does not fit)",
        Err(_) => " (not checked here)",
    };
    let mut facts = vec![
        ("request of", tls::name(&request.subject)),
        ("key", key(&request.key).into()),
        ("signed with", format!("{}{signature}", algorithm(&request.algorithm)).into()),
    ];
    facts.extend(request.extensions.iter().filter_map(extension));
    facts.extend(request.attributes.iter().map(|kind| ("ignored attribute", tls::identifier(kind).into())));
    facts
}

fn extension(extension: &X509Extension<'_>) -> Option<Fact> {
    Some(match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(san) => {
            ("names (SAN)", list(san.general_names.iter().map(tls::general_name)))
        }
        ParsedExtension::BasicConstraints(constraints) => ("is a CA", if constraints.ca { "yes" } else { "no" }.into()),
        ParsedExtension::KeyUsage(usage) => ("key usage", usage.to_string().into()),
        ParsedExtension::ExtendedKeyUsage(usage) => {
            let purposes = [(usage.server_auth, "TLS server"), (usage.client_auth, "TLS client"), (usage.any, "any")];
            ("purpose", list(purposes.into_iter().filter(|(has, _)| *has).map(|(_, purpose)| purpose.into())))
        }
        ParsedExtension::NameConstraints(constraints) => {
            let permitted = constraints.permitted_subtrees.iter().flatten();
            ("may vouch for", list(permitted.map(|subtree| tls::general_name(&subtree.base))))
        }
        _ => return None,
    })
}

fn list(items: impl Iterator<Item = Printable>) -> Printable {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ").into()
}

fn key(key: &SubjectPublicKeyInfo<'_>) -> String {
    match key.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA, {} bits", key.key_size()),
        Ok(PublicKey::EC(key)) => format!("elliptic curve, {} bits", key.key_size()),
        _ => format!("of another kind, {}", tls::identifier(&key.algorithm.algorithm)),
    }
}

fn algorithm(algorithm: &AlgorithmIdentifier<'_>) -> Printable {
    tls::identifier(&algorithm.algorithm).into()
}
