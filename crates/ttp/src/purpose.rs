//! What a certificate is for beside TLS, and what else it says: object identifiers by name and number.

use labnet::tls::{DottedOid, identifier};
use x509_parser::{der_parser::asn1_rs::Oid, extensions::ExtendedKeyUsage};

/// The purposes beside TLS, of an extended key usage (RFC 5280, section 4.2.1.12).
pub(crate) fn other(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let known = [
        (usage.any, "any (2.5.29.37.0)"),
        (usage.code_signing, "code signing (1.3.6.1.5.5.7.3.3)"),
        (usage.email_protection, "mail (1.3.6.1.5.5.7.3.4)"),
        (usage.time_stamping, "time stamping (1.3.6.1.5.5.7.3.8)"),
        (usage.ocsp_signing, "OCSP signing (1.3.6.1.5.5.7.3.9)"),
    ];
    let known = known.into_iter().filter(|(has, _)| *has).map(|(_, purpose)| purpose.to_owned());
    known.chain(usage.other.iter().map(identified)).collect()
}

/// An object identifier by its name and its number, or by the number alone when it has no name.
pub(crate) fn identified(oid: &Oid<'_>) -> String {
    let (name, number) = (identifier(oid), DottedOid::of(oid).to_string());
    if name == number { number } else { format!("{name} ({number})") }
}
