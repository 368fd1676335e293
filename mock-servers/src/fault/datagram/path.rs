//! What a path does to datagrams: it loses, doubles, delays and reorders them.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};

use super::Outgoing;

/// Each is lost with a probability.
pub(super) fn lose(datagrams: Vec<Outgoing>, probability: f64, rng: &mut StdRng) -> Vec<Outgoing> {
    datagrams.into_iter().filter(|_| rng.random::<f64>() >= probability).collect()
}

/// All are lost while the path is bad.
pub(super) fn burst(
    datagrams: Vec<Outgoing>,
    enter: f64,
    leave: f64,
    is_bad: &mut bool,
    rng: &mut StdRng,
) -> Vec<Outgoing> {
    let changes = rng.random::<f64>() < if *is_bad { leave } else { enter };
    *is_bad ^= changes;
    if *is_bad { Vec::new() } else { datagrams }
}

/// Copies follow each.
pub(super) fn duplicate(datagrams: Vec<Outgoing>, copies: u64) -> Vec<Outgoing> {
    datagrams.into_iter().flat_map(|datagram| (0..=copies).map(move |_| datagram.clone())).collect()
}

/// Each leaves later.
pub(super) fn delay(mut datagrams: Vec<Outgoing>, duration: Duration) -> Vec<Outgoing> {
    for datagram in &mut datagrams {
        datagram.after += duration;
    }
    datagrams
}

/// Every second one overtakes the one before it.
pub(super) fn swap(mut datagrams: Vec<Outgoing>, held: &mut Option<Vec<Outgoing>>) -> Vec<Outgoing> {
    match held.take() {
        Some(held) => datagrams.extend(held),
        None => *held = Some(std::mem::take(&mut datagrams)),
    }
    datagrams
}
