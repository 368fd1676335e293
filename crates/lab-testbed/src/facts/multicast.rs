//! The facts of part 4: a multicast group, its receiver and its senders.

use std::{net::SocketAddrV4, time::Duration};

use serde::{Deserialize, Serialize};

/// A multicast programme, a receiver and two senders (part 4).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Multicast {
    /// The group and its port.
    pub group: SocketAddrV4,
    /// The lines that the receiver printed.
    pub shown: Vec<String>,
    /// The number of captured datagrams to the group.
    pub datagrams: u64,
    /// Whether the receiver's host was a member of the group before the receiver ran (`/proc/net/igmp`).
    pub member_before: bool,
    /// Whether it was a member while the receiver ran.
    pub member_during: bool,
    /// The number of captured IGMP packets of the receiver.
    pub igmp_reports: u64,
    /// Whether the senders' host was a member of the group. It is not the receiver's host.
    pub sender_member: bool,
    /// The time to live of the senders' datagrams; 0 if none was captured.
    pub sender_ttl: u8,
    /// Each sender.
    pub senders: Vec<GroupSender>,
    /// Whether the receiver had opened its port before the programme began.
    #[serde(default = "yes")]
    pub receiver_listened: bool,
    /// Whether the receiver had ended before the last datagram.
    #[serde(default)]
    pub receiver_ended: bool,
    /// The datagrams to the group, in the order of the capture.
    #[serde(default)]
    pub received: Vec<GroupDatagram>,
}

/// In facts of an earlier version an experiment was only there when it was.
fn yes() -> bool {
    true
}

/// A sender to a group (part 4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSender {
    /// Its identity.
    pub identity: String,
    /// The number of characters of the captured datagrams with its identity, without the identity and line ends.
    pub characters: u64,
    /// The answer of the programme, as the receiver printed it.
    pub answer: Option<String>,
    /// The lines that it was given, while its input stayed open.
    #[serde(default)]
    pub lines: Vec<String>,
    /// The time of its start and that of its end, since the Unix epoch: what was captured between them is its own.
    #[serde(default)]
    pub ran: (Duration, Duration),
    /// Whether it had ended before its input did.
    #[serde(default)]
    pub ended_early: bool,
}

/// Who sent a datagram to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupSource {
    /// The programme: its host, its identity.
    Programme,
    /// A sender of ours or of somebody else.
    Sender,
}

/// A datagram to a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupDatagram {
    /// The number of its packet in the capture.
    pub packet: u64,
    /// Its time since the Unix epoch.
    pub at: Duration,
    /// Whose it is.
    pub source: GroupSource,
    /// Its bytes, at most the first 2,000.
    pub bytes: Vec<u8>,
}

impl GroupDatagram {
    /// The identity and the text, where both are UTF-8.
    pub fn split(&self) -> Option<(&str, &str)> {
        let (identity, text) = self.bytes.split_at_checked(6)?;
        Some((str::from_utf8(identity).ok()?, str::from_utf8(text).ok()?))
    }
}

/// A receiver among datagrams that it may not expect (part 4): many at once, those of others, bytes that are no text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Guests {
    /// The group and its port.
    pub group: SocketAddrV4,
    /// Whether the receiver opened its port.
    pub listened: bool,
    /// Whether its host was a member of the group while it ran.
    pub member: bool,
    /// The datagrams to the group, in the order of the capture.
    pub received: Vec<GroupDatagram>,
    /// A second receiver on the same host: whether it opened the port too. `None`: it was not started.
    pub second: Option<bool>,
}
