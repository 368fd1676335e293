//! What both sides show in each step.

use crate::{
    MESSAGE,
    place::Place,
    shown::{check, values},
    words,
};

#[test]
fn step_plain_shows_the_message_and_that_nothing_proves_anything() {
    let (server, client) = Place::empty().session(&["--step", "plain"], &["--step", "plain"]);
    let up = [
        "the server is up and listening on 127.0.0.1:*",
        "127.0.0.1:* connected",
        "sending the message in plain text",
        "ACK received; nothing proves from whom",
    ];
    check(&server, &up);
    let received = [
        "connected to 127.0.0.1:*",
        "received 72 bytes in plain text; nothing proves from whom, nor that they were not altered",
        "ACK sent; nothing proves to the server by whom",
        MESSAGE,
    ];
    check(&client, &received);
}

/// The session of step secure on both sides, under the suite that a client's choice leads to.
fn check_secure(place: &Place, options: &str, offered: &str, chosen: &str, ciphertext: &str) {
    let (server, client) = place.session(&[], &words(options));
    let offered = format!("  cipher suites: {offered}");
    let chosen = format!("  cipher suite: {chosen}");
    let hello = |said: &'static str| ["  hash: SHA-256", "  random bytes: *", said];
    let proof = |who: [&'static str; 3]| [who[0], who[1], "issuer country: CH", "version: 3", who[2]];
    let expected = [
        &["the server is up and listening on 127.0.0.1:*", "127.0.0.1:* connected", "handshake begins"][..],
        &["message: client hello", "  protocol: 1", &offered],
        &hello("client hello received"),
        &["message: server hello", "  protocol: 1", &chosen],
        &hello("server hello sent"),
        &proof(["verifying the client's certificate", "common name: client", "client certificate verified"]),
        &["symmetric keys exchanged, and confirmed by both sides"],
        &["handshake complete: 9 records, * bytes, 1 round trip, * ms", "sending the message, protected"],
        &["acknowledgement verified: the client has the message"],
    ];
    check(&server, &expected.concat());
    let ciphertext = format!("ciphertext: *… ({ciphertext} bytes)");
    let expected = [
        &["connected to 127.0.0.1:*", "handshake begins"][..],
        &["message: client hello", "  protocol: 1", &offered],
        &hello("client hello sent"),
        &["message: server hello", "  protocol: 1", &chosen],
        &hello("server hello received"),
        &proof(["verifying the server's certificate", "common name: server", "server certificate verified"]),
        &["symmetric keys exchanged, and confirmed by both sides"],
        &["handshake complete: 9 records, * bytes, 2 round trips, * ms"],
        &["message received, protected", &ciphertext, "message verified to its end, and acknowledged", MESSAGE],
    ];
    check(&client, &expected.concat());

    // Both saw the same hellos, each with 32 bytes of its own.
    let randoms = values(&client, "random bytes: ");
    assert_eq!(values(&server, "random bytes: "), randoms);
    assert!(randoms.iter().all(|random| random.len() == 64 && random.bytes().all(|byte| byte.is_ascii_hexdigit())));
    assert_ne!(randoms[0], randoms[1]);
    // The plaintext is not what is called the ciphertext.
    let shown = &values(&client, "ciphertext: ")[0];
    let plaintext: String = MESSAGE.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(!plaintext.starts_with(&shown[..8]), "{shown}");
}

#[test]
fn step_secure_shows_hellos_certificates_keys_ciphertext_verdict_and_the_message_last() {
    let (ctr, gcm) = ("RSA-AES128-CTR-HMAC-SHA256", "RSA-AES256-GCM-SHA256");
    let place = Place::new();
    // The message has 72 bytes; HMAC adds 32, GCM 16.
    check_secure(&place, "", &format!("{ctr}, {gcm}"), ctr, "104");
    check_secure(&place, "--suite aes128-hmac", ctr, ctr, "104");
    check_secure(&place, "--suite aes256-gcm", gcm, gcm, "88");
    check_secure(&place, "--suite aes256-gcm --suite aes128-hmac", &format!("{gcm}, {ctr}"), gcm, "88");
    check_secure(&place, "--suite RSA-AES256-GCM-SHA256 --step secure", gcm, gcm, "88");
}

#[test]
fn no_two_sessions_have_the_same_random_bytes_or_ciphertext() {
    let place = Place::new();
    let [one, other] = [0, 1].map(|_| place.session(&[], &[]).1);
    for label in ["random bytes: ", "ciphertext: "] {
        let (one, other) = (values(&one, label), values(&other, label));
        assert!(!one.is_empty() && one.iter().all(|value| !other.contains(value)), "{label}: {one:?}, {other:?}");
    }
}

#[test]
fn step_tls_shows_what_was_agreed_certificates_verdict_and_the_message_last() {
    let (server, client) = Place::new().session(&["--step", "tls"], &["--step", "tls"]);
    let expected = [
        "the server is up and listening on 127.0.0.1:*",
        "127.0.0.1:* connected",
        "hellos exchanged: TLSv1.3 TLS_AES_256_GCM_SHA384",
        "common name: client",
        "issuer country: CH",
        "version: 3",
        "client certificate verified",
        "handshake complete: * records, * bytes, 1 round trip, * ms",
        "sending the message over TLS",
        "acknowledgement received over TLS: the client has the message",
    ];
    check(&server, &expected);
    let expected = [
        "connected to 127.0.0.1:*",
        "hellos exchanged: TLSv1.3 TLS_AES_256_GCM_SHA384",
        "common name: server",
        "issuer country: CH",
        "version: 3",
        "server certificate verified",
        "handshake complete: * records, * bytes, 1 round trip, * ms",
        "message verified to its end, and acknowledged over TLS",
        MESSAGE,
    ];
    check(&client, &expected);
}
