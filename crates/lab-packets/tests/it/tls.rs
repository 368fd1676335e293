//! The handshakes of real TLS connections, with the packets that carry them.

use lab_packets::{
    diagram::{Diagram, DiagramOptions},
    file::KeyLog,
    tls::{self, HandshakeEnd, TlsDissection},
};
use rustls::version::{TLS12, TLS13};
use tls_trace::{Direction, Kind};

use crate::{
    exchange,
    wire::{
        Side::{Client, Server},
        Wire,
    },
};

fn listing(wire: &Wire, secrets: &KeyLog) -> Option<TlsDissection> {
    tls::dissect(&wire.analyse().flows[0], secrets)
}

fn messages(listing: &TlsDissection) -> Vec<(&str, u64, u64)> {
    let messages = listing.lines.iter().filter(|line| line.entry.kind == Kind::Message);
    messages.map(|line| (line.entry.name.as_str(), line.first_packet, line.packet)).collect()
}

#[test]
fn tls13_is_decrypted_and_its_packets_are_told() {
    let wire = exchange::exchange(&TLS13);
    let listing = listing(&wire, &wire.recording.secrets).unwrap();
    assert_eq!(
        messages(&listing)[..7],
        [
            // 1 to 3 open the TCP connection; one after the other is an acknowledgement.
            ("ClientHello", 4, 4),
            ("ServerHello", 6, 6),
            // One record, which cannot be decrypted before all of it is there.
            ("EncryptedExtensions", 6, 8),
            ("Certificate", 6, 8),
            ("CertificateVerify", 6, 8),
            ("Finished", 6, 8),
            ("Finished", 10, 10),
        ],
        "{:?}",
        messages(&listing)
    );
    assert!(listing.summary.is_complete && !listing.is_abridged);
    assert_eq!((&listing.client_hello[..], &listing.server_hello[..]), (&[4][..], &[6][..]));
    let handshake = listing.handshake;
    assert_eq!((handshake.basis, handshake.first_packet, handshake.last_packet), (HandshakeEnd::Finished, 4, 10));
    assert_eq!((handshake.sent, handshake.received, handshake.packets), (2, 2, 7));
    assert!(listing.summary.proposed.len() >= 3);
    assert_eq!(listing.summary.chosen.as_ref().unwrap().name, "TLS_AES_256_GCM_SHA384");
    assert!(listing.lines.iter().any(|line| line.entry.name == "close_notify"));
}

#[test]
fn tls12_is_decrypted_and_its_packets_are_told() {
    let wire = exchange::exchange(&TLS12);
    let listing = listing(&wire, &wire.recording.secrets).unwrap();
    let names: Vec<_> = messages(&listing).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names[..2], ["ClientHello", "ServerHello"]);
    assert_eq!(names.iter().filter(|name| **name == "Finished").count(), 2);
    assert_eq!((listing.handshake.basis, listing.handshake.first_packet), (HandshakeEnd::Finished, 4));
    // Without secrets the extent is known all the same.
    let blind = tls::dissect(&wire.analyse().flows[0], &KeyLog::default()).unwrap();
    assert_eq!(blind.handshake, tls::HandshakeExtent { basis: HandshakeEnd::RecordTypes, ..listing.handshake });
    assert!(!blind.summary.is_complete);
}

#[test]
fn tls13_without_secrets_is_estimated() {
    let wire = exchange::exchange(&TLS13);
    let seen = listing(&wire, &wire.recording.secrets).unwrap().handshake;
    let others = KeyLog::new(&wire.recording.secrets.as_str().replace('a', "b"));
    for secrets in [KeyLog::default(), others] {
        let blind = listing(&wire, &secrets).unwrap();
        assert_eq!(blind.handshake, tls::HandshakeExtent { basis: HandshakeEnd::Estimate, ..seen });
        assert!(blind.handshake.basis.to_string().contains("estimate"));
        assert_eq!((blind.client_hello, blind.server_hello), (vec![4], vec![6]));
    }
}

#[test]
fn segments_in_any_order_and_cut_anywhere_are_put_together() {
    let mut wire = exchange::exchange(&TLS13);
    let whole = listing(&wire, &wire.recording.secrets).unwrap();
    // The two segments of the server's flight change places, and the first one comes again.
    wire.recording.frames.swap(5, 7);
    let again = wire.recording.frames[7].clone();
    wire.recording.frames.insert(8, again);
    let swapped = listing(&wire, &wire.recording.secrets).unwrap();
    assert_eq!(swapped.summary, whole.summary);
    let packets: Vec<_> = messages(&swapped)[1..6].iter().map(|(_, first, last)| (*first, *last)).collect();
    assert_eq!(packets, [(8, 8), (6, 8), (6, 8), (6, 8), (6, 8)]);
    assert_eq!((swapped.handshake.received, swapped.handshake.packets), (3, 8));
}

#[test]
fn a_handshake_that_was_cut_off_is_not_complete() {
    let mut wire = exchange::exchange(&TLS13);
    wire.recording.frames.truncate(7);
    let listing = listing(&wire, &wire.recording.secrets).unwrap();
    assert_eq!((listing.handshake.basis, listing.handshake.packets), (HandshakeEnd::Incomplete, 3));
    assert_eq!(messages(&listing).last().unwrap().0, "ServerHello");
}

#[test]
fn tls_is_known_by_its_first_bytes_whoever_sends_them() {
    let mut wire = Wire::new("192.0.2.1:40000", "192.0.2.2:443");
    wire.open();
    wire.send(Client, b"GET / HTTP/1.0\r\n\r\n");
    wire.send(Server, b"\x16\x03\x03\x00\x04\x02\0\0\0");
    assert_eq!(listing(&wire, &KeyLog::default()), None);
    // Without SYN, the roles in TCP are a guess; those in TLS are not.
    let mut wire = exchange::exchange(&TLS13);
    (wire.client, wire.server) = (wire.server, wire.client);
    wire.recording.frames.drain(..3);
    for frame in &mut wire.recording.frames {
        // Ports 40000 and 443 change places: the server has the higher one.
        let (one, other) = frame.bytes[34..38].split_at_mut(2);
        one.swap_with_slice(other);
    }
    let listing = listing(&wire, &wire.recording.secrets).unwrap();
    assert_eq!((listing.client.to_string(), listing.handshake.sent), ("192.0.2.1:443".to_owned(), 2));
    let hello = listing.lines.iter().find(|line| line.entry.name == "ClientHello").unwrap();
    assert_eq!(hello.entry.direction, Some(Direction::Sent));
}

#[test]
fn the_diagram_names_the_messages() {
    let wire = exchange::exchange(&TLS13);
    let flow = &wire.analyse().flows[0];
    for (secrets, expected) in [
        (
            wire.recording.secrets.clone(),
            ["ClientHello", "ServerHello, ChangeCipherSpec", "EncryptedExtensions, Certificate", "Finished"],
        ),
        (KeyLog::default(), ["ClientHello", "ServerHello, ChangeCipherSpec", "encrypted record", "encrypted record"]),
    ] {
        let tls = tls::dissect(flow, &secrets);
        let diagram = Diagram::of(flow, tls.as_ref(), &DiagramOptions::default());
        let labels: Vec<_> = [4, 6, 8, 10]
            .map(|packet| {
                let arrow = diagram.arrows.iter().find(|arrow| arrow.packet == Some(packet)).unwrap();
                arrow.label.clone()
            })
            .to_vec();
        for (label, expected) in labels.iter().zip(expected) {
            assert!(label.contains(expected), "{label} has no {expected}");
        }
        assert!(diagram.description.contains("TLS handshake"), "{}", diagram.description);
        // What the records carry is shown to those who have the secrets.
        let has_text = diagram.arrows.iter().any(|arrow| arrow.label.contains("ApplicationData “"));
        assert_eq!(has_text, secrets != KeyLog::default(), "{:?}", diagram.arrows);
    }
}
