//! Datagrams that nobody asked for.

use rand::{RngExt, rngs::StdRng};

use super::Outgoing;

/// A stray one before each, made from its bytes.
pub(super) fn before_each(datagrams: Vec<Outgoing>, mut stray: impl FnMut(&[u8]) -> Outgoing) -> Vec<Outgoing> {
    datagrams
        .into_iter()
        .flat_map(|datagram| {
            let stray = Outgoing { after: datagram.after, ..stray(&datagram.bytes) };
            [stray, datagram]
        })
        .collect()
}

/// Bytes that mean nothing: up to 64 of them, none below 128, so that they begin nothing that does.
pub(super) fn garbage(rng: &mut StdRng) -> Vec<u8> {
    (0..rng.random_range(1..=64)).map(|_| rng.random_range(128..=255)).collect()
}

/// An acknowledgement with another number.
pub(super) fn with_number(acknowledgement: &[u8], number: u64) -> Vec<u8> {
    let text = acknowledgement.iter().copied().take_while(|byte| !byte.is_ascii_digit());
    text.chain(number.to_string().into_bytes()).collect()
}

/// The beginning of an identity.
pub(super) fn short(datagram: &[u8]) -> Vec<u8> {
    datagram.iter().copied().take(3).collect()
}

/// The same identity, and a text that is not UTF-8: Latin-1, as from an old terminal.
pub(super) fn binary(datagram: &[u8]) -> Vec<u8> {
    datagram.iter().copied().take(labnet::feed::IDENTITY_LEN).chain(*b"caf\xe9 \xff\xfe").collect()
}
