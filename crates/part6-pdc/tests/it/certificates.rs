//! Certificates that the PDC refuses, each with a reason that a student understands.

use std::{process::Command, sync::mpsc};

use lab_test::{PATIENCE, check_failed, finish, lacks, spawn};
use labnet::pmu::Device;
use mock_servers::{Events, ServerSettings, tls};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::{files::Files, lines};

#[test]
fn a_certificate_of_an_unknown_ca_is_refused_and_the_pmu_is_told() {
    let files = Files::new();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, "Another CA");
    files.mint_by(&Issuer::new(ca, KeyPair::generate().unwrap()), |_| ());
    files.check_refused(&["unknown CA"], true);

    let (sender, events) = mpsc::channel();
    let site = ServerSettings {
        events: Events::new(move |event| drop(sender.send(event.to_string()))),
        ..ServerSettings::default()
    };
    let identity = tls::CertificateSource::Files { certificate: files.path("cert.pem"), key: files.path("key.pem") };
    let pmu = tls::spawn(&tls::Config { port: 0, device: Device::default(), certificate: identity }, &site).unwrap();
    assert_eq!(finish(files.start(pmu.address(), "CMD_short:0")).code(), 1);
    let event = events.recv_timeout(PATIENCE).unwrap();
    assert!(event.contains("alert unknown_ca"), "{event}");
}

#[test]
fn a_certificate_of_another_ca_of_the_same_name_is_one_of_another_ca() {
    // Each student's CA has the name of the lab's.
    let (files, other) = (Files::new(), Files::new());
    files.write("cacert.pem", other.read("cacert.pem"));
    files.check_refused(&["another CA"], true);
}

#[test]
fn a_wrong_name_is_shown_beside_the_right_ones() {
    let files = Files::new();
    files.issue(|params| params.subject_alt_names.truncate(1));
    files.check_refused(&["127.0.0.1", "is for localhost"], false);
    let outcome = files.ask("CMD_short:0 --name pdc.test");
    check_failed(&outcome, "", &["was to be pdc.test", "is for localhost"]);
}

#[test]
fn a_certificate_without_san_is_refused_with_the_way_out() {
    let files = Files::new();
    files.issue(|params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
    });
    files.check_refused(&["no SAN", "--no-check-hostname"], false);
    // That way out leads no further than the name.
    files.issue(|params| {
        params.subject_alt_names.clear();
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    files.check_refused(&["expired"], true);
}

#[test]
fn a_certificate_out_of_its_time_is_refused() {
    let files = Files::new();
    files
        .issue(|params| (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1)));
    files.check_refused(&["expired"], true);
    files
        .issue(|params| (params.not_before, params.not_after) = (date_time_ymd(4000, 1, 1), date_time_ymd(4001, 1, 1)));
    files.check_refused(&["not valid yet", "clock"], true);
}

#[test]
fn a_ca_certificate_is_no_servers_own() {
    let files = Files::new();
    // As `openssl req -x509` makes one, which is then its own CA.
    let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    files.write("cert.pem", &pem);
    files.write("cacert.pem", &pem);
    files.write("key.pem", key.serialize_pem());
    files.check_refused(&["CA certificate", "openssl req -x509"], true);
}

#[test]
fn a_certificate_for_clients_or_beyond_its_ca_is_refused() {
    let files = Files::new();
    files.issue(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    files.check_refused(&["another purpose"], true);
    files.issue(|params| {
        params.subject_alt_names.push(rcgen::SanType::DnsName("www.epfl.ch".try_into().unwrap()));
    });
    files.check_refused(&["may not vouch"], true);
}

#[test]
fn a_certificate_whose_ca_is_left_out_of_the_chain_is_refused() {
    let files = Files::new();
    let lab_key = || KeyPair::from_pem(&files.read("cakey.pem")).unwrap();
    let lab = Issuer::from_ca_cert_pem(&files.read("cacert.pem"), lab_key()).unwrap();
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.distinguished_name.push(rcgen::DnType::CommonName, "On top");
    let root_pem = root.self_signed(&lab_key()).unwrap().pem();
    let mut middle = CertificateParams::default();
    middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    middle.distinguished_name.push(rcgen::DnType::CommonName, "In the middle");
    let middle_key = KeyPair::generate().unwrap();
    let by_lab = middle.signed_by(&middle_key, &lab).unwrap().pem();
    let by_root = middle.signed_by(&middle_key, &Issuer::new(root, lab_key())).unwrap().pem();
    files.mint_by(&Issuer::new(middle, middle_key), |_| ());
    files.check_refused(&["unknown CA"], true);
    let leaf = files.read("cert.pem");
    // The lab's CA lets no CA stand between it and a server.
    files.write("cert.pem", leaf.clone() + &by_lab);
    files.check_refused(&["longer than its CA allows"], true);
    files.write("cert.pem", leaf + &by_root);
    files.write("cacert.pem", root_pem);
    let outcome = files.ask("CMD_short:0");
    assert_eq!((outcome.code(), outcome.stdout(), outcome.stderr()), (0, lines(1..11), String::new()));
}

/// A PMU under a certificate as the lab's own CA issued them, of X.509 version 1: this common name, and nothing else.
fn version_one(files: &Files, common_name: &str, kind: &str) {
    let openssl = |arguments: &[&str]| {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments).current_dir(files.0.path());
        let outcome = finish(spawn(openssl));
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        outcome.stdout()
    };
    openssl(&[
        "genpkey",
        "-algorithm",
        kind,
        "-pkeyopt",
        if kind == "RSA" { "rsa_keygen_bits:2048" } else { "ec_paramgen_curve:P-256" },
        "-out",
        "key.pem",
    ]);
    openssl(&["req", "-new", "-utf8", "-key", "key.pem", "-subj", &format!("/CN={common_name}"), "-out", "x.csr"]);
    openssl(&words("x509 -req -in x.csr -CA cacert.pem -CAkey cakey.pem -set_serial 7 -days 9 -out cert.pem"));
    assert!(openssl(&words("x509 -in cert.pem -noout -text")).contains("Version: 1 (0x0)"));
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn check_served(files: &Files, arguments: &[&str]) {
    let outcome = files.ask_with(arguments);
    assert_eq!((outcome.code(), outcome.stdout(), outcome.stderr()), (0, lines(1..11), String::new()), "{arguments:?}");
}

#[test]
fn a_certificate_of_x509_version_1_is_accepted_without_its_name_or_by_its_common_name() {
    if lacks("openssl") {
        return;
    }
    let files = Files::new();
    for kind in ["EC", "RSA"] {
        // An underscore makes OpenSSL write the name as T61.
        for name in ["Ada Lovelace and Grace Hopper", "ada_and_grace", "Zürich 1"] {
            version_one(&files, name, kind);
            check_failed(
                &files.ask("CMD_short:0"),
                "",
                &["no SAN", "--no-check-hostname", "--name compares its common name"],
            );
            for version in ["1.2", "1.3"] {
                check_served(&files, &["CMD_short:0", "--no-check-hostname", "--tls", version]);
            }
        }
        check_failed(
            &files.ask_with(&["CMD_short:0", "--name", "Ada \u{1b}[2J"]),
            "",
            &["was to be 'Ada \\x1b[2J'", "its certificate is for the common name '"],
        );
    }
    version_one(&files, "ada_and_grace", "EC");
    check_served(&files, &["CMD_short:0", "--name", "ada_and_grace"]);
    // In the name of a host, capitals do not matter; in another text they do.
    check_served(&files, &["CMD_short:0", "--name", "Ada_and_Grace"]);
    version_one(&files, "Ada and Grace", "EC");
    check_served(&files, &["CMD_short:0", "--name", "Ada and Grace"]);
    check_failed(
        &files.ask_with(&["CMD_short:0", "--name", "ada and grace"]),
        "",
        &["'ada and grace'", "'Ada and Grace'"],
    );
}

#[test]
fn a_certificate_of_x509_version_1_is_verified_all_the_same() {
    if lacks("openssl") {
        return;
    }
    let (files, other) = (Files::new(), Files::new());
    version_one(&files, "Ada", "EC");
    let ca = files.read("cacert.pem");
    // Another CA of the same name; the right one that has expired; one of another name.
    files.write("cacert.pem", other.read("cacert.pem"));
    check_failed(&files.ask("CMD_short:0 --no-check-hostname"), "", &["another CA"]);
    let changed = |change: fn(&mut CertificateParams)| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = lab_ca();
        change(&mut params);
        let key = KeyPair::from_pem(&files.read("cakey.pem")).unwrap();
        files.write("cacert.pem", params.self_signed(&key).unwrap().pem());
        files.ask("CMD_short:0 --no-check-hostname")
    };
    assert_eq!(changed(|_| ()).code(), 0);
    check_failed(&changed(|ca| ca.not_after = date_time_ymd(2020, 1, 1)), "", &["CA whose own certificate expired"]);
    check_failed(
        &changed(|ca| ca.distinguished_name.push(rcgen::DnType::OrganizationName, "another")),
        "",
        &["unknown CA"],
    );
    // A damaged signature.
    files.write("cacert.pem", &ca);
    let pem = pem_of(&files.read("cert.pem"), |der| *der.last_mut().unwrap() ^= 1);
    files.write("cert.pem", pem);
    check_failed(&files.ask("CMD_short:0 --no-check-hostname"), "", &["was forged"]);
}

/// The name of the lab's CA.
fn lab_ca() -> rcgen::DistinguishedName {
    let mut name = rcgen::DistinguishedName::new();
    name.push(rcgen::DnType::CountryName, rcgen::DnValue::PrintableString("CH".try_into().unwrap()));
    name.push(rcgen::DnType::CommonName, "Socket Lab CA");
    name
}

/// A certificate whose DER is changed.
fn pem_of(text: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut der = CertificateDer::from_pem_slice(text.as_bytes()).unwrap().to_vec();
    change(&mut der);
    let mut encoded = Vec::new();
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in der.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for i in 0..4 {
            let letter = alphabet[(bits >> (18 - 6 * i)) as usize & 63];
            encoded.push(if i > group.len() { b'=' } else { letter });
        }
    }
    let lines: Vec<_> = encoded.chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[test]
fn a_name_may_be_any_text_and_is_compared_with_the_common_name_when_there_is_no_san() {
    let files = Files::new();
    files.issue(|params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(rcgen::DnType::CommonName, "PMU 123456");
    });
    check_served(&files, &["CMD_short:0", "--name", "PMU 123456"]);
    check_failed(&files.ask_with(&["CMD_short:0", "--name", "PMU 12345"]), "", &["'PMU 12345'", "'PMU 123456'"]);
    // With a SAN the common name is nobody's.
    files.issue(|params| params.distinguished_name.push(rcgen::DnType::CommonName, "PMU 123456"));
    check_failed(
        &files.ask_with(&["CMD_short:0", "--name", "PMU 123456"]),
        "",
        &["was to be 'PMU 123456'", "is for localhost, 127.0.0.1"],
    );
}
