//! What `--stats` prints of a session.

use std::time::Duration;

use labnet::seconds;
use serde::Serialize;

use super::Step;

/// The statistics of one session; null is what a step does not have, or did not come to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChannelStats {
    step: String,
    /// The cipher suite, by its name; of TLS with the version.
    suite: Option<String>,
    /// Records (of the channel: frames) that passed in the handshake, both ways.
    handshake_records: Option<u64>,
    /// Bytes on the wire in the handshake, both ways.
    handshake_bytes: Option<u64>,
    handshake_round_trips: Option<u64>,
    /// From the first byte to the last of the handshake, in seconds.
    handshake_s: Option<f64>,
    /// The length of the message.
    bytes: u64,
    /// From the end of the handshake to the end of the message; for a server to its acknowledgement, in seconds.
    message_s: Option<f64>,
    /// `bytes` over `message_s`, in millions of bytes a second.
    mb_per_s: Option<f64>,
}

/// What a handshake cost.
#[derive(Clone, Debug)]
pub(super) struct Handshake {
    pub(super) suite: String,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) round_trips: u64,
    pub(super) time: Duration,
}

impl std::fmt::Display for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { records, bytes, round_trips, time, .. } = self;
        let trips = if *round_trips == 1 { "round trip" } else { "round trips" };
        let milliseconds = time.as_secs_f64() * 1e3;
        write!(f, "{records} records, {}, {round_trips} {trips}, {milliseconds:.1} ms", super::bytes(*bytes))
    }
}

impl ChannelStats {
    /// Nothing has happened yet.
    pub fn of(step: Step) -> Self {
        Self { step: step.to_string(), ..Self::default() }
    }

    pub(super) fn shook_hands(&mut self, handshake: &Handshake) {
        self.suite = Some(handshake.suite.clone());
        self.handshake_records = Some(handshake.records);
        self.handshake_bytes = Some(handshake.bytes);
        self.handshake_round_trips = Some(handshake.round_trips);
        self.handshake_s = Some(seconds::number(handshake.time));
    }

    pub(super) fn carried(&mut self, len: usize, time: Duration) {
        self.bytes = len as u64;
        self.message_s = Some(seconds::number(time));
        self.mb_per_s = Some(len as f64 / 1e6 / time.as_secs_f64()).filter(|rate| rate.is_finite());
    }
}
