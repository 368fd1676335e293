//! The PMU of part 5: the dialogue of part 2 over WebSocket (handout, section 5).

use std::net::{SocketAddr, TcpStream};

use labnet::{
    Error,
    count::Count,
    error::reason,
    net::{self, ClientLimits, Clock, Connection, End, Running, Sent},
    pmu::{Command, Device},
    ws::{AcceptOptions, EncodedFrames, FrameType, WebSocketConnection},
};

use crate::{
    ClientId, Event, ServerName, ServerSettings,
    fault::{self, Fault},
};

pub(crate) const NAME: ServerName = ServerName::Ws;

/// What a client hears for which there is no room (RFC 9110, section 15.6.4).
const OVERLOAD_REPLY: &str = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain\r\n\
                              Content-Length: 66\r\n\r\nAs many clients are connected as are allowed (--max-connections).\n";

/// A PMU behind WebSocket.
#[derive(Clone, Debug)]
pub struct Config {
    /// The port; 0 picks a free one.
    pub port: u16,
    /// What it answers.
    pub device: Device,
    /// In which frames: binary ones as the real server.
    pub frame_type: FrameType,
    /// Whether it answers each message with itself, instead of commands.
    pub echo: bool,
    /// Whether it compresses for a client that offers that (permessage-deflate, RFC 7692).
    pub deflate: bool,
}

/// The longest message that is echoed, in bytes (ours): the suites of the field send 16 MiB.
const MAX_ECHO_LEN: usize = 64 << 20;

impl Default for Config {
    fn default() -> Self {
        Self { port: 5006, device: Device::default(), frame_type: FrameType::Binary, echo: false, deflate: false }
    }
}

/// Starts a WebSocket PMU on the addresses of the settings.
///
/// # Errors
/// [`Error::Listen`].
pub fn spawn(config: &Config, settings: &ServerSettings) -> Result<Running, Error> {
    let config = config.clone();
    let listeners = settings.listen(NAME, &settings.bind, config.port)?;
    let limits = ClientLimits { overload_reply: OVERLOAD_REPLY.as_bytes(), ..settings.limits.clone() };
    let settings = ServerSettings { limits, ..settings.clone() };
    settings.serve(NAME, listeners, move |stream, peer, faults, limits, clock| {
        serve(stream, peer, &config, faults, limits, clock)
    })
}

/// One client, from its upgrade to the TCP close.
fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    config: &Config,
    faults: &[Fault],
    limits: &ClientLimits,
    clock: &dyn Clock,
) -> Event {
    let id = ClientId::new(NAME, peer);
    let mut connection = Connection::new(stream, peer);
    let mut options = AcceptOptions {
        frame_type: config.frame_type,
        // Faults are of frames as they are, without an extension.
        deflate: config.deflate && faults.is_empty(),
        upgrade: fault::upgrade(faults),
        ..AcceptOptions::default()
    };
    if config.echo {
        options.max_message = MAX_ECHO_LEN;
    }
    let (event, end) = match WebSocketConnection::accept(&mut connection, limits, options) {
        Ok(client) if config.echo => (echo(client, id, limits), End::Fin),
        Ok(client) => {
            let answered = converse(client, id.clone(), config, faults, clock);
            answered.unwrap_or_else(|error| (Event::of_error(id, &error), End::Fin))
        }
        Err(error) => (Event::of_handshake(id, &error), End::Fin),
    };
    connection.finish(end);
    event
}

/// Answers each message with itself, until the client leaves.
fn echo(mut connection: WebSocketConnection<'_>, client: ClientId, limits: &ClientLimits) -> Event {
    let (mut messages, mut bytes) = (0, 0);
    loop {
        let echoed = connection.receive().and_then(|message| match message {
            Some(message) => {
                connection.echo(&message)?;
                connection.await_next(limits)?;
                Ok(Some(message.as_ref().len() as u64))
            }
            None => Ok(None),
        });
        match echoed {
            Ok(Some(len)) => (messages, bytes) = (messages + 1, bytes + len),
            Ok(None) => return Event::Echoed { client, messages, bytes },
            Err(error) => return Event::of_error(client, &error),
        }
    }
}

/// The dialogue: what there is to report of it, and how the TCP connection is to end.
fn converse(
    mut connection: WebSocketConnection<'_>,
    client: ClientId,
    config: &Config,
    faults: &[Fault],
    clock: &dyn Clock,
) -> Result<(Event, End), Error> {
    let Some(message) = connection.receive()? else {
        return Ok((Event::NoCommand { client }, End::Fin));
    };
    let text = message.as_ref().trim_ascii_end();
    match str::from_utf8(text).ok().and_then(|text| text.parse::<Command>().ok()) {
        Some(command) => {
            let steps = Box::new(config.device.answer(&command));
            let sent = if faults.is_empty() {
                net::execute(&mut connection, steps, 0, clock)
            } else {
                let steps = fault::apply_all(faults, fault::frames(faults, steps, config.frame_type));
                net::execute(&mut EncodedFrames(&mut connection), steps, 0, clock)
            };
            let command = command.to_string();
            match sent {
                Ok(Sent { sends, end, .. }) if connection.has_left() => {
                    let reason = format!("it left after {}, with a close frame", Count::new(sends, "message"));
                    Ok((Event::Gone { client, command: Some(command), reason }, end))
                }
                Ok(Sent { sends, bytes, end }) => Ok((Event::Answered { client, command, sends, bytes }, end)),
                Err(Error::Send { source, .. } | Error::Receive { source, .. }) => {
                    Ok((Event::Gone { client, command: Some(command), reason: reason(&source) }, End::Fin))
                }
                Err(error) => Err(error),
            }
        }
        None => {
            let received = text.into();
            connection.refuse("unknown command");
            Ok((Event::UnknownCommand { client, received }, End::Fin))
        }
    }
}
