//! The names of the experiments.

use std::fmt;

use labnet::{net::Family, tls::TlsVersion};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// An experiment of the handout. In JSON and on the command line it has its [`name`](Self::name).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Code A and B.
    Datagram,
    /// Code C and D.
    Echo,
    /// Part 2 with `CMD_short:0`.
    ShortAtOnce,
    /// Part 2 with `CMD_short:1`.
    ShortPaced,
    /// Part 2 with `CMD_short:0`, and a PMU that stays open for a while.
    ShortOpen,
    /// Part 2 with `CMD_short:0`, and a PMU with TCP_NODELAY.
    ShortNoDelay,
    /// Part 2 with `CMD_short:0`, the answer cut into small pieces.
    ShortPieces,
    /// Part 2 with `CMD_floodme`, with several receive buffers.
    Flood,
    /// Part 2 with `CMD_floodme`, and a text with characters of several bytes.
    FloodUtf8,
    /// One reset of a PMU in this family (part 3).
    Reset(Family),
    /// Many resets of a PMU in this family.
    Series(Family),
    /// A reset of a PMU that loses the first requests: in this family, or in both.
    Rounds(Option<Family>),
    /// A programme, a receiver and two senders (part 4).
    Multicast,
    /// A receiver among unexpected datagrams.
    Guests,
    /// Part 5 with `CMD_short:0`.
    WebSocketShort,
    /// Part 5 with `CMD_floodme`.
    WebSocketFlood,
    /// Part 5 with `CMD_short:0`, in the other type of frames.
    WebSocketText,
    /// Part 5 with `CMD_short:0`, and no close frame at the end.
    WebSocketNoClose,
    /// Part 6 with a client that offers this version.
    Tls(TlsVersion),
    /// Part 6 with several clients, of which some do not speak TLS.
    PmuClients,
}

impl Scenario {
    /// All of them, in the order of the handout.
    pub const ALL: [Self; 25] = [
        Self::Datagram,
        Self::Echo,
        Self::ShortAtOnce,
        Self::ShortPaced,
        Self::ShortOpen,
        Self::ShortNoDelay,
        Self::ShortPieces,
        Self::Flood,
        Self::FloodUtf8,
        Self::Reset(Family::Ipv4),
        Self::Reset(Family::Ipv6),
        Self::Series(Family::Ipv4),
        Self::Series(Family::Ipv6),
        Self::Rounds(Some(Family::Ipv4)),
        Self::Rounds(Some(Family::Ipv6)),
        Self::Rounds(None),
        Self::Multicast,
        Self::Guests,
        Self::WebSocketShort,
        Self::WebSocketFlood,
        Self::WebSocketText,
        Self::WebSocketNoClose,
        Self::Tls(TlsVersion::Tls12),
        Self::Tls(TlsVersion::Tls13),
        Self::PmuClients,
    ];

    /// Its name, which is also in the names of its files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Datagram => "part1-udp",
            Self::Echo => "part1-echo",
            Self::ShortAtOnce => "part2-short-0",
            Self::ShortPaced => "part2-short-1",
            Self::ShortOpen => "part2-short-0-open",
            Self::ShortNoDelay => "part2-short-0-nodelay",
            Self::ShortPieces => "part2-short-0-pieces",
            Self::Flood => "part2-flood",
            Self::FloodUtf8 => "part2-flood-utf-8",
            Self::Reset(Family::Ipv4) => "part3-reset-ipv4",
            Self::Reset(Family::Ipv6) => "part3-reset-ipv6",
            Self::Series(Family::Ipv4) => "part3-series-ipv4",
            Self::Series(Family::Ipv6) => "part3-series-ipv6",
            Self::Rounds(Some(Family::Ipv4)) => "part3-rounds-ipv4",
            Self::Rounds(Some(Family::Ipv6)) => "part3-rounds-ipv6",
            Self::Rounds(None) => "part3-rounds-both",
            Self::Multicast => "part4-multicast",
            Self::Guests => "part4-guests",
            Self::WebSocketShort => "part5-short-0",
            Self::WebSocketFlood => "part5-flood",
            Self::WebSocketText => "part5-text",
            Self::WebSocketNoClose => "part5-no-close",
            Self::Tls(TlsVersion::Tls12) => "part6-tls-1.2",
            Self::Tls(TlsVersion::Tls13) => "part6-tls-1.3",
            Self::PmuClients => "part6-clients",
        }
    }

    /// Whether a right program may end with an error in it: its peer does what the handout does not speak of.
    pub fn may_end_with_error(self) -> bool {
        matches!(self, Self::Guests | Self::WebSocketText | Self::WebSocketNoClose | Self::PmuClients)
    }

    /// The path of its capture, relative to the folder of the run.
    pub fn capture(self) -> String {
        format!("captures/{self}.pcapng")
    }

    /// The path of the transcript of its programs, relative to the folder of the run.
    pub fn output(self) -> String {
        format!("output/{self}.txt")
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Scenario {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Scenario {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Self::ALL.into_iter().find(|scenario| scenario.name() == name);
        found.ok_or_else(|| D::Error::custom(format_args!("there is no experiment '{name}'")))
    }
}
