//! The facts of a run, as data. `facts.json` is their JSON.
//!
//! In JSON a time is a number of seconds and a number of nanoseconds, so that nothing is rounded. Text of a peer or a
//! program is unchanged.

mod clients;
mod multicast;
#[cfg(target_os = "linux")]
mod observed;
mod program;
mod reset;
mod run;
mod scenario;
mod tls;
mod transfer;
mod websocket;

use lab_packets::flow::FlowProtocol;
use lab_process::sockets::Socket;
use labnet::{net::Family, tls::TlsVersion};
use serde::{Deserialize, Serialize};

use crate::ExperimentFailure;

pub use clients::{AnswerEnd, ClientKind, PmuClient, PmuClients};
pub use multicast::{GroupDatagram, GroupSender, GroupSource, Guests, Multicast};
#[cfg(target_os = "linux")]
pub(crate) use observed::End;
pub use program::{Ending, Output, ProgramRun};
pub use reset::{OwnSeries, PdcPacket, PdcPacketKind, Reset, Rounds, Series};
pub use run::{Experiment, Invocation, Ports, Run, RunSettings, Substitute};
pub use scenario::Scenario;
pub use tls::{TlsFacts, TlsMessage, TlsSuite};
pub use transfer::{
    Arrival, ClientClose, ClientReport, ConnectionAttempt, DataPacket, Flood, KernelCounters, Layer, LayerBytes,
    PacketCounts, PathCounts, RefusedPackets, ResetCost, SentMessages, Transfer, fewest_recv_calls,
};
pub use websocket::{FrameKind, WebSocketFacts, WebSocketFrame};

/// The version of the JSON of [`RunFacts`].
pub const SCHEMA: u32 = 1;

/// The facts of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RunFacts {
    /// The version of the JSON: [`SCHEMA`].
    pub schema: u32,
    /// How the run was made.
    pub run: Run,
    /// The experiments, in the order of the handout.
    pub experiments: Vec<Experiment>,
    /// The measurements of the experiments.
    pub measured: Measurements,
}

/// The result of one experiment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measurement<T> {
    /// It was left out, or interrupted.
    #[default]
    NotRun,
    /// Something stood in its way.
    Failed(ExperimentFailure),
    /// It was done.
    Measured(T),
}

/// How an experiment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status<'a> {
    /// It was left out, or interrupted.
    NotRun,
    /// Something stood in its way.
    Failed(&'a ExperimentFailure),
    /// It was done.
    Done,
}

impl<T> Measurement<T> {
    /// How the experiment ended.
    pub fn status(&self) -> Status<'_> {
        match self {
            Self::NotRun => Status::NotRun,
            Self::Failed(failure) => Status::Failed(failure),
            Self::Measured(_) => Status::Done,
        }
    }

    /// The facts, if there are any.
    pub fn measured(&self) -> Option<&T> {
        match self {
            Self::Measured(facts) => Some(facts),
            Self::NotRun | Self::Failed(_) => None,
        }
    }
}

/// The facts of each experiment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measurements {
    /// Code A and B (Q1, Q2).
    pub datagram: Measurement<DatagramFacts>,
    /// Code C and D (Q3 to Q9).
    pub echo: Measurement<Echo>,
    /// Part 2 with `CMD_short:0` (Q10 to Q13).
    pub short_at_once: Measurement<Transfer>,
    /// Part 2 with `CMD_short:1`.
    pub short_paced: Measurement<Transfer>,
    /// The same with a PMU that stays open for a while after its last message (Q12).
    #[serde(default)]
    pub short_open: Measurement<Transfer>,
    /// The same with a PMU that has set TCP_NODELAY (Q12).
    #[serde(default)]
    pub short_no_delay: Measurement<Transfer>,
    /// Messages that are cut into small pieces on their way.
    #[serde(default)]
    pub short_pieces: Measurement<Transfer>,
    /// A flood of characters of one to four bytes.
    #[serde(default)]
    pub flood_utf8: Measurement<Transfer>,
    /// Part 2 with `CMD_floodme`, once for each size of the receive buffer; the first is the program's own (Q14, Q15).
    pub floods: Measurement<Vec<Flood>>,
    /// Part 3, one reset, with the PMU on IPv4, then on IPv6 (Q16).
    pub resets: [Measurement<Reset>; 2],
    /// Part 3, sixty resets, in the same order (Q17).
    pub series: [Measurement<Series>; 2],
    /// Part 3 with a PMU that loses the first requests: on IPv4, on IPv6, on both.
    #[serde(default)]
    pub rounds: [Measurement<Rounds>; 3],
    /// Part 4 (Q18 to Q21).
    pub multicast: Measurement<Multicast>,
    /// Part 4 with datagrams and programs that the receiver may not expect.
    #[serde(default)]
    pub guests: Measurement<Guests>,
    /// Part 5 with `CMD_short:0` (Q22, Q23).
    pub websocket_short: Measurement<Transfer>,
    /// Part 5 with `CMD_floodme` (Q24).
    pub websocket_flood: Measurement<Transfer>,
    /// Part 5 with `CMD_short:0`, in the other type of frames, with pauses between the messages.
    #[serde(default)]
    pub websocket_text: Measurement<Transfer>,
    /// Part 5 with `CMD_short:0`, and a server that ends without a close frame.
    #[serde(default)]
    pub websocket_no_close: Measurement<Transfer>,
    /// Part 6, TLS 1.2, then TLS 1.3 (Q25 to Q28).
    pub tls: [Measurement<TlsFacts>; 2],
    /// Part 6 with several clients.
    #[serde(default)]
    pub pmu_clients: Measurement<PmuClients>,
}

impl Measurements {
    /// How an experiment ended.
    pub fn status(&self, scenario: Scenario) -> Status<'_> {
        let [reset_ipv4, reset_ipv6] = &self.resets;
        let [series_ipv4, series_ipv6] = &self.series;
        let [rounds_ipv4, rounds_ipv6, rounds_both] = &self.rounds;
        let [tls12, tls13] = &self.tls;
        match scenario {
            Scenario::Datagram => self.datagram.status(),
            Scenario::Echo => self.echo.status(),
            Scenario::ShortAtOnce => self.short_at_once.status(),
            Scenario::ShortPaced => self.short_paced.status(),
            Scenario::ShortOpen => self.short_open.status(),
            Scenario::ShortNoDelay => self.short_no_delay.status(),
            Scenario::ShortPieces => self.short_pieces.status(),
            Scenario::Flood => self.floods.status(),
            Scenario::FloodUtf8 => self.flood_utf8.status(),
            Scenario::Reset(Family::Ipv4) => reset_ipv4.status(),
            Scenario::Reset(Family::Ipv6) => reset_ipv6.status(),
            Scenario::Series(Family::Ipv4) => series_ipv4.status(),
            Scenario::Series(Family::Ipv6) => series_ipv6.status(),
            Scenario::Rounds(Some(Family::Ipv4)) => rounds_ipv4.status(),
            Scenario::Rounds(Some(Family::Ipv6)) => rounds_ipv6.status(),
            Scenario::Rounds(None) => rounds_both.status(),
            Scenario::Multicast => self.multicast.status(),
            Scenario::Guests => self.guests.status(),
            Scenario::WebSocketShort => self.websocket_short.status(),
            Scenario::WebSocketFlood => self.websocket_flood.status(),
            Scenario::WebSocketText => self.websocket_text.status(),
            Scenario::WebSocketNoClose => self.websocket_no_close.status(),
            Scenario::Tls(TlsVersion::Tls12) => tls12.status(),
            Scenario::Tls(TlsVersion::Tls13) => tls13.status(),
            Scenario::PmuClients => self.pmu_clients.status(),
        }
    }
}

/// The datagrams from a client to a server (part 1).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DatagramFacts {
    /// The lines that the client printed.
    pub client_output: Vec<String>,
    /// The lines that the server printed.
    pub server_output: Vec<String>,
    /// Its protocol, from the packet itself.
    pub protocol: FlowProtocol,
    /// The family, from the packet.
    pub family: Family,
    /// The source port, and the destination port.
    pub ports: (u16, u16),
    /// The number of datagrams, in both directions.
    pub packets: u64,
    /// Its payload, as text.
    pub text: String,
}

/// An echo over TCP, with the socket table of the system (part 1).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Echo {
    /// The sockets with the server's port, the listening one first, before the client starts (Q4).
    pub sockets_before: Vec<Socket>,
    /// The same while the client is connected (Q5).
    pub sockets_during: Vec<Socket>,
    /// The same after the end of the client.
    pub sockets_after: Vec<Socket>,
    /// The family, from the packets.
    pub family: Family,
    /// The lines that the server printed before the end of the client.
    pub server_output: Vec<String>,
    /// The lines that the client printed.
    pub client_output: Vec<String>,
    /// Whether the server printed `No more data` while the client held the connection (Q7).
    pub server_saw_end_before: bool,
    /// Whether it has printed that after Ctrl-C at the client (Q9).
    pub server_saw_end_after: bool,
    /// Whether the client sent a FIN, and no reset.
    pub client_sent_fin: bool,
    /// The connection.
    pub transfer: Transfer,
}

impl Echo {
    /// The number of lines with received data, `received: …` (Q6).
    pub fn received_lines(output: &[String]) -> u64 {
        Self::received_pieces(output).len() as u64
    }

    /// The lengths of the received data in those lines, in bytes.
    pub fn received_pieces(output: &[String]) -> Vec<u64> {
        let texts = output.iter().filter_map(|line| line.strip_prefix("received:"));
        let pieces = texts.map(|text| text.strip_prefix(' ').unwrap_or(text).len() as u64);
        pieces.filter(|&len| len > 0).collect()
    }
}
