//! What a server does wrong on purpose: cuts, delays, losses and lies, each on demand.
//!
//! A [`Fault`] is data, written `NAME` or `NAME=VALUE`. A [`FaultRule`] says which clients meet it, and
//! [`FaultRules::for_client`] which of them one client meets: the same seed gives the same faults, in whatever order the
//! clients come. Faults of streams are maps over the [steps](labnet::pmu::Step) of an answer, those of the clock reset and of
//! multicast over datagrams, those of WebSocket over frames: each is a small file of its own, without sockets and clocks.
//! [`table`] has all of them.

mod datagram;
mod frame;
mod rule;
mod stream;
pub mod table;

use std::{fmt, str::FromStr, time::Duration};

use labnet::tls::{HandshakeCut, TlsVersion};
use serde::{Deserialize, Serialize};

pub use datagram::{DatagramFaults, Origin, Outgoing};
pub(crate) use frame::{frames, upgrade};
pub use rule::{FaultRule, FaultRules};
pub use stream::Steps;
pub(crate) use stream::apply_all;

/// One thing that a server does wrong. Lengths and offsets are bytes of the answer, from 0; over WebSocket those of its
/// frames, over TLS those of what is encrypted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fault {
    /// The bytes leave in pieces of this length, cut wherever they are, with a pause after each.
    Slice {
        /// The length of a piece; 0 counts as 1.
        bytes: usize,
        /// The pause.
        pause: Duration,
    },
    /// A send ends at each of these offsets, and the next one follows a moment later.
    Cut {
        /// The offsets, in any order.
        offsets: Vec<u64>,
    },
    /// The answer begins so much later.
    Delay(Duration),
    /// One byte after the other, so far apart.
    Trickle(Duration),
    /// So many bytes a second at most; 0 counts as 1.
    Bandwidth(u64),
    /// So long from one send to the next.
    Pauses(Duration),
    /// A reset after so many bytes, or at the end.
    Reset(u64),
    /// An end without a word after so many bytes: a FIN, no close frame, no close_notify.
    Truncate(u64),
    /// Nothing more after so many bytes, and no end.
    Stall(u64),
    /// The server stays open for so long after its last byte.
    SlowClose(Duration),
    /// The server says that nothing more comes, and goes on to listen for so long.
    HalfClose(Duration),
    /// The connection is refused.
    Refuse,
    /// The server takes the connection so much later.
    AcceptLate(Duration),
    /// The connection is taken and ended without being used.
    UnusedConnection,

    /// A datagram is lost with this probability.
    Loss(f64),
    /// Datagrams are lost in bursts (the model of Gilbert and Elliott: everything is lost while the path is bad).
    Burst {
        /// With which probability the path becomes bad before a datagram.
        enter: f64,
        /// With which probability it becomes good again.
        leave: f64,
    },
    /// So many copies follow a datagram.
    Duplicate(u64),
    /// An acknowledgement leaves so much later.
    Late(Duration),
    /// Bytes that mean nothing come before each acknowledgement.
    Garbage,
    /// An acknowledgement whose number is too large comes before each.
    OutOfRange,
    /// Somebody else acknowledges before the server does.
    Stranger,
    /// Two acknowledgements change places.
    Swap,
    /// The port is closed for so long, then open for so long, and so on.
    Icmp(Duration),

    /// A datagram too short for an identity comes before each.
    Short,
    /// A datagram whose text is not UTF-8 comes before each.
    Binary,
    /// The same port of another group is used as well.
    ForeignGroup,
    /// Nothing is sent to the group.
    Silence,

    /// Each message comes in fragments of this length; 0 counts as 1.
    Fragment(usize),
    /// A ping comes before each message.
    Ping,
    /// The connection ends without a close frame.
    NoClose,
    /// This message, counted from 1, or the last one is masked, which a server may not do.
    BadMask(u64),
    /// This message, counted from 1, or the last one is a text that is not UTF-8.
    BadUtf8(u64),
    /// This message, counted from 1, or the last one has a reserved bit set.
    Rsv(u64),
    /// The upgrade is accepted with a key that does not fit.
    WrongAccept,
    /// The upgrade is refused with this status of HTTP.
    HttpError(u16),

    /// The connection ends in the middle of this message of the handshake.
    CutHandshake(HandshakeCut),
    /// The connection ends without close_notify.
    NoCloseNotify,
    /// The certificate has expired.
    Expired,
    /// The certificate is for another name.
    WrongName,
    /// The server speaks this version of TLS alone.
    OneVersion(TlsVersion),
}

impl Fault {
    /// Its name on the command line.
    pub fn name(&self) -> &'static str {
        self.parts().0
    }

    /// Whether the server makes a certificate for it.
    pub fn needs_own_certificate(&self) -> bool {
        matches!(self, Self::Expired | Self::WrongName)
    }

    /// Why it cannot be where the certificate is somebody else's.
    pub fn without_own_certificate(&self) -> labnet::Error {
        let name = self.name();
        labnet::Error::Usage(format!(
            "the fault '{name}' needs a certificate of the lab's own CA: leave --cert and --key out"
        ))
    }

    /// Its name, and its value if it has one.
    fn parts(&self) -> (&'static str, Option<String>) {
        let ms = |duration: &Duration| Some((duration.as_secs_f64() * 1000.0).to_string());
        let number = |number: &dyn ToString| Some(number.to_string());
        match self {
            Self::Slice { bytes, pause } if pause.is_zero() => ("slice", number(bytes)),
            Self::Slice { bytes, pause } => ("slice", Some(format!("{bytes},{}", pause.as_secs_f64() * 1000.0))),
            Self::Cut { offsets } => {
                ("cut", Some(offsets.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")))
            }
            Self::Delay(duration) => ("delay", ms(duration)),
            Self::Trickle(duration) => ("trickle", ms(duration)),
            Self::Bandwidth(rate) => ("bandwidth", number(rate)),
            Self::Pauses(duration) => ("pauses", ms(duration)),
            Self::Reset(bytes) => ("reset", number(bytes)),
            Self::Truncate(bytes) => ("truncate", number(bytes)),
            Self::Stall(bytes) => ("stall", number(bytes)),
            Self::SlowClose(duration) => ("slow-close", ms(duration)),
            Self::HalfClose(duration) => ("half-close", ms(duration)),
            Self::Refuse => ("refuse", None),
            Self::AcceptLate(duration) => ("accept-late", ms(duration)),
            Self::UnusedConnection => ("unused-connection", None),
            Self::Loss(probability) => ("loss", number(probability)),
            Self::Burst { enter, leave } => ("burst", Some(format!("{enter},{leave}"))),
            Self::Duplicate(copies) => ("duplicate", number(copies)),
            Self::Late(duration) => ("late", ms(duration)),
            Self::Garbage => ("garbage", None),
            Self::OutOfRange => ("out-of-range", None),
            Self::Stranger => ("stranger", None),
            Self::Swap => ("swap", None),
            Self::Icmp(duration) => ("icmp", ms(duration)),
            Self::Short => ("short", None),
            Self::Binary => ("binary", None),
            Self::ForeignGroup => ("foreign-group", None),
            Self::Silence => ("silence", None),
            Self::Fragment(bytes) => ("fragment", number(bytes)),
            Self::Ping => ("ping", None),
            Self::NoClose => ("no-close", None),
            Self::BadMask(message) => ("bad-mask", number(message)),
            Self::BadUtf8(message) => ("bad-utf8", number(message)),
            Self::Rsv(message) => ("rsv", number(message)),
            Self::WrongAccept => ("wrong-accept", None),
            Self::HttpError(status) => ("http-error", number(status)),
            Self::CutHandshake(message) => ("cut-handshake", number(message)),
            Self::NoCloseNotify => ("no-close-notify", None),
            Self::Expired => ("expired", None),
            Self::WrongName => ("wrong-name", None),
            Self::OneVersion(version) => ("one-version", Some(version.number().to_owned())),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (name, Some(value)) => write!(f, "{name}={value}"),
            (name, None) => f.write_str(name),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let entry = table::find(name).ok_or_else(|| format!("no fault is called '{name}': see --list-faults"))?;
        entry.parse(value)
    }
}

impl TryFrom<String> for Fault {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_as_it_is_written() {
        let texts = [
            "slice=3",
            "slice=3,20",
            "cut=5,17",
            "delay=1500",
            "trickle=0.5",
            "bandwidth=1000",
            "reset=40",
            "refuse",
            "half-close=10000",
            "loss=0.25",
            "burst=0.1,0.5",
            "icmp=1500",
            "rsv=3",
            "http-error=404",
            "cut-handshake=certificate",
            "one-version=1.2",
        ];
        for text in texts {
            let fault: Fault = text.parse().unwrap();
            assert_eq!(fault.to_string(), text);
            let json = serde_json::to_string(&fault).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault);
        }
    }

    #[test]
    fn a_value_that_is_wrong_or_missing_is_said_to_be() {
        let check = |text: &str, expected: &str| assert_eq!(text.parse::<Fault>().unwrap_err(), expected, "{text}");
        check("sliced", "no fault is called 'sliced': see --list-faults");
        check("slice", "'slice' needs a value: slice=BYTES[,PAUSE]");
        check("slice=many", "'many' is no value for slice=BYTES[,PAUSE]: expected a whole number");
        check("refuse=1", "'refuse' has no value");
        check("loss=1.5", "'1.5' is no value for loss[=P]: expected a probability from 0 to 1");
        check("delay=-1", "'-1' is no value for delay=MS: expected milliseconds, up to 3600000");
        check("one-version=1.1", "'1.1' is no value for one-version[=VERSION]: expected 1.2 or 1.3");
    }
}
