//! Verify and show.

use lab_test::{check_error, finish, lacks};
use rcgen::date_time_ymd;

use crate::place::{Place, words};

const TTP: &str = env!("CARGO_BIN_EXE_ttp");

#[test]
fn verify_says_what_is_wrong_with_a_certificate() {
    let (place, other) = (Place::with_ca(), Place::with_ca());
    place.done("issue 123456 --key p-256 --san pmu.test --san 127.0.0.1");
    other.done("issue 123456 --key p-256");
    place.write("other.pem", other.read("certs/123456_cert.pem"));
    place.write("empty.pem", "");
    place.issue("old_cert.pem", |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    });
    place.issue("early_cert.pem", |params| {
        (params.not_before, params.not_after) = (date_time_ymd(4000, 1, 1), date_time_ymd(4001, 1, 1));
    });
    place.issue("nameless_cert.pem", |params| params.subject_alt_names.clear());
    place.issue("common_cert.pem", |params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(rcgen::DnType::CommonName, "PMU 7");
    });
    for (arguments, expected) in [
        ("certs/123456_cert.pem --name pdc.test", &["pdc.test", "pmu.test, 127.0.0.1"][..]),
        ("certs/123456_cert.pem --name 127.0.0.2", &["127.0.0.2", "pmu.test, 127.0.0.1"]),
        ("certs/123456_cert.pem --purpose client", &["another purpose"]),
        ("certs/123456_cert.pem --purpose both", &["another purpose"]),
        ("other.pem", &["CA"]),
        ("old_cert.pem", &["expired"]),
        ("early_cert.pem", &["not valid yet"]),
        ("nameless_cert.pem --name localhost", &["was to be 'localhost'", "(it has no SAN)\n"]),
        (
            "common_cert.pem --name localhost",
            &["was to be 'localhost'", "is for the common name 'PMU 7' (it has no SAN)"],
        ),
        ("certs/123456_cert.pem --name a/b", &["was to be 'a/b'", "is for pmu.test, 127.0.0.1"]),
        ("certs/cacert.pem", &["CA certificate"]),
        ("certs/123456_key.pem", &["holds a private key", "BEGIN CERTIFICATE"]),
        ("certs/123456.csr", &["certificate request", "BEGIN CERTIFICATE"]),
        ("empty.pem", &["is empty"]),
        ("missing.pem", &["cannot read missing.pem"]),
    ] {
        let file = words(arguments)[0];
        place.refused(&format!("verify {arguments}"), 1, &[&[file], expected].concat());
    }
    place.done("verify certs/123456_cert.pem --name PMU.test");
    place.done("verify nameless_cert.pem");
    assert_eq!(finish(place.start(TTP, &["verify", "common_cert.pem", "--name", "PMU 7"])).code(), 0);
    place.refused("verify certs/123456_cert.pem --dir empty", 1, &["empty"]);
}

#[test]
fn a_certificate_of_x509_version_1_is_verified_by_its_chain_and_its_common_name() {
    if lacks("openssl") {
        return;
    }
    let place = Place::with_ca();
    place.done("request 123456 --key p-256");
    let openssl = |arguments: &str| {
        let outcome = finish(place.start("openssl", &words(arguments)));
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
    };
    openssl(
        "x509 -req -in certs/123456.csr -CA certs/cacert.pem -CAkey certs/cakey.pem -set_serial 7 -days 9 -out one.pem",
    );
    assert!(place.done("show one.pem").contains("version:             1\n"));
    for arguments in ["", "--name 123456", "--purpose client", "--purpose both"] {
        place.done(&format!("verify one.pem {arguments}"));
    }
    place.refused("verify one.pem --name localhost", 1, &["was to be 'localhost'", "'123456'"]);
    openssl(
        "x509 -req -in certs/123456.csr -CA certs/cacert.pem -CAkey certs/cakey.pem -set_serial 8 -days -1 -out old.pem",
    );
    place.refused("verify old.pem", 1, &["expired"]);
    // Nothing in it says that what signed it was a CA: no chain is followed.
    place.done("issue 654321 --key p-256");
    openssl(
        "x509 -req -in certs/123456.csr -CA certs/654321_cert.pem -CAkey certs/654321_key.pem -set_serial 9 -out by.pem",
    );
    place.write("chain.pem", place.read("by.pem") + &place.read("certs/654321_cert.pem"));
    place.refused("verify chain.pem", 1, &["unknown CA"]);
}

#[test]
fn show_tells_a_certificates_facts_a_line_each() {
    let place = Place::with_ca();
    place.done("issue 123456 --country CH --san pmu.test --san ::1");
    let text = place.done("show certs/123456_cert.pem");
    for (label, value) in [
        ("version", "3"),
        ("subject", "C=CH, CN=123456"),
        ("issuer", "C=CH, CN=Socket Lab CA"),
        ("key", "RSA, 2048 bits"),
        ("names (SAN)", "pmu.test, ::1"),
        ("is a CA", "no"),
        ("purpose", "TLS server"),
    ] {
        let line = format!("{:<20} {value}", format!("{label}:"));
        assert!(text.lines().any(|shown| shown == line), "no '{line}' in\n{text}");
    }
    let ca = place.done("show certs/cacert.pem");
    assert!(ca.contains("localhost, server, client, test, example, 127.0.0.0/8, ::1/128"), "{ca}");
    place.refused("show certs/123456_key.pem", 1, &["BEGIN CERTIFICATE"]);
    place.refused("show missing.pem", 1, &["cannot read missing.pem"]);
}

#[test]
fn a_file_name_is_shown_without_what_a_terminal_acts_on() {
    let place = Place::with_ca();
    place.done("issue 123456 --key p-256");
    let (name, shown) = ("a\u{1b}[2J\u{202e}\nb", "a\\x1b[2J\\xe2\\x80\\xae\\nb");
    place.write(name, place.read("certs/123456_cert.pem"));
    // `words` would cut it at its newline.
    let verify = |name: &str| finish(place.start(env!("CARGO_BIN_EXE_ttp"), &["verify", name]));
    let outcome = verify(name);
    assert_eq!((outcome.code(), outcome.stdout()), (0, format!("{shown}: ok\n")));
    place.write(name, "none");
    check_error(&verify(name), 1, &[shown]);
}

#[test]
fn help_has_examples_and_version_the_version() {
    let place = Place::new();
    let help = place.done("--help");
    for example in
        ["Examples", "ttp init", "ttp request 123456", "ttp sign certs/123456.csr", "--any-name", "openssl req"]
    {
        let everywhere = [&help, &place.done("init --help")];
        assert!(everywhere.iter().any(|help| help.contains(example)), "no '{example}'");
    }
    assert_eq!(place.done("--version"), concat!("ttp ", env!("CARGO_PKG_VERSION"), "\n"));
}
