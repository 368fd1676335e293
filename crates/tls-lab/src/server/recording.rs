//! A server's own handshake, recorded as it passed, for the page about it.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustls::KeyLog;
use tls_trace::{Direction, Entry, Kind, Timeline};
use zeroize::Zeroizing;

/// The maximum of recorded bytes (ours): a handshake has some thousand.
const MAX_RECORDED: usize = 64 * 1024;

/// The bytes of a handshake, with their times since its beginning.
pub(crate) struct HandshakeRecording {
    begun: Instant,
    pieces: Vec<(Duration, Direction, Vec<u8>)>,
    len: usize,
}

impl HandshakeRecording {
    /// Begins now.
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), pieces: Vec::new(), len: 0 }
    }

    /// Adds what passed. [`Direction::Sent`] is that of the client.
    pub(super) fn add(&mut self, direction: Direction, bytes: &[u8]) {
        if self.len + bytes.len() <= MAX_RECORDED && !bytes.is_empty() {
            self.len += bytes.len();
            self.pieces.push((self.begun.elapsed(), direction, bytes.to_vec()));
        }
    }

    /// The messages of the handshake, decrypted with the secrets of the connection; what it carried afterwards is left out.
    pub(super) fn messages(&self, secrets: &HandshakeSecrets) -> Vec<Entry> {
        let mut timeline = Timeline::new();
        for HandshakeSecret { label, random, secret } in secrets.0.lock().unwrap_or_else(PoisonError::into_inner).iter()
        {
            timeline.secret(label, random, secret);
        }
        for (at, direction, bytes) in &self.pieces {
            timeline.bytes(*at, *direction, bytes);
        }
        let is_message = |entry: &Entry| match entry.kind {
            Kind::Message | Kind::Alert | Kind::Problem => true,
            Kind::Record => entry.name == "ChangeCipherSpec",
            Kind::Act | Kind::Data => false,
        };
        timeline.finish().into_iter().filter(is_message).collect()
    }
}

impl fmt::Debug for HandshakeRecording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeRecording").field("len", &self.len).finish_non_exhaustive()
    }
}

/// The secrets of one connection, as rustls tells them.
#[derive(Default)]
pub(super) struct HandshakeSecrets(Mutex<Vec<HandshakeSecret>>);

struct HandshakeSecret {
    label: String,
    random: Vec<u8>,
    secret: Zeroizing<Vec<u8>>,
}

/// Without the secrets.
impl fmt::Debug for HandshakeSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeSecrets").finish_non_exhaustive()
    }
}

impl KeyLog for HandshakeSecrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let secret = HandshakeSecret {
            label: label.to_owned(),
            random: client_random.to_vec(),
            secret: Zeroizing::new(secret.to_vec()),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(secret);
    }
}
