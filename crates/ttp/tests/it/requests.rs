//! Requests of others.

use crate::place::names;
use std::fs;

use lab_test::lacks;
use ttp::CertificateOptions;
use x509_parser::pem::parse_x509_pem;

use crate::place::{DEFAULTS, Place};

#[test]
fn a_request_made_by_openssl_is_signed_whatever_its_key_and_names() {
    if lacks("openssl") {
        return;
    }
    let place = Place::with_ca();
    place.openssl_does("genrsa -out rsa.pem 2048");
    for curve in ["prime256v1", "secp384r1"] {
        place.openssl_does(&format!("ecparam -genkey -noout -name {curve} -out {curve}.pem"));
    }
    for key in ["rsa", "prime256v1", "secp384r1"] {
        for (san, expected) in [
            ("", &DEFAULTS[..]),
            ("-addext subjectAltName=DNS:PMU.test,IP:127.0.0.9,IP:::1", &["pmu.test", "127.0.0.9", "::1"]),
        ] {
            place.openssl_does(&format!("req -new -key {key}.pem -subj /C=CH/O=EPFL/CN=123456 -out 123456.csr {san}"));
            place.done("sign 123456.csr --force");
            assert_eq!(place.certificate("123456_cert.pem", names), expected, "{key}");
            assert!(place.openssl_verifies("-purpose sslserver", "123456_cert.pem"), "{key}");
            let key_of = |arguments: &str| place.openssl_does(&format!("{arguments} -noout -pubkey"));
            assert_eq!(key_of("x509 -in 123456_cert.pem"), key_of("req -in 123456.csr"), "{key}");
        }
    }
    place.done("sign 123456.csr --force --san localhost");
    assert_eq!(place.certificate("123456_cert.pem", names), ["localhost"]);
    place.openssl_does("req -new -key rsa.pem -subj /CN=x -out 123456.csr -addext subjectAltName=email:a@b.test");
    place.refused("sign 123456.csr --force", 1, &["123456.csr", "a@b.test", "neither DNS name nor IP address"]);
}

#[test]
fn the_rights_that_a_request_asks_for_are_left_out_with_a_warning() {
    if lacks("openssl") {
        return;
    }
    let place = Place::with_ca();
    place.openssl_does("ecparam -genkey -noout -name prime256v1 -out key.pem");
    for (extension, warning) in [
        ("basicConstraints=critical,CA:TRUE", "CA:TRUE"),
        ("basicConstraints=CA:TRUE,pathlen:3", "CA:TRUE"),
        ("keyUsage=critical,keyCertSign,cRLSign", "sign certificates"),
        ("extendedKeyUsage=codeSigning,serverAuth", "extended key usage"),
        ("extendedKeyUsage=clientAuth", "extended key usage"),
        ("nameConstraints=permitted;DNS:ch", "extension"),
        ("1.2.3.4=ASN1:UTF8String:hello", "extension"),
    ] {
        place.openssl_does(&format!("req -new -key key.pem -subj /CN=123456 -out 123456.csr -addext {extension}"));
        let outcome = place.ttp("sign 123456.csr --force");
        assert!(outcome.code() == 0 && outcome.stdout().ends_with("123456_cert.pem\n"), "{extension}");
        let stderr = outcome.stderr();
        let is_warned = stderr.starts_with("warning: ") && stderr.contains(warning) && stderr.lines().count() == 1;
        place.certificate("123456_cert.pem", |certificate| {
            assert!(!certificate.is_ca(), "{extension}");
            assert!(certificate.basic_constraints().unwrap().unwrap().critical);
            let usage = certificate.key_usage().unwrap().unwrap().value;
            assert!(!usage.key_cert_sign() && !usage.crl_sign(), "{extension}");
            let purposes = certificate.extended_key_usage().unwrap().unwrap().value;
            assert!(!purposes.code_signing && !purposes.any, "{extension}");
            assert!(certificate.name_constraints().unwrap().is_none());
            // A purpose may also be granted.
            assert!(is_warned || extension.contains("clientAuth") && purposes.client_auth, "{extension}: '{stderr}'");
        });
        assert!(place.openssl_verifies("", "123456_cert.pem"), "{extension}");
    }
}

#[test]
fn the_subject_of_a_request_is_the_certificates() {
    if lacks("openssl") {
        return;
    }
    let place = Place::with_ca();
    place.openssl_does("ecparam -genkey -noout -name prime256v1 -out key.pem");
    for subject in [
        "/C=CH/ST=VD/L=Lausanne/O=EPFL/OU=IC/CN=123456",
        // As `openssl req` asks for it by default.
        "/C=CH/O=EPFL/CN=123456/emailAddress=student@example.test",
        "/O=EPFL/OU=IC/OU=LCA2/CN=123456",
        "/CN=Zo\u{eb}",
        "/",
    ] {
        place.openssl_does(&format!("req -new -utf8 -key key.pem -subj {subject} -out 123456.csr"));
        let signed = place.ttp("sign 123456.csr --force");
        assert_eq!(signed.code(), 0, "{subject}: {}", signed.stderr());
        let shown = |what: &str| {
            place.openssl_does(&format!("{what} -noout -subject -nameopt sep_multiline,utf8,show_type,lname"))
        };
        // What is left out is said.
        if signed.stderr().is_empty() {
            assert_eq!(shown("x509 -in 123456_cert.pem"), shown("req -in 123456.csr"), "{subject}");
        } else {
            assert!(subject.matches("/OU=").count() > 1 && signed.stderr().starts_with("warning: "), "{subject}");
        }
        assert!(place.openssl_verifies("", "123456_cert.pem"), "{subject}");
        place.done("verify 123456_cert.pem --name localhost");
    }
}

#[test]
fn a_request_for_a_key_that_tls_refuses_is_refused_by_name() {
    if lacks("openssl") {
        return;
    }
    let place = Place::with_ca();
    for (make, words) in [
        ("genrsa -out key.pem 1024", &["1024", "2048", "hint: ", "openssl genrsa"][..]),
        ("genrsa -out key.pem 1536", &["1536", "2048", "hint: ", "openssl genrsa"]),
        ("ecparam -genkey -noout -name secp256k1 -out key.pem", &["kind of key", "RSA, P-256"]),
    ] {
        place.openssl_does(make);
        place.openssl_does("req -new -key key.pem -subj /CN=123456 -out 123456.csr");
        place.refused("sign 123456.csr", 1, &[&["123456.csr"], words].concat());
    }
    assert!(!place.path("123456_cert.pem").exists());
}

#[test]
fn what_is_no_request_is_refused_by_what_was_expected() {
    let place = Place::with_ca();
    place.done("issue 123456 --key p-256");
    let request = place.read("certs/123456.csr");
    for (text, expected) in [
        (String::new(), "CERTIFICATE REQUEST"),
        ("hello\n".to_owned(), "CERTIFICATE REQUEST"),
        ("\0\u{fffd}".repeat(5000), "CERTIFICATE REQUEST"),
        (place.read("certs/123456_cert.pem"), "CERTIFICATE REQUEST"),
        (place.read("certs/123456_key.pem"), "CERTIFICATE REQUEST"),
        (request.replace("CERTIFICATE REQUEST", "CERTIFICATE"), "CERTIFICATE REQUEST"),
        (request.replace("-----END", ""), "CERTIFICATE REQUEST"),
        (place.read("certs/cacert.pem").replace("CERTIFICATE", "CERTIFICATE REQUEST"), "damaged"),
        ("x".repeat(2 << 20), "too long"),
    ] {
        place.write("x.csr", &text);
        place.refused("sign x.csr", 1, &["error: x.csr", expected]);
    }
    place.refused("sign missing.csr", 1, &["cannot read missing.csr"]);
    place.refused("sign certs", 1, &["certs"]);
    assert!(!place.path("x_cert.pem").exists());
    // What OpenSSL writes around a request, and what Windows makes of it.
    for text in [format!("Certificate Request:\n  Data: …\n{request}"), request.replace('\n', "\r\n")] {
        place.write("x.csr", text);
        place.done("sign x.csr --force");
    }
}

#[test]
fn a_request_that_was_damaged_anywhere_is_refused() {
    let place = Place::with_ca();
    place.done("request 123456 --key p-256 --san localhost");
    let (_, pem) = parse_x509_pem(place.read("certs/123456.csr").as_bytes()).unwrap();
    let der = pem.contents;
    let refusal = |der: &[u8]| {
        let text = format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", base64(der));
        place.write("x.csr", text);
        let signed = place
            .directory()
            .sign(&place.path("x.csr"), &CertificateOptions { force: true, ..CertificateOptions::default() });
        signed.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(refusal(&der), Ok(()));
    fs::remove_file(place.path("x_cert.pem")).unwrap();
    // 30 81 len { 30 81 len { what is signed } algorithm, in 12 bytes, 03 len 00 { its signature } }: the rest is packing.
    let signed = 3..6 + usize::from(der[5]);
    let signature = signed.end + 12 + 3..der.len();
    for at in 0..der.len() {
        assert!(refusal(&der[..at]).is_err(), "cut to {at} bytes");
        for bit in [0x01, 0x80] {
            let mut flipped = der.clone();
            flipped[at] ^= bit;
            let (result, matters) = (refusal(&flipped), signed.contains(&at) || signature.contains(&at));
            assert!(result.is_err() || !matters, "byte {at} is {:#x}", flipped[at]);
        }
    }
    let _ = fs::remove_file(place.path("x_cert.pem"));
    let mut forged = der.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert!(refusal(&forged).unwrap_err().contains("signature"), "{:?}", refusal(&forged));
    assert!(refusal(&[&der[..], b"\x05\x00"].concat()).unwrap_err().contains("something behind it"));
    assert!(!place.path("x_cert.pem").exists());
}

/// RFC 4648, section 4.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |chunk: &[u8]| {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | usize::from(chunk.get(i).copied().unwrap_or(0)));
        let digit = |i: usize| if i <= chunk.len() { char::from(DIGITS[bits >> (18 - 6 * i) & 63]) } else { '=' };
        (0..4).map(digit).collect::<String>()
    };
    bytes.chunks(48).map(|line| line.chunks(3).map(digits).collect::<String>()).collect::<Vec<_>>().join("\n")
}
