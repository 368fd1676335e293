//! Every reader of what comes from the wire or from a file, on bytes of all kinds: those of the fuzz targets, for a moment.
//!
//! Each input has a seed of its own, which is told when it fails.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(unreachable_pub)]
#[path = "../fuzz/src/lib.rs"]
mod checks;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Tries the seeds of a target as they are, and altered so many times.
fn check(target: &str, rounds: u64, holds: fn(&[u8])) {
    let folder = format!("{}/fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut seeds: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    let seeds: Vec<Vec<u8>> = seeds.into_iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty(), "{folder}");
    seeds.iter().for_each(|seed| holds(seed));
    for round in 0..rounds {
        let mut random = StdRng::seed_from_u64(round);
        let input = altered(&mut random, &seeds);
        let held = catch_unwind(AssertUnwindSafe(|| holds(&input)));
        assert!(held.is_ok(), "round {round}: {}", input.escape_ascii());
    }
}

/// A seed that is altered in up to eight places, or continued with a part of another.
fn altered(random: &mut StdRng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.random_range(0..seeds.len())].clone();
    for _ in 0..random.random_range(1..=8) {
        let at = random.random_range(0..=bytes.len());
        match random.random_range(0..6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.random()),
            2 => drop(bytes.drain(at..bytes.len().min(at + random.random_range(1..=4)))),
            3 => {
                let other = &seeds[random.random_range(0..seeds.len())];
                bytes.extend(&other[random.random_range(0..=other.len())..]);
            }
            4 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'9', b' ', b'\n'][random.random_range(0..8)],
            _ if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            _ => {}
        }
    }
    bytes
}

#[test]
fn a_stream_of_messages_says_the_same_however_it_is_cut() {
    check("messages", 2000, checks::messages);
}

#[test]
fn a_command_is_the_same_whole_and_in_pieces() {
    check("command", 10_000, checks::command);
}

#[test]
fn a_request_or_an_acknowledgement_that_is_accepted_means_what_it_says() {
    check("reset", 20_000, checks::reset);
}

#[test]
fn a_datagram_is_shown_without_a_control_byte_and_lines_become_the_same_datagrams() {
    check("feed", 2000, checks::feed);
}

#[test]
fn a_pem_file_is_read_or_refused_on_one_line() {
    check("pem", 2000, checks::pem);
}

#[test]
fn a_websocket_client_that_sends_anything_is_served_or_refused() {
    check("websocket", 1000, checks::websocket);
}
