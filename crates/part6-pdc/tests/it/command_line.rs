//! The command line, the beginning and the end.

use std::net::Ipv4Addr;

use lab_process::{Program, Stream};
use lab_test::{PATIENCE, check_error, finish, nobody};
use labnet::{
    net::ClientLimits,
    pmu::Device,
    tls::{Acceptor, Credentials},
};
use mock_servers::{ServerSettings, pmu, tls};

use crate::{
    certified::{Certified, check_outcome},
    lines,
};

#[test]
fn lab_server_is_a_host_and_the_command_line_overrides_it() {
    let certified = Certified::here();
    let pmu = certified.serve(Device::default());
    let elsewhere = [("LAB_SERVER", "pmu.invalid")];
    let named = finish(certified.start(&elsewhere, &format!("CMD_short:0 CA --server {}", pmu.address())));
    check_outcome(&named, lines(1..11).as_bytes());
    let hint = ["'pmu.invalid'", "hint: ", "mock-servers", "--server localhost"];
    check_error(&finish(certified.start(&elsewhere, "CMD_short:0 CA")), 1, &hint);
    let with_port = finish(certified.start(&[("LAB_SERVER", "127.0.0.1:5003")], "CMD_short:0 CA"));
    check_error(&with_port, 2, &["LAB_SERVER"]);
}

#[test]
fn the_default_server_is_the_pmu_of_this_machine() {
    let certified = Certified::here();
    // Whether or not somebody has that port: it is no PMU of this CA.
    let outcome = certified.pdc("CMD_short:0 CA --connect-timeout 5");
    check_error(&outcome, 1, &["localhost:5003"]);
}

#[test]
fn a_wrong_command_line_is_status_2() {
    let certified = Certified::here();
    for arguments in [
        "",
        "CMD_short:0",
        "CA CMD_short:0",
        "CMD_short:x CA",
        "CMD_short:3601 CA",
        "CMD_nonsense CA",
        "CMD_short:0 CA extra",
        "CMD_short:0 CA --server host:0",
        "CMD_short:0 CA --name pmu.test --no-check-hostname",
        "CMD_short:0 CA --recv-buffer 0",
        "CMD_short:0 CA --timeout 0",
        "CMD_short:0 CA --connect-timeout -1",
        "CMD_short:0 CA --nonsense",
    ] {
        check_error(&certified.pdc(arguments), 2, &[]);
    }
}

#[test]
fn a_ca_file_that_is_missing_empty_or_wrong_is_named() {
    let certified = Certified::here();
    let write = |file: &str, text: &str| std::fs::write(certified.folder.path().join(file), text).unwrap();
    write("empty.pem", "");
    write("text.pem", "no certificate\n");
    write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let (_taken, nobody) = nobody();
    for (file, what) in [
        ("missing.pem", "cannot read missing.pem"),
        ("empty.pem", "empty.pem: is empty"),
        ("text.pem", "BEGIN CERTIFICATE"),
        ("broken.pem", "damaged"),
        ("cakey.pem", "a private key"),
        ("123456.csr", "certificate request"),
        (".", "cannot read ."),
    ] {
        // Before anybody is called.
        let outcome = certified.pdc(&format!("CMD_short:0 {file} --server {nobody}"));
        check_error(&outcome, 1, &[file, what]);
        assert!(!outcome.stderr().contains("connect"), "{}", outcome.stderr());
    }
}

#[test]
fn a_port_where_nobody_listens_is_named() {
    let (_taken, address) = nobody();
    let outcome = Certified::here().pdc(&format!("CMD_short:0 CA --server {address}"));
    check_error(&outcome, 1, &[&format!("cannot connect to {address}"), "refused", "hint: "]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_pdc_after_what_it_has_and_its_statistics() {
    let certified = Certified::here();
    let pmu = certified.serve(Device::default());
    for (end, code) in [(Program::interrupt as fn(&mut Program), 130), (Program::terminate, 143)] {
        let mut pdc = certified.start(&[], &format!("CMD_short:3600 CA --stats --server {}", pmu.address()));
        pdc.line_with("show a message", PATIENCE, |line| line.stream == Stream::Stdout).unwrap();
        end(&mut pdc);
        let outcome = finish(pdc);
        assert_eq!((outcome.code(), outcome.stdout()), (code, lines(1..2)), "{}", outcome.stderr());
        let stats = outcome.stats();
        assert_eq!(stats.len(), 1, "{}", outcome.stderr());
        assert_eq!((&stats[0]["messages"], &stats[0]["tls_version"]), (&1.into(), &"TLSv1.3".into()));
    }
}

#[test]
fn help_has_examples_that_can_be_typed_and_version_the_version() {
    let certified = Certified::here();
    let help = certified.pdc("--help");
    assert_eq!((help.code(), help.stderr()), (0, String::new()));
    let examples: Vec<_> =
        help.stdout().lines().filter_map(|line| line.trim().strip_prefix("part6-pdc ").map(str::to_owned)).collect();
    assert!(examples.len() >= 3, "{}", help.stdout());
    for example in examples {
        // What follows two spaces is a remark. No example is a wrong command line.
        let arguments = example.split("  ").next().unwrap();
        let outcome = certified.pdc(&format!("{arguments} --connect-timeout 5"));
        assert_ne!(outcome.code(), 2, "{arguments}: {}", outcome.stderr());
    }
    check_outcome(&certified.pdc("--version"), concat!("part6-pdc ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
}

#[test]
fn q26_one_version_can_be_asked_for_and_secrets_are_written_for_wireshark() {
    let certified = Certified::here();
    let pmu = certified.serve(Device::default());
    for (version, agreed, label) in
        [("1.2", "TLSv1.2", "CLIENT_RANDOM "), ("1.3", "TLSv1.3", "CLIENT_HANDSHAKE_TRAFFIC_SECRET ")]
    {
        let log = certified.folder.path().join(format!("keys-{version}.log"));
        let at = format!("localhost:{}", pmu.address().port());
        let arguments = format!("CMD_short:0 CA --server {at} --stats --tls {version} --keylog {}", log.display());
        let outcome = certified.pdc(&arguments);
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        assert_eq!(outcome.stats()[0]["tls_version"], agreed);
        let keys = std::fs::read_to_string(&log).unwrap();
        assert!(keys.lines().any(|line| line.starts_with(label)), "{keys}");
        // As browsers and Python do, by the environment.
        let log = certified.folder.path().join(format!("environment-{version}.log"));
        let environment = [("SSLKEYLOGFILE", log.to_str().unwrap())];
        finish(certified.start(&environment, &format!("CMD_short:0 CA --server {at} --tls {version}")));
        assert!(std::fs::read_to_string(&log).unwrap().contains(label));
    }
    let outcome = certified.pdc("CMD_short:0 CA --tls 1.1");
    assert_eq!((outcome.code(), outcome.stderr().contains("expected 1.2 or 1.3")), (2, true), "{}", outcome.stderr());
}

#[test]
fn after_five_seconds_of_silence_it_says_what_it_waits_for() {
    let certified = Certified::here();
    let (listener, address) = lab_test::listen();
    let mut pdc = certified.start(&[], &format!("CMD_short:0 CA --server {address}"));
    let await_note = |pdc: &mut Program| {
        pdc.line_with("say what it waits for", PATIENCE, |line| line.text.starts_with("note: ")).unwrap().text
    };
    // No handshake.
    let silent = lab_test::accept(&listener);
    assert_eq!(await_note(&mut pdc), "note: waiting for 5 s: not connected yet, or the TLS handshake is not complete");
    drop((silent, pdc));

    let mut pdc = certified.start(&[], &format!("CMD_short:0 CA --server {address}"));
    let (certificate, key) = (certified.directory().certificate("123456"), certified.directory().key("123456"));
    let acceptor = Acceptor::new(&Credentials::load(&certificate, &key).unwrap()).unwrap();
    let client = lab_test::accept(&listener);
    let peer = client.peer_addr().unwrap();
    let silent = acceptor.accept(client, peer, &ClientLimits::default()).unwrap();
    let note = await_note(&mut pdc);
    assert!(note.starts_with("note: waiting for 5 s: connected (TLSv1.3 "), "{note}");
    assert!(note.ends_with("CMD_short:0 is sent, no message has come yet"), "{note}");
    drop(silent);
}

#[cfg(target_os = "linux")]
#[test]
fn lab_server_finds_the_tls_of_mock_servers_and_a_part6_pmu_as_well() {
    lab_test::in_own_network("ip link set lo up", || {
        let certified = Certified::here();
        let ask = || finish(certified.start(&[("LAB_SERVER", "localhost")], "CMD_short:0 CA"));
        let settings = ServerSettings { bind: vec![Ipv4Addr::LOCALHOST.into()], ..ServerSettings::default() };
        let files = || tls::CertificateSource::Files {
            certificate: certified.directory().certificate("123456"),
            key: certified.directory().key("123456"),
        };
        let config = |port| tls::Config { port, certificate: files(), ..tls::Config::default() };
        // As mock-servers has them: plain text on 5003, TLS on 5007.
        let plain = pmu::spawn(&pmu::Config::default(), &settings).unwrap();
        let mock = tls::spawn(&config(5007), &settings).unwrap();
        check_outcome(&ask(), &lines(1..11).into_bytes());
        drop((plain, mock));
        // part6-pmu alone.
        let _part6 = tls::spawn(&config(5003), &settings).unwrap();
        check_outcome(&ask(), &lines(1..11).into_bytes());
    });
}
