//! A certificate or a request in words.

use std::path::Path;

use labnet::{
    Error,
    escape::Printable,
    tls::{self, KeySize, PemFile, PemItem},
};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralSubtree, ParsedExtension, X509Extension},
    prelude::FromDer,
    x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Version},
};

use crate::{
    purpose,
    request::{Structure, is_checkable},
};

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
    facts.extend(extensions(certificate.extensions()));
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
    facts.extend(extensions(&request.extensions));
    facts.extend(request.attributes.iter().map(|kind| ("ignored attribute", purpose::identified(kind).into())));
    facts
}

/// Every extension: those that are not put into words, with their object identifiers.
fn extensions(extensions: &[X509Extension<'_>]) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut other = Vec::new();
    for extension in extensions {
        if let Some(fact) = in_words(extension) {
            facts.push(fact);
            continue;
        }
        let critical = if extension.critical { ", critical" } else { "" };
        let damaged = matches!(extension.parsed_extension(), ParsedExtension::ParseError { .. });
        let damaged = if damaged { ", damaged" } else { "" };
        other.push(format!("{}{critical}{damaged}", purpose::identified(&extension.oid)).into());
    }
    if !other.is_empty() {
        facts.push(("other extensions", list(other.into_iter())));
    }
    facts
}

fn in_words(extension: &X509Extension<'_>) -> Option<Fact> {
    Some(match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(san) => {
            ("names (SAN)", list(san.general_names.iter().map(tls::general_name)))
        }
        ParsedExtension::BasicConstraints(constraints) => ("is a CA", if constraints.ca { "yes" } else { "no" }.into()),
        ParsedExtension::KeyUsage(usage) => ("key usage", usage.to_string().into()),
        ParsedExtension::ExtendedKeyUsage(usage) => {
            let tls = [(usage.server_auth, "TLS server"), (usage.client_auth, "TLS client")];
            let tls = tls.into_iter().filter(|(has, _)| *has).map(|(_, purpose)| purpose.into());
            ("purpose", list(tls.chain(purpose::other(usage).into_iter().map(Printable::from))))
        }
        ParsedExtension::NameConstraints(constraints) => {
            let names = |trees: &Option<Vec<GeneralSubtree<'_>>>| {
                list(trees.iter().flatten().map(|subtree| tls::general_name(&subtree.base)))
            };
            let permitted = names(&constraints.permitted_subtrees);
            match &constraints.excluded_subtrees {
                Some(excluded) if !excluded.is_empty() => {
                    let all = if constraints.permitted_subtrees.is_some() { permitted.as_str() } else { "all" };
                    let excluded = names(&constraints.excluded_subtrees);
                    ("may vouch for", format!("{all}, but not for {excluded}").into())
                }
                _ => ("may vouch for", permitted),
            }
        }
        _ => return None,
    })
}

fn list(items: impl Iterator<Item = Printable>) -> Printable {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ").into()
}

fn key(key: &SubjectPublicKeyInfo<'_>) -> String {
    match KeySize::of(key) {
        Some(KeySize::Rsa(bits)) => format!("RSA, {bits} bits"),
        Some(KeySize::EllipticCurve(bits)) => format!("elliptic curve, {bits} bits"),
        None => format!("of another kind, {}", purpose::identified(&key.algorithm.algorithm)),
    }
}

fn algorithm(algorithm: &AlgorithmIdentifier<'_>) -> Printable {
    tls::identifier(&algorithm.algorithm).into()
}
