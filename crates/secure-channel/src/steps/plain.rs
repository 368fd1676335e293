//! Step 1: the message as it is, over TCP. Whoever is on the way can read it, change it, and answer for the client.
//!
//! The end of the message is the end of the server's stream. A server that waits for its answer first, without ending
//! the stream, gets it after half a second of silence.

use std::{
    io::{self, Read},
    time::{Duration, Instant},
};

use labnet::{
    cli::Stats,
    escape::escape,
    net::{Connection, Deadline},
};

use super::{ChannelStats, Narrator, Visitor, bytes, limit};
use crate::{
    Error,
    channel::{ACKNOWLEDGEMENT, MAX_MESSAGE_LEN},
};

/// The silence after which a message is acknowledged although the stream goes on (ours).
const QUIET: Duration = Duration::from_millis(500);

/// Sends the message to a client and waits for its `ACK`.
///
/// # Errors
/// [`Error`]; [`Error::Peer`] for another answer.
pub fn serve(visitor: Visitor, message: &[u8], narrator: &Narrator, stats: &Stats<ChannelStats>) -> Result<(), Error> {
    let mut client = visitor.connection()?;
    let begun = Instant::now();
    narrator.say("sending the message in plain text")?;
    let served = exchange(&mut client, message);
    client.close();
    served?;
    stats.update(|stats| stats.carried(message.len(), begun.elapsed()));
    narrator.say("ACK received; nothing proves from whom")?;
    Ok(())
}

fn exchange(client: &mut Connection, message: &[u8]) -> Result<(), Error> {
    client.send(message)?;
    client.end().map_err(|source| labnet::Error::Send { to: client.peer(), source })?;
    // Longer than an acknowledgement, so that something else is seen as such.
    let mut answer = [0; 64];
    let mut len = 0;
    while len < ACKNOWLEDGEMENT.len() {
        match client.recv(answer.get_mut(len..).unwrap_or_default())?.len() {
            0 => break,
            n => len += n,
        }
    }
    let answer = answer.get(..len).unwrap_or_default();
    if answer.trim_ascii_end() == ACKNOWLEDGEMENT {
        return Ok(());
    }
    let complaint = match answer {
        [] => "left without an acknowledgement".to_owned(),
        answer => format!("answered '{}', which is no ACK", escape(answer)),
    };
    Err(Error::Peer { peer: client.peer(), complaint })
}

/// Receives the message from a server and sends it `ACK`.
///
/// # Errors
/// [`Error`].
pub fn fetch(
    mut server: Connection,
    timeout: Duration,
    narrator: &Narrator,
    stats: &Stats<ChannelStats>,
) -> Result<Vec<u8>, Error> {
    limit(&mut server, timeout)?;
    let begun = Instant::now();
    let message = receive(&mut server, timeout)?;
    stats.update(|stats| stats.carried(message.len(), begun.elapsed()));
    narrator.say(format_args!(
        "received {} in plain text; nothing proves from whom, nor that they were not altered",
        bytes(message.len() as u64)
    ))?;
    narrator.say("ACK sent; nothing proves to the server by whom")?;
    Ok(message)
}

/// All of the message; the acknowledgement goes out at its end, or when it seems to be over.
fn receive(server: &mut Connection, timeout: Duration) -> Result<Vec<u8>, Error> {
    let mut message = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let mut has_acknowledged = false;
    loop {
        let patience = if message.is_empty() || has_acknowledged { timeout } else { QUIET.min(timeout) };
        server.set_limits(Some(patience), Deadline::NONE)?;
        match server.read(&mut buffer) {
            Ok(0) => break,
            Ok(_) if message.len() >= MAX_MESSAGE_LEN => {
                let complaint =
                    format!("sent a message of more than {MAX_MESSAGE_LEN} bytes, the most that is taken here");
                return Err(Error::Peer { peer: server.peer(), complaint });
            }
            Ok(n) => message.extend_from_slice(buffer.get(..n).unwrap_or_default()),
            Err(error) if is_silence(&error) && !message.is_empty() && !has_acknowledged => {
                server.send(ACKNOWLEDGEMENT)?;
                has_acknowledged = true;
            }
            // Acknowledged and silent, or gone in a hurry: there is no more to come.
            Err(_) if has_acknowledged => return Ok(message),
            Err(error) => return Err(server.explain(error).into()),
        }
    }
    if message.is_empty() {
        // In plain text an empty message cannot be told from none.
        let complaint = "ended the connection without a message; is its step plain as well?".to_owned();
        return Err(Error::Peer { peer: server.peer(), complaint });
    }
    if !has_acknowledged {
        server.send(ACKNOWLEDGEMENT)?;
    }
    Ok(message)
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
