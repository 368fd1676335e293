//! What a connection took, counted: messages, bytes, records and round trips.

use std::fmt;

use labnet::count::Count;
use serde::{Serialize, Serializer};

use super::{Direction, names, suites::Suite};

/// A version of TLS by its number on the wire (RFC 8446, section 4.2.1). In JSON, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u16);

impl Version {
    /// TLS 1.2.
    pub const TLS12: Self = Self(0x0303);
    /// TLS 1.3.
    pub const TLS13: Self = Self(0x0304);

    /// Its name, or its number in hexadecimal if it has none: `TLS 1.3`.
    pub fn name(self) -> String {
        names::version_name(self.0).to_string()
    }
}

/// The name with the number: `TLS 1.3 (0x0304)`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&names::version(self.0))
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// Records of the whole connection.
    pub records: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
    /// Records up to the one with Finished.
    pub handshake_records: u64,
    /// Their bytes, headers included. Without Finished, as when nothing can be decrypted, all of them.
    pub handshake_bytes: u64,
}

/// Counts of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The handshake messages by name, in their order, up to Finished each way.
    pub messages: Vec<String>,
    /// From the client to the server.
    pub sent: Flow,
    /// From the server to the client.
    pub received: Flow,
    /// The cipher suites of the first ClientHello, in its order, without values that only signal something.
    pub proposed: Vec<Suite>,
    /// The suite of the ServerHello.
    pub chosen: Option<Suite>,
    /// The version that the ServerHello chose.
    pub version: Option<Version>,
    /// The group in which the server agreed on a secret: `x25519`, `X25519MLKEM768`, …
    #[serde(skip)]
    pub group: Option<String>,
    /// How the server signed the exchange: `rsa_pss_rsae_sha256`, …
    #[serde(skip)]
    pub signature: Option<String>,
    /// How often the server's side answered before the handshake was complete, TCP's own round trip not counted.
    pub round_trips: u64,
    /// Whether Finished went both ways.
    pub is_complete: bool,
    /// Whether the last record went to the server.
    #[serde(skip)]
    pub(super) is_asking: bool,
}

impl Summary {
    fn flow(&mut self, direction: Direction) -> &mut Flow {
        match direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        }
    }

    /// Counts a record.
    pub(super) fn record(&mut self, direction: Direction, len: usize, is_handshake: bool) {
        let is_answer = std::mem::replace(&mut self.is_asking, direction == Direction::Sent);
        if is_answer && direction == Direction::Received && !self.is_complete {
            self.round_trips += 1;
        }
        let (flow, len) = (self.flow(direction), len as u64);
        flow.records += 1;
        flow.bytes += len;
        if is_handshake {
            flow.handshake_records += 1;
            flow.handshake_bytes += len;
        }
    }
}

/// One line: `7 messages (ClientHello, …), 510 bytes sent, 2301 received, 1 round trip, 9 cipher suites proposed`.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, received) = (self.sent.handshake_bytes, self.received.handshake_bytes);
        write!(f, "{} ({}), ", Count::of_len(self.messages.len(), "message"), self.messages.join(", "))?;
        write!(f, "{} sent, {received} received, ", Count::new(sent, "byte"))?;
        write!(f, "{}, ", Count::new(self.round_trips, "round trip"))?;
        write!(f, "{} proposed", Count::of_len(self.proposed.len(), "cipher suite"))?;
        if self.is_complete { Ok(()) } else { f.write_str(", not complete") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_are_counted_until_the_handshake_is_complete() {
        let mut summary = Summary::default();
        for direction in [Direction::Sent, Direction::Sent, Direction::Received, Direction::Received, Direction::Sent] {
            summary.record(direction, 100, true);
        }
        assert_eq!((summary.round_trips, summary.sent.bytes, summary.received.handshake_records), (1, 300, 2));
        summary.messages = vec!["ClientHello".to_owned()];
        let expected = "1 message (ClientHello), 300 bytes sent, 200 received, 1 round trip, 0 cipher suites proposed";
        assert_eq!(summary.to_string(), format!("{expected}, not complete"));
        summary.is_complete = true;
        summary.record(Direction::Received, 50, false);
        assert_eq!((summary.round_trips, summary.received.bytes, summary.received.handshake_bytes), (1, 250, 200));
        assert_eq!(summary.to_string(), expected);
    }
}
