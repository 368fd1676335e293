//! Answers, and whom the PDC believes.

use std::sync::Arc;

use lab_test::{LINK_LOCAL_LOOPBACK, check_error, has_ipv6, in_own_network};
use labnet::pmu::{Device, FLOOD_LEN, FloodText};
use mock_servers::{ServerSettings, tls};
use ttp::KeyKind;

use crate::{
    certified::{Certified, check_outcome},
    lines,
};

/// What the PDC shows of a PMU's answer, to the byte, and nothing else.
fn check(device: Device, arguments: &str, expected: &[u8]) {
    let certified = Certified::here();
    let pmu = certified.serve(device);
    check_outcome(&certified.pdc(&format!("{arguments} CA --server {}", pmu.address())), expected);
}

// Answers.

#[test]
fn each_message_is_on_its_own_line() {
    check(Device::default(), "CMD_short:0", lines(1..11).as_bytes());
    check(Device::default(), "CMD_short:0.02", lines(1..11).as_bytes());
    check(Device { first: 0, messages: 17, ..Device::default() }, "CMD_short:0", lines(0..17).as_bytes());
    check(Device { messages: 1, ..Device::default() }, "CMD_short:0", lines(1..2).as_bytes());
}

#[test]
fn a_small_receive_buffer_changes_nothing() {
    for len in [1, 7, 18, 19] {
        check(Device::default(), &format!("--recv-buffer {len} CMD_short:0"), lines(1..11).as_bytes());
    }
    let flood: Arc<[u8]> = b"all of it\n"[..].into();
    check(Device { flood, ..Device::default() }, "--recv-buffer 1 CMD_floodme", b"all of it\n");
}

#[test]
fn a_flood_is_shown_as_received_with_one_newline_at_the_end() {
    let text = FloodText::Ascii.text(FLOOD_LEN);
    check(Device::default(), "CMD_floodme", &[&text, b"\n".as_slice()].concat());
    let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).chain(*b"\n").collect();
    check(Device { flood: bytes.as_slice().into(), ..Device::default() }, "CMD_floodme", &bytes);
}

#[test]
fn no_message_at_all_is_an_empty_answer_with_a_warning() {
    let certified = Certified::here();
    let pmu = certified.serve(Device { messages: 0, ..Device::default() });
    let outcome = certified.pdc(&format!("CMD_short:0 CA --server {}", pmu.address()));
    assert_eq!((outcome.code(), outcome.stdout()), (0, String::new()));
    assert!(outcome.stderr().starts_with("warning: "), "{}", outcome.stderr());
}

// Whom it believes.

#[test]
fn the_name_that_is_checked_is_the_servers_or_the_one_that_is_given() {
    let certified = Certified::new(KeyKind::P256, &["pmu.test", "*.lab.test", "127.0.0.1"]);
    let pmu = certified.serve(Device::default());
    let port = pmu.address().port();
    for (options, is_ok) in [
        (format!("--server 127.0.0.1:{port}"), true),
        (format!("--server localhost:{port} --name pmu.test"), true),
        (format!("--server localhost:{port} --name PMU.test"), true),
        (format!("--server localhost:{port} --name any.lab.test"), true),
        (format!("--server localhost:{port} --name 127.0.0.1"), true),
        (format!("--server localhost:{port} --no-check-hostname"), true),
        (format!("--server localhost:{port}"), false),
        (format!("--server 127.0.0.1:{port} --name pdc.test"), false),
        (format!("--server 127.0.0.1:{port} --name 127.0.0.2"), false),
        (format!("--server 127.0.0.1:{port} --name a.b.lab.test"), false),
    ] {
        let outcome = certified.pdc(&format!("CMD_short:0 CA {options}"));
        if is_ok {
            check_outcome(&outcome, lines(1..11).as_bytes());
        } else {
            let wanted = options.split_whitespace().skip(1).last().unwrap().trim_end_matches(&format!(":{port}"));
            check_error(&outcome, 1, &[wanted, "pmu.test, *.lab.test, 127.0.0.1"]);
        }
    }
}

#[test]
fn a_pmu_is_reached_over_ipv6() {
    if !has_ipv6() {
        return;
    }
    let certified = Certified::here();
    let pmu = certified.serve(Device::default());
    let port = pmu.address().port();
    check_outcome(&certified.pdc(&format!("CMD_short:0 CA --server [::1]:{port}")), lines(1..11).as_bytes());
    // One that is there alone is found by the name of both.
    let site = ServerSettings { bind: vec!["::1".parse().unwrap()], ..ServerSettings::default() };
    let identity = tls::CertificateSource::Files {
        certificate: certified.directory().certificate("123456"),
        key: certified.directory().key("123456"),
    };
    let alone = tls::spawn(&tls::Config { port: 0, device: Device::default(), certificate: identity }, &site).unwrap();
    let outcome = certified.pdc(&format!("CMD_short:0 CA --server localhost:{}", alone.address().port()));
    check_outcome(&outcome, lines(1..11).as_bytes());
}

#[test]
fn of_several_cas_in_the_file_one_is_enough_and_another_is_none() {
    let (certified, other) = (Certified::here(), Certified::here());
    let pmu = certified.serve(Device::default());
    let ca = |certified: &Certified| std::fs::read_to_string(certified.directory().ca_certificate()).unwrap();
    std::fs::write(certified.folder.path().join("all.pem"), ca(&other) + &ca(&certified)).unwrap();
    let outcome = certified.pdc(&format!("CMD_short:0 all.pem --server {}", pmu.address()));
    check_outcome(&outcome, lines(1..11).as_bytes());
    std::fs::write(certified.folder.path().join("other.pem"), ca(&other)).unwrap();
    check_error(&certified.pdc(&format!("CMD_short:0 other.pem --server {}", pmu.address())), 1, &["CA"]);
}

#[test]
fn a_pmu_is_reached_at_an_address_of_one_link() {
    in_own_network(LINK_LOCAL_LOOPBACK, || {
        let certified = Certified::here();
        let site = ServerSettings { bind: vec!["fe80::5%lo".parse().unwrap()], ..ServerSettings::default() };
        let identity = tls::CertificateSource::Files {
            certificate: certified.directory().certificate("123456"),
            key: certified.directory().key("123456"),
        };
        let config = tls::Config { port: 0, device: Device::default(), certificate: identity };
        let pmu = tls::spawn(&config, &site).unwrap();
        let server = format!("CMD_short:0 CA --server [fe80::5%lo]:{}", pmu.address().port());
        check_outcome(&certified.pdc(&format!("{server} --name localhost")), lines(1..11).as_bytes());
        // The name to be checked is the address alone: a zone is of this machine.
        check_error(&certified.pdc(&server), 1, &["fe80::5"]);
    });
}
