//! Certificates: purposes, signatures, serial numbers, validity.

use std::collections::BTreeSet;

use lab_test::lacks;
use ttp::CertificateOptions;
use x509_parser::{certificate::X509Certificate, extensions::ParsedExtension};

use crate::place::{DAY, Place, now, seconds_valid};

#[test]
fn openssl_accepts_every_kind_of_certificate_for_its_purpose_and_no_other() {
    let (place, lacks_openssl) = (Place::new(), lacks("openssl"));
    for ca_kind in ["rsa-2048", "p-256"] {
        place.done(&format!("init --key {ca_kind} --force"));
        for (purpose, is_server, is_client) in [("server", true, false), ("client", false, true), ("both", true, true)]
        {
            for kind in ["rsa-2048", "p-256"] {
                place.done(&format!("issue {kind} --key {kind} --purpose {purpose} --force"));
                let file = format!("certs/{kind}_cert.pem");
                let case = format!("{kind} for {purpose}, by {ca_kind}");
                for (role, is_granted) in
                    [("server", is_server), ("client", is_client), ("both", is_server && is_client)]
                {
                    let verified = place.ttp(&format!("verify {file} --purpose {role}"));
                    assert_eq!(verified.code() == 0, is_granted, "{case}: {role}: {}", verified.stderr());
                    assert!(is_granted || verified.stderr().contains("another purpose"), "{}", verified.stderr());
                }
                if lacks_openssl {
                    continue;
                }
                assert!(place.openssl_verifies("", &file), "{case}");
                assert_eq!(place.openssl_verifies("-purpose sslserver", &file), is_server, "{case}");
                assert_eq!(place.openssl_verifies("-purpose sslclient", &file), is_client, "{case}");
                assert!(!place.openssl_verifies("-purpose smimesign", &file), "{case}");
            }
        }
    }
}

#[test]
fn the_ca_signs_with_sha_256_and_others_with_sha_384_when_it_is_told_to() {
    let place = Place::new();
    place.done("init");
    place.done("issue 123456 --key p-256");
    let algorithm =
        |file| place.certificate(file, |certificate| certificate.signature_algorithm.algorithm.to_id_string());
    assert_eq!(algorithm("certs/cacert.pem"), "1.2.840.113549.1.1.11", "sha256WithRSAEncryption");
    assert_eq!(algorithm("certs/123456_cert.pem"), "1.2.840.113549.1.1.11", "sha256WithRSAEncryption");
    for task in ["issue 123456", "sign certs/123456.csr"] {
        place.done(&format!("{task} --signature sha384 --force"));
        assert_eq!(algorithm("certs/123456_cert.pem"), "1.2.840.113549.1.1.12", "sha384WithRSAEncryption");
        place.done(&format!("{task} --signature sha256 --force"));
        assert_eq!(algorithm("certs/123456_cert.pem"), "1.2.840.113549.1.1.11", "sha256WithRSAEncryption");
    }
    // A key of P-256 goes with SHA-256 (Baseline Requirements, section 7.1.3.2.2).
    place.done("init --key p-256 --force");
    place.done("issue 123456 --force --signature sha384");
    assert_eq!(algorithm("certs/cacert.pem"), "1.2.840.10045.4.3.2", "ecdsa-with-SHA256");
    assert_eq!(algorithm("certs/123456_cert.pem"), "1.2.840.10045.4.3.2", "ecdsa-with-SHA256");
}

#[test]
fn serial_numbers_are_random_long_and_never_the_same() {
    let place = Place::with_ca();
    place.done("request 123456 --key p-256");
    let mut serials = BTreeSet::new();
    for _ in 0..50 {
        let issued = place.directory().sign(
            &place.path("certs/123456.csr"),
            &CertificateOptions { force: true, ..CertificateOptions::default() },
        );
        let serial =
            place.certificate(issued.unwrap().path.to_str().unwrap(), |certificate| certificate.raw_serial().to_vec());
        assert!((8..=20).contains(&serial.len()) && serial[0] < 0x80, "{serial:x?}");
        serials.insert(serial);
    }
    assert_eq!(serials.len(), 50);
    // Beyond the first two bits, each of 64 is now 0 and now 1.
    for bit in 2..64 {
        let ones = serials.iter().filter(|serial| serial[bit / 8] >> (7 - bit % 8) & 1 == 1).count();
        assert!((1..50).contains(&ones), "bit {bit} is {}", ones / 50);
    }
}

#[test]
fn a_certificate_is_valid_for_a_year_or_as_told_and_never_beyond_its_ca() {
    let place = Place::new();
    for (ca, leaf, expected) in [
        ("", "", 365),
        ("", "--days 1", 1),
        ("", "--days 36500", 3650),
        ("--days 30", "", 30),
        ("--days 30", "--days 31", 30),
        ("--days 30", "--days 29", 29),
    ] {
        place.done(&format!("init --key p-256 --force {ca}"));
        place.done(&format!("issue 123456 --key p-256 --force {leaf}"));
        let (seconds, until) = place.certificate("certs/123456_cert.pem", |certificate| {
            (seconds_valid(certificate), certificate.validity().not_after.timestamp())
        });
        assert!((expected * DAY - 600..=expected * DAY).contains(&seconds), "{ca}, {leaf}: {seconds}");
        place.certificate("certs/cacert.pem", |ca| {
            assert!(until <= ca.validity().not_after.timestamp());
            assert!(ca.validity().not_before.timestamp() <= now());
        });
        place.done("verify certs/123456_cert.pem");
    }
}

#[test]
fn a_ca_may_sign_but_no_further_ca_and_a_leaf_names_its_issuer() {
    let place = Place::with_ca();
    place.done("init --key p-256 --country fr --force");
    place.done("issue 123456 --country ch");
    let identifier = place.certificate("certs/cacert.pem", |ca| {
        let constraints = ca.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && constraints.value.ca);
        assert_eq!(constraints.value.path_len_constraint, Some(0));
        let usage = ca.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.key_cert_sign() && usage.value.crl_sign());
        assert!(!usage.value.digital_signature());
        assert!(ca.name_constraints().unwrap().unwrap().critical);
        assert_eq!(ca.subject().to_string(), "C=FR, CN=Socket Lab CA");
        assert_eq!(ca.subject(), ca.issuer());
        subject_identifier(ca)
    });
    place.certificate("certs/123456_cert.pem", |leaf| {
        assert_eq!(leaf.version().0, 2, "X.509 version 3 is written 2");
        let constraints = leaf.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && !constraints.value.ca);
        let usage = leaf.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.digital_signature() && usage.value.key_encipherment());
        assert!(!usage.value.key_cert_sign());
        let authority = leaf.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(authority) => authority.key_identifier.as_ref(),
            _ => None,
        });
        assert_eq!(authority.unwrap().0, identifier);
        assert_ne!(subject_identifier(leaf), identifier);
        assert_eq!(leaf.subject().to_string(), "C=CH, CN=123456");
        assert_eq!(leaf.issuer().to_string(), "C=FR, CN=Socket Lab CA");
    });
}

fn subject_identifier(certificate: &X509Certificate<'_>) -> Vec<u8> {
    let identifier = certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(identifier) => Some(identifier.0.to_vec()),
        _ => None,
    });
    identifier.unwrap()
}
