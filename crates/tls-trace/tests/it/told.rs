//! What is told of each kind of connection.

use std::sync::Arc;

use rustls::{
    CipherSuite,
    crypto::aws_lc_rs,
    version::{TLS12, TLS13},
};
use tls_trace::{
    Direction::{Received, Sent},
    Entry, Kind,
};

use crate::connection::{
    CREDENTIALS, HANDSHAKE12, HANDSHAKE13, Pair, Recorder, Setup, chain, check, converse, detail, find, is_clear,
    replay, show, tls12, tls13, told, with,
};

#[test]
fn tls13_is_told_whole_with_each_suite() {
    for (suite, name) in [
        (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256 (OpenSSL: the same)"),
        (CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384 (OpenSSL: the same)"),
        (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256 (OpenSSL: the same)"),
    ] {
        let entries = check(&Setup { suite: Some(suite), ..tls13() }, &HANDSHAKE13);
        assert_eq!(detail(find(&entries, "ServerHello"), "cipher suite"), name);
        let hello = find(&entries, "ClientHello");
        assert_eq!((detail(hello, "cipher suites"), detail(hello, "cipher suite 1")), ("1", name));
        assert_eq!(find(&entries, "ApplicationData").len, b"a question of the client".len());
    }
}

#[test]
fn tls12_is_told_whole_with_each_suite() {
    for suite in [
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ] {
        let p256 = format!("{suite:?}").contains("ECDSA");
        let entries = check(&Setup { suite: Some(suite), p256, ..tls12() }, &HANDSHAKE12);
        assert!(
            detail(find(&entries, "ServerHello"), "cipher suite").starts_with(&format!("{suite:?} (OpenSSL: ECDHE-"))
        );
        let scheme = detail(find(&entries, "ServerKeyExchange"), "signature scheme");
        assert_eq!(scheme.starts_with("ecdsa_secp256r1"), p256, "{scheme}");
    }
}

#[test]
fn client_authentication_adds_its_messages() {
    let asked = Setup { asks_for_certificate: true, ..tls13() };
    let with_request = with(&HANDSHAKE13, 3, &["CertificateRequest"]);
    let entries = check(&asked, &with(&with_request, 7, &["Certificate"]));
    let empty = entries.iter().rfind(|entry| entry.name == "Certificate").unwrap();
    assert_eq!((detail(empty, "certificates"), empty.direction), ("0", Some(Sent)));
    let authorities = detail(find(&entries, "CertificateRequest"), "extension certificate_authorities");
    assert!(authorities.contains("Socket Lab CA"), "{authorities}");

    let authenticated = Setup { has_client_certificate: true, ..asked };
    let entries = check(&authenticated, &with(&with_request, 7, &["Certificate", "CertificateVerify"]));
    let certificate = entries.iter().rfind(|entry| entry.name == "Certificate").unwrap();
    assert!(detail(certificate, "certificate 1, subject").contains("CN=client"), "{certificate}");

    let authenticated = Setup { version: &TLS12, ..authenticated };
    let expected = with(&HANDSHAKE12, 4, &["CertificateRequest"]);
    let expected = with(&with(&expected, 6, &["Certificate"]), 8, &["CertificateVerify"]);
    let entries = check(&authenticated, &expected);
    assert!(detail(find(&entries, "CertificateRequest"), "authorities").contains("Socket Lab CA"));
}

#[test]
fn a_retry_is_told_as_one_and_costs_a_round_trip() {
    let setup = Setup { server_groups: vec![aws_lc_rs::kx_group::SECP384R1], ..tls13() };
    let entries = check(&setup, &with(&HANDSHAKE13, 1, &["HelloRetryRequest", "ClientHello"]));
    let retry = find(&entries, "HelloRetryRequest");
    assert_eq!(detail(retry, "extension key_share"), "secp384r1 is asked for");
    assert_eq!(detail(find(&entries, "ServerHello"), "extension key_share"), "secp384r1 (97 bytes)");
    assert_eq!(replay(&setup.run(), usize::MAX).1.summary().round_trips, 2);
}

#[test]
fn round_trips_and_handshake_bytes_are_those_of_the_version() {
    let count = |setup: Setup| {
        let (entries, timeline) = replay(&setup.run(), usize::MAX);
        let summary = timeline.summary();
        let records = entries.iter().filter(|entry| entry.kind == Kind::Record);
        let sent: usize = records.filter(|entry| entry.direction == Some(Sent)).map(|entry| entry.len).sum();
        assert_eq!(sent as u64, summary.sent.bytes);
        // The question and close_notify come after Finished.
        assert_eq!(summary.sent.records - summary.sent.handshake_records, 2);
        assert!(summary.sent.handshake_bytes < summary.sent.bytes);
        summary
    };
    let summary = count(Setup { sends_tickets: true, ..tls13() });
    assert_eq!((summary.round_trips, summary.proposed.len()), (1, 9));
    assert_eq!(summary.version.map(|version| version.to_string()).as_deref(), Some("TLS 1.3 (0x0304)"));
    assert_eq!(summary.chosen.as_ref().map(|suite| suite.name.as_str()), Some("TLS_AES_256_GCM_SHA384"));
    let summary = count(tls12());
    assert_eq!((summary.round_trips, summary.proposed.len()), (2, 9));
    assert_eq!(summary.chosen.unwrap().openssl, Some("ECDHE-RSA-AES256-GCM-SHA384"));
}

#[test]
fn hellos_name_what_is_proposed_and_chosen() {
    let entries = tls13().entries();
    let hello = find(&entries, "ClientHello");
    assert_eq!(detail(hello, "extension server_name"), "localhost");
    assert_eq!(detail(hello, "extension application_layer_protocol_negotiation"), "2: h2, http/1.1");
    assert_eq!(detail(hello, "extension supported_versions"), "2: TLS 1.3 (0x0304), TLS 1.2 (0x0303)");
    assert_eq!(detail(hello, "extension key_share"), "1: x25519 (32 bytes)");
    assert!(detail(hello, "extension supported_groups").contains("secp256r1, secp384r1"));
    assert!(detail(hello, "extension signature_algorithms").contains("rsa_pss_rsae_sha256"));
    let signal = "1: TLS_EMPTY_RENEGOTIATION_INFO_SCSV";
    assert_eq!(detail(hello, "beside them, as a signal"), signal);
    assert_eq!(detail(hello, "cipher suites"), "9");
    assert_eq!(detail(hello, "cipher suite 1"), "TLS_AES_256_GCM_SHA384 (OpenSSL: the same)");
    let eighth = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 (OpenSSL: ECDHE-RSA-AES128-GCM-SHA256)";
    assert_eq!(detail(hello, "cipher suite 8"), eighth);
    let unnamed = |(_, value): &(String, String)| value.split(' ').any(|word| word.starts_with("0x"));
    assert!(!hello.details.iter().any(unnamed), "{hello}");
    assert_eq!((detail(hello, "random").len(), detail(hello, "session id").len()), (64, 64));
    assert_eq!(detail(find(&entries, "ServerHello"), "extension supported_versions"), "TLS 1.3 (0x0304)");
    let extensions = find(&entries, "EncryptedExtensions");
    assert_eq!(detail(extensions, "extension application_layer_protocol_negotiation"), "1: http/1.1");
    assert!(extensions.encrypted && !hello.encrypted);
    let certificate = find(&entries, "Certificate");
    assert!(detail(certificate, "certificate 1, subject").contains("CN=server"), "{certificate}");
    assert!(detail(certificate, "certificate 1, issuer").contains("CN=Socket Lab CA"), "{certificate}");
    let der = chain(&CREDENTIALS.rsa).0;
    assert_eq!(detail(certificate, "certificate 1, length"), format!("{} bytes", der[0].len()));
    assert_eq!(detail(find(&entries, "CertificateVerify"), "signature scheme"), "rsa_pss_rsae_sha512");
}

#[test]
fn tickets_are_told_and_a_resumed_session_is_shorter() {
    let tls13 = Setup { sends_tickets: true, ..tls13() };
    let tls12 = Setup { sends_tickets: true, ..tls12() };
    let resumed13 = ["ClientHello", "ServerHello", "EncryptedExtensions", "Finished", "Finished"];
    let first12 = with(&HANDSHAKE12, 7, &["NewSessionTicket"]);
    let resumed12 = ["ClientHello", "ServerHello", "NewSessionTicket", "Finished", "Finished"];
    for (setup, expected) in [(tls13, [&HANDSHAKE13[..], &resumed13]), (tls12, [&first12[..], &resumed12])] {
        let recorder = Arc::new(Recorder::default());
        let (client, server) = (Arc::new(setup.client(&recorder)), Arc::new(setup.server()));
        for expected in expected {
            let events = converse(Arc::clone(&client), Arc::clone(&server), &recorder);
            let (entries, timeline) = replay(&events, usize::MAX);
            assert!(is_clear(&entries), "{}", show(&entries));
            assert_eq!(timeline.summary().messages, expected);
            assert!(find(&entries, "NewSessionTicket").encrypted == (setup.version.version == TLS13.version));
        }
    }
}

#[test]
fn messages_are_put_together_over_records() {
    for setup in [tls13(), tls12()] {
        let fragmented = Setup { fragment: Some(100), ..setup.clone() };
        let expected: &[&str] = if setup.version.version == TLS13.version { &HANDSHAKE13 } else { &HANDSHAKE12 };
        let entries = check(&fragmented, expected);
        let records = |entries: &[Entry]| entries.iter().filter(|entry| entry.kind == Kind::Record).count();
        assert!(records(&entries) > records(&setup.entries()) + 10);
    }
}

#[test]
fn keys_that_are_updated_are_followed() {
    let recorder = Arc::new(Recorder::default());
    let setup = tls13();
    let mut pair = Pair::new("localhost", Arc::new(setup.client(&recorder)), Arc::new(setup.server()), &recorder);
    pair.pump();
    for _ in 0..3 {
        pair.say(b"before");
        pair.client.refresh_traffic_keys().unwrap();
        pair.say(b"after");
        pair.answer(b"answer");
        pair.server.refresh_traffic_keys().unwrap();
        pair.answer(b"another");
    }
    let events = std::mem::take(&mut *recorder.0.lock().unwrap());
    let (entries, timeline) = replay(&events, usize::MAX);
    assert!(is_clear(&entries), "{}", show(&entries));
    let updates = told(&entries).into_iter().filter(|name| name.ends_with("KeyUpdate")).count();
    assert!(updates >= 6, "{}", show(&entries));
    assert_eq!(timeline.summary().messages, HANDSHAKE13);
}

#[test]
fn a_refusal_is_told_by_the_alert_s_name() {
    // A server of TLS 1.3 finds out after its ServerHello, when it is already encrypting.
    for (setup, encrypted) in [(tls13(), true), (tls12(), false)] {
        let entries = Setup { server_protocols: vec![b"smtp".to_vec()], ..setup }.refused("localhost");
        let alert = find(&entries, "no_application_protocol");
        assert_eq!((detail(alert, "level"), alert.direction, alert.encrypted), ("fatal", Some(Received), encrypted));
    }
    // The certificate is for other names.
    let entries = tls13().refused("other.test");
    let alert = find(&entries, "bad_certificate");
    assert_eq!((alert.direction, alert.encrypted, alert.len), (Some(Sent), true, 2), "{}", show(&entries));
}
