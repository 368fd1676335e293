//! Part 6: handshakes, and what their cryptography is for.

use super::*;

/// One session alone: the first has TLS 1.2, the second 1.3.
fn alone(wanted: usize) -> Measurements {
    given(|measurements| measurements.tls[1 - wanted] = Measurement::NotRun)
}

#[test]
fn q25_to_q28_are_not_answered_from_a_session_of_another_version() {
    let other = given(|measurements| facts(&mut measurements.tls[1]).version = "TLS 1.2".into());
    for question in ["Q25", "Q26", "Q27", "Q28"] {
        let answer = answer(question, &other);
        let missing = "Part 6 with TLS 1.3 was not a session of TLS 1.3: the PMU agreed on TLS 1.2.";
        assert_eq!(answer.missing.as_deref(), Some(missing), "{question}");
        assert!(answer.items.iter().all(|item| item.label == "TLS 1.2"), "{answer:?}");
        let items = answer.items.len();
        assert_eq!(super::answer(question, &alone(0)).items.len(), items, "{question}");
    }
}

#[test]
fn q25_says_of_a_message_what_it_is_in_the_versions_that_were_seen() {
    says("Q25", &alone(0), &["ChangeCipherSpec says that its sender encrypts from here on."]);
    does_not_say("Q25", &alone(0), "TLS 1.3");
    says("Q25", &alone(1), &["ChangeCipherSpec means nothing in TLS 1.3"]);
    says("Q25", &alone(0), &["From the PDC: ClientKeyExchange, ChangeCipherSpec and Finished (encrypted)."]);
}

#[test]
fn q25_counts_certificates_and_compares_packets() {
    let certificates = |number: &str| {
        given(|measurements| {
            for session in &mut measurements.tls {
                let messages = &mut facts(session).messages;
                let certificate = messages.iter_mut().find(|message| message.name == "Certificate").unwrap();
                certificate.details = vec![("certificates".into(), number.into())];
            }
        })
    };
    says("Q25", &certificates("2"), &["those that lead to the CA"]);
    does_not_say("Q25", &certificates("1"), "those that lead to the CA");
    says("Q25", &sample::measurements(), &["several share a packet"]);
    let apart = given(|measurements| {
        for session in &mut measurements.tls {
            (10..).zip(&mut facts(session).messages).for_each(|(packet, message)| message.packet = packet);
        }
    });
    does_not_say("Q25", &apart, "several share a packet");
}

#[test]
fn q26_speaks_of_signals_and_versions_that_were_seen() {
    does_not_say("Q26", &sample::measurements(), "SCSV");
    let signal = given(|measurements| {
        let hello = &mut facts(&mut measurements.tls[0]).messages[0];
        hello.details.push(("beside them, as a signal".into(), "1: TLS_EMPTY_RENEGOTIATION_INFO_SCSV".into()));
    });
    says("Q26", &signal, &["SCSV"]);
    does_not_say("Q26", &alone(0), "A suite of TLS 1.3");
    does_not_say("Q26", &alone(1), "A suite of TLS 1.2");
}

#[test]
fn q27_says_that_no_secret_travels_only_where_none_does() {
    // With ML-KEM a secret is sent, under a public key that the PDC made for the connection.
    says("Q27", &sample::measurements(), &["only the PDC can open"]);
    does_not_say("Q27", &sample::measurements(), "No secret travels");
    let plain = given(|measurements| facts(&mut measurements.tls[1]).key_exchange = Some("x25519".into()));
    says("Q27", &plain, &["No secret travels"]);
    does_not_say("Q27", &plain, "ML-KEM");
}

#[test]
fn q25_the_handshake_is_told_message_by_message() {
    let measurements = sample::measurements();
    says("Q25", &measurements, &["[TLS 1.2] 5 packets with payload: 2 from the PDC and 3 from the PMU."]);
    says("Q25", &measurements, &["From the PMU: ServerHello, Certificate, ServerKeyExchange and ServerHelloDone."]);
    says("Q25", &measurements, &["[TLS 1.3] From the PDC: ChangeCipherSpec and Finished (encrypted)."]);
    let retried = given(|measurements| facts(&mut measurements.tls[1]).messages[1].name = "HelloRetryRequest".into());
    says("Q25", &retried, &["From the PMU: HelloRetryRequest, ", "asks the PDC to begin again"]);
    let one = given(|measurements| measurements.tls[0] = Measurement::NotRun);
    does_not_say("Q25", &one, "[TLS 1.2]");
    assert_eq!(answer("Q25", &one).missing.as_deref(), Some("Part 6 with TLS 1.2 was not run."));
}

#[test]
fn q26_suites_are_counted_and_the_choice_is_named() {
    let measurements = sample::measurements();
    says(
        "Q26",
        &measurements,
        &["[TLS 1.2] The PDC proposed 3 cipher suites.", "ECDHE-RSA-AES256-GCM-SHA384 for OpenSSL"],
    );
    says("Q26", &measurements, &["The proposal is in the ClientHello.", "The choice is in the ServerHello."]);
    let eleven =
        given(|measurements| facts(&mut measurements.tls[0]).proposed = vec!["TLS_AES_128_GCM_SHA256".into(); 11]);
    says("Q26", &eleven, &["proposed 11 cipher suites", "not among those proposed"]);
    let cut = given(|measurements| facts(&mut measurements.tls[0]).messages.truncate(1));
    assert!(answer("Q25", &cut).missing.unwrap().contains("The handshake of TLS 1.2 did not come to its end."));
    says("Q26", &cut, &["The choice was not found: no ServerHello was captured."]);
}

#[test]
fn q27_public_keys_agree_and_sign() {
    let measurements = sample::measurements();
    says(
        "Q27",
        &measurements,
        &["[TLS 1.2] Yes, in the handshake.", "ephemeral Diffie-Hellman over x25519", "X25519MLKEM768"],
    );
    says(
        "Q27",
        &measurements,
        &["signs the exchange with rsa_pss_rsae_sha256", "RSA 2048 bits", "does not happen here"],
    );
    let transport = given(|measurements| {
        let session = facts(&mut measurements.tls[0]);
        session.suite.iana = "TLS_RSA_WITH_AES_256_GCM_SHA384".into();
        (session.key_exchange, session.signature) = (None, None);
    });
    says("Q27", &transport, &["[TLS 1.2] To transport a secret", "[TLS 1.2] The PMU signed nothing"]);
    does_not_say("Q27", &transport, "does not happen here");
    let ecdsa = given(|measurements| {
        let session = facts(&mut measurements.tls[1]);
        session.signature = Some("ecdsa_secp256r1_sha256".into());
        session.certificate_key = Some("P-256".into());
    });
    says("Q27", &ecdsa, &["signs the exchange with ecdsa_secp256r1_sha256, with the key of its certificate (P-256)"]);
    let resumed = given(|measurements| {
        let session = facts(&mut measurements.tls[1]);
        (session.key_exchange, session.signature) = (None, None);
    });
    says("Q27", &resumed, &["[TLS 1.3] None was seen"]);
}

#[test]
fn q28_records_are_encrypted_with_the_cipher_of_the_suite() {
    let measurements = sample::measurements();
    says("Q28", &measurements, &["with AES_256_GCM: 1 record from the PDC and 10 records from the PMU", "AEAD"]);
    says("Q28", &measurements, &["for EncryptedExtensions, Certificate, CertificateVerify and Finished"]);
    let other = given(|measurements| {
        facts(&mut measurements.tls[0]).suite.iana = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256".into();
        facts(&mut measurements.tls[1]).suite.iana = "TLS_CHACHA20_POLY1305_SHA256".into();
    });
    says("Q28", &other, &["[TLS 1.2] Yes, for all data after the handshake, with CHACHA20_POLY1305:"]);
    says("Q28", &other, &["[TLS 1.3] Yes, for all data after the handshake, with CHACHA20_POLY1305:"]);
    let old =
        given(|measurements| facts(&mut measurements.tls[0]).suite.iana = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA".into());
    says("Q28", &old, &["with AES_128_CBC_SHA"]);
    does_not_say("Q28", &old, "AEAD");
    let empty = given(|measurements| facts(&mut measurements.tls[0]).data_records = (0, 0));
    says("Q28", &empty, &["[TLS 1.2] No record of application data was seen"]);
}
