//! Part 5: the commands of part 2 over WebSocket.

use std::time::Duration;

use labnet::ws::{CLOSE_FRAME_LEN, FrameType, frame_header_len};
use mock_servers::{ServerSettings, fault::Fault, ws};

use super::transfer::{self, Client};
use crate::{
    ExperimentFailure,
    facts::{Layer, LayerBytes, SentMessages, Transfer},
    frames::{frames, head_len},
    programs::ProgramRole,
    session::ExperimentSession,
};

const PORT: u16 = 5006;

const SHORT: &str = "CMD_short:0";

/// The pause between two messages (ours): together long enough to tell lines that come in time from those at the end.
const PAUSE: Duration = Duration::from_millis(350);

/// The maximum of all pauses together (ours).
const MAX_PAUSES: Duration = Duration::from_secs(6);

/// How long a client may run on when the server has ended the connection without a close frame (ours).
const PATIENCE: Duration = Duration::from_secs(6);

pub(super) fn short(session: &mut ExperimentSession<'_>) -> Result<Transfer, ExperimentFailure> {
    let question = Question::new(session, SHORT);
    ask(session, question)
}

pub(super) fn flood(session: &mut ExperimentSession<'_>) -> Result<Transfer, ExperimentFailure> {
    let question = Question::new(session, "CMD_floodme");
    ask(session, question)
}

pub(super) fn text(session: &mut ExperimentSession<'_>) -> Result<Transfer, ExperimentFailure> {
    let mut question = Question::new(session, SHORT);
    question.frame_type = match question.frame_type {
        FrameType::Text => FrameType::Binary,
        FrameType::Binary => FrameType::Text,
    };
    let messages = u32::try_from(session.settings().messages).unwrap_or(u32::MAX);
    session.introduce(Fault::Pauses(PAUSE.min(MAX_PAUSES / messages.max(1))));
    ask(session, question)
}

pub(super) fn no_close(session: &mut ExperimentSession<'_>) -> Result<Transfer, ExperimentFailure> {
    let mut question = Question::new(session, SHORT);
    session.introduce(Fault::NoClose);
    (question.has_close_frame, question.patience) = (false, Some(PATIENCE));
    ask(session, question)
}

/// A question of part 5: the command, and what the server does with it.
struct Question {
    command: &'static str,
    frame_type: FrameType,
    has_close_frame: bool,
    patience: Option<Duration>,
}

impl Question {
    fn new(session: &ExperimentSession<'_>, command: &'static str) -> Self {
        let frame_type = if session.settings().text { FrameType::Text } else { FrameType::Binary };
        Self { command, frame_type, has_close_frame: true, patience: None }
    }
}

fn ask(session: &mut ExperimentSession<'_>, question: Question) -> Result<Transfer, ExperimentFailure> {
    let Question { command, frame_type, has_close_frame, patience } = question;
    let device = transfer::device(session.settings());
    let sent = SentMessages { first: device.first, count: device.messages };
    let messages = transfer::answer_lens(&device, command)?;
    let close_frame = if has_close_frame { CLOSE_FRAME_LEN } else { 0 };
    let config = ws::Config { port: PORT, device, frame_type, ..ws::Config::default() };
    let serve = move |settings: &ServerSettings| ws::spawn(&config, settings);
    let arguments: &[&str] = if session.is_ours(ProgramRole::Part5) { &["--stats", command] } else { &[command] };
    let client = Client { role: ProgramRole::Part5, arguments, patience };
    let mut watched = transfer::connect_client(session, PORT, serve, &client, true)?;

    watched.transfer.layers = vec![
        LayerBytes { layer: Layer::Upgrade, bytes: head_len(&watched.flow) },
        LayerBytes { layer: Layer::FrameHeaders, bytes: messages.iter().map(|&len| frame_header_len(len)).sum() },
        LayerBytes { layer: Layer::Messages, bytes: messages.iter().sum() },
        LayerBytes { layer: Layer::CloseFrame, bytes: close_frame },
    ];
    watched.transfer.messages = (command == SHORT).then_some(sent);
    watched.transfer.websocket = Some(frames(&watched.flow));
    watched.transfer.command = command.to_owned();
    Ok(watched.transfer)
}
