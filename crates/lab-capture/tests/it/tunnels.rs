//! TLS that begins after some plain text on the same connection, or with its predecessors.

use lab_process::{Outcome, Program};
use lab_test::PATIENCE;
use rustls::version::{TLS12, TLS13};

use crate::{
    exchange::exchange_after,
    wire::{
        Side::{self, Client, Server},
        Wire,
    },
};

fn show(wire: &Wire) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tunnel.pcapng");
    wire.recording.write(&file).unwrap();
    let arguments = ["show", file.to_str().unwrap()];
    let outcome: Outcome =
        Program::start(env!("CARGO_BIN_EXE_lab-capture"), &arguments).unwrap().finish(PATIENCE).unwrap();
    assert_eq!((outcome.stderr().as_str(), outcome.code()), ("", 0));
    outcome.stdout()
}

type PlainText = &'static [(Side, &'static [u8])];

const SMTP: PlainText = &[
    (Server, b"220 mail.example ESMTP\r\n"),
    (Client, b"EHLO client.example\r\n"),
    (Server, b"250-mail.example\r\n250 STARTTLS\r\n"),
    (Client, b"STARTTLS\r\n"),
    (Server, b"220 Go ahead\r\n"),
];

#[test]
fn tls_in_tunnels_and_after_starttls_is_listed_with_its_packets() {
    let cases: &[(&str, PlainText)] = &[
        (
            "HTTP CONNECT: 51 B from the client and 39 B from the server",
            &[
                (Client, b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n"),
                (Client, b"\r\n"),
                (Server, b"HTTP/1.1 200 Connection established\r\n\r\n"),
            ],
        ),
        ("SOCKS 4: 9 B from", &[(Client, b"\x04\x01\x01\xbb\x7f\0\0\x01\0"), (Server, b"\0\x5a\x01\xbb\x7f\0\0\x01")]),
        (
            "SOCKS 4a: 19 B from",
            &[(Client, b"\x04\x01\x01\xbb\0\0\0\x01\0localhost\0"), (Server, b"\0\x5a\0\0\0\0\0\0")],
        ),
        (
            "SOCKS 5: 19 B from",
            &[
                (Client, b"\x05\x01\0"),
                (Server, b"\x05\0"),
                (Client, b"\x05\x01\0\x03\x09localhost\x01\xbb"),
                (Server, b"\x05\0\0\x01\x7f\0\0\x01\xd4\x31"),
            ],
        ),
        ("SMTP with STARTTLS: 31 B from", SMTP),
        (
            "IMAP with STARTTLS: 13 B from",
            &[(Server, b"* OK ready\r\n"), (Client, b"a1 starttls\r\n"), (Server, b"a1 OK begin\r\n")],
        ),
        ("POP3 with STLS: 6 B from", &[(Server, b"+OK ready\r\n"), (Client, b"STLS\r\n"), (Server, b"+OK begin\r\n")]),
        (
            "FTP with AUTH: 10 B from",
            &[(Server, b"220 ready\r\n"), (Client, b"AUTH TLS\r\n"), (Server, b"234 begin\r\n")],
        ),
        ("PostgreSQL's SSLRequest: 8 B from", &[(Client, b"\0\0\0\x08\x04\xd2\x16\x2f"), (Server, b"S")]),
        (
            "STARTTLS: 46 B from",
            &[(Client, b"<starttls xmlns='urn:ietf:params:xml:ns:x-t'/>"), (Server, b"<proceed/>")],
        ),
        ("plain text: 9 B from", &[(Client, b"OPEN SAFE"), (Server, b"OPENED")]),
    ];
    for (expected, plain_text) in cases {
        for version in [&TLS12, &TLS13] {
            let shown = show(&exchange_after(version, plain_text));
            assert!(shown.contains(&format!("\nafter {expected}")), "{expected}\n{shown}");
            // Three packets open the connection; each piece of plain text and each flight is acknowledged.
            let hello = 4 + 2 * plain_text.len();
            let line = format!("ClientHello in packet {hello}, ServerHello in packet {}", hello + 2);
            assert!(shown.contains(&line), "{line}\n{shown}");
            assert_eq!(shown.matches("Finished [decrypted]").count(), 2, "{shown}");
            assert!(shown.contains(&format!("handshake: packets {hello} to ")), "{shown}");
        }
    }
}

#[test]
fn plain_text_before_tls_is_drawn_as_text() {
    let shown = show(&exchange_after(&TLS13, SMTP));
    for expected in
        ["21 B: EHLO client.example", "24 B: 220 mail.example ESMTP", "14 B: 220 Go ahead", "B: ClientHello -"]
    {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
    assert!(show(&exchange_after(&TLS13, &[])).contains("\nTLS: TLS 1.3 (0x0304)\nhandshake: "));
}

#[test]
fn a_client_hello_that_is_only_data_begins_no_tls() {
    // A page that quotes one: what comes back is HTTP.
    let tls = exchange_after(&TLS13, &[]);
    let hello = &tls.recording.frames[3].bytes[14 + 20 + 20..];
    let mut wire = Wire::new("10.0.0.1:40000", "10.0.0.2:80");
    wire.open();
    wire.send(Client, b"POST / HTTP/1.1\r\n\r\n");
    wire.send(Client, hello);
    wire.send(Server, b"HTTP/1.1 200 OK\r\n\r\n");
    let shown = show(&wire);
    assert!(!shown.contains("TLS:"), "{shown}");
}

/// A record of a version.
fn record(kind: u8, version: [u8; 2], content: &[u8]) -> Vec<u8> {
    [&[kind][..], &version, &(content.len() as u16).to_be_bytes(), content].concat()
}

/// A ServerHello that chooses TLS_RSA_WITH_AES_128_CBC_SHA, with the extension that answers the renegotiation signal.
fn server_hello(version: [u8; 2]) -> Vec<u8> {
    let body = [&version[..], &[7; 32], &[0, 0, 0x2f, 0], &[0, 5, 0xff, 1, 0, 1, 0]].concat();
    [&[2, 0, 0, body.len() as u8][..], &body].concat()
}

/// A ClientHello in the format of SSL 2.0 that asks for a version.
fn ssl2_client_hello(version: [u8; 2]) -> Vec<u8> {
    let message = [&[1][..], &version, &[0, 6, 0, 0, 0, 16], &[0, 0, 0x2f, 7, 0, 0xc0], &[9; 16]].concat();
    [&[0x80, message.len() as u8][..], &message].concat()
}

#[test]
fn ssl_3_and_hellos_of_ssl_2_are_named() {
    const SSL3: [u8; 2] = [3, 0];
    let body = [&SSL3[..], &[8; 32], &[0, 0, 4, 0, 0x2f, 0, 0x0a, 1, 0]].concat();
    let ssl3_hello = record(22, SSL3, &[&[1, 0, 0, body.len() as u8][..], &body].concat());
    let ssl2_answer = [&[4, 0, 1, 0, 2, 0, 4, 0, 3, 0, 16][..], b"cert", &[7, 0, 0xc0], &[5; 16]].concat();
    let ssl2_answer = [&[0x80, ssl2_answer.len() as u8][..], &ssl2_answer].concat();
    for (hello, answer, version, proposed) in [
        (ssl3_hello, record(22, SSL3, &server_hello(SSL3)), "SSL 3.0 (0x0300)", 2),
        (ssl2_client_hello([3, 1]), record(22, [3, 1], &server_hello([3, 1])), "TLS 1.0 (0x0301)", 1),
        (ssl2_client_hello([0, 2]), ssl2_answer, "SSL 2.0 (0x0002)", 1),
    ] {
        let mut wire = Wire::new("10.0.0.1:40000", "10.0.0.2:443");
        wire.open();
        // In two segments, within the header.
        wire.send(Client, &hello[..4]);
        wire.send(Client, &hello[4..]);
        wire.send(Server, &answer);
        let shown = show(&wire);
        assert!(shown.contains(&format!("\nTLS: {version}\n")), "{shown}");
        assert!(shown.contains("\nClientHello in packet 4, 5, ServerHello in packet 6\n"), "{shown}");
        assert!(
            shown.contains(&format!("\ncipher suites proposed, {proposed}: TLS_RSA_WITH_AES_128_CBC_SHA")),
            "{shown}"
        );
    }
}
