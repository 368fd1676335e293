//! A certificate in words.

use std::{net::IpAddr, path::Path};

use labnet::{Error, escape::escape};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    oid_registry::{OidRegistry, format_oid},
    prelude::FromDer,
    public_key::PublicKey,
    x509::X509Version,
};

use crate::{ca_directory, files};

/// What a certificate file says, one fact a line.
///
/// # Errors
/// [`Error::File`] or [`Error::Credentials`].
pub fn show(path: &Path) -> Result<String, Error> {
    let pem = ca_directory::parse_pem(path, &files::read(path)?)?;
    let facts = describe(&ca_directory::parse(path, &pem)?);
    Ok(facts.iter().map(|(label, value)| format!("{:<20} {value}\n", format!("{label}:"))).collect())
}

/// The same of a certificate in DER, each fact with its label; untrusted bytes are escaped. `None` for what is none.
pub fn facts(certificate: &[u8]) -> Option<Vec<(&'static str, String)>> {
    X509Certificate::from_der(certificate).ok().map(|(_, certificate)| describe(&certificate))
}

fn describe(certificate: &X509Certificate<'_>) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut fact = |label, value: String| facts.push((label, escape(value.as_bytes()).to_string()));
    let version = match certificate.version() {
        X509Version(number) => number + 1,
    };
    fact("version", version.to_string());
    fact("subject", certificate.subject().to_string());
    fact("issuer", certificate.issuer().to_string());
    fact("serial", certificate.raw_serial_as_string());
    fact("valid from", certificate.validity().not_before.to_string());
    fact("valid until", certificate.validity().not_after.to_string());
    fact("key", key(certificate));
    fact("signed with", algorithm(certificate));
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(san) => {
                fact("names (SAN)", list(san.general_names.iter().map(name)))
            }
            ParsedExtension::BasicConstraints(constraints) => {
                fact("is a CA", if constraints.ca { "yes" } else { "no" }.to_owned());
            }
            ParsedExtension::KeyUsage(usage) => fact("key usage", usage.to_string()),
            ParsedExtension::ExtendedKeyUsage(usage) => {
                let purposes =
                    [(usage.server_auth, "TLS server"), (usage.client_auth, "TLS client"), (usage.any, "any")];
                fact(
                    "purpose",
                    list(purposes.into_iter().filter(|(has, _)| *has).map(|(_, purpose)| purpose.to_owned())),
                );
            }
            ParsedExtension::NameConstraints(constraints) => {
                let permitted = constraints.permitted_subtrees.iter().flatten();
                fact("may vouch for", list(permitted.map(|subtree| name(&subtree.base))));
            }
            _ => {}
        }
    }
    facts
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn key(certificate: &X509Certificate<'_>) -> String {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA, {} bits", key.key_size()),
        Ok(PublicKey::EC(key)) => format!("elliptic curve, {} bits", key.key_size()),
        _ => "of another kind".to_owned(),
    }
}

fn algorithm(certificate: &X509Certificate<'_>) -> String {
    format_oid(&certificate.signature_algorithm.algorithm, &OidRegistry::default().with_crypto())
}

fn name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => address(bytes),
        other => other.to_string(),
    }
}

/// An address, or one and its mask.
fn address(bytes: &[u8]) -> String {
    let ip = |bytes: &[u8]| -> Option<IpAddr> {
        match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
            16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
            _ => None,
        }
    };
    let with_mask = || {
        let (base, mask) = bytes.split_at(bytes.len() / 2);
        let bits: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
        ip(base).map(|base| format!("{base}/{bits}"))
    };
    ip(bytes).filter(|_| bytes.len() != 8).map(|ip| ip.to_string()).or_else(with_mask).unwrap_or_default()
}
