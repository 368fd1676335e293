//! Ends for clients that a server has no room for: at once, and without a thread for each.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    thread,
    time::{Duration, Instant},
};

use super::ending::LINGER;
use crate::Error;

/// How many clients that were turned away are read on at once (ours): a descriptor each.
const MAX_LINGERING: usize = 256;

/// How often they are read (ours).
const ROUND: Duration = Duration::from_millis(20);

/// Turns clients away. One thread does it for all, which ends when the last clone of this is dropped.
#[derive(Clone, Debug)]
pub(super) struct TurnAway {
    reply: &'static [u8],
    lingering: SyncSender<TcpStream>,
}

impl TurnAway {
    /// Each client is sent `reply` before its end.
    ///
    /// # Errors
    /// [`Error::System`] when there is no thread to be had.
    pub(super) fn new(reply: &'static [u8]) -> Result<Self, Error> {
        let (lingering, turned_away) = mpsc::sync_channel(MAX_LINGERING);
        let thread = thread::Builder::new().name("turn away".to_owned()).spawn(move || linger(&turned_away));
        thread.map_err(|source| Error::System { attempt: "start a thread", source })?;
        Ok(Self { reply, lingering })
    }

    /// Ends a client with a FIN, at once. What it has sent is read for a moment: see [`close`](super::close()).
    pub(super) fn end(&self, mut client: TcpStream) {
        // A client that is gone needs no end. Its buffer is empty, so that nothing here waits.
        let ended = client
            .set_nonblocking(true)
            .and_then(|()| client.write_all(self.reply))
            .and_then(|()| client.shutdown(Shutdown::Write));
        if ended.is_ok()
            && let Err(TrySendError::Full(client) | TrySendError::Disconnected(client)) =
                self.lingering.try_send(client)
        {
            // Too many at once: this one may see a reset behind its end.
            drop(client);
        }
    }
}

fn linger(turned_away: &Receiver<TcpStream>) {
    let mut clients: VecDeque<(Instant, TcpStream)> = VecDeque::new();
    loop {
        let next = if clients.is_empty() {
            turned_away.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            turned_away.recv_timeout(ROUND)
        };
        match next {
            Ok(client) => clients.push_back((Instant::now(), client)),
            Err(RecvTimeoutError::Timeout) => {
                clients.retain_mut(|(since, client)| since.elapsed() < LINGER && is_there(client))
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if clients.len() > MAX_LINGERING {
            clients.pop_front();
        }
    }
}

/// Reads what a client has sent; whether more may come.
fn is_there(client: &mut TcpStream) -> bool {
    let mut ignored = [0; 4096];
    match client.read(&mut ignored) {
        Ok(n) => n > 0,
        Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
    }
}
