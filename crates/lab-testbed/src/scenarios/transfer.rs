//! Part 2: a TCP connection and its witnesses. Part 5 uses the same functions.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use lab_packets::{
    diagram::{Diagram, DiagramOptions},
    flow::{Direction, Flow},
};
use labnet::{
    net::Running,
    pmu::{Command, Device, FLOOD_LEN, FloodText},
};
use mock_servers::{Event, Events, ServerSettings, fault::Fault, pmu};

use super::{POLL_INTERVAL, client_and_server};
use crate::{
    ExperimentFailure,
    facts::{Arrival, Flood, Layer, LayerBytes, RunSettings, SentMessages, Transfer},
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
    let usual = Device { messages: settings.messages, first: settings.first, ..Device::default() };
    match &settings.flood {
        Some(text) => Device { flood: text.as_bytes().into(), ..usual },
        None => usual,
    }
}

/// How long a PMU stays open after its last message (ours): longer than any round-trip time of a path that is allowed.
const STAYS_OPEN: Duration = Duration::from_secs(2);

/// The pieces of an answer (ours): shorter than a message, and a divisor of 180, so that message 10 is cut in its number.
const PIECE_LEN: usize = 12;

/// The pieces of a text (ours): a number of bytes that divides no line of it, so that many pieces end within a character.
const TEXT_PIECE_LEN: usize = 4001;

/// The pause between two pieces (ours): each is a segment of its own, and a recv of its own for a program that waits.
const PIECE_PAUSE: Duration = Duration::from_millis(40);

/// A question of part 2: the command, the PMU, and the client's receive buffer.
struct Question {
    command: &'static str,
    pmu: pmu::Config,
    recv_buffer: Option<u64>,
}

impl Question {
    fn new(session: &ExperimentSession<'_>, command: &'static str) -> Self {
        // Without the cork: the path has a round-trip time, so Nagle's algorithm has something to wait for.
        let pmu = pmu::Config { port: PORT, device: device(session.settings()), cork: false, ..pmu::Config::default() };
        Self { command, pmu, recv_buffer: None }
    }
}

/// The command for messages without a pause.
const SHORT: &str = "CMD_short:0";

pub(super) fn short(session: &mut ExperimentSession<'_>) -> Result<Transfer, ExperimentFailure> {
    let question = Question::new(session, SHORT);
    ask_once(session, question)
}

pub(super) fn paced(session: &mut ExperimentSession<'_>) -> Result<Transfer, ExperimentFailure> {
    let question = Question::new(session, "CMD_short:1");
    ask_once(session, question)
}

pub(super) fn open(session: &mut ExperimentSession<'_>) -> Result<Transfer, ExperimentFailure> {
    let question = Question::new(session, SHORT);
    session.introduce(Fault::SlowClose(STAYS_OPEN));
    ask_once(session, question)
}

pub(super) fn no_delay(session: &mut ExperimentSession<'_>) -> Result<Transfer, ExperimentFailure> {
    let mut question = Question::new(session, SHORT);
    question.pmu.no_delay = true;
    session.introduce(Fault::SlowClose(STAYS_OPEN));
    ask_once(session, question)
}

pub(super) fn pieces(session: &mut ExperimentSession<'_>) -> Result<Transfer, ExperimentFailure> {
    let question = Question::new(session, SHORT);
    session.introduce(Fault::Slice { bytes: PIECE_LEN, pause: PIECE_PAUSE });
    ask_once(session, question)
}

pub(super) fn flood_utf8(session: &mut ExperimentSession<'_>) -> Result<Transfer, ExperimentFailure> {
    let mut question = Question::new(session, FLOOD);
    question.pmu.device.flood = FloodText::Utf8.text(FLOOD_LEN).into();
    // A program with a large buffer, too, is to get characters that are cut.
    session.introduce(Fault::Slice { bytes: TEXT_PIECE_LEN, pause: PIECE_PAUSE });
    ask_once(session, question)
}

pub(super) fn floods(session: &mut ExperimentSession<'_>) -> Result<Vec<Flood>, ExperimentFailure> {
    // A program that is not ours has its own buffer, and no option for it.
    let others: &[u64] = if session.is_ours(ProgramRole::Part2) { &BUFFERS } else { &[] };
    let mut floods: Vec<Flood> = Vec::new();
    for buffer in [None].into_iter().chain(others.iter().copied().map(Some)) {
        let question = Question { recv_buffer: buffer, ..Question::new(session, FLOOD) };
        let CapturedConnection { mut transfer, flow } = ask(session, question, buffer.is_none())?;
        if let Some(buffer) = buffer {
            transfer.experiment = format!("{}-buffer-{buffer}", transfer.experiment);
        }
        let arrivals = if buffer.is_none() { arrivals(&flow) } else { Vec::new() };
        floods.push(Flood { recv_buffer: buffer, transfer, arrivals });
    }
    Ok(floods)
}

fn ask_once(session: &mut ExperimentSession<'_>, question: Question) -> Result<Transfer, ExperimentFailure> {
    ask(session, question, true).map(|watched| watched.transfer)
}

fn ask(
    session: &mut ExperimentSession<'_>,
    question: Question,
    is_kept: bool,
) -> Result<CapturedConnection, ExperimentFailure> {
    let Question { command, pmu: config, recv_buffer } = question;
    let answer = LayerBytes { layer: Layer::Messages, bytes: answer_lens(&config.device, command)?.iter().sum() };
    let buffer_text = recv_buffer.map(|buffer| buffer.to_string());
    let mut arguments = vec![];
    if session.is_ours(ProgramRole::Part2) {
        arguments.push("--stats");
    }
    if let Some(buffer) = &buffer_text {
        arguments.extend(["--recv-buffer", buffer]);
    }
    arguments.push(command);
    let sent = SentMessages { first: config.device.first, count: config.device.messages };
    let serve = move |settings: &ServerSettings| pmu::spawn(&config, settings);
    let mut watched = connect(session, PORT, serve, ProgramRole::Part2, &arguments, is_kept)?;
    watched.transfer.messages = (command != FLOOD).then_some(sent);
    watched.transfer.layers = vec![answer];
    watched.transfer.client.recv_buffer = recv_buffer;
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
    let client = Client { role, arguments, patience: None };
    connect_client(session, port, serve, &client, is_kept)
}

/// A client program.
pub(super) struct Client<'a> {
    pub(super) role: ProgramRole,
    pub(super) arguments: &'a [&'a str],
    /// How long it may run on when the server has answered; `None` for the deadline of the run, from its start.
    pub(super) patience: Option<Duration>,
}

/// The same, for a client with little time after the answer.
pub(super) fn connect_client(
    session: &mut ExperimentSession<'_>,
    port: u16,
    serve: impl FnOnce(&ServerSettings) -> Result<Running, labnet::Error> + Send + 'static,
    client: &Client<'_>,
    is_kept: bool,
) -> Result<CapturedConnection, ExperimentFailure> {
    let &Client { role, arguments, patience } = client;
    let hosts = client_and_server(session)?;
    let (events, reported) = mpsc::channel();
    let settings = session.server_settings(Events::new(move |event| drop(events.send(event))));
    let _running = hosts.server()?.run(move || serve(&settings))?;
    let watch = Watch::begin(&hosts, CLIENT)?;

    let mut client = session.start(hosts.client()?, role, arguments)?;
    let mut events = Vec::new();
    let deadline = session.deadline();
    let outcome = match patience {
        None => session.finish(client),
        Some(patience) => {
            let has_answered = |event: &Event| matches!(event, Event::Answered { .. } | Event::Gone { .. });
            let until = Instant::now() + deadline;
            while Instant::now() < until && !events.iter().any(has_answered) {
                events.extend(reported.try_iter());
                if client.ends_within(POLL_INTERVAL) {
                    break;
                }
            }
            session.finish_within(client, patience.min(deadline))
        }
    };
    let (recording, measured) = watch.end(session.scenario().name(), &hosts, port, role)?;
    if is_kept {
        session.keep_capture(&recording)?;
    }
    let (mut transfer, flow) = measured.map_err(|failure| failure.with_ending(&outcome))?;
    transfer.client = client_of(&outcome);
    transfer.client.recv_calls = transfer.client.recv_calls.or_else(|| session.recv_calls());
    transfer.sends = events.into_iter().chain(reported.try_iter()).find_map(|event| match event {
        Event::Answered { sends, .. } => Some(sends),
        _ => None,
    });
    if is_kept {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_pieces_of_the_text_end_within_a_character() {
        let text = FloodText::Utf8.text(FLOOD_LEN);
        let cut = text.chunks(TEXT_PIECE_LEN).filter(|piece| str::from_utf8(piece).is_err()).count();
        assert!(cut > 5, "{cut}");
    }
}
