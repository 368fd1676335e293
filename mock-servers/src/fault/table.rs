//! All faults: how each is written, which servers have it, and what a client must do about it.

use std::{fmt, time::Duration};

use labnet::tls::{HandshakeCut, TlsVersion};

use super::Fault;
use crate::ServerName;

/// What a client must do when it meets a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It shows the whole answer as if nothing were wrong; status 0.
    All,
    /// It shows the whole answer, and warns; status 0.
    AllAndWarn,
    /// It shows what came whole, then says what is wrong; status 1.
    Part,
    /// It shows nothing, and says what is wrong; status 1.
    Nothing,
    /// It shows nothing, for nothing came, and warns; status 0.
    Empty,
    /// It shows what came and waits for more, until its `--timeout`; then status 1.
    Wait,
    /// It asks again until it is acknowledged; status 0.
    AskAgain,
    /// It shows the stray datagrams too, escaped; status 0.
    Escape,
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::All => "show all",
            Self::AllAndWarn => "show all and warn",
            Self::Part => "show what came whole, fail",
            Self::Nothing => "show nothing, fail",
            Self::Empty => "show nothing and warn",
            Self::Wait => "show what came, wait",
            Self::AskAgain => "ask again",
            Self::Escape => "show strays escaped",
        })
    }
}

/// The servers that have faults, and the client of each.
pub const CLIENTS: [(ServerName, &str); 5] = [
    (ServerName::Pmu, "part2-pdc"),
    (ServerName::Ws, "part5-ws"),
    (ServerName::Tls, "part6-pdc"),
    (ServerName::Reset, "part3-reset"),
    (ServerName::Multicast, "part4-receiver"),
];

/// A fault of the table. As text, one line with tabs: how it is written, its servers, what it does.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// How its value is written, if it has one.
    pub value: Option<&'static str>,
    /// The value when none is given; without it a value must be given.
    pub default: Option<&'static str>,
    /// The value with which [`duties`](Self::duties) are tested.
    pub example: &'static str,
    /// What the server does.
    pub what: &'static str,
    /// What the client of each server must do, in the order of [`CLIENTS`]; `None` where the server has no such fault.
    pub duties: [Option<Duty>; 5],
    parse: fn(&str) -> Result<Fault, String>,
}

impl Entry {
    /// Reads the fault, given its value.
    pub(super) fn parse(&self, value: Option<&str>) -> Result<Fault, String> {
        match (value, self.value, self.default) {
            (Some(_), None, _) => Err(format!("'{}' has no value", self.name)),
            (None, Some(_), None) => Err(format!("'{}' needs a value: {}", self.name, self.form())),
            (value, _, default) => {
                let value = value.or(default).unwrap_or_default();
                (self.parse)(value).map_err(|expected| {
                    let value = labnet::escape::escape(value.as_bytes());
                    format!("'{value}' is no value for {}: expected {expected}", self.form())
                })
            }
        }
    }

    /// How it is written: `slice=BYTES[,PAUSE]`, `loss[=P]`, `refuse`.
    pub fn form(&self) -> String {
        match (self.value, self.default) {
            (None, _) => self.name.to_owned(),
            (Some(value), None) => format!("{}={value}", self.name),
            (Some(value), Some(_)) => format!("{}[={value}]", self.name),
        }
    }

    /// Which servers have it.
    pub fn servers(&self) -> impl Iterator<Item = ServerName> + '_ {
        CLIENTS.iter().zip(&self.duties).filter(|(_, duty)| duty.is_some()).map(|(&(server, _), _)| server)
    }

    /// Whether it is a map over the steps of a stream, which a proxy has as well.
    pub fn is_of_streams(&self) -> bool {
        self.duties.iter().take(3).all(Option::is_some)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<String> = self.servers().map(|server| server.to_string()).collect();
        write!(f, "{}\t{}\t{}", self.form(), servers.join(" "), self.what)
    }
}

/// The fault of a name.
pub fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

/// The table as Markdown: what the documentation has.
pub fn markdown() -> String {
    let clients: Vec<&str> = CLIENTS.iter().map(|&(_, client)| client).collect();
    let mut table =
        format!("| fault | what the server does | {} |\n|---|---|{}\n", clients.join(" | "), "---|".repeat(5));
    for entry in ENTRIES {
        let duties = entry.duties.map(|duty| duty.map_or_else(String::new, |duty| duty.to_string()));
        let what = match entry.default.filter(|default| !default.is_empty()) {
            Some(default) => format!("{} (by default {default})", entry.what),
            None => entry.what.to_owned(),
        };
        table += &format!("| `{}` | {what} | {} |\n", entry.form(), duties.join(" | "));
    }
    table
}

/// Over TCP, WebSocket and TLS.
const fn streams(pmu: Duty, ws: Duty, tls: Duty) -> [Option<Duty>; 5] {
    [Some(pmu), Some(ws), Some(tls), None, None]
}

const fn ws(duty: Duty) -> [Option<Duty>; 5] {
    [None, Some(duty), None, None, None]
}

const fn tls(duty: Duty) -> [Option<Duty>; 5] {
    [None, None, Some(duty), None, None]
}

const fn reset(duty: Duty) -> [Option<Duty>; 5] {
    [None, None, None, Some(duty), None]
}

const fn multicast(duty: Duty) -> [Option<Duty>; 5] {
    [None, None, None, None, Some(duty)]
}

const fn datagrams(reset: Duty, multicast: Duty) -> [Option<Duty>; 5] {
    [None, None, None, Some(reset), Some(multicast)]
}

const NONE: Entry = Entry {
    name: "",
    value: None,
    default: None,
    example: "",
    what: "",
    duties: [None; 5],
    parse: |_| Err(String::new()),
};

/// All faults, in the order of their servers.
pub static ENTRIES: &[Entry] = &[
    Entry {
        name: "slice",
        value: Some("BYTES[,PAUSE]"),
        example: "3",
        what: "the answer leaves in pieces of BYTES, cut wherever they are, PAUSE milliseconds apart",
        duties: streams(Duty::All, Duty::All, Duty::All),
        parse: |value| {
            let (bytes, pause) = value.split_once(',').unwrap_or((value, "0"));
            Ok(Fault::Slice { bytes: whole(bytes)?, pause: ms(pause)? })
        },
        ..NONE
    },
    Entry {
        name: "cut",
        value: Some("OFFSET,…"),
        example: "1,17,18,19,207",
        what: "a send ends at each OFFSET, and the next follows 20 ms later",
        duties: streams(Duty::All, Duty::All, Duty::All),
        parse: |value| Ok(Fault::Cut { offsets: value.split(',').map(whole).collect::<Result<_, _>>()? }),
        ..NONE
    },
    Entry {
        name: "delay",
        value: Some("MS"),
        example: "300",
        what: "the answer begins MS milliseconds later",
        duties: streams(Duty::All, Duty::All, Duty::All),
        parse: |value| ms(value).map(Fault::Delay),
        ..NONE
    },
    Entry {
        name: "trickle",
        value: Some("MS"),
        example: "1",
        what: "one byte each MS milliseconds",
        duties: streams(Duty::All, Duty::All, Duty::All),
        parse: |value| ms(value).map(Fault::Trickle),
        ..NONE
    },
    Entry {
        name: "bandwidth",
        value: Some("RATE"),
        example: "1000",
        what: "RATE bytes a second at most",
        duties: streams(Duty::All, Duty::All, Duty::All),
        parse: |value| whole(value).map(Fault::Bandwidth),
        ..NONE
    },
    Entry {
        name: "pauses",
        value: Some("MS"),
        example: "20",
        what: "each message leaves on its own, MS milliseconds after the one before",
        duties: streams(Duty::All, Duty::All, Duty::All),
        parse: |value| ms(value).map(Fault::Pauses),
        ..NONE
    },
    Entry {
        name: "reset",
        value: Some("BYTES"),
        example: "47",
        what: "a reset after BYTES, or at the end",
        duties: streams(Duty::Part, Duty::Part, Duty::Part),
        parse: |value| whole(value).map(Fault::Reset),
        ..NONE
    },
    Entry {
        name: "truncate",
        value: Some("BYTES"),
        example: "47",
        what: "a bare FIN after BYTES: no close frame, no close_notify",
        duties: streams(Duty::Part, Duty::Part, Duty::Part),
        parse: |value| whole(value).map(Fault::Truncate),
        ..NONE
    },
    Entry {
        name: "stall",
        value: Some("BYTES"),
        example: "47",
        what: "nothing more after BYTES, and no end",
        duties: streams(Duty::Wait, Duty::Wait, Duty::Wait),
        parse: |value| whole(value).map(Fault::Stall),
        ..NONE
    },
    Entry {
        name: "slow-close",
        value: Some("MS"),
        default: Some("2000"),
        example: "300",
        what: "the connection stays open for MS milliseconds after the last byte",
        duties: streams(Duty::All, Duty::All, Duty::All),
        parse: |value| ms(value).map(Fault::SlowClose),
    },
    Entry {
        name: "half-close",
        value: Some("MS"),
        default: Some("10000"),
        example: "500",
        what: "the server ends its own direction alone, and listens for MS milliseconds more",
        duties: streams(Duty::All, Duty::All, Duty::All),
        parse: |value| ms(value).map(Fault::HalfClose),
    },
    Entry {
        name: "refuse",
        what: "nobody listens on the port; for some clients alone: they are reset at once",
        duties: streams(Duty::Nothing, Duty::Nothing, Duty::Nothing),
        parse: |_| Ok(Fault::Refuse),
        ..NONE
    },
    Entry {
        name: "accept-late",
        value: Some("MS"),
        example: "300",
        what: "the server takes the connection MS milliseconds after the system did",
        duties: streams(Duty::All, Duty::All, Duty::All),
        parse: |value| ms(value).map(Fault::AcceptLate),
        ..NONE
    },
    Entry {
        name: "unused-connection",
        what: "the connection is ended with a FIN, unused",
        duties: streams(Duty::Empty, Duty::Nothing, Duty::Nothing),
        parse: |_| Ok(Fault::UnusedConnection),
        ..NONE
    },
    Entry {
        name: "loss",
        value: Some("P"),
        default: Some("0.6"),
        example: "0.5",
        what: "each datagram is lost with probability P; those of the clock reset on the way back, besides --loss",
        duties: datagrams(Duty::AskAgain, Duty::All),
        parse: |value| probability(value).map(Fault::Loss),
    },
    Entry {
        name: "burst",
        value: Some("ENTER,LEAVE"),
        default: Some("0.2,0.4"),
        example: "0.3,0.4",
        what: "losses in bursts (Gilbert-Elliott): with probability ENTER the path becomes bad, with LEAVE good again",
        duties: reset(Duty::AskAgain),
        parse: |value| {
            let (enter, leave) = value.split_once(',').ok_or("two probabilities, with a comma between them")?;
            Ok(Fault::Burst { enter: probability(enter)?, leave: probability(leave)? })
        },
    },
    Entry {
        name: "duplicate",
        value: Some("COPIES"),
        default: Some("1"),
        example: "2",
        what: "COPIES of each datagram follow it",
        duties: datagrams(Duty::All, Duty::All),
        parse: |value| Ok(Fault::Duplicate(whole::<u64>(value)?.min(MAX_COPIES))),
    },
    Entry {
        name: "late",
        value: Some("MS"),
        default: Some("1500"),
        example: "1500",
        what: "each acknowledgement leaves MS milliseconds later",
        duties: reset(Duty::AskAgain),
        parse: |value| ms(value).map(Fault::Late),
    },
    Entry {
        name: "garbage",
        what: "bytes that mean nothing come before each acknowledgement",
        duties: reset(Duty::All),
        parse: |_| Ok(Fault::Garbage),
        ..NONE
    },
    Entry {
        name: "out-of-range",
        what: "an acknowledgement whose number is larger than n comes before each",
        duties: reset(Duty::All),
        parse: |_| Ok(Fault::OutOfRange),
        ..NONE
    },
    Entry {
        name: "stranger",
        what: "another port acknowledges, before the server does",
        duties: reset(Duty::All),
        parse: |_| Ok(Fault::Stranger),
        ..NONE
    },
    Entry {
        name: "swap",
        what: "an acknowledgement is held back until the next has left: two change places",
        duties: reset(Duty::AskAgain),
        parse: |_| Ok(Fault::Swap),
        ..NONE
    },
    Entry {
        name: "icmp",
        value: Some("MS"),
        default: Some("1500"),
        example: "1500",
        what: "the port is closed for MS milliseconds (ICMP says so), open for as long, and so on",
        duties: reset(Duty::AskAgain),
        parse: |value| ms(value).map(Fault::Icmp),
    },
    Entry {
        name: "short",
        what: "a datagram that is too short for an identity comes before each",
        duties: multicast(Duty::Escape),
        parse: |_| Ok(Fault::Short),
        ..NONE
    },
    Entry {
        name: "binary",
        what: "a datagram whose text is not UTF-8 comes before each",
        duties: multicast(Duty::Escape),
        parse: |_| Ok(Fault::Binary),
        ..NONE
    },
    Entry {
        name: "foreign-group",
        what: "each datagram is sent to the same port of another group first",
        duties: multicast(Duty::All),
        parse: |_| Ok(Fault::ForeignGroup),
        ..NONE
    },
    Entry {
        name: "silence",
        what: "nothing is sent to the group",
        duties: multicast(Duty::Wait),
        parse: |_| Ok(Fault::Silence),
        ..NONE
    },
    Entry {
        name: "fragment",
        value: Some("BYTES"),
        default: Some("5"),
        example: "5",
        what: "each message comes in fragments of BYTES (RFC 6455, section 5.4)",
        duties: ws(Duty::All),
        parse: |value| whole(value).map(Fault::Fragment),
    },
    Entry {
        name: "ping",
        what: "a ping comes before each message; behind fragment, before each fragment",
        duties: ws(Duty::All),
        parse: |_| Ok(Fault::Ping),
        ..NONE
    },
    Entry {
        name: "no-close",
        what: "the connection ends without a close frame",
        duties: ws(Duty::Part),
        parse: |_| Ok(Fault::NoClose),
        ..NONE
    },
    Entry {
        name: "bad-mask",
        value: Some("MESSAGE"),
        default: Some("3"),
        example: "3",
        what: "message number MESSAGE, or the last, is masked, which a server's may not be",
        duties: ws(Duty::Part),
        parse: |value| whole(value).map(Fault::BadMask),
    },
    Entry {
        name: "bad-utf8",
        value: Some("MESSAGE"),
        default: Some("3"),
        example: "3",
        what: "message number MESSAGE, or the last, is a text that is not UTF-8",
        duties: ws(Duty::Part),
        parse: |value| whole(value).map(Fault::BadUtf8),
    },
    Entry {
        name: "rsv",
        value: Some("MESSAGE"),
        default: Some("3"),
        example: "3",
        what: "message number MESSAGE, or the last, has a reserved bit set (RSV2)",
        duties: ws(Duty::Part),
        parse: |value| whole(value).map(Fault::Rsv),
    },
    Entry {
        name: "wrong-accept",
        what: "the upgrade is accepted with a key that does not fit",
        duties: ws(Duty::Nothing),
        parse: |_| Ok(Fault::WrongAccept),
        ..NONE
    },
    Entry {
        name: "http-error",
        value: Some("STATUS"),
        default: Some("500"),
        example: "404",
        what: "the upgrade is refused with an HTTP status from 300 to 599",
        duties: ws(Duty::Nothing),
        parse: |value| {
            let status = whole(value).ok().filter(|status| (300..=599).contains(status));
            status.map(Fault::HttpError).ok_or_else(|| "an HTTP status from 300 to 599".to_owned())
        },
    },
    Entry {
        name: "cut-handshake",
        value: Some("MESSAGE"),
        default: Some("certificate"),
        example: "certificate",
        what: "the connection ends in the middle of a message of the handshake: server-hello, certificate or finished",
        duties: tls(Duty::Nothing),
        parse: |value| value.parse::<HandshakeCut>().map(Fault::CutHandshake),
    },
    Entry {
        name: "no-close-notify",
        what: "the connection ends with a bare FIN",
        duties: tls(Duty::AllAndWarn),
        parse: |_| Ok(Fault::NoCloseNotify),
        ..NONE
    },
    Entry {
        name: "expired",
        what: "the certificate expired yesterday",
        duties: tls(Duty::Nothing),
        parse: |_| Ok(Fault::Expired),
        ..NONE
    },
    Entry {
        name: "wrong-name",
        what: "the certificate is for another name",
        duties: tls(Duty::Nothing),
        parse: |_| Ok(Fault::WrongName),
        ..NONE
    },
    Entry {
        name: "one-version",
        value: Some("VERSION"),
        default: Some("1.2"),
        example: "1.2",
        what: "the server speaks TLS 1.2 alone, or 1.3 alone",
        duties: tls(Duty::All),
        parse: |value| {
            let version = TlsVersion::ALL.into_iter().find(|version| version.number() == value);
            version.map(Fault::OneVersion).ok_or_else(|| "1.2 or 1.3".to_owned())
        },
    },
];

/// How many copies of a datagram there may be (ours): a fault is not to be an attack.
const MAX_COPIES: u64 = 100;

fn whole<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| "a whole number".to_owned())
}

/// Up to an hour, as for `CMD_short`.
fn ms(text: &str) -> Result<Duration, String> {
    let ms = text.parse::<f64>().ok().filter(|ms| (0.0..=3_600_000.0).contains(ms));
    ms.map(|ms| Duration::from_secs_f64(ms / 1000.0)).ok_or_else(|| "milliseconds, up to 3600000".to_owned())
}

fn probability(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "a probability from 0 to 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_name_and_read_with_its_example_and_its_default() {
        for entry in ENTRIES {
            assert!(std::ptr::eq(find(entry.name).unwrap(), entry), "{} is there twice", entry.name);
            let value = entry.value.map(|_| entry.example);
            assert_eq!(entry.parse(value).unwrap().name(), entry.name);
            if entry.default.is_some() {
                assert_eq!(entry.parse(None).unwrap().name(), entry.name);
            }
            assert!(entry.servers().count() > 0, "{}", entry.name);
        }
    }
}
