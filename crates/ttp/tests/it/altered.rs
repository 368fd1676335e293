//! Certificates whose every field may say something else, each with a signature that fits: a leaf's, and the CA's own.

use labnet::tls::{self, Roots, TlsRole};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rcgen::{KeyPair, SigningKey};
use x509_parser::pem::parse_x509_pem;

use crate::{
    der::{Content, Element},
    place::Place,
    requests::base64,
    resigned::{change, check_printable},
};

/// How many certificates of each kind are made.
const CERTIFICATES: u64 = 400;

/// One of so many goes through the program as well, which costs a process each.
const SAMPLE: u64 = 40;

/// A certificate with one to three changes in what is signed, in PEM, signed again by the CA.
fn altered(good: &str, ca_key: &KeyPair, random: &mut StdRng) -> String {
    let (_, pem) = parse_x509_pem(good.as_bytes()).unwrap();
    let [mut certificate] = <[Element; 1]>::try_from(Element::parse(&pem.contents).unwrap()).unwrap();
    let Content::Elements(parts) = &mut certificate.content else { panic!("a certificate has parts") };
    for _ in 0..random.random_range(1..4) {
        change(&mut parts[0], random);
    }
    let signature = ca_key.sign(&parts[0].encode()).unwrap();
    parts[2] = Element::bytes(3, &[&[0], &signature[..]].concat());
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", base64(&certificate.encode()))
}

fn ca_key(place: &Place) -> KeyPair {
    KeyPair::from_pem(&place.read("certs/cakey.pem")).unwrap()
}

fn show(place: &Place, file: &str, seed: u64) {
    check_printable(&ttp::show(&place.path(file)).unwrap_or_else(|error| error.to_string()), seed);
}

/// Whether a task succeeds, which says nothing that a terminal acts on; if not, it says so in one line.
fn ends_in_words(place: &Place, task: &str, seed: u64) {
    let outcome = place.ttp(task);
    let (status, stderr) = (outcome.code(), outcome.stderr());
    let is_error = stderr.starts_with("error: ") && !stderr.contains("fault of its own");
    assert!(status == 0 || status == 1 && is_error, "seed {seed}: {task}: {stderr}");
    check_printable(&outcome.stdout(), seed);
    check_printable(&stderr, seed);
}

#[test]
fn altered_certificates_are_shown_and_verified_in_words() {
    let place = Place::with_ca();
    place.done("issue 123456 --key p-256 --country CH --san localhost --san 127.0.0.1");
    let (good, key) = (place.read("certs/123456_cert.pem"), ca_key(&place));
    let roots = Roots::load(&place.directory().ca_certificate()).unwrap();
    let mut verified = 0;
    for seed in 0..CERTIFICATES {
        place.write("x.pem", altered(&good, &key, &mut StdRng::seed_from_u64(seed)));
        show(&place, "x.pem", seed);
        for role in [TlsRole::Server, TlsRole::Client] {
            match tls::verify_file(&place.path("x.pem"), &roots, role, Some("localhost")) {
                Ok(()) => verified += 1,
                Err(error) => check_printable(&error.to_string(), seed),
            }
        }
        if seed % SAMPLE == 0 {
            ends_in_words(&place, "show x.pem", seed);
            ends_in_words(&place, "verify x.pem --name localhost", seed);
        }
    }
    // Otherwise nothing but their damage was looked at.
    assert!(verified > 20, "{verified} verified");
}

#[test]
fn an_altered_ca_signs_or_is_refused_in_words() {
    let place = Place::with_ca();
    place.done("request 123456 --key p-256 --san localhost");
    let (good, key) = (place.read("certs/cacert.pem"), ca_key(&place));
    let (mut signed, mut refused) = (0, 0);
    for seed in 0..CERTIFICATES {
        place.write("certs/cacert.pem", altered(&good, &key, &mut StdRng::seed_from_u64(seed)));
        show(&place, "certs/cacert.pem", seed);
        let options = ttp::CertificateOptions { force: true, ..ttp::CertificateOptions::default() };
        match place.directory().sign(&place.path("certs/123456.csr"), &options) {
            Ok(_) => {
                signed += 1;
                show(&place, "certs/123456_cert.pem", seed);
                let verified = Roots::load(&place.directory().ca_certificate()).and_then(|roots| {
                    tls::verify_file(&place.path("certs/123456_cert.pem"), &roots, TlsRole::Server, None)
                });
                check_printable(&verified.map(|()| String::new()).unwrap_or_else(|error| error.to_string()), seed);
            }
            Err(error) => {
                refused += 1;
                check_printable(&error.to_string(), seed);
            }
        }
        if let Ok(ca) = ttp::IssuingCa::load(&place.path("certs/cacert.pem"), &place.path("certs/cakey.pem")) {
            ca.issue(&"localhost".parse().unwrap()).unwrap();
        }
        if seed % SAMPLE == 0 {
            ends_in_words(&place, "sign certs/123456.csr --force", seed);
        }
    }
    assert!(signed > 50 && refused > 50, "{signed} signed, {refused} refused");
}
