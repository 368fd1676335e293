//! Which certificate a client sees: the one that is for the name it asks for (SNI, RFC 6066, section 3).

use std::{path::PathBuf, sync::Arc};

use labnet::{Error, tls::Credentials};
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

/// Certificates, each with the DNS names that it is for.
#[derive(Debug)]
pub(super) struct ByName {
    default: Arc<CertifiedKey>,
    all: Vec<(Vec<String>, Arc<CertifiedKey>)>,
}

impl ByName {
    /// Reads the pairs of files; the first pair is the default.
    pub(super) fn load(pairs: &[(PathBuf, PathBuf)]) -> Result<Self, Error> {
        let mut all = Vec::new();
        for (certificate, key) in pairs {
            let certified = Credentials::load(certificate, key)?.certified_key();
            all.push((names(&certified), certified));
        }
        let default = all.first().map(|(_, certified)| Arc::clone(certified));
        let default = default.ok_or_else(|| Error::Usage("a server needs a certificate and its key".to_owned()))?;
        Ok(Self { default, all })
    }

    /// The certificate for a client that asks for this name, or for none.
    pub(super) fn for_client(&self, name: Option<&str>) -> Arc<CertifiedKey> {
        name.map_or_else(|| Arc::clone(&self.default), |name| self.choose(name))
    }

    /// The certificate that says this very name, else one whose wildcard covers it, else the default.
    fn choose(&self, name: &str) -> Arc<CertifiedKey> {
        let with = |fits: &dyn Fn(&str) -> bool| {
            let found = self.all.iter().find(|(names, _)| names.iter().any(|own| fits(own)));
            found.map(|(_, certified)| Arc::clone(certified))
        };
        let exact = with(&|own| own.eq_ignore_ascii_case(name));
        exact.or_else(|| with(&|own| covers(own, name))).unwrap_or_else(|| Arc::clone(&self.default))
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.for_client(hello.server_name()))
    }
}

/// Whether `*.domain` covers a name: exactly one label stands for the star (RFC 9525, section 6.3).
fn covers(wildcard: &str, name: &str) -> bool {
    let below = |domain: &str| name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain));
    wildcard.strip_prefix("*.").is_some_and(below)
}

/// The DNS names in the SAN of the leaf; none when it has no SAN.
fn names(certified: &CertifiedKey) -> Vec<String> {
    let Some(leaf) = certified.cert.first() else { return Vec::new() };
    let Ok((_, leaf)) = X509Certificate::from_der(leaf) else { return Vec::new() };
    let Ok(Some(san)) = leaf.subject_alternative_name() else { return Vec::new() };
    let dns_name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    };
    san.value.general_names.iter().filter_map(dns_name).collect()
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        for (wildcard, name, expected) in [
            ("*.lab.test", "a.lab.test", true),
            ("*.lab.test", "A.LAB.TEST", true),
            ("*.lab.test", "lab.test", false),
            ("*.lab.test", "a.b.lab.test", false),
            ("*.lab.test", "alab.test", false),
            ("lab.test", "a.lab.test", false),
        ] {
            assert_eq!(covers(wildcard, name), expected, "{wildcard} and {name}");
        }
    }
}
