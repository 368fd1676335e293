//! Good captures with some bytes changed: whatever comes out, nothing panics, and memory stays within bounds.
//!
//! Each input has a seed of its own, which is told when it fails: put it into [`FIRST_SEED`] to see that input first.

use std::{
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
};

use flate2::write::GzEncoder;
use lab_packets::{
    diagram::{Diagram, DiagramOptions},
    file::Recording,
    flow::Detail,
    tls,
};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use rustls::version::{TLS12, TLS13};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::{
    exchange,
    wire::{
        Side::{Client, Server},
        Wire, analyse,
    },
};

const FIRST_SEED: u64 = 0xca97_0000;
const ROUNDS: u64 = 600;

/// Captures of every kind, small enough that a change hits something.
fn good() -> Vec<Vec<u8>> {
    let mut plain = Wire::new("[2001:db8::1]:40000", "[2001:db8::2]:5003");
    plain.vlan = Some(7);
    plain.open();
    plain.send(Client, b"CMD_short:0");
    plain.send_at(Server, 3, b"late");
    plain.send(Server, b"This is PMU data 1");
    plain.close();
    plain.datagram(Client, b"RESET:20");
    plain.recording.comment = Some("all of it".to_owned());
    plain.recording.frames[1].comments.push("the second".to_owned());
    plain.recording.dropped = Some(1);
    let wires = [plain, exchange::exchange(&TLS12), exchange::exchange(&TLS13)];
    wires.iter().map(|wire| wire.recording.write_to(Vec::new()).unwrap()).collect()
}

/// Some of a file's bytes changed, moved, lost or repeated.
fn mutated(good: &[u8], random: &mut impl Rng) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..bytes.len());
        let end = (at + random.random_range(1..40)).min(bytes.len());
        match random.random_range(0..6) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random(),
            2 => bytes[at..end].fill(if random.random() { 0xff } else { 0 }),
            3 => drop(bytes.drain(at..end)),
            4 => bytes.truncate(at.max(1)),
            _ => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
        }
        if bytes.len() < 2 {
            break;
        }
    }
    bytes
}

fn digest(bytes: &[u8], is_drawn: bool) {
    let (recording, damage) = Recording::read_from(bytes);
    drop(damage.map(|damage| damage.to_string()));
    // What was read can be written, and is the same when it is read again.
    match recording.write_to(Vec::new()) {
        Ok(written) => assert_eq!(Recording::read_from(&written[..]).0.frames.len(), recording.frames.len()),
        Err(error) => assert!(recording.frames.iter().any(|frame| frame.at.is_none()), "{error}"),
    }
    let counted = analyse(&recording, Detail::Counts);
    let traffic = analyse(&recording, Detail::Packets);
    assert_eq!((counted.frames, counted.flows.len()), (traffic.frames, traffic.flows.len()));
    for flow in &traffic.flows {
        let kept: usize = flow.stream.iter().map(|chunk| chunk.bytes.len()).sum();
        assert!(kept as u64 <= flow.sent.bytes + flow.received.bytes);
        if !is_drawn {
            continue;
        }
        let listing = tls::dissect(flow, &recording.secrets);
        let diagram = Diagram::of(flow, listing.as_ref(), &DiagramOptions::default());
        assert!(diagram.to_text().lines().all(|line| line.chars().count() <= 100));
        assert!(diagram.to_svg("x").ends_with("</svg>"));
    }
}

#[test]
fn no_change_of_a_file_makes_it_panic() {
    let good = good();
    for seed in FIRST_SEED..FIRST_SEED + ROUNDS {
        for (number, file) in good.iter().enumerate() {
            let mut random = StdRng::seed_from_u64(seed);
            let bytes = mutated(file, &mut random);
            let done = catch_unwind(AssertUnwindSafe(|| digest(&bytes, seed % 8 == 0)));
            assert!(done.is_ok(), "file {number} with the seed {seed:#x}");
        }
    }
}

#[test]
fn no_change_of_a_compressed_file_makes_it_panic() {
    let good: Vec<_> = good().iter().flat_map(|file| [gzip(file), zstd(file)]).collect();
    for seed in FIRST_SEED..FIRST_SEED + ROUNDS {
        for (number, file) in good.iter().enumerate() {
            let mut random = StdRng::seed_from_u64(seed);
            let bytes = mutated(file, &mut random);
            let done = catch_unwind(AssertUnwindSafe(|| digest(&bytes, false)));
            assert!(done.is_ok(), "file {number} with the seed {seed:#x}");
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

#[test]
fn no_bytes_make_it_panic() {
    for seed in FIRST_SEED..FIRST_SEED + ROUNDS {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bytes = vec![0; random.random_range(0..400)];
        random.fill_bytes(&mut bytes);
        let magic: &[u8] = match seed % 3 {
            0 => b"\x0a\x0d\x0d\x0a",
            1 => b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0",
            _ => b"\xa1\xb2\x3c\x4d",
        };
        let done = catch_unwind(AssertUnwindSafe(|| digest(&[magic, &bytes].concat(), true)));
        assert!(done.is_ok(), "with the seed {seed:#x}");
    }
}
