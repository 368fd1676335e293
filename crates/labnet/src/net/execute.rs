//! The steps of an answer, executed on a client's connection, with a thread for it or without.
//!
//! The functions are asynchronous and know no runtime. On a blocking connection their futures are ready at once, and
//! [`block_on`] completes them; on an [`AsyncSocket`](super::AsyncSocket) its runtime does.

use std::{
    future,
    io::{self, Read, Write},
    time::Duration,
};

use super::{Clock, Deadline, Operation, block_on};
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
    fn send(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), Self::Error>>;

    /// Sends nothing for that long; `false` when that was cut short because everything ends, or because the client
    /// said that it leaves.
    ///
    /// # Errors
    /// When the client is gone.
    fn pause(&mut self, duration: Duration, clock: &dyn Clock) -> impl Future<Output = Result<bool, Self::Error>>;

    /// Sends nothing and ignores what comes, for that long; `false` when that was cut short, also because the client
    /// left.
    ///
    /// # Errors
    /// When the system refuses.
    fn stall(&mut self, limit: Duration, clock: &dyn Clock) -> impl Future<Output = Result<bool, Self::Error>>;

    /// Says that nothing more is sent.
    ///
    /// # Errors
    /// Where the protocol asks for an answer to that, when there is none.
    fn finish_sending(&mut self) -> impl Future<Output = Result<(), Self::Error>>;
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
    block_on(execute_async(client, steps, held_back, clock))
}

/// The same without a thread of its own: see [`execute`].
///
/// # Errors
/// That of the first step that fails.
pub async fn execute_async<C: Execute>(
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
            client.send(&std::mem::take(&mut held)).await?;
        }
        let goes_on = match step {
            Step::Bytes(bytes) => {
                (sent.sends, sent.bytes) = (sent.sends + 1, sent.bytes + bytes.len() as u64);
                if is_held {
                    held.extend_from_slice(&bytes);
                } else {
                    client.send(&bytes).await?;
                }
                true
            }
            Step::Pause(duration) => client.pause(duration, clock).await?,
            Step::Stall(limit) => client.stall(limit, clock).await?,
            Step::Fin => {
                client.finish_sending().await?;
                has_finished = true;
                true
            }
            Step::Reset => return Ok(Sent { end: End::Reset, ..sent }),
        };
        if !goes_on {
            if !has_finished {
                client.finish_sending().await?;
            }
            return Ok(sent);
        }
    }
    if !held.is_empty() {
        client.send(&held).await?;
    }
    if !has_finished {
        sent.end = End::BareFin;
    }
    Ok(sent)
}

/// A client's connection that carries bytes: TCP, or TLS on top of it.
///
/// It reads and writes either with a thread that waits in the call, or without: then a call that cannot go on fails with
/// [`WouldBlock`](io::ErrorKind::WouldBlock), and [`ready`](Self::ready) waits.
pub trait ClientStream: Read + Write {
    /// How long a read may wait; `None` is for ever. Zero is an error.
    ///
    /// # Errors
    /// The system's.
    fn set_patience(&mut self, patience: Option<Duration>) -> io::Result<()>;

    /// Waits after a call that would block. By default there is nothing to wait for: the call has waited.
    ///
    /// # Errors
    /// At the end of the patience, or of the time for a send; that of the connection.
    fn ready(&mut self, _: Operation) -> impl Future<Output = io::Result<()>> {
        future::ready(Err(io::ErrorKind::WouldBlock.into()))
    }

    /// Pauses; `false` when the wait was cut short because everything ends.
    ///
    /// # Errors
    /// That of the connection, when the client is gone.
    fn wait(&mut self, duration: Duration, clock: &dyn Clock) -> impl Future<Output = io::Result<bool>> {
        future::ready(Ok(clock.pause(duration)))
    }

    /// Says that nothing more is sent. A client that is gone need not hear it.
    fn end_output(&mut self) -> impl Future<Output = ()> {
        future::ready(())
    }

    /// All writes from here to [`end_send`](Self::end_send) are one send, and together have the time that one has.
    fn begin_send(&mut self) {}

    /// See [`begin_send`](Self::begin_send).
    fn end_send(&mut self) {}
}

/// Sends all bytes as one send, and lets them leave.
///
/// # Errors
/// That of the stream.
pub(crate) async fn send_all(stream: &mut impl ClientStream, bytes: &[u8]) -> io::Result<()> {
    stream.begin_send();
    let sent = write_and_flush(stream, bytes).await;
    stream.end_send();
    sent
}

async fn write_and_flush(stream: &mut impl ClientStream, mut bytes: &[u8]) -> io::Result<()> {
    let mut is_flushed = false;
    while !is_flushed {
        let step = match bytes {
            [] => stream.flush().map(|()| is_flushed = true),
            _ => match stream.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                written => written.map(|n| bytes = bytes.get(n..).unwrap_or_default()),
            },
        };
        match step {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.ready(Operation::Write).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl<S: ClientStream> Execute for S {
    type Error = io::Error;

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        send_all(self, bytes).await
    }

    async fn pause(&mut self, duration: Duration, clock: &dyn Clock) -> io::Result<bool> {
        self.wait(duration, clock).await
    }

    async fn stall(&mut self, limit: Duration, clock: &dyn Clock) -> io::Result<bool> {
        let end = Deadline::after(limit);
        while end.remaining() != Some(Duration::ZERO) {
            self.set_patience(Some(end.remaining().map_or(SLICE, |left| left.clamp(Duration::from_millis(1), SLICE))))?;
            let is_there = match read_some(self, |_| ()).await {
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

    async fn finish_sending(&mut self) -> io::Result<()> {
        self.end_output().await;
        Ok(())
    }
}

/// One read, at most 4 KiB, and how many bytes it brought; `take` gets them. While it waits there is no buffer.
///
/// # Errors
/// That of the stream, which includes the end of its patience.
pub(super) async fn read_some(stream: &mut impl ClientStream, mut take: impl FnMut(&[u8])) -> io::Result<usize> {
    loop {
        match read_now(stream, &mut take) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.ready(Operation::Read).await?,
            read => return read,
        }
    }
}

fn read_now(stream: &mut impl ClientStream, take: &mut impl FnMut(&[u8])) -> io::Result<usize> {
    let mut buffer = [0; 4096];
    let n = stream.read(&mut buffer)?;
    take(buffer.get(..n).unwrap_or_default());
    Ok(n)
}
