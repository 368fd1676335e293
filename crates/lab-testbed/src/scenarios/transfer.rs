//! Part 2: a TCP connection and its witnesses. Part 5 uses the same functions.

use std::{sync::mpsc, time::Duration};

use lab_packets::{
    diagram::{Diagram, DiagramOptions},
    flow::{Direction, Flow},
};
use labnet::{
    net::Running,
    pmu::{Command, Device},
};
use mock_servers::{Event, Events, ServerSettings, pmu};

use super::client_and_server;
use crate::{
    ExperimentFailure,
    facts::{Arrival, Flood, Layer, LayerBytes, RunSettings, Transfer},
    programs::ProgramRole,
    session::ExperimentSession,
    topology::CLIENT,
    watch::{Watch, client_of},
};

const PORT: u16 = 5003;

/// The command for one long text.
const FLOOD: &str = "CMD_floodme";

/// The receive buffers of the floods, in bytes, besides the program's own (ours): several segments, and less than one.
const BUFFERS: [u64; 2] = [4096, 1000];

/// The PMU that answers in the experiments.
pub(super) fn device(settings: &RunSettings) -> Device {
    Device { messages: settings.messages, first: settings.first, ..Device::default() }
}

pub(super) fn short(session: &mut ExperimentSession<'_>, seconds: &str) -> Result<Transfer, ExperimentFailure> {
    ask(session, &format!("CMD_short:{seconds}"), None, true).map(|watched| watched.transfer)
}

pub(super) fn floods(session: &mut ExperimentSession<'_>) -> Result<Vec<Flood>, ExperimentFailure> {
    // A program that is not ours has its own buffer, and no option for it.
    let others: &[u64] = if session.is_ours(ProgramRole::Part2) { &BUFFERS } else { &[] };
    let mut floods: Vec<Flood> = Vec::new();
    for buffer in [None].into_iter().chain(others.iter().copied().map(Some)) {
        let CapturedConnection { mut transfer, flow } = ask(session, FLOOD, buffer, buffer.is_none())?;
        if let Some(buffer) = buffer {
            transfer.experiment = format!("{}-buffer-{buffer}", transfer.experiment);
        }
        let arrivals = if buffer.is_none() { arrivals(&flow) } else { Vec::new() };
        floods.push(Flood { recv_buffer: buffer, transfer, arrivals });
    }
    Ok(floods)
}

fn ask(
    session: &mut ExperimentSession<'_>,
    command: &str,
    buffer: Option<u64>,
    is_kept: bool,
) -> Result<CapturedConnection, ExperimentFailure> {
    let device = device(session.settings());
    let answer = LayerBytes { layer: Layer::Messages, bytes: answer_lens(&device, command)?.iter().sum() };
    let buffer_text = buffer.map(|buffer| buffer.to_string());
    let mut arguments = vec![];
    if session.is_ours(ProgramRole::Part2) {
        arguments.push("--stats");
    }
    if let Some(buffer) = &buffer_text {
        arguments.extend(["--recv-buffer", buffer]);
    }
    arguments.push(command);
    // Without the cork: the path has a round-trip time, so Nagle's algorithm has something to wait for.
    let config = pmu::Config { port: PORT, device, cork: false };
    let serve = move |settings: &ServerSettings| pmu::spawn(&config, settings);
    let mut watched = connect(session, PORT, serve, ProgramRole::Part2, &arguments, is_kept)?;
    watched.transfer.layers = vec![answer];
    watched.transfer.client.recv_buffer = buffer;
    watched.transfer.command = command.to_owned();
    Ok(watched)
}

/// The length of each send of the answer to a command, in bytes.
pub(super) fn answer_lens(device: &Device, command: &str) -> Result<Vec<u64>, ExperimentFailure> {
    let refused = |reason| ExperimentFailure::System { reason: format!("{reason}") };
    let command: Command = command.parse().map_err(refused)?;
    Ok(device.answer(&command).filter_map(|step| Some(step.bytes()?.len() as u64)).collect())
}

/// The facts and the packets of a connection.
pub(super) struct CapturedConnection {
    pub(super) transfer: Transfer,
    pub(super) flow: Flow,
}

/// Runs a client against one of our servers, over the path, with all witnesses.
pub(super) fn connect(
    session: &mut ExperimentSession<'_>,
    port: u16,
    serve: impl FnOnce(&ServerSettings) -> Result<Running, labnet::Error> + Send + 'static,
    role: ProgramRole,
    arguments: &[&str],
    is_kept: bool,
) -> Result<CapturedConnection, ExperimentFailure> {
    let hosts = client_and_server(session)?;
    let (events, reported) = mpsc::channel();
    let settings = session.server_settings(Events::new(move |event| drop(events.send(event))));
    let _running = hosts.server()?.run(move || serve(&settings))?;
    let watch = Watch::begin(&hosts, CLIENT)?;

    let client = session.start(hosts.client()?, role, arguments)?;
    let outcome = session.finish(client)?;
    let watched = watch.end(session.scenario().name(), &hosts, port, role);
    let (recording, mut transfer, flow) = watched.map_err(|failure| failure.with_ending(&outcome))?;
    transfer.client = client_of(&outcome);
    transfer.sends = reported.try_iter().find_map(|event| match event {
        Event::Answered { sends, .. } => Some(sends),
        _ => None,
    });
    if is_kept {
        session.keep_capture(&recording)?;
        session.keep_diagram(Diagram::of(&flow, None, &DiagramOptions::default()));
    }
    Ok(CapturedConnection { transfer, flow })
}

/// The packets of the server that brought new bytes.
fn arrivals(flow: &Flow) -> Vec<Arrival> {
    let chunks = flow.stream.iter().filter(|chunk| chunk.direction == Direction::Received);
    let first = flow.first().unwrap_or_default();
    let since = |at: Duration| at.saturating_sub(first);
    chunks.filter_map(|chunk| Some(Arrival { at: since(chunk.at?), bytes: chunk.bytes.len() as u64 })).collect()
}
