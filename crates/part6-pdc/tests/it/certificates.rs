//! Certificates that the PDC refuses, each with a reason that a student understands.

use std::{
    io::{self, Write},
    process::Command,
    sync::mpsc,
    thread,
};

use lab_process::Program;
use lab_test::{PATIENCE, check_failed, finish};
use labnet::pmu::Device;
use mock_servers::{Events, ServerSettings, tls};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd};

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
    let root_key = KeyPair::from_pem(&files.read("cakey.pem")).unwrap();
    let root = Issuer::from_ca_cert_pem(&files.read("cacert.pem"), root_key).unwrap();
    let mut middle = CertificateParams::default();
    middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    middle.distinguished_name.push(rcgen::DnType::CommonName, "In the middle");
    let middle_key = KeyPair::generate().unwrap();
    let middle_pem = middle.signed_by(&middle_key, &root).unwrap().pem();
    files.mint_by(&Issuer::new(middle, middle_key), |_| ());
    files.check_refused(&["unknown CA"], true);
    files.write("cert.pem", files.read("cert.pem") + &middle_pem);
    let outcome = files.ask("CMD_short:0");
    assert_eq!((outcome.code(), outcome.stdout(), outcome.stderr()), (0, lines(1..11), String::new()));
}

#[test]
fn a_certificate_of_x509_version_1_is_refused_by_its_version() {
    let files = Files::new();
    let openssl = |arguments: &str| {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments.split_whitespace()).current_dir(files.0.path());
        Program::spawn(openssl).ok().map(finish)
    };
    let skip = |reason: &str| {
        let test = thread::current().name().unwrap_or_default().to_owned();
        io::stderr().write_all(format!("skipped: {test}: {reason}\n").as_bytes()).unwrap();
    };
    if openssl("req -new -key key.pem -subj /CN=Ada_and_Grace -out x.csr").is_none() {
        return skip("no openssl here");
    }
    openssl("x509 -req -in x.csr -CA cacert.pem -CAkey cakey.pem -set_serial 7 -out cert.pem");
    if !openssl("x509 -in cert.pem -noout -text").is_some_and(|text| text.stdout().contains("Version: 1 (0x0)")) {
        return skip("this openssl makes no certificate of X.509 version 1");
    }
    files.check_refused(&["X.509 version 1"], true);
}
