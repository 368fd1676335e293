//! Requests whose every field may say something else, each with a signature that fits: what a stranger can send to a CA.

use std::fs;

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use labnet::tls::{self, Roots, TlsRole};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use ttp::CertificateOptions;

use crate::{
    der::{Content, Element},
    place::Place,
    requests::base64,
};

/// How many requests are made.
const REQUESTS: u64 = 1000;

/// How many of them go through the program as well, which costs a process each.
const THROUGH_THE_PROGRAM: u64 = 20;

/// 2.999.4, the example of X.660 with one number more.
const EXAMPLE: [u8; 3] = [0x88, 0x37, 4];

/// 1.2.840.113549.1.9.7.
const CHALLENGE_PASSWORD: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 7];

/// 1.2.840.113549.1.9.14.
const EXTENSION_REQUEST: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 14];

struct Requester {
    key: EcdsaKeyPair,
    place: Place,
}

impl Requester {
    fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        Self { key, place: Place::with_ca() }
    }

    /// What is signed: a subject with an attribute of this type and value, names, other extensions, other attributes.
    fn info(&self, kind: &[u8], value: Element) -> Element {
        let oid = |content: &[u8]| Element::bytes(6, content);
        let attribute = |kind: &[u8], value| Element::of(0x31, vec![Element::of(0x30, vec![oid(kind), value])]);
        let subject = vec![
            attribute(&[0x55, 4, 6], Element::bytes(19, b"CH")),
            attribute(&[0x55, 4, 3], Element::bytes(12, b"123456")),
            attribute(kind, value),
        ];
        let names = vec![Element::bytes(0x82, b"localhost"), Element::bytes(0x87, &[127, 0, 0, 1])];
        let extension = |kind: &[u8], value| Element::of(0x30, vec![oid(kind), Element::of(4, vec![value])]);
        let extensions = vec![
            extension(&[0x55, 0x1d, 0x11], Element::of(0x30, names)),
            extension(&[0x55, 0x1d, 0x0f], Element::bytes(3, &[5, 0xa0])),
            extension(&[0x55, 0x1d, 0x25], Element::of(0x30, vec![oid(&[0x2b, 6, 1, 5, 5, 7, 3, 1])])),
        ];
        let asked = |kind: &[u8], value| Element::of(0x30, vec![oid(kind), Element::of(0x31, vec![value])]);
        let attributes = vec![
            asked(&CHALLENGE_PASSWORD, Element::bytes(22, b"secret")),
            asked(&EXTENSION_REQUEST, Element::of(0x30, extensions)),
        ];
        let key = self.key.public_key().as_der().unwrap();
        let [key] = &Element::parse(key.as_ref()).unwrap()[..] else { panic!() };
        Element::of(
            0x30,
            vec![Element::bytes(2, &[0]), Element::of(0x30, subject), key.clone(), Element::of(0xa0, attributes)],
        )
    }

    /// Writes the request, in PEM.
    fn write(&self, info: &Element) {
        let info = info.encode();
        let signature = self.key.sign(&SystemRandom::new(), &info).unwrap();
        // ecdsa-with-SHA256.
        let algorithm = Element::of(0x30, vec![Element::bytes(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2])]).encode();
        let signature = Element::bytes(3, &[&[0], signature.as_ref()].concat()).encode();
        let der = Element::bytes(0x30, &[info, algorithm, signature].concat()).encode();
        let text =
            format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", base64(&der));
        self.place.write("x.csr", text);
    }

    /// `ttp sign` as a library: what it refuses, or left out.
    fn sign(&self) -> Result<Vec<String>, String> {
        let options = CertificateOptions { force: true, ..CertificateOptions::default() };
        let issued = self.place.directory().sign(&self.place.path("x.csr"), &options);
        issued.map(|issued| issued.refused.iter().map(ToString::to_string).collect()).map_err(|error| error.to_string())
    }
}

pub(crate) fn change(info: &mut Element, random: &mut StdRng) {
    /// Bytes that mean something somewhere: ends of numbers, directions of text, control.
    const TELLING: [&[u8]; 14] = [
        b"",
        b"\0",
        b"\x80",
        b"\xff",
        b"\x88\x37\x04",
        b"\x2a\x80\x01",
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x2a\x86",
        b"\x1b[31m",
        b"a\nb\rc\td\x7f",
        "\u{202e}txt.\u{2066}exe\u{200b}".as_bytes(),
        "\u{9b}31m".as_bytes(),
        b"\0a\x20\x2e\0b",
    ];
    const TAGS: [u8; 18] = [1, 2, 3, 4, 5, 6, 12, 19, 20, 22, 26, 28, 30, 0x30, 0x31, 0x82, 0xa0, 0x88];
    let count = info.count();
    let Some(element) = info.nth(random.random_range(1..count)) else { return };
    match random.random_range(0..6) {
        0 => element.tag = TAGS[random.random_range(0..TAGS.len())],
        1 => element.content = Content::Bytes(TELLING[random.random_range(0..TELLING.len())].to_vec()),
        2 => {
            let mut bytes = vec![0; random.random_range(0..24)];
            random.fill_bytes(&mut bytes);
            element.content = Content::Bytes(bytes);
        }
        3 => match &mut element.content {
            Content::Bytes(bytes) if !bytes.is_empty() => {
                let at = random.random_range(0..bytes.len());
                bytes[at] ^= 1 << random.random_range(0..8);
            }
            Content::Elements(elements) if !elements.is_empty() => {
                let at = random.random_range(0..elements.len());
                elements.remove(at);
            }
            _ => {}
        },
        4 => {
            if let Content::Elements(elements) = &mut element.content {
                let again = elements.clone();
                elements.extend(again);
            }
        }
        _ => {
            let other = element.clone();
            element.content = Content::Elements(vec![other]);
        }
    }
}

/// Nothing that acts on a terminal, or reorders what is read there.
pub(crate) fn check_printable(text: &str, seed: u64) {
    let bad =
        |character: char| character.is_control() && character != '\n' || ('\u{200b}'..='\u{202e}').contains(&character);
    assert!(!text.contains(bad), "seed {seed}: {text:?}");
}

#[test]
fn a_thousand_altered_requests_with_good_signatures_end_no_program_and_show_no_control_byte() {
    let requester = Requester::new();
    let place = &requester.place;
    let roots = Roots::load(&place.directory().ca_certificate()).unwrap();
    let (file, certificate) = (place.path("x.csr"), place.path("x_cert.pem"));
    let (mut signed, mut refused) = (0, 0);
    for seed in 0..REQUESTS {
        let random = &mut StdRng::seed_from_u64(seed);
        let mut info = requester.info(&EXAMPLE, Element::bytes(12, b"text"));
        for _ in 0..random.random_range(1..4) {
            change(&mut info, random);
        }
        requester.write(&info);
        let _ = fs::remove_file(&certificate);
        match ttp::show(&file) {
            Ok(facts) => check_printable(&facts, seed),
            Err(error) => check_printable(&error.to_string(), seed),
        }
        match requester.sign() {
            Ok(left_out) => {
                signed += 1;
                left_out.iter().for_each(|wish| check_printable(wish, seed));
                check_printable(&ttp::show(&certificate).unwrap(), seed);
                if let Err(error) = tls::verify_file(&certificate, &roots, TlsRole::Server, Some("localhost")) {
                    check_printable(&error.to_string(), seed);
                }
            }
            Err(complaint) => {
                refused += 1;
                check_printable(&complaint, seed);
                assert!(!certificate.exists(), "seed {seed}: {complaint}");
            }
        }
        if seed < THROUGH_THE_PROGRAM {
            for task in ["sign x.csr --force", "show x.csr", "show x_cert.pem", "verify x_cert.pem --name localhost"] {
                let outcome = place.ttp(task);
                let (status, stderr) = (outcome.code(), outcome.stderr());
                assert!(status == 0 || status == 1 && stderr.starts_with("error: "), "seed {seed}: {task}: {stderr}");
                check_printable(&outcome.stdout(), seed);
                check_printable(&stderr, seed);
            }
        }
    }
    // Most changes do not make a request invalid, and some do: otherwise nothing was tried.
    assert!(signed > 100 && refused > 100, "{signed} signed, {refused} refused");
}

#[test]
fn an_unusual_object_identifier_is_signed_and_shown_as_it_is() {
    let requester = Requester::new();
    requester.write(&requester.info(&EXAMPLE, Element::bytes(12, b"text")));
    let place = &requester.place;
    for file in ["x.csr", "x_cert.pem"] {
        place.ttp("sign x.csr --force");
        let shown = place.done(&format!("show {file}"));
        assert!(shown.contains("C=CH, CN=123456, 2.999.4=text\n"), "{shown}");
        assert!(!shown.contains("3.16"), "{shown}");
    }
    // 2.(2^64 - 80): the certificate's writer has no number for it.
    let large = [0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    requester.write(&requester.info(&large, Element::bytes(12, b"text")));
    place.refused("sign x.csr --force", 1, &["x.csr", "2.18446744073709551535", "cannot be written"]);
    let shown = place.done("show x.csr");
    assert!(shown.contains("2.18446744073709551535=text"), "{shown}");
}

#[test]
fn what_the_parser_would_leave_out_in_silence_is_damage() {
    let requester = Requester::new();
    let place = &requester.place;
    let nothing = || Element::bytes(5, b"");
    // A part of the subject, an attribute in a part, something behind its value.
    let longer = Element::of(0x30, vec![Element::bytes(6, &[0x55, 4, 6]), Element::bytes(19, b"CH"), nothing()]);
    for (number, element) in [(3, Element::of(0x31, vec![])), (4, nothing()), (4, longer)] {
        let mut info = requester.info(&EXAMPLE, Element::bytes(12, b"text"));
        *info.nth(number).unwrap() = element;
        requester.write(&info);
        for task in ["sign x.csr", "show x.csr"] {
            place.refused(task, 1, &["x.csr", "is a damaged certificate request"]);
        }
    }
    // A second list of extensions in the attribute that has one.
    let mut info = requester.info(&EXAMPLE, Element::bytes(12, b"text"));
    let at = (0..info.count()).rfind(|at| info.nth(*at).unwrap().tag == 0x31).unwrap();
    let Content::Elements(values) = &mut info.nth(at).unwrap().content else { panic!() };
    values.push(values[0].clone());
    requester.write(&info);
    place.refused("sign x.csr", 1, &["x.csr", "is a damaged certificate request"]);
}

#[test]
fn control_bytes_of_a_name_are_escaped_wherever_they_are_said() {
    let requester = Requester::new();
    let bad = "a\u{1b}[31m\u{202e}\n.test";
    let shown = "a\\x1b[31m\\xe2\\x80\\xae\\n.test";
    requester.write(&requester.info(&[0x55, 4, 10], Element::bytes(12, bad.as_bytes())));
    let place = &requester.place;
    assert!(place.done("show x.csr").contains(&format!("O={shown}")));
    // The names are in place of the others: DNS, mail, URI.
    for tag in [0x82, 0x81, 0x86] {
        let mut info = requester.info(&EXAMPLE, Element::bytes(12, b"text"));
        let name = (0..info.count()).find(|at| info.nth(*at).unwrap().tag == 0x82).unwrap();
        *info.nth(name).unwrap() = Element::bytes(tag, bad.as_bytes());
        requester.write(&info);
        place.refused("sign x.csr", 1, &["asks for the name", shown]);
        assert!(place.done("show x.csr").contains(shown), "{tag}");
    }
}

#[test]
fn other_attributes_of_a_request_are_ignored_in_any_form() {
    let requester = Requester::new();
    for value in [Element::bytes(22, b"secret"), Element::bytes(20, b"\xeb"), Element::bytes(5, b"")] {
        let mut info = requester.info(&EXAMPLE, Element::bytes(12, b"text"));
        let password = (0..info.count()).find(|at| info.nth(*at).unwrap().tag == 22).unwrap();
        *info.nth(password).unwrap() = value;
        requester.write(&info);
        requester.place.done("sign x.csr --force");
        let shown = requester.place.done("show x.csr");
        let password = format!("{:<20} challengePassword (1.2.840.113549.1.9.7)", "ignored attribute:");
        assert!(shown.contains(&password) && !shown.contains("secret"), "{shown}");
    }
}
