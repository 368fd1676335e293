//! The name that a certificate must be for.

use rustls::{
    Error as TlsError,
    client::verify_server_name,
    pki_types::{CertificateDer, ServerName},
    server::ParsedCertificate,
};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use super::{
    explain::{CertificateFault, join_names},
    words,
};
use crate::{Error, escape::escape};

/// The way on for who wants no name checked.
const WITHOUT_NAME: &str = "--no-check-hostname goes on without that check";

/// What a certificate must be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ExpectedName {
    /// Anything: the name is not checked.
    Any,
    /// The host that is asked, which the SAN names.
    Host(ServerName<'static>),
    /// What somebody calls the server: a name in the SAN, or the common name of a certificate that has no SAN.
    Given {
        /// In the words of the user.
        name: String,
        /// Whether the program goes on without that check if it is told to.
        may_be_skipped: bool,
    },
}

impl ExpectedName {
    /// Checks a certificate whose chain was verified.
    pub(super) fn check(&self, leaf: &CertificateDer<'_>) -> Result<(), TlsError> {
        match self {
            Self::Any => Ok(()),
            Self::Host(host) => check_host(leaf, host),
            Self::Given { name, may_be_skipped } => check_given(leaf, name, *may_be_skipped),
        }
    }
}

fn check_host(leaf: &CertificateDer<'_>, host: &ServerName<'_>) -> Result<(), TlsError> {
    let parsed = parse(leaf)?;
    if has_san(&parsed)? {
        return verify_server_name(&ParsedCertificate::try_from(leaf)?, host);
    }
    let common_name = common_name(&parsed)
        .map(|name| format!(", and --name compares its common name, '{}'", shown(&name)))
        .unwrap_or_default();
    let host = host.to_str();
    Err(CertificateFault(format!(
        "has a certificate that names no server: it has no SAN (subject alternative name), so it cannot be checked that \
         it is for {host}; {WITHOUT_NAME}{common_name}"
    ))
    .into())
}

fn check_given(leaf: &CertificateDer<'_>, given: &str, may_be_skipped: bool) -> Result<(), TlsError> {
    let parsed = parse(leaf)?;
    let host = server_name(given);
    if has_san(&parsed)? {
        return match host {
            Some(host) => verify_server_name(&ParsedCertificate::try_from(leaf)?, &host),
            None => Err(mismatch(given, &join_names(alternative_names(&parsed)))),
        };
    }
    // In names of hosts, capitals are small letters (RFC 4343).
    let is_it = |name: &String| name == given || host.is_some() && name.eq_ignore_ascii_case(given);
    match common_name(&parsed) {
        Some(name) if is_it(&name) => Ok(()),
        name => {
            let name = name.map_or("no common name".to_owned(), |name| format!("the common name '{}'", shown(&name)));
            let way_on = if may_be_skipped { format!("; {WITHOUT_NAME}") } else { String::new() };
            Err(mismatch(given, &format!("{name} (it has no SAN){way_on}")))
        }
    }
}

fn mismatch(given: &str, presented: &str) -> TlsError {
    CertificateFault(format!("was to be '{}', but its certificate is for {presented}", shown(given))).into()
}

fn shown(name: &str) -> String {
    escape(name.as_bytes()).to_string()
}

fn has_san(certificate: &X509Certificate<'_>) -> Result<bool, TlsError> {
    let san = certificate.subject_alternative_name();
    Ok(san
        .map_err(|_| CertificateFault::from("has a certificate with a SAN that is damaged, or there twice"))?
        .is_some())
}

fn alternative_names<'c>(certificate: &'c X509Certificate<'_>) -> impl Iterator<Item = String> + 'c {
    let san = certificate.subject_alternative_name().ok().flatten();
    san.into_iter().flat_map(|san| &san.value.general_names).map(|name| words::general_name(name).to_string())
}

/// The last of the common names, which is the most specific.
fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    words::text(certificate.subject().iter_common_name().last()?.attr_value())
}

fn parse<'c>(certificate: &'c CertificateDer<'_>) -> Result<X509Certificate<'c>, TlsError> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_| CertificateFault::from("has a damaged certificate"))?;
    Ok(parsed)
}

/// A name from a command line, that of a host.
pub(super) fn parse_name(name: &str) -> Result<ServerName<'static>, Error> {
    let error = || Error::Usage(format!("'{}' is no name of a server, such as localhost", name));
    server_name(name).ok_or_else(error)
}

/// A DNS name or an address; `None` for what no server can be called. A zone (`fe80::1%eth0`) is of this machine, and
/// in no certificate.
pub(super) fn server_name(name: &str) -> Option<ServerName<'static>> {
    let address = name.split_once('%').map(|(address, _)| address).filter(|address| address.contains(':'));
    ServerName::try_from(address.unwrap_or(name).to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_no_part_of_a_name() {
        assert_eq!(server_name("fe80::1%eth0"), server_name("fe80::1"));
        assert_eq!(server_name("a%b"), None);
    }
}
