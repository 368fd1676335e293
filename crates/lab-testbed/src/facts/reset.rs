//! The facts of part 3: clock resets over UDP.

use std::time::Duration;

use labnet::net::Family;
use serde::{Deserialize, Serialize};

/// One acknowledged reset (part 3).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reset {
    /// The family of the PMU.
    pub family: Family,
    /// The family of the acknowledgement, from the capture.
    pub acknowledged_over: Option<Family>,
    /// Its time since the Unix epoch, from the capture.
    pub acknowledged_at: Option<Duration>,
    /// Its text.
    pub acknowledgement: String,
    /// The number of packets to the PMU over IPv4 and over IPv6, up to the acknowledgement.
    pub sent: (u64, u64),
    /// The number of packets to the PMU after the acknowledgement. A program that makes a series goes on.
    pub sent_after: u64,
    /// The lines that the program printed.
    pub output: Vec<String>,
    /// What passed between program and PMU.
    #[serde(default)]
    pub packets: Vec<PdcPacket>,
}

/// A program and a PMU that loses its first requests: the times between them are the program's own (part 3).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rounds {
    /// The family of the PMU; `None`: it is on both.
    pub family: Option<Family>,
    /// What passed between program and PMU.
    pub packets: Vec<PdcPacket>,
}

/// A packet between a PDC and its PMU, or the news that a port of the PMU is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PdcPacket {
    /// Its number in the capture, from 1.
    pub packet: u64,
    /// Its time since the Unix epoch, at the client.
    pub at: Duration,
    /// Its family.
    pub family: Family,
    /// What it is.
    pub kind: PdcPacketKind,
    /// The payload of a datagram as text, at most its first 64 bytes; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// What a packet of part 3 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PdcPacketKind {
    /// A datagram of the PDC.
    Request,
    /// `OFFSET=X` or the like.
    Acknowledgement,
    /// Another datagram of the PMU.
    Answer,
    /// ICMP: the port is closed.
    Refusal,
}

/// Many resets (part 3).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Series {
    /// The family in which the PMU was.
    pub family: Family,
    /// The number of packets of each run up to its acknowledgement, over that family, from the capture; sorted.
    pub packets: Vec<u64>,
    /// Their mean.
    pub mean: f64,
    /// The estimated probability of loss, 1 - runs/packets, from 0 to 1.
    pub loss: f64,
    /// The 95 % confidence interval of the loss.
    pub interval: (f64, f64),
    /// The probability of loss in the settings of the PMU.
    pub true_loss: f64,
    /// The shortest time between two packets of one run, in seconds. The first of each run is left out: the first packet
    /// may wait until the address of the PMU is known.
    pub shortest_pause: Option<f64>,
    /// The number of runs that was asked for.
    #[serde(default)]
    pub asked: u64,
    /// Whether one program made all of them by itself.
    #[serde(default)]
    pub own: Option<OwnSeries>,
    /// How many programs ran at the same time, at most.
    #[serde(default)]
    pub at_once: u64,
    /// The time from the start of the first program to its first request.
    #[serde(default)]
    pub start: Duration,
}

/// A series that one program makes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSeries {
    /// Whether the program ended by itself.
    pub has_ended: bool,
}

impl Series {
    /// Whether it has the runs that were asked for; a program's own series may have more.
    pub fn is_whole(&self) -> bool {
        let runs = self.packets.len() as u64;
        match self.own {
            None => runs > 0 && (self.asked == 0 || runs == self.asked),
            Some(own) => own.has_ended && runs >= self.asked,
        }
    }
}
