//! What the certificate of a CA must say, besides what rustls-webpki checks.
//!
//! Of a trusted CA webpki knows the name, the key and the name constraints alone. Here its certificate is looked at as
//! OpenSSL does (`check_extensions` and `check_ca`), and those between it and the leaf where webpki does not look.

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::VerifiedPath;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{ExtendedKeyUsage, ParsedExtension, X509Extension},
    prelude::FromDer,
    x509::X509Version,
};

use super::{DottedOid, Roots, TlsRole, explain::CertificateFault};

type Checked = Result<(), CertificateFault>;

/// Checks the CAs of a path that webpki has verified.
pub(super) fn check_path(path: &VerifiedPath<'_>, roots: &Roots, role: TlsRole, at: UnixTime) -> Checked {
    let mut below = 0;
    for intermediate in path.intermediate_certificates() {
        check_consistent(&parse(&intermediate.der())?)?;
        // RFC 5280, section 4.2.1.9 does not count what issued itself.
        below += usize::from(intermediate.subject() != intermediate.issuer());
    }
    let leaf = path.end_entity().der();
    let mut checked = roots.certificates_of(path.anchor()).map(|root| {
        // Who trusts the leaf itself needs no CA.
        if **root == *leaf { Ok(()) } else { check_root(root, below, role, at) }
    });
    match checked.next() {
        // One of Mozilla's list, which has looked at it.
        None => Ok(()),
        Some(first) => first.or_else(|fault| if checked.any(|other| other.is_ok()) { Ok(()) } else { Err(fault) }),
    }
}

/// Checks the certificate of a trusted CA, with so many CAs between it and the leaf.
pub(super) fn check_root(root: &CertificateDer<'_>, below: usize, role: TlsRole, at: UnixTime) -> Checked {
    let root = parse(root)?;
    let now = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    if now > root.validity().not_after.timestamp() {
        return Err(fault("expired"));
    }
    if now < root.validity().not_before.timestamp() {
        return Err(fault("is not valid yet; is the clock right?"));
    }
    if let Some(unknown) = root.extensions().iter().find(|extension| extension.critical && !is_known(extension)) {
        let number = DottedOid::of(&unknown.oid);
        return Err(fault(&format!("has a critical extension that is not understood here ({number})")));
    }
    check_consistent(&root)?;
    if let Ok(Some(usage)) = root.extended_key_usage()
        && !is_for(usage.value, role)
    {
        return Err(fault("is for another purpose (its extended key usage does not allow this one)"));
    }
    match root.basic_constraints() {
        Ok(Some(constraints)) if constraints.value.path_len_constraint.is_some_and(|most| below > most as usize) => {
            Err("has a chain that is longer than its CA allows".into())
        }
        _ => Ok(()),
    }
}

/// Whether it says without contradiction that it is a CA's.
fn check_consistent(ca: &X509Certificate<'_>) -> Checked {
    if ca.subject().iter().next().is_none() {
        return Err(fault("has no subject: it names no CA"));
    }
    if ca.extensions_map().is_err() {
        return Err(fault("has an extension twice"));
    }
    if ca.version() != X509Version::V3 {
        // Before version 3 there was no way to say what is a CA.
        return if ca.extensions().is_empty() {
            Ok(())
        } else {
            Err(fault("has extensions, without being of version 3"))
        };
    }
    let damaged = |_| fault("has a damaged extension");
    let usage = ca.key_usage().map_err(damaged)?.map(|usage| usage.value.key_cert_sign());
    let is_ca = ca.basic_constraints().map_err(damaged)?.map(|constraints| constraints.value.ca);
    match (usage, is_ca) {
        (Some(false), _) => Err(fault("does not let it sign (key usage without certificate signing)")),
        (_, Some(false)) => Err(fault("says that it is no CA (basic constraints)")),
        (None, None) => Err(fault("does not say that it is a CA (basic constraints)")),
        (_, Some(true)) | (Some(true), None) => Ok(()),
    }
}

fn parse<'c>(certificate: &'c CertificateDer<'_>) -> Result<X509Certificate<'c>, CertificateFault> {
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| fault("is damaged"))?;
    Ok(certificate)
}

/// Those that OpenSSL knows, and holds against a certificate.
fn is_known(extension: &X509Extension<'_>) -> bool {
    matches!(
        extension.parsed_extension(),
        ParsedExtension::KeyUsage(_)
            | ParsedExtension::ExtendedKeyUsage(_)
            | ParsedExtension::BasicConstraints(_)
            | ParsedExtension::SubjectAlternativeName(_)
            | ParsedExtension::NameConstraints(_)
            | ParsedExtension::CertificatePolicies(_)
            | ParsedExtension::PolicyMappings(_)
            | ParsedExtension::PolicyConstraints(_)
            | ParsedExtension::InhibitAnyPolicy(_)
            | ParsedExtension::CRLDistributionPoints(_)
            | ParsedExtension::NSCertType(_)
    )
}

fn is_for(usage: &ExtendedKeyUsage<'_>, role: TlsRole) -> bool {
    usage.any
        || match role {
            TlsRole::Server => usage.server_auth,
            TlsRole::Client => usage.client_auth,
        }
}

/// A fault of the CA, told of the peer.
fn fault(what: &str) -> CertificateFault {
    CertificateFault(format!("has a certificate signed by a CA whose own certificate {what}"))
}
