//! The witnesses of a connection: a capture at the client, and the kernels at both ends.

use std::{
    thread,
    time::{Duration, Instant},
};

use lab_packets::{
    file::Recording,
    flow::{Analysis, Detail, Direction, DirectionCounts, Flow, FlowProtocol, PacketRow, TcpProbe},
};
use lab_process::{Outcome, sockets};
use lab_sandbox::{ClosedTcpSocket, TcpMonitor};

use crate::{
    ExperimentFailure,
    capture::Capture,
    conduct,
    facts::{ClientReport, KernelCounters, PacketCounts, Transfer},
    programs::ProgramRole,
    topology::{CLIENT, SERVER, Topology},
};

mod ending;

/// The time limit for an expected event (ours; long enough for a busy machine).
pub(crate) const EVENT_TIMEOUT: Duration = Duration::from_secs(20);

/// The time limit for the kernel's report of a socket that is no longer in its table (ours).
const REPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// The time limit for an event that should not happen (ours; programs are much faster).
pub(crate) const SHORT_TIMEOUT: Duration = Duration::from_millis(500);

/// The time between two looks at the table of sockets (ours).
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The maximum number of stored payload lengths (ours).
const MAX_LENGTHS: usize = 200;

/// The facts of a connection, and its packets; or why there are none.
type Observation = Result<(Transfer, Flow), ExperimentFailure>;

/// The witnesses of a connection between two hosts.
pub(crate) struct Watch {
    capture: Capture,
    /// The number of the client's host.
    host: usize,
    client: TcpMonitor,
    server: TcpMonitor,
}

impl Watch {
    /// Starts the capture and the monitors. `host` is the number of the client's host, which may be the server's.
    pub(crate) fn begin(hosts: &Topology, host: usize) -> Result<Self, ExperimentFailure> {
        let interface = if host == SERVER { "lo" } else { hosts.interface() };
        let capture = hosts.host(host)?.run(move || Capture::start(interface, u32::MAX))?;
        let (client, server) = (hosts.host(host)?.run(TcpMonitor::listen)?, hosts.server()?.run(TcpMonitor::listen)?);
        Ok(Self { capture, host, client, server })
    }

    /// Waits until both kernels have closed the connection; then its last packet is captured. The recording is there
    /// without a connection, too.
    pub(crate) fn end(
        mut self,
        name: &str,
        hosts: &Topology,
        port: u16,
        role: ProgramRole,
    ) -> Result<(Recording, Observation), ExperimentFailure> {
        let ends = self.ends(hosts, port)?;
        let recording = self.capture.stop();
        let Some(ends) = ends else {
            let attempts = conduct::attempts(&flows(&recording), port);
            return Ok((recording, Err(ExperimentFailure::NoConnection { port, role, ending: None, attempts })));
        };
        let measured = flow(&recording, FlowProtocol::Tcp, port, role).map(|flow| {
            let mut transfer = of_flow(name, &flow, &recording);
            transfer.attempts = conduct::attempts(&flows(&recording), port);
            transfer.add_ends(&ends, &flow);
            transfer.path_to_client = hosts.path_counts(SERVER, CLIENT);
            transfer.path_to_server = hosts.path_counts(CLIENT, SERVER);
            (transfer, flow)
        });
        Ok((recording, measured))
    }

    /// What the kernels reported of the connections at both ends; `None` if there was no connection.
    fn ends(&mut self, hosts: &Topology, port: u16) -> Result<Option<Vec<ClosedTcpSocket>>, ExperimentFailure> {
        // A connection that was refused, as in the other family, has no bytes; nor has one that the client reset: the kernel
        // clears its counters. The latter has a server.
        let (is_client, is_server) =
            (|end: &ClosedTcpSocket| end.remote.port() == port, |end: &ClosedTcpSocket| end.local.port() == port);
        let has_bytes = |end: &ClosedTcpSocket| is_client(end) && end.counters.bytes_acked > 0;
        // After the end of the program its connection is still in the table, or the kernel has reported its end.
        let is_in_table = hosts.host(self.host)?.run(move || sockets::has_connection(port));
        let has_ended = |ends: &[ClosedTcpSocket]| ends.iter().any(has_bytes);
        let is_served = |ends: &[ClosedTcpSocket]| ends.iter().any(is_server);
        if !is_in_table
            && !has_ended(self.client.wait(SHORT_TIMEOUT, has_ended))
            && !is_served(self.server.wait(SHORT_TIMEOUT, is_served))
        {
            return Ok(None);
        }
        // A client may have had several connections, and have used one of them: all have to end.
        let until = Instant::now() + EVENT_TIMEOUT;
        let left = || until.saturating_duration_since(Instant::now());
        for host in [self.host, SERVER] {
            while hosts.host(host)?.run(move || sockets::has_open_connection(port)) && !left().is_zero() {
                thread::sleep(POLL_INTERVAL);
            }
        }
        let served = self.server.wait(left(), is_served);
        let served: Vec<ClosedTcpSocket> = served.iter().filter(|end| is_server(end)).copied().collect();
        // The kernel takes the addresses from a socket that was closed with a reset: its report is not known again.
        let mut ends: Vec<ClosedTcpSocket> = self
            .client
            .wait(left().min(REPORT_TIMEOUT), |ends| ends.iter().any(is_client) && have_counterparts(&served, ends))
            .iter()
            .filter(|end| has_bytes(end))
            .copied()
            .collect();
        let served = self.server.wait(left(), |served| have_counterparts(&ends, served));
        ends.extend(served.iter().filter(|end| is_server(end)));
        Ok(Some(ends))
    }
}

/// Whether the other end of each of these connections has been reported, too.
fn have_counterparts(ends: &[ClosedTcpSocket], others: &[ClosedTcpSocket]) -> bool {
    ends.iter().all(|end| others.iter().any(|other| (other.local, other.remote) == (end.remote, end.local)))
}

impl Transfer {
    /// Adds the counters of both kernels.
    pub(crate) fn add_ends(&mut self, ends: &[ClosedTcpSocket], flow: &Flow) {
        let kernel = |end: &ClosedTcpSocket| {
            let counters = &end.counters;
            KernelCounters {
                bytes_sent: counters.bytes_sent,
                bytes_acked: counters.bytes_acked,
                bytes_received: counters.bytes_received,
                data_segments_out: counters.data_segments_out.into(),
                data_segments_in: counters.data_segments_in.into(),
                retransmitted: counters.retransmitted.into(),
                rtt: counters.rtt,
            }
        };
        let between = |here, there| ends.iter().find(|end| (end.local, end.remote) == (here, there)).map(kernel);
        self.server_kernel = between(flow.server, flow.client);
        self.client_kernel = between(flow.client, flow.server);
    }
}

/// The first flow to a port with payload from its client.
pub(crate) fn flow(
    recording: &Recording,
    protocol: FlowProtocol,
    port: u16,
    role: ProgramRole,
) -> Result<Flow, ExperimentFailure> {
    let mut flows = flows(recording).into_iter();
    let flow = flows
        .find(|flow| flow.protocol == protocol && flow.server.port() == port && flow.sent.packets_with_payload > 0);
    flow.ok_or(ExperimentFailure::NoPacket { protocol, port, role, ending: None })
}

/// All flows of a capture.
pub(crate) fn flows(recording: &Recording) -> Vec<Flow> {
    let mut analysis = Analysis::new(Detail::Packets);
    recording.frames().for_each(|frame| analysis.add(&frame));
    analysis.finish().flows
}

/// The facts of a connection that the packets alone give.
pub(crate) fn of_flow(name: &str, flow: &Flow, recording: &Recording) -> Transfer {
    Transfer {
        experiment: name.to_owned(),
        to_client: packets(flow, &flow.received, Direction::Received),
        to_server: packets(flow, &flow.sent, Direction::Sent),
        missed_by_capture: recording.dropped.unwrap_or_default(),
        data_packets: conduct::data_packets(flow),
        round_trip: conduct::round_trip(flow),
        duration: flow.duration().unwrap_or_default(),
        ..Transfer::default()
    }
}

fn packets(flow: &Flow, way: &DirectionCounts, direction: Direction) -> PacketCounts {
    let rows = || flow.rows.iter().filter(move |row| row.direction == direction);
    let lengths = rows().filter(|row| row.has_data() && !row.is_retransmission);
    // Linux never puts a byte into a keep-alive: what looks like one is the last byte of the stream again.
    let last_bytes = rows().filter(|row| row.probe == Some(TcpProbe::KeepAlive) && row.payload_len > 0).count() as u64;
    let repeats =
        |has_payload: bool| rows().filter(move |row| row.is_retransmission && (row.payload_len > 0) == has_payload);
    // After both FINs, a reset only answers a repeated packet.
    let is_fin = |row: &&PacketRow| row.tcp.is_some_and(|tcp| tcp.flags.fin());
    let both = [Direction::Sent, Direction::Received];
    let fins = both.map(|way| flow.rows.iter().filter(is_fin).find(|row| row.direction == way).map(|row| row.number));
    let end = fins.into_iter().map(|fin| fin.unwrap_or(u64::MAX)).max().unwrap_or(u64::MAX);
    let reset = ending::reset_cost(flow, direction, end);
    PacketCounts {
        all: way.packets,
        with_payload: way.packets_with_payload + last_bytes,
        bytes: way.bytes + last_bytes,
        distinct_bytes: way.stream_bytes,
        repeated: repeats(true).count() as u64 + last_bytes,
        repeated_syn_fin: repeats(false).count() as u64,
        lengths: lengths.map(|row| row.payload_len as u64).take(MAX_LENGTHS).collect(),
        has_fin: way.fin > 0,
        has_rst: reset.is_some(),
        reset,
        acknowledged_by_reset: ending::acknowledged_by_reset(flow, direction),
        refused: ending::refused(flow, direction),
    }
}

/// The output and the `--stats` of a client program.
pub(crate) fn client_of(outcome: &Outcome) -> ClientReport {
    let stats = outcome.stats();
    let count = |key: &str| stats.last().and_then(|stats| stats.get(key)?.as_u64());
    ClientReport {
        command_line: outcome.command_line.clone(),
        status: outcome.code(),
        lines: outcome.stdout().lines().map(str::to_owned).collect(),
        output_bytes: outcome.stdout.len() as u64,
        recv_calls: count("recv_calls"),
        bytes: count("bytes"),
        data_segments_in: count("data_segments_in"),
        on_message: count("on_message"),
        recv_buffer: None,
    }
}
