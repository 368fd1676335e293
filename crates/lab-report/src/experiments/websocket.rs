//! Part 5: the dialogue of part 2 over WebSocket.

use lab_packets::flow::Direction;
use mock_servers::{Site, ws};

use super::transfer;
use crate::{
    evidence::{Layer, Transfer},
    laboratory::{Session, Trouble},
    programs::Role,
};

const PORT: u16 = 5006;

pub(super) fn short(session: &mut Session<'_>) -> Result<Transfer, Trouble> {
    ask(session, "CMD_short:0")
}

pub(super) fn flood(session: &mut Session<'_>) -> Result<Transfer, Trouble> {
    ask(session, "CMD_floodme")
}

fn ask(session: &mut Session<'_>, command: &str) -> Result<Transfer, Trouble> {
    let device = transfer::device(session.settings());
    let messages: Vec<u64> = {
        let command = command.parse::<labnet::pmu::Command>().map_err(|error| Trouble(format!("{error}")))?;
        device.answer(&command).map(|send| send.bytes.len() as u64).collect()
    };
    let config = ws::Config { port: PORT, device, ..ws::Config::default() };
    let serve = move |site: &Site| ws::spawn(&config, site);
    let arguments: &[&str] = if session.is_ours(Role::Part5) { &["--stats", command] } else { &[command] };
    let mut watched = transfer::connect(session, PORT, serve, Role::Part5, arguments, true)?;

    let stream = watched.flow.stream.iter().filter(|chunk| chunk.direction == Direction::Received);
    let stream: Vec<u8> = stream.flat_map(|chunk| &chunk.bytes).copied().collect();
    let layer = |name: &str, bytes: u64| Layer { name: name.to_owned(), bytes };
    watched.transfer.layers = vec![
        layer(Layer::UPGRADE, head_len(&stream)),
        layer(Layer::FRAME_HEADERS, messages.iter().map(|&len| frame_header_len(len)).sum()),
        layer(Layer::MESSAGES, messages.iter().sum()),
        layer(Layer::CLOSE, CLOSE_FRAME_LEN),
    ];
    watched.transfer.command = command.to_owned();
    Ok(watched.transfer)
}

/// A header of two bytes and the status (RFC 6455, section 5.5.1).
const CLOSE_FRAME_LEN: u64 = 4;

/// The header of a server's frame (RFC 6455, section 5.2).
fn frame_header_len(payload: u64) -> u64 {
    match payload {
        0..126 => 2,
        126..65_536 => 4,
        _ => 10,
    }
}

/// The length of an HTTP head, its empty line included.
fn head_len(stream: &[u8]) -> u64 {
    const END: &[u8] = b"\r\n\r\n";
    stream.windows(END.len()).position(|window| window == END).map_or(0, |at| (at + END.len()) as u64)
}
