//! The dialogue of part 2 from the PMU's side: a command that has no delimiter, and an answer with pauses.

use std::{fmt, io, time::Duration};

use super::{
    ClientLimits, ClientStream, Clock, Deadline, End, Sent, block_on,
    execute::{execute_async, read_some},
};
use crate::{
    count::Count,
    pmu::{Command, CommandReader, Progress, Step},
};

/// How long a command that came in pieces must be followed by silence to be complete (the lab's contract).
const QUIET: Duration = Duration::from_millis(50);

/// Why a client gets no answer.
#[derive(Debug)]
pub enum NoCommand {
    /// What it sent is no command; empty when it sent nothing before its end.
    Unknown(Vec<u8>),
    /// It did not finish a command in time.
    Silent,
    /// The connection broke.
    Broken(io::Error),
}

impl fmt::Display for NoCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(bytes) if bytes.is_empty() => f.write_str("left without a command"),
            Self::Unknown(bytes) => write!(f, "unknown command '{}'", crate::escape::escape(bytes)),
            Self::Silent => f.write_str("too slow with its command"),
            Self::Broken(error) => write!(f, "gone: {}", crate::error::reason(error)),
        }
    }
}

/// Reads the command of a client, which has no delimiter.
///
/// One that arrives whole in the first recv is complete at once; one in pieces when it matches and 50 ms bring no
/// more, or at half-close.
///
/// # Errors
/// [`NoCommand`].
pub fn receive_command(client: &mut impl ClientStream, deadline: Deadline) -> Result<Command, NoCommand> {
    block_on(receive_command_async(client, deadline))
}

/// The same without a thread of its own: see [`receive_command`].
///
/// # Errors
/// [`NoCommand`].
pub async fn receive_command_async(client: &mut impl ClientStream, deadline: Deadline) -> Result<Command, NoCommand> {
    let mut reader = CommandReader::default();
    let mut matched: Option<Command> = None;
    loop {
        let remaining = deadline.remaining();
        let patience =
            if matched.is_some() { Some(remaining.map_or(QUIET, |left| left.min(QUIET))) } else { remaining };
        if patience == Some(Duration::ZERO) {
            return matched.ok_or(NoCommand::Silent);
        }
        client.set_patience(patience).map_err(NoCommand::Broken)?;
        let mut progress = Progress::Partial;
        // What is read at once is longer than any command, so that one with something behind it is seen as a whole.
        match read_some(client, |bytes| {
            if !bytes.is_empty() {
                progress = reader.push(bytes)
            }
        })
        .await
        {
            Ok(0) => return matched.ok_or_else(|| NoCommand::Unknown(reader.received().to_vec())),
            Ok(_) => match progress {
                Progress::Complete(command) => return Ok(command),
                Progress::Matches(command) => matched = Some(command),
                Progress::Partial => matched = None,
                Progress::Unknown => return Err(NoCommand::Unknown(reader.received().to_vec())),
            },
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return matched.ok_or(NoCommand::Silent),
                _ => return Err(NoCommand::Broken(error)),
            },
        }
    }
}

/// How a dialogue went.
#[derive(Debug)]
pub enum Dialogue {
    /// The client gave a command and was answered, as far as it stayed.
    Answered {
        /// What it asked for.
        command: Command,
        /// What it was sent.
        sent: Sent,
    },
    /// The client was gone before its answer was sent, or took nothing of it for too long.
    Gone {
        /// What it asked for.
        command: Command,
        /// The system's reason.
        error: io::Error,
    },
    /// There was no command.
    Unanswered(NoCommand),
}

impl Dialogue {
    /// How the connection is to end.
    pub fn end(&self) -> End {
        match self {
            Self::Answered { sent, .. } => sent.end,
            _ => End::Fin,
        }
    }
}

impl fmt::Display for Dialogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { command, sent } => write!(f, "{command}: {} sent", Count::new(sent.sends, "message")),
            Self::Gone { command, error } => write!(f, "{command}: gone: {}", crate::error::reason(error)),
            Self::Unanswered(why) => why.fmt(f),
        }
    }
}

/// Reads the command of a client and executes the steps that `answer` has for it. The client's silence is limited as
/// `limits` say; see [`execute`](super::execute) for `held_back`.
pub fn converse<S: IntoIterator<Item = Step>>(
    client: &mut impl ClientStream,
    limits: &ClientLimits,
    answer: impl FnOnce(&Command) -> S,
    held_back: usize,
    clock: &dyn Clock,
) -> Dialogue {
    block_on(converse_async(client, limits, answer, held_back, clock))
}

/// The same without a thread of its own: see [`converse`].
pub async fn converse_async<S: IntoIterator<Item = Step>>(
    client: &mut impl ClientStream,
    limits: &ClientLimits,
    answer: impl FnOnce(&Command) -> S,
    held_back: usize,
    clock: &dyn Clock,
) -> Dialogue {
    match receive_command_async(client, Deadline::after(limits.silence)).await {
        Ok(command) => match execute_async(client, answer(&command), held_back, clock).await {
            Ok(sent) => Dialogue::Answered { command, sent },
            Err(error) => Dialogue::Gone { command, error },
        },
        Err(why) => Dialogue::Unanswered(why),
    }
}
