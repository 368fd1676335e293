//! The PMU of part 5: the dialogue of part 2 over WebSocket (handout, section 5).

use std::sync::Arc;

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
    settings::Service,
};

pub(crate) const NAME: ServerName = ServerName::Ws;

/// What a client hears for which there is no room (RFC 9110, section 15.6.4).
const OVERLOAD_REPLY: &str = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 10\r\n\
                              Content-Type: text/plain\r\nContent-Length: 66\r\n\r\nAs many clients are connected as are allowed (--max-connections).\n";

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
    let config = Arc::new(config);
    settings.serve(NAME, listeners, move |client, service| serve(client, Arc::clone(&config), service))
}

/// One client, from its upgrade to the TCP close.
async fn serve(mut connection: Connection, config: Arc<Config>, service: Service) -> Event {
    let (id, limits, faults) = (ClientId::new(NAME, connection.peer()), service.limits(), service.faults());
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
    // In a box, of which nothing is left after the upgrade.
    let accepted = Box::pin(WebSocketConnection::accept_async(&mut connection, limits, options)).await;
    let (event, end) = match accepted {
        Ok(client) if config.echo => (echo(client, id, limits).await, End::Fin),
        Ok(client) => {
            let dialogue = converse(client, id.clone(), &config, faults, service.clock()).await;
            dialogue.unwrap_or_else(|error| (Event::of_error(id, &error), End::Fin))
        }
        Err(error) => (Event::of_handshake(id, &error), End::Fin),
    };
    connection.finish_async(end).await;
    event
}

/// Answers each message with itself, until the client leaves.
async fn echo(mut connection: WebSocketConnection<'_>, client: ClientId, limits: &ClientLimits) -> Event {
    let (mut messages, mut bytes) = (0, 0);
    loop {
        match echo_one(&mut connection, limits).await {
            Ok(Some(len)) => (messages, bytes) = (messages + 1, bytes + len),
            Ok(None) => return Event::Echoed { client, messages, bytes },
            Err(error) => return Event::of_error(client, &error),
        }
    }
}

/// Answers one message: its length; `None` when the client leaves.
async fn echo_one(connection: &mut WebSocketConnection<'_>, limits: &ClientLimits) -> Result<Option<u64>, Error> {
    let Some(message) = connection.receive().await? else { return Ok(None) };
    connection.echo(&message).await?;
    connection.await_next(limits)?;
    Ok(Some(message.as_ref().len() as u64))
}

/// The dialogue: what there is to report of it, and how the TCP connection is to end.
async fn converse(
    mut connection: WebSocketConnection<'_>,
    client: ClientId,
    config: &Config,
    faults: &[Fault],
    clock: &dyn Clock,
) -> Result<(Event, End), Error> {
    let Some(message) = connection.receive().await? else {
        return Ok((Event::NoCommand { client }, End::Fin));
    };
    let text = message.as_ref().trim_ascii_end();
    match str::from_utf8(text).ok().and_then(|text| text.parse::<Command>().ok()) {
        Some(command) => {
            let steps = Box::new(config.device.answer(&command));
            let sent = if faults.is_empty() {
                net::execute_async(&mut connection, steps, 0, clock).await
            } else {
                let steps = fault::apply_all(faults, fault::frames(faults, steps, config.frame_type));
                net::execute_async(&mut EncodedFrames(&mut connection), steps, 0, clock).await
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
            connection.refuse("unknown command").await;
            Ok((Event::UnknownCommand { client, received }, End::Fin))
        }
    }
}
