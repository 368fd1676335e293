//! Server names (SNI, RFC 6066, section 3) that are no DNS names: ignored, as OpenSSL does.
//!
//! rustls ends a handshake whose `server_name` is no DNS name, such as `my server`, and has no setting for that. So the
//! extension is hidden from it: on its way in it gets a number of private use, which rustls passes over.
//!
//! ```text
//! client ── server_name(0): "my server" ── SniFilter ── 0xff5a: "my server" ── rustls ── TranscriptHash ── 0: …
//! ```
//!
//! The handshake is authenticated by a hash of what the client sent, so the number is put back where rustls hashes it.
//! A resumed session would need more: its binder is a hash of a ClientHello that is cut off, in which nothing is put back.
//! No server here resumes one.
//!
//! Whoever sends the private number himself has a server name that is ignored, or no handshake: neither helps him.

mod filter;
mod transcript;

use std::{borrow::Cow, ops::Range};

use rustls::pki_types::ServerName;

pub use filter::SniFilter;
pub(super) use transcript::cipher_suites;

/// The number of the extension (RFC 6066, section 1.1).
const SERVER_NAME: [u8; 2] = [0, 0];

/// Its number while it is hidden: one of those for private use (RFC 8447, section 7), chosen by us.
const HIDDEN: [u8; 2] = [0xff, 0x5a];

/// `host_name`, the one type of name that there is.
const HOST_NAME: u8 = 0;

/// The type of a ClientHello among handshake messages (RFC 8446, section 4).
const CLIENT_HELLO: u8 = 1;

/// The length of a handshake message's type and length.
const MESSAGE_HEADER_LEN: usize = 4;

/// An extension within a ClientHello.
struct Extension {
    /// Where its number begins.
    at: usize,
    content: Range<usize>,
}

/// The extension of this number in a ClientHello; `None` also for what is none.
fn extension(hello: &[u8], number: [u8; 2]) -> Option<Extension> {
    const VERSION_AND_RANDOM_LEN: usize = 2 + 32;
    if hello.first() != Some(&CLIENT_HELLO) {
        return None;
    }
    let mut at = MESSAGE_HEADER_LEN + VERSION_AND_RANDOM_LEN;
    let end = MESSAGE_HEADER_LEN + number_of(hello.get(1..MESSAGE_HEADER_LEN)?);
    let hello = hello.get(..end)?;
    // Session number, cipher suites, compression methods.
    for length_len in [1, 2, 1] {
        at += length_len + number_of(hello.get(at..at + length_len)?);
    }
    at += 2;
    while let Some([high, low, len @ ..]) = hello.get(at..at + 4) {
        let content = at + 4..at + 4 + number_of(len);
        hello.get(content.clone())?;
        if [*high, *low] == number {
            return Some(Extension { at, content });
        }
        at = content.end;
    }
    None
}

/// A number as TLS writes it, in at most three bytes.
fn number_of(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

/// Whether the content of the extension is a list of names as it should be, but of none that a server can have. What is
/// no such list is left to rustls to refuse.
fn names_no_server(content: &[u8]) -> bool {
    let Some((length, mut list)) = content.split_at_checked(2) else { return false };
    if list.is_empty() || list.len() != number_of(length) {
        return false;
    }
    let mut names = Vec::new();
    while let [HOST_NAME, high, low, rest @ ..] = list {
        let Some((name, rest)) = rest.split_at_checked(number_of(&[*high, *low])) else { return false };
        names.push(name);
        list = rest;
    }
    match names.as_slice() {
        // Names of types that nobody has defined.
        [] => true,
        [name] => ServerName::try_from(*name).is_err(),
        // Two of one type are forbidden.
        _ => false,
    }
}

/// Hides the server name of a ClientHello if it names no server; whether it did.
fn hide(hello: &mut [u8]) -> bool {
    let found = extension(hello, SERVER_NAME)
        .filter(|name| hello.get(name.content.clone()).is_some_and(names_no_server))
        .and_then(|name| hello.get_mut(name.at..name.at + 2));
    found.map(|number| number.copy_from_slice(&HIDDEN)).is_some()
}

/// A transcript, or the part of one that begins with a ClientHello, as the client sent it.
pub(super) fn restore(transcript: &[u8]) -> Cow<'_, [u8]> {
    match extension(transcript, HIDDEN) {
        Some(hidden) => {
            let mut restored = transcript.to_vec();
            if let Some(number) = restored.get_mut(hidden.at..hidden.at + 2) {
                number.copy_from_slice(&SERVER_NAME);
            }
            restored.into()
        }
        None => transcript.into(),
    }
}

#[cfg(test)]
mod tests;
