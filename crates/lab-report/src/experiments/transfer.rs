//! Part 2: one TCP connection, seen from all sides; and what the other parts' connections share with it.

use std::{fs, sync::mpsc, time::Duration};

use lab_packets::{
    diagram::{Diagram, Options},
    file::Recording,
    flow::{Analysis, Detail, Direction, Flow, Protocol, Row, Way},
};
use lab_process::Outcome;
use lab_sandbox::{Lan, TcpEnd, TcpEnds};
use lab_testbed::capture::Capture;
use labnet::{
    net::Running,
    pmu::{Command, Device},
};
use mock_servers::{Events, Site, pmu};

use super::{A_MOMENT, CLIENT, Pair, SERVER, SOON};
use crate::{
    evidence::{Client, Flood, Kernel, Layer, OnPath, Packets, Transfer},
    laboratory::{Session, Settings, Trouble},
    plot,
    programs::Role,
};

const PORT: u16 = 5003;

/// The command for one long text.
const FLOOD: &str = "CMD_floodme";

/// How many characters of a complaint are kept (ours).
const MAX_SAID: usize = 200;

/// How many lengths of payloads are kept.
const MAX_LENGTHS: usize = 200;

/// The receive buffers of the floods, besides the program's own (ours): about a segment, and much less.
const BUFFERS: [u64; 2] = [4096, 1000];

/// The PMU that answers in the experiments.
pub(super) fn device(settings: &Settings) -> Device {
    Device { messages: settings.messages, first: settings.first, ..Device::default() }
}

pub(super) fn short(session: &mut Session<'_>, seconds: &str) -> Result<Transfer, Trouble> {
    ask(session, &format!("CMD_short:{seconds}"), None, true)
}

pub(super) fn floods(session: &mut Session<'_>) -> Result<Vec<Flood>, Trouble> {
    // A program that is not ours has its own buffer, and no option for it.
    let others: &[u64] = if session.is_ours(Role::Part2) { &BUFFERS } else { &[] };
    let mut floods: Vec<Flood> = Vec::new();
    for buffer in [None].into_iter().chain(others.iter().copied().map(Some)) {
        let mut transfer = ask(session, FLOOD, buffer, buffer.is_none())?;
        if let Some(buffer) = buffer {
            transfer.experiment = format!("{}-buffer-{buffer}", transfer.experiment);
        }
        floods.push(Flood { recv_buffer: buffer, transfer });
    }
    session.figure(plot::bars("part2-flood-recv-calls", &floods));
    Ok(floods)
}

fn ask(session: &mut Session<'_>, command: &str, buffer: Option<u64>, is_kept: bool) -> Result<Transfer, Trouble> {
    let device = device(session.settings());
    let answer = Layer { name: Layer::MESSAGES.to_owned(), bytes: answer_len(&device, command)? };
    let buffer_text = buffer.map(|buffer| buffer.to_string());
    let mut arguments = vec![];
    if session.is_ours(Role::Part2) {
        arguments.push("--stats");
    }
    if let Some(buffer) = &buffer_text {
        arguments.extend(["--recv-buffer", buffer]);
    }
    arguments.push(command);
    // Without the cork: the path has a round-trip time, so Nagle's algorithm has something to wait for.
    let config = pmu::Config { port: PORT, device, cork: false };
    let serve = move |site: &Site| pmu::spawn(&config, site);
    let mut watched = connect(session, PORT, serve, Role::Part2, &arguments, is_kept)?;
    watched.transfer.layers = vec![answer];
    if command == FLOOD && is_kept {
        session.figure(plot::steps("part2-flood-arrivals", "the flood", &arrivals(&watched.flow)));
    }
    watched.transfer.client.recv_buffer = buffer;
    watched.transfer.command = command.to_owned();
    Ok(watched.transfer)
}

/// How many bytes a PMU answers.
pub(super) fn answer_len(device: &Device, command: &str) -> Result<u64, Trouble> {
    let command: Command = command.parse().map_err(|error| Trouble(format!("{error}")))?;
    Ok(device.answer(&command).map(|send| send.bytes.len() as u64).sum())
}

/// A connection over the path, and what was captured of it.
pub(super) struct Watched {
    pub(super) transfer: Transfer,
    pub(super) flow: Flow,
}

/// Runs a client against a server of ours, over the path, with everything watched.
pub(super) fn connect(
    session: &mut Session<'_>,
    port: u16,
    serve: impl FnOnce(&Site) -> Result<Running, labnet::Error> + Send + 'static,
    role: Role,
    arguments: &[&str],
    is_kept: bool,
) -> Result<Watched, Trouble> {
    let pair = Pair::new(session)?;
    let (events, reported) = mpsc::channel();
    let site = session.site(Events::new(move |event| drop(events.send(event))));
    let _running = pair.server()?.run(move || serve(&site))?;
    let watch = Watch::begin(&pair, CLIENT)?;

    let client = session.start(pair.client()?, role, arguments)?;
    let outcome = session.finish(client)?;
    let watched = watch.end(session.name(), &pair, port);
    let (recording, mut transfer, flow) =
        watched.map_err(|Trouble(why)| Trouble(format!("{why}; {}", end_of("the program", &outcome))))?;
    transfer.client = client_of(&outcome);
    transfer.sends = reported.try_iter().find_map(|event| sends(&event));
    if is_kept {
        session.keep_capture(&recording)?;
        session.diagram(&Diagram::of(&flow, None, &Options::default()));
    }
    Ok(Watched { transfer, flow })
}

/// What watches a connection between two hosts.
pub(super) struct Watch {
    capture: Capture,
    /// The client's, by its number.
    host: usize,
    client: TcpEnds,
    server: TcpEnds,
}

impl Watch {
    /// Begins, with the client on a host, which may be the server's.
    pub(super) fn begin(pair: &Pair, host: usize) -> Result<Self, Trouble> {
        let interface = if host == SERVER { "lo" } else { Lan::interface() };
        let capture = pair.host(host)?.run(move || Capture::start(interface, u32::MAX))?;
        let (client, server) = (pair.host(host)?.run(TcpEnds::listen)?, pair.server()?.run(TcpEnds::listen)?);
        Ok(Self { capture, host, client, server })
    }

    /// Ends when both kernels are done with the connection: then its last packet has passed.
    pub(super) fn end(mut self, name: &str, pair: &Pair, port: u16) -> Result<(Recording, Transfer, Flow), Trouble> {
        // A connection that was refused, as in the other family, acknowledged nothing.
        let is_client = |end: &TcpEnd| end.remote.port() == port && end.counters.bytes_acked > 0;
        let is_server = |end: &TcpEnd| end.local.port() == port;
        // A program that has ended leaves its connection in the table, or the kernel has told of its end.
        let is_in_table = pair.host(self.host)?.run(move || is_connected(port));
        let has_ended = |ends: &[TcpEnd]| ends.iter().any(is_client);
        if !is_in_table && !has_ended(self.client.wait(A_MOMENT, has_ended)) {
            return Err(Trouble(format!("there was no connection to TCP port {port}")));
        }
        let mut ends: Vec<TcpEnd> = self.client.wait(SOON, has_ended).to_vec();
        ends.retain(is_client);
        ends.extend(self.server.wait(SOON, |ends| ends.iter().any(is_server)).iter().filter(|end| is_server(end)));
        let recording = self.capture.stop();
        let flow = flow(&recording, Protocol::Tcp, port)?;
        let mut transfer = of_flow(name, &flow, &recording);
        transfer.add_ends(&ends, &flow);
        transfer.path_to_client = on_path(pair, SERVER, CLIENT);
        transfer.path_to_server = on_path(pair, CLIENT, SERVER);
        Ok((recording, transfer, flow))
    }
}

/// Whether this thread's host has a connection in either family to or from a port, also one that is about to end.
fn is_connected(port: u16) -> bool {
    let mark = format!(":{port:04X}");
    // The columns: a number, the address here, the address there, which has port 0 when there is none.
    let is_wanted = |line: &str| {
        let mut ends = line.split_whitespace().skip(1).take(2);
        let (local, remote) = (ends.next().unwrap_or_default(), ends.next().unwrap_or_default());
        !remote.ends_with(":0000") && (local.ends_with(&mark) || remote.ends_with(&mark))
    };
    let tables = ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"];
    tables.iter().any(|table| fs::read_to_string(table).unwrap_or_default().lines().any(is_wanted))
}

/// How a program ended that should have done more: its status, and what it complained of.
pub(super) fn end_of(who: &str, outcome: &Outcome) -> String {
    let stderr = outcome.stderr();
    // Ours begin with it; others, as a rule, end with it.
    let said = stderr.lines().find(|line| line.starts_with("error: "));
    let said = said.or_else(|| stderr.lines().map(str::trim).rfind(|line| !line.is_empty()));
    let said = said.map(|said| format!(" ({})", said.chars().take(MAX_SAID).collect::<String>())).unwrap_or_default();
    format!("{who} ended with status {}{said}", outcome.code())
}

/// What the path did to the packets of one host for another.
fn on_path(pair: &Pair, from: usize, to: usize) -> OnPath {
    let ways = pair.lan.carried().into_iter().filter(|way| (way.from, way.to) == (from, to));
    ways.fold(OnPath::default(), |sum, way| OnPath {
        lost: sum.lost + way.tally.lost + way.tally.overflowed,
        doubled: sum.doubled + way.tally.duplicated,
    })
}

impl Transfer {
    /// Enters what the kernels counted of a connection.
    pub(super) fn add_ends(&mut self, ends: &[TcpEnd], flow: &Flow) {
        let kernel = |end: &TcpEnd| {
            let counters = &end.counters;
            Kernel {
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

/// The first flow to a port that carried something, packet by packet.
pub(super) fn flow(recording: &Recording, protocol: Protocol, port: u16) -> Result<Flow, Trouble> {
    let mut flows = flows(recording).into_iter();
    let flow = flows
        .find(|flow| flow.protocol == protocol && flow.server.port() == port && flow.sent.packets_with_payload > 0);
    flow.ok_or_else(|| Trouble(format!("no {protocol} packet to port {port} was captured")))
}

/// All flows of a capture.
pub(super) fn flows(recording: &Recording) -> Vec<Flow> {
    let mut analysis = Analysis::new(Detail::Packets);
    recording.frames().for_each(|frame| analysis.add(&frame));
    analysis.finish().flows
}

/// What the packets alone say of a connection.
pub(super) fn of_flow(name: &str, flow: &Flow, recording: &Recording) -> Transfer {
    Transfer {
        experiment: name.to_owned(),
        to_client: packets(flow, &flow.received, Direction::Received),
        to_server: packets(flow, &flow.sent, Direction::Sent),
        missed_by_capture: recording.dropped.unwrap_or_default(),
        duration: flow.last().saturating_sub(flow.first()),
        ..Transfer::default()
    }
}

fn packets(flow: &Flow, way: &Way, direction: Direction) -> Packets {
    let rows = || flow.rows.iter().filter(move |row| row.direction == direction);
    let lengths = rows().filter(|row| row.payload_len > 0 && !row.is_retransmission);
    let repeats =
        |has_payload: bool| rows().filter(move |row| row.is_retransmission && (row.payload_len > 0) == has_payload);
    // When both have said that nothing more comes, a reset answers what came twice and harms nobody.
    let is_fin = |row: &&Row| row.tcp.is_some_and(|tcp| tcp.flags.fin());
    let both = [Direction::Sent, Direction::Received];
    let fins = both.map(|way| flow.rows.iter().filter(is_fin).find(|row| row.direction == way).map(|row| row.number));
    let end = fins.into_iter().map(|fin| fin.unwrap_or(u64::MAX)).max();
    let is_reset = |row: &Row| row.tcp.is_some_and(|tcp| tcp.flags.rst()) && Some(row.number) <= end;
    Packets {
        all: way.packets,
        with_payload: way.packets_with_payload,
        bytes: way.bytes,
        distinct_bytes: way.stream_bytes,
        repeated: repeats(true).count() as u64,
        repeated_marks: repeats(false).count() as u64,
        lengths: lengths.map(|row| row.payload_len as u64).take(MAX_LENGTHS).collect(),
        has_fin: way.fin > 0,
        has_rst: rows().any(is_reset),
    }
}

/// What a client program said.
pub(super) fn client_of(outcome: &Outcome) -> Client {
    let stats = outcome.stats();
    let count = |key: &str| stats.last().and_then(|stats| stats.get(key)?.as_u64());
    Client {
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

/// `…: answered in 10 sends` of a mock server's event.
fn sends(event: &str) -> Option<u64> {
    event.split_once("answered in ")?.1.split(' ').next()?.parse().ok()
}

/// Each packet of the server: seconds since the first packet of all, and how many bytes it brought that were new.
fn arrivals(flow: &Flow) -> Vec<(f64, u64)> {
    let chunks = flow.stream.iter().filter(|chunk| chunk.direction == Direction::Received);
    let since = |at: Duration| at.saturating_sub(flow.first()).as_secs_f64();
    chunks.map(|chunk| (since(chunk.at), chunk.bytes.len() as u64)).collect()
}
