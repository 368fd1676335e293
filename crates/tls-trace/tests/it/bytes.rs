//! Bytes and secrets as they come: cut, late, missing, wrong, and random.

use std::time::Duration;

use rustls::version::TLS13;
use tls_trace::{
    Direction::{Received, Sent},
    Entry, Kind, Timeline,
};

use crate::connection::{Event, Setup, detail, is_clear, replay, show, tls12, tls13, told};

#[test]
fn the_timeline_is_the_same_however_the_bytes_come() {
    for setup in [Setup { sends_tickets: true, ..tls13() }, tls12()] {
        let events = setup.run();
        let (whole, timeline) = replay(&events, usize::MAX);
        for size in [1, 2, 3, 5, 7, 64, 1000] {
            let (entries, pieces) = replay(&events, size);
            assert_eq!(entries, whole, "pieces of {size}");
            assert_eq!(pieces.summary(), timeline.summary());
        }
    }
}

#[test]
fn the_timeline_is_the_same_wherever_the_bytes_are_cut() {
    for setup in [tls13(), tls12()] {
        let events = setup.run();
        let (whole, _) = replay(&events, usize::MAX);
        for (index, event) in events.iter().enumerate() {
            let Event::Bytes(direction, bytes) = event else { continue };
            for at in 1..bytes.len() {
                let (front, back) = bytes.split_at(at);
                let mut timeline = Timeline::new();
                let mut entries = Vec::new();
                for (millis, event) in (0..).zip(&events) {
                    let time = Duration::from_millis(millis);
                    match event {
                        _ if millis == index as u64 => {
                            timeline.bytes(time, *direction, front);
                            entries.extend(timeline.drain());
                            timeline.bytes(time, *direction, back);
                        }
                        Event::Bytes(direction, bytes) => timeline.bytes(time, *direction, bytes),
                        Event::Secret(label, random, secret) => timeline.secret(label, random, secret),
                    }
                }
                entries.extend(timeline.finish());
                assert_eq!(entries, whole, "event {index} cut at {at}");
            }
        }
    }
}

#[test]
fn what_waits_for_a_secret_keeps_its_place() {
    let events = tls13().run();
    let mut timeline = Timeline::new();
    let mut bytes = events.iter().filter_map(|event| match event {
        Event::Bytes(direction, bytes) => Some((*direction, bytes)),
        Event::Secret(..) => None,
    });
    for _ in 0..2 {
        let (direction, bytes) = bytes.next().unwrap();
        timeline.bytes(Duration::ZERO, direction, bytes);
    }
    timeline.act(Duration::from_secs(1), "a pause");
    assert_eq!(told(&timeline.drain()), ["> ClientHello", "< ServerHello"]);
    assert!(timeline.drain().is_empty());
    for event in &events {
        if let Event::Secret(label, random, secret) = event {
            timeline.secret(label, random, secret);
        }
    }
    let entries = timeline.drain();
    assert_eq!(told(&entries)[..4], ["< EncryptedExtensions", "< Certificate", "< CertificateVerify", "< Finished"]);
    assert_eq!(entries.last().map(|entry| (entry.kind, entry.name.as_str())), Some((Kind::Act, "a pause")));
    assert!(timeline.finish().is_empty());
}

#[test]
fn without_its_secrets_a_connection_is_said_to_be_encrypted() {
    for (setup, label) in [(tls13(), "SERVER_HANDSHAKE_TRAFFIC_SECRET"), (tls12(), "CLIENT_RANDOM")] {
        let events = setup.run();
        let without = events.iter().filter(|event| !matches!(event, Event::Secret(name, ..) if name == label));
        let (entries, timeline) = replay(&without.cloned().collect::<Vec<_>>(), usize::MAX);
        let closed = |entry: &&Entry| entry.details.iter().any(|(_, value)| value.ends_with("its secret is not known"));
        assert!(entries.iter().filter(closed).count() >= 2, "{}", show(&entries));
        assert!(!timeline.summary().is_complete);
        // What goes the other way is told all the same.
        let is_told = told(&entries).contains(&"> close_notify".to_owned());
        assert_eq!(is_told, setup.version.version == TLS13.version, "{}", show(&entries));
    }
}

#[test]
fn a_wrong_secret_opens_nothing() {
    for (setup, label) in [(tls13(), "CLIENT_TRAFFIC_SECRET_0"), (tls12(), "CLIENT_RANDOM")] {
        for change in [|secret: &mut Vec<u8>| secret[0] ^= 1, |secret: &mut Vec<u8>| secret.truncate(5), Vec::clear] {
            let mut events = setup.run();
            for event in &mut events {
                if let Event::Secret(name, _, secret) = event
                    && name == label
                {
                    change(secret);
                }
            }
            let (entries, _) = replay(&events, usize::MAX);
            assert!(!is_clear(&entries));
            assert!(!told(&entries).contains(&"> ApplicationData".to_owned()), "{}", show(&entries));
        }
    }
}

#[test]
fn whoever_writes_in_the_clear_cannot_turn_the_keys() {
    let mut events = tls13().run();
    let Event::Bytes(Received, flight) = events[1].clone() else { panic!("{:?}", events[1]) };
    let (hello, rest) = flight.split_at(5 + usize::from(u16::from_be_bytes([flight[3], flight[4]])));
    let mut other = hello.to_vec();
    // Another server random and another suite: after record header, message header, version and random.
    other[11] ^= 1;
    other[5 + 4 + 2 + 32 + 1 + 32 + 1] ^= 1;
    let finished = [22, 3, 3, 0, 4, 20, 0, 0, 0].to_vec();
    let update = [22, 3, 3, 0, 5, 24, 0, 0, 1, 0].to_vec();
    let pieces = [hello.to_vec(), other, finished, update, rest.to_vec()];
    events.splice(1..2, pieces.map(|bytes| Event::Bytes(Received, bytes)));
    let (entries, timeline) = replay(&events, usize::MAX);
    assert!(is_clear(&entries), "{}", show(&entries));
    assert!(timeline.summary().is_complete);
    assert!(told(&entries).contains(&"< close_notify".to_owned()), "{}", show(&entries));
}

#[test]
fn an_answer_that_is_not_tls_is_shown() {
    let mut timeline = Timeline::new();
    timeline.bytes(Duration::ZERO, Received, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let entries = timeline.drain();
    assert_eq!((entries[0].name.as_str(), detail(&entries[0], "bytes")), ("not TLS", "485454502f (HTTP/)"));
    assert_eq!((timeline.finish()[0].len, timeline.finish().len()), (23, 0));
}

#[test]
fn a_peer_cannot_fill_the_memory_while_a_secret_does_not_come() {
    let events: Vec<Event> = tls13().run().into_iter().filter(|event| matches!(event, Event::Bytes(..))).collect();
    let mut timeline = Timeline::new();
    for event in &events[..2] {
        if let Event::Bytes(direction, bytes) = event {
            timeline.bytes(Duration::ZERO, *direction, bytes);
        }
    }
    timeline.drain();
    let record = [&[23, 3, 3, 0x40, 0][..], &[7; 0x4000]].concat();
    for _ in 0..100 {
        timeline.bytes(Duration::ZERO, Received, &record);
    }
    let told = timeline.drain().len();
    assert!(told > 50, "only {told} are told");
}

#[test]
fn entries_are_readable_by_people_and_programs() {
    let mut timeline = Timeline::new();
    timeline.act(Duration::from_micros(1500), "connect(): SYN, SYN-ACK, ACK");
    timeline.bytes(Duration::from_millis(2), Sent, &[21, 3, 1, 0, 2, 1, 0]);
    let entries = timeline.drain();
    let lines: Vec<String> = show(&entries).lines().map(str::to_owned).collect();
    assert_eq!(
        lines,
        [
            "      1.500 ms               connect(): SYN, SYN-ACK, ACK",
            "      2.000 ms -->      7 B  record Alert",
            "                                 version: TLS 1.0 (0x0301)",
            "      2.000 ms -->      2 B    close_notify",
            "                                 level: warning",
        ]
    );
    let json = serde_json::to_value(&entries[2]).unwrap();
    let expected = serde_json::json!({
        "at_s": 0.002, "kind": "alert", "direction": "sent", "len": 2, "name": "close_notify",
        "details": [["level", "warning"]], "encrypted": false,
    });
    assert_eq!(json, expected);
}

#[test]
fn the_secrets_of_a_timeline_are_not_shown() {
    let (_, timeline) = replay(&tls13().run(), usize::MAX);
    assert_eq!(format!("{timeline:?}"), "Timeline { held: 0, ready: 0, .. }");
}

#[test]
fn no_stream_makes_it_panic() {
    let mut random = Random(1);
    let recorded = [Setup { sends_tickets: true, ..tls13() }, Setup { asks_for_certificate: true, ..tls12() }];
    let recorded = recorded.map(|setup| setup.run());
    for round in 0..20_000 {
        let events = if round % 4 == 0 { random.noise() } else { random.mutated(&recorded[round % 2]) };
        let size = [1, 100, usize::MAX, usize::MAX][random.below(4)];
        let (entries, timeline) = replay(&events, size);
        if round % 100 == 0 {
            let _ = (show(&entries), serde_json::to_string(&timeline.summary()).unwrap());
        }
    }
}

/// Numbers that look random and are the same in each run (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    /// Records with random content, in both directions.
    fn noise(&mut self) -> Vec<Event> {
        let record = |random: &mut Self| {
            let len = random.below(80);
            let kind = 20 + random.below(5) as u8;
            let mut bytes = vec![kind, 3, 3, 0, len as u8];
            bytes.extend((0..len).map(|_| random.next() as u8 >> random.below(8)));
            if kind == 22 && len > 4 {
                // A handshake message, to get past its header.
                bytes[5..9].copy_from_slice(&[random.below(26) as u8, 0, 0, len as u8 - 4]);
            }
            Event::Bytes(if random.below(2) == 0 { Sent } else { Received }, bytes)
        };
        (0..self.below(6)).map(|_| record(self)).collect()
    }

    /// A recorded connection with some bytes changed, left out or doubled.
    fn mutated(&mut self, events: &[Event]) -> Vec<Event> {
        let mut events = events.to_vec();
        for _ in 0..=self.below(4) {
            let index = self.below(events.len());
            match (&mut events[index], self.below(4)) {
                (Event::Bytes(_, bytes), 0) => bytes.truncate(self.below(bytes.len() + 1)),
                (Event::Bytes(_, bytes), 1) => bytes.extend_from_within(..self.below(bytes.len() + 1)),
                (Event::Bytes(_, bytes), _) if !bytes.is_empty() => {
                    let at = self.below(bytes.len());
                    bytes[at] = self.next() as u8;
                }
                (Event::Secret(_, _, secret), 0) => secret.truncate(self.below(secret.len() + 1)),
                _ => drop(events.remove(index)),
            }
            if events.is_empty() {
                break;
            }
        }
        events
    }
}
