//! Part 5: the commands of part 2 over WebSocket.

use lab_packets::flow::Direction;
use labnet::ws::{CLOSE_FRAME_LEN, frame_header_len};
use mock_servers::{ServerSettings, ws};

use super::transfer;
use crate::{
    ExperimentFailure,
    facts::{Layer, LayerBytes, Transfer},
    programs::ProgramRole,
    session::ExperimentSession,
};

const PORT: u16 = 5006;

pub(super) fn short(session: &mut ExperimentSession<'_>) -> Result<Transfer, ExperimentFailure> {
    ask(session, "CMD_short:0")
}

pub(super) fn flood(session: &mut ExperimentSession<'_>) -> Result<Transfer, ExperimentFailure> {
    ask(session, "CMD_floodme")
}

fn ask(session: &mut ExperimentSession<'_>, command: &str) -> Result<Transfer, ExperimentFailure> {
    let device = transfer::device(session.settings());
    let messages = transfer::answer_lens(&device, command)?;
    let config = ws::Config { port: PORT, device, ..ws::Config::default() };
    let serve = move |settings: &ServerSettings| ws::spawn(&config, settings);
    let arguments: &[&str] = if session.is_ours(ProgramRole::Part5) { &["--stats", command] } else { &[command] };
    let mut watched = transfer::connect(session, PORT, serve, ProgramRole::Part5, arguments, true)?;

    let stream = watched.flow.stream.iter().filter(|chunk| chunk.direction == Direction::Received);
    let stream: Vec<u8> = stream.flat_map(|chunk| &chunk.bytes).copied().collect();
    watched.transfer.layers = vec![
        LayerBytes { layer: Layer::Upgrade, bytes: head_len(&stream) },
        LayerBytes { layer: Layer::FrameHeaders, bytes: messages.iter().map(|&len| frame_header_len(len)).sum() },
        LayerBytes { layer: Layer::Messages, bytes: messages.iter().sum() },
        LayerBytes { layer: Layer::CloseFrame, bytes: CLOSE_FRAME_LEN },
    ];
    watched.transfer.command = command.to_owned();
    Ok(watched.transfer)
}

/// The length of an HTTP head, its empty line included.
fn head_len(stream: &[u8]) -> u64 {
    const END: &[u8] = b"\r\n\r\n";
    stream.windows(END.len()).position(|window| window == END).map_or(0, |at| (at + END.len()) as u64)
}
