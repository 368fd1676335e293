//! Names: what a certificate is for, and what the CA may vouch for.

use crate::place::names;
use lab_test::{check_error, lacks};
use rcgen::SanType;

use crate::place::{DEFAULTS, Place, words};

/// The names in a certificate that was issued with these arguments.
fn check_names(place: &Place, arguments: &str, expected: &[&str]) {
    place.done(&format!("issue {arguments} --key p-256 --force"));
    let file = format!("certs/{}_cert.pem", words(arguments)[0]);
    assert_eq!(place.certificate(&file, names), expected, "{arguments}");
    for name in expected {
        let name = name.replace('*', "any");
        assert_eq!(
            place.done(&format!("verify {file} --name {name} --purpose {}", purpose(arguments))),
            format!("{file}: ok\n")
        );
    }
}

fn purpose(arguments: &str) -> &str {
    if arguments.starts_with("client") { "client" } else { "server" }
}

#[test]
fn without_san_a_certificate_is_for_this_machine_and_the_two_parties() {
    let place = Place::with_ca();
    check_names(&place, "123456", &DEFAULTS);
    for party in ["server", "client"] {
        check_names(&place, party, &[&[party], &DEFAULTS[..]].concat());
    }
    place.refused("verify certs/server_cert.pem --purpose client", 1, &["another purpose"]);
    place.refused("verify certs/client_cert.pem --purpose server", 1, &["another purpose"]);
}

#[test]
fn san_names_dns_names_addresses_and_wildcards() {
    let place = Place::with_ca();
    check_names(&place, "1 --san localhost", &["localhost"]);
    check_names(&place, "2 --san PMU.Test --san a.b.example --san test", &["pmu.test", "a.b.example", "test"]);
    check_names(&place, "3 --san 127.0.0.1 --san 127.1.2.3 --san ::1", &["127.0.0.1", "127.1.2.3", "::1"]);
    check_names(&place, "4 --san *.lab.test --san *.a.localhost", &["*.lab.test", "*.a.localhost"]);
    check_names(&place, "5 --san xn--rmer-5qa.test", &["xn--rmer-5qa.test"]);
    if !lacks("openssl") {
        for (options, file, is_ok) in [
            ("-verify_hostname a.b.example", "2", true),
            ("-verify_ip 127.1.2.3", "3", true),
            ("-verify_ip ::1", "3", true),
            ("-verify_ip 127.0.0.2", "3", false),
            ("-verify_hostname x.lab.test", "4", true),
            ("-verify_hostname x.y.lab.test", "4", false),
        ] {
            assert_eq!(place.openssl_verifies(options, &format!("certs/{file}_cert.pem")), is_ok, "{options}");
        }
    }
}

#[test]
fn what_is_no_name_is_a_wrong_command_line() {
    let place = Place::with_ca();
    for name in [
        "r\u{f6}mer.test",
        "a..test",
        "test.",
        ".test",
        "-a.test",
        "a_b-.test",
        "127.0.0.1/8",
        "test:80",
        "*",
        "a.*.test",
        // No client takes a wildcard for all of a top-level domain, and rustls then refuses the whole certificate.
        "*.test",
        "*.localhost",
    ] {
        place.refused(&format!("issue 123456 --san={name}"), 2, &[name]);
    }
    place.refused("issue 123456 --san r\u{f6}mer.test", 2, &["xn--"]);
}

#[test]
fn a_name_beyond_the_lab_is_refused_with_the_reason_and_nothing_is_left_behind() {
    let place = Place::with_ca();
    for name in [
        "www.epfl.ch",
        "*.epfl.ch",
        "latest",
        "test.com",
        "localhost.com",
        "pmu",
        "10.0.0.1",
        "128.0.0.1",
        "::2",
        "::ffff:127.0.0.1",
    ] {
        let reason = [name, "may not vouch", "localhost, server, client", ".test", ".example", "--any-name"];
        place.refused(&format!("issue 123456 --key p-256 --san {name}"), 1, &reason);
        place.refused(&format!("issue 123456 --key p-256 --san pmu.test --san {name}"), 1, &reason);
    }
    place.done("request 123456 --key p-256 --san pmu.test --san www.epfl.ch");
    place.refused("sign certs/123456.csr", 1, &["certs/123456.csr", "www.epfl.ch", "may not vouch"]);
    place.done("sign certs/123456.csr --san pmu.test");
}

#[test]
fn any_name_lifts_the_limits_of_the_ca() {
    let place = Place::new();
    place.done("init --key p-256 --any-name");
    check_names(
        &place,
        "1 --san www.epfl.ch --san 10.0.0.1 --san 2001:db8::1",
        &["www.epfl.ch", "10.0.0.1", "2001:db8::1"],
    );
    place.certificate("certs/cacert.pem", |ca| assert!(ca.name_constraints().unwrap().is_none()));
    if !lacks("openssl") {
        assert!(place.openssl_verifies("-verify_hostname www.epfl.ch", "certs/1_cert.pem"));
    }
}

#[test]
fn what_others_sign_with_the_cas_key_for_names_beyond_the_lab_is_not_believed() {
    let (place, lacks_openssl) = (Place::with_ca(), lacks("openssl"));
    for (name, is_ok) in [("pmu.test", true), ("www.epfl.ch", false)] {
        place.issue("forged_cert.pem", |params| {
            params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())]
        });
        let verified = place.ttp(&format!("verify forged_cert.pem --name {name}"));
        assert_eq!(verified.code() == 0, is_ok, "{name}: {}", verified.stderr());
        assert!(is_ok || verified.stderr().contains("may not vouch"), "{}", verified.stderr());
        if !lacks_openssl {
            assert_eq!(place.openssl_verifies("", "forged_cert.pem"), is_ok, "{name}");
        }
    }
}

#[test]
fn a_common_name_that_looks_like_a_servers_is_refused_or_accepted_by_openssl() {
    let place = Place::with_ca();
    // OpenSSL takes the common name for a DNS name when the SAN has none.
    let outcome = place.ttp("issue alice.smith --key p-256 --san 127.0.0.1");
    if outcome.code() != 0 {
        check_error(&outcome, 1, &["alice.smith", "may not vouch"]);
    } else if !lacks("openssl") {
        assert!(place.openssl_verifies("", "certs/alice.smith_cert.pem"));
    }
}
