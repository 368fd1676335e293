//! The steps of an answer, executed on a client's connection.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use super::{Clock, Deadline};
use crate::pmu::Step;

/// How often a stalled connection looks whether everything ends (ours).
const SLICE: Duration = Duration::from_secs(1);

/// A connection on which the steps of an answer can be executed. A connection that carries bytes is one by being a
/// [`ClientStream`].
pub trait Execute {
    /// Why a step could not be executed.
    type Error;

    /// Sends bytes, at once.
    ///
    /// # Errors
    /// When the client is gone, or takes nothing for too long.
    fn send(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Sends nothing for that long; `false` when that was cut short because everything ends, or because the client
    /// said that it leaves.
    ///
    /// # Errors
    /// When the client is gone.
    fn pause(&mut self, duration: Duration, clock: &dyn Clock) -> Result<bool, Self::Error>;

    /// Sends nothing and ignores what comes, for that long; `false` when that was cut short, also because the client
    /// left.
    ///
    /// # Errors
    /// When the system refuses.
    fn stall(&mut self, limit: Duration, clock: &dyn Clock) -> Result<bool, Self::Error>;

    /// Says that nothing more is sent.
    ///
    /// # Errors
    /// Where the protocol asks for an answer to that, when there is none.
    fn finish_sending(&mut self) -> Result<(), Self::Error>;
}

/// What has been sent of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// How many sends were made, whether or not they left together.
    pub sends: u64,
    /// How many bytes they had.
    pub bytes: u64,
    /// How the connection is to end.
    pub end: End,
}

/// How a server ends a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// With a FIN, and the word before it that the protocol has for that.
    #[default]
    Fin,
    /// With a bare FIN: over TLS without close_notify.
    BareFin,
    /// With a reset, as a server does that was killed.
    Reset,
}

/// Executes steps, in order. Yields what was sent, which is less than there was when a pause was cut short. Steps without a
/// [`Step::Fin`] or [`Step::Reset`] end the connection without a word.
///
/// Sends without a step between them are held back and leave together, up to `held_back` bytes; with 0 each leaves on
/// its own.
///
/// # Errors
/// That of the first step that fails.
pub fn execute<C: Execute>(
    client: &mut C,
    steps: impl IntoIterator<Item = Step>,
    held_back: usize,
    clock: &dyn Clock,
) -> Result<Sent, C::Error> {
    let (mut sent, mut held, mut has_finished) = (Sent::default(), Vec::new(), false);
    for step in steps {
        let len = step.bytes().map_or(usize::MAX, |bytes| bytes.len());
        let is_held = len <= held_back && held_back > 0;
        if !held.is_empty() && (!is_held || held.len() + len > held_back) {
            client.send(&std::mem::take(&mut held))?;
        }
        let goes_on = match step {
            Step::Bytes(bytes) => {
                (sent.sends, sent.bytes) = (sent.sends + 1, sent.bytes + bytes.len() as u64);
                if is_held {
                    held.extend_from_slice(&bytes);
                } else {
                    client.send(&bytes)?;
                }
                true
            }
            Step::Pause(duration) => client.pause(duration, clock)?,
            Step::Stall(limit) => client.stall(limit, clock)?,
            Step::Fin => {
                client.finish_sending()?;
                has_finished = true;
                true
            }
            Step::Reset => return Ok(Sent { end: End::Reset, ..sent }),
        };
        if !goes_on {
            if !has_finished {
                client.finish_sending()?;
            }
            return Ok(sent);
        }
    }
    if !held.is_empty() {
        client.send(&held)?;
    }
    if !has_finished {
        sent.end = End::BareFin;
    }
    Ok(sent)
}

/// A client's connection that carries bytes: TCP, or TLS on top of it.
pub trait ClientStream: Read + Write {
    /// How long a read may wait; `None` is for ever. Zero is an error.
    ///
    /// # Errors
    /// The system's.
    fn set_patience(&mut self, patience: Option<Duration>) -> io::Result<()>;

    /// Pauses; `false` when the wait was cut short because everything ends.
    ///
    /// # Errors
    /// That of the connection, when the client is gone.
    fn wait(&mut self, duration: Duration, clock: &dyn Clock) -> io::Result<bool> {
        Ok(clock.pause(duration))
    }

    /// Says that nothing more is sent. A client that is gone need not hear it.
    fn end_output(&mut self) {}

    /// All writes from here to [`end_send`](Self::end_send) are one send, and together have the time that one has.
    fn begin_send(&mut self) {}

    /// See [`begin_send`](Self::begin_send).
    fn end_send(&mut self) {}
}

impl<S: ClientStream> Execute for S {
    type Error = io::Error;

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.begin_send();
        let sent = self.write_all(bytes).and_then(|()| self.flush());
        self.end_send();
        sent
    }

    fn pause(&mut self, duration: Duration, clock: &dyn Clock) -> io::Result<bool> {
        self.wait(duration, clock)
    }

    fn stall(&mut self, limit: Duration, clock: &dyn Clock) -> io::Result<bool> {
        let end = Deadline::after(limit);
        let mut ignored = [0; 4096];
        while end.remaining() != Some(Duration::ZERO) {
            self.set_patience(Some(end.remaining().map_or(SLICE, |left| left.clamp(Duration::from_millis(1), SLICE))))?;
            let is_there = match self.read(&mut ignored) {
                Ok(n) => n > 0,
                Err(error) => {
                    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
                    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
                }
            };
            if !is_there || !clock.pause(Duration::ZERO) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn finish_sending(&mut self) -> io::Result<()> {
        self.end_output();
        Ok(())
    }
}
