//! What `--stats` prints: one JSON object for each command, also after an error or Ctrl-C.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use serde::Serialize;

use crate::{
    escape,
    net::{Counted, Family, PerFamily},
    reset::{Offset, Request},
    seconds,
    tls::NegotiatedTls,
    ws,
};

/// The statistics of one command, of shape `T`, with the time since they were begun.
#[derive(Debug)]
pub struct Stats<T> {
    timed: Arc<Mutex<Timed<T>>>,
    is_wanted: bool,
}

#[derive(Debug)]
struct Timed<T> {
    values: T,
    begun: Instant,
    ended: Option<Instant>,
}

impl<T> Stats<T> {
    pub(super) fn new(initial: T, is_wanted: bool) -> Self {
        let timed = Timed { values: initial, begun: Instant::now(), ended: None };
        Self { timed: Arc::new(Mutex::new(timed)), is_wanted }
    }

    /// Changes the values, if anybody wants to see them.
    pub fn update(&self, change: impl FnOnce(&mut T)) {
        if self.is_wanted {
            change(&mut self.timed.lock().unwrap_or_else(PoisonError::into_inner).values);
        }
    }
}

impl<T: Serialize + Send + 'static> Stats<T> {
    pub(super) fn record(&self) -> Arc<dyn Record> {
        Arc::clone(&self.timed) as Arc<dyn Record>
    }
}

/// The end of the command: its time stops here.
impl<T> Drop for Stats<T> {
    fn drop(&mut self) {
        self.timed.lock().unwrap_or_else(PoisonError::into_inner).ended = Some(Instant::now());
    }
}

/// Something that becomes one JSON object.
pub(super) trait Record: Send + Sync {
    fn json(&self) -> String;
}

impl<T: Serialize + Send> Record for Mutex<Timed<T>> {
    fn json(&self) -> String {
        #[derive(Serialize)]
        struct Object<'a, T> {
            #[serde(flatten)]
            values: &'a T,
            elapsed_s: f64,
        }
        let timed = self.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = timed.ended.unwrap_or_else(Instant::now).duration_since(timed.begun);
        let object = Object { values: &timed.values, elapsed_s: seconds::number(elapsed) };
        escape::json(&object).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
    }
}

/// The statistics of a command over TCP (parts 2, 5 and 6).
#[derive(Clone, Debug, Default, Serialize)]
pub struct TransferStats {
    command: String,
    /// Messages shown; a flood is one.
    messages: u64,
    /// Bytes received; in part 5 those of the messages, without frames and upgrade.
    bytes: u64,
    /// Calls of `recv()`, the last, empty one included.
    recv_calls: u64,
    /// TCP segments with payload that arrived (Linux, else null).
    data_segments_in: Option<u64>,
    /// Part 5: data frames received, each fragment counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<u64>,
    /// Part 5: messages handed to the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_message: Option<u64>,
    /// Part 6.
    #[serde(flatten)]
    tls: Option<Tls>,
}

/// What a TLS handshake agreed on; null before it.
#[derive(Clone, Debug, Default, Serialize)]
struct Tls {
    tls_version: Option<String>,
    cipher_suite: Option<String>,
}

impl TransferStats {
    /// Nothing received yet.
    pub fn of(command: impl ToString) -> Self {
        Self { command: command.to_string(), ..Self::default() }
    }

    /// The same, with what part 5 counts besides.
    pub fn over_websocket(command: impl ToString) -> Self {
        Self { frames: Some(0), on_message: Some(0), ..Self::of(command) }
    }

    /// The same, with what part 6 knows besides.
    pub fn over_tls(command: impl ToString) -> Self {
        Self { tls: Some(Tls::default()), ..Self::of(command) }
    }

    /// After a recv: what has been counted, and how many messages have been shown.
    pub fn received(&mut self, peer: &impl Counted, messages: u64) {
        self.messages = messages;
        self.recv_calls = peer.recv_calls();
        self.bytes = peer.bytes_received();
        self.data_segments_in = peer.data_segments_in();
    }

    /// After a TLS handshake.
    pub fn negotiated(&mut self, negotiated: &NegotiatedTls) {
        self.tls = Some(Tls {
            tls_version: Some(negotiated.version.clone()),
            cipher_suite: Some(negotiated.cipher_suite.clone()),
        });
    }

    /// After a WebSocket event: what the client has counted.
    pub fn on_message(&mut self, client: &ws::Client) {
        self.received(client.connection(), client.messages());
        self.bytes = client.message_bytes();
        (self.frames, self.on_message) = (Some(client.data_frames()), Some(client.messages()));
    }
}

/// The statistics of a clock reset (part 3), one object for all runs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ResetStats {
    command: String,
    /// Runs that were acknowledged.
    runs: u64,
    packets_ipv4: u64,
    packets_ipv6: u64,
    rounds: u64,
    /// The family that answered last: `IPv4` or `IPv6`.
    family: Option<String>,
    /// The last acknowledged offset, in seconds.
    offset: Option<u64>,
}

impl ResetStats {
    /// Nothing sent yet.
    pub fn of(request: Request) -> Self {
        Self { command: request.to_string(), ..Self::default() }
    }

    /// After the sends of a round.
    pub fn sent(&mut self, packets: PerFamily) {
        self.rounds += 1;
        self.packets_ipv4 += packets.ipv4;
        self.packets_ipv6 += packets.ipv6;
    }

    /// At the end of a run.
    pub fn acknowledged(&mut self, offset: Offset, family: Family) {
        self.runs += 1;
        (self.family, self.offset) = (Some(family.to_string()), Some(offset.0));
    }
}
