//! What rcgen writes, held against what it was made of.
//!
//! A name from a request goes through two libraries, one that reads and one that writes. Where they understand its
//! object identifiers otherwise than X.690 does, the certificate would be for somebody else, or the writer would stop
//! the program: so what cannot be written is refused before, and what was written is compared afterwards.

use std::net::IpAddr;

use labnet::tls::{DottedOid, is_whole};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer, x509::X509Name};

use crate::Name;

/// The numbers of an object identifier, if rcgen (by way of yasna) can write it.
pub(crate) fn arcs(oid: DottedOid<'_>) -> Option<Vec<u64>> {
    /// The second number that yasna's assertion takes at most: 2^64 - 82.
    const MAX_SECOND: u64 = u64::MAX - 81;
    oid.arcs().filter(|arcs| arcs.get(1).is_some_and(|second| *second <= MAX_SECOND))
}

/// Refuses the name of a CA that rcgen would read otherwise than it is written, or not survive: it reads a CA's
/// certificate itself, by way of x509-parser, and holds one attribute of each type.
///
/// # Errors
/// What is wrong, as the end of a sentence about the file.
pub(crate) fn check_issuer(name: &X509Name<'_>) -> Result<(), String> {
    if !is_whole(name) {
        return Err("has a damaged subject".to_owned());
    }
    let mut seen = Vec::new();
    for part in name.iter_rdn() {
        let mut attributes = part.iter();
        let (Some(attribute), None) = (attributes.next(), attributes.next()) else {
            return Err("has a subject in which one part has several attributes: it cannot sign here".to_owned());
        };
        let oid = DottedOid::of(attribute.attr_type());
        let as_read = attribute.attr_type().iter().map(Iterator::collect);
        if as_read != Some(arcs(oid).ok_or_else(|| cannot_write(oid))?) {
            return Err(cannot_write(oid));
        }
        if seen.contains(&oid) {
            return Err(format!("has two attributes of the type {oid} in its subject: it cannot sign here"));
        }
        seen.push(oid);
    }
    Ok(())
}

pub(crate) fn cannot_write(oid: DottedOid<'_>) -> String {
    format!("has an attribute of the type {oid} in its subject, which cannot be written into a certificate here")
}

/// Whether a certificate has the issuer that it was to have, in DER.
pub(crate) fn has_issuer(certificate: &[u8], issuer_der: &[u8]) -> bool {
    let parsed = X509Certificate::from_der(certificate).ok();
    parsed.is_some_and(|(_, certificate)| certificate.issuer().as_raw() == issuer_der)
}

/// Whether a certificate has the key that it was to have (SubjectPublicKeyInfo, in DER) and the attributes in its subject:
/// the type of each, in DER, and its text.
pub(crate) fn has_subject(certificate: &[u8], key: &[u8], subject: &[(Vec<u8>, String)]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
    let attributes = certificate.subject().iter_attributes();
    let written = attributes
        .map(|attribute| Some((attribute.attr_type().as_bytes().to_vec(), labnet::tls::text(attribute.attr_value())?)));
    certificate.public_key().raw == key && written.eq(subject.iter().cloned().map(Some))
}

/// Whether a certificate is for these names, in their order, and for no others.
pub(crate) fn has_names(certificate: &[u8], names: &[Name]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
    let Ok(san) = certificate.subject_alternative_name() else { return false };
    let written = san.map(|san| san.value.general_names.as_slice()).unwrap_or_default();
    let is_same = |(written, name): (&GeneralName<'_>, &Name)| match (written, name) {
        (GeneralName::DNSName(written), Name::Dns(name)) => written == name,
        (GeneralName::IPAddress(written), Name::Ip(IpAddr::V4(ip))) => **written == ip.octets(),
        (GeneralName::IPAddress(written), Name::Ip(IpAddr::V6(ip))) => **written == ip.octets(),
        _ => false,
    };
    written.len() == names.len() && written.iter().zip(names).all(is_same)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
    use x509_parser::der_parser::asn1_rs::Oid;

    use super::*;

    /// The type of an attribute, in DER, through rcgen: what is left of it in a certificate.
    fn written(content: &[u8]) -> Option<Vec<u8>> {
        let oid = Oid::new(content.into());
        let arcs = arcs(DottedOid::of(&oid))?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::from_oid(&arcs), "text");
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let (_, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
        let key = parsed.public_key().raw;
        assert!(has_subject(certificate.der(), key, &[(content.to_vec(), "text".to_owned())]));
        assert!(!has_subject(certificate.der(), key, &[(content.to_vec(), "other".to_owned())]));
        assert!(!has_subject(certificate.der(), key, &[]));
        assert!(has_issuer(certificate.der(), parsed.subject().as_raw()));
        parsed.subject().iter_attributes().next().map(|attribute| attribute.attr_type().as_bytes().to_vec())
    }

    #[test]
    fn a_certificate_is_for_the_names_that_were_asked_for_and_no_others() {
        let all = ["localhost", "*.lab.test", "127.0.0.1", "::1"].map(|name| name.parse::<Name>().unwrap());
        let mut params = CertificateParams::default();
        params.subject_alt_names = all.iter().map(|name| name.to_san().unwrap()).collect();
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert!(has_names(certificate.der(), &all));
        for other in [&all[1..], &all[..3], &[], &[&all[1..], &all[..1]].concat(), &[&all[..], &all[..1]].concat()] {
            assert!(!has_names(certificate.der(), other), "{other:?}");
        }
        let bare = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert!(has_names(bare.der(), &[]) && !has_names(bare.der(), &all));
        assert!(!has_names(b"", &[]));
    }

    fn check_ca(attributes: &[(&[u64], &str)]) -> Result<(), String> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        attributes.iter().for_each(|(kind, text)| params.distinguished_name.push(DnType::from_oid(kind), *text));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        check_issuer(X509Certificate::from_der(certificate.der()).unwrap().1.subject())
    }

    #[test]
    fn a_ca_whose_name_would_be_read_otherwise_does_not_sign() {
        assert_eq!(check_ca(&[(&[2, 5, 4, 6], "CH"), (&[2, 5, 4, 3], "CA")]), Ok(()));
        // x509-parser takes it for 3.16.55.4, at which yasna panics.
        assert!(check_ca(&[(&[2, 999, 4], "x")]).unwrap_err().contains("2.999.4"));
        assert!(check_ca(&[(&[2, 48], "x")]).unwrap_err().contains("2.48"));
    }

    #[test]
    fn a_ca_whose_name_has_parts_that_rcgen_cannot_hold_does_not_sign() {
        let check = |der: &[u8]| check_issuer(&X509Name::from_der(der).unwrap().1);
        let unit: &[u8] = b"\x30\x08\x06\x03\x55\x04\x0b\x13\x01a";
        let part = |units: usize| [&[0x31, (units * unit.len()) as u8], &unit.repeat(units)[..]].concat();
        let name = |parts: &[Vec<u8>]| [&[0x30, parts.concat().len() as u8], &parts.concat()[..]].concat();
        assert_eq!(check(&name(&[part(1)])), Ok(()));
        assert!(check(&name(&[part(1), part(1)])).unwrap_err().contains("two attributes of the type 2.5.4.11"));
        assert!(check(&name(&[part(2)])).unwrap_err().contains("several"));
        for damaged in [part(0), vec![0x31, 2, 5, 0]] {
            assert!(check(&name(&[part(1), damaged])).unwrap_err().contains("damaged"));
        }
    }

    #[test]
    fn an_object_identifier_is_written_as_it_came_or_not_at_all() {
        // The last ones of all: 2.(2^64 - 82), which is the largest that is taken, and the two after it.
        let end = |last: u8| vec![0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, last];
        for content in [
            vec![0x55, 4, 3],
            vec![0x88, 0x37, 4],
            vec![80, 1],
            vec![0x81, 0, 1],
            vec![0, 1],
            vec![79, 1],
            vec![127, 1],
            end(0x7e),
        ] {
            assert_eq!(written(&content).as_ref(), Some(&content), "{}", content.escape_ascii());
        }
        for content in
            [vec![], vec![0x86], vec![0x2a, 0x80, 1], end(0x7f), [vec![0x2a], vec![0xff; 12], vec![1]].concat()]
        {
            assert_eq!(written(&content), None, "{}", content.escape_ascii());
        }
    }
}
