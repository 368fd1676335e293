//! The dialogue of part 2 from the PMU's side: a command that has no delimiter, an answer with pauses, a clean end.

use std::{
    fmt,
    io::{self, Read},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use socket2::SockRef;

use super::{ClientLimits, ClientStream, Clock, Deadline, End, Sent, execute};
use crate::{
    count::Count,
    pmu::{Command, CommandReader, Progress, Step},
};

/// How long a command that came in pieces must be followed by silence to be complete (the lab's contract).
const QUIET: Duration = Duration::from_millis(50);

/// How long a server goes on reading after its last byte, so that its close is a FIN and not a reset that would
/// destroy what is still on its way (ours).
pub(super) const LINGER: Duration = Duration::from_secs(1);

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
    let mut reader = CommandReader::default();
    let mut matched: Option<Command> = None;
    // Longer than any command, so that one with something behind it is seen as a whole.
    let mut buffer = [0; 4096];
    loop {
        let remaining = deadline.remaining();
        let patience =
            if matched.is_some() { Some(remaining.map_or(QUIET, |left| left.min(QUIET))) } else { remaining };
        if patience == Some(Duration::ZERO) {
            return matched.ok_or(NoCommand::Silent);
        }
        client.set_patience(patience).map_err(NoCommand::Broken)?;
        match client.read(&mut buffer) {
            Ok(0) => return matched.ok_or_else(|| NoCommand::Unknown(reader.received().to_vec())),
            Ok(n) => match reader.push(buffer.get(..n).unwrap_or_default()) {
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
/// `limits` say; see [`execute`] for `held_back`.
pub fn converse<S: IntoIterator<Item = Step>>(
    client: &mut impl ClientStream,
    limits: &ClientLimits,
    answer: impl FnOnce(&Command) -> S,
    held_back: usize,
    clock: &dyn Clock,
) -> Dialogue {
    match receive_command(client, Deadline::after(limits.silence)) {
        Ok(command) => match execute(client, answer(&command), held_back, clock) {
            Ok(sent) => Dialogue::Answered { command, sent },
            Err(error) => Dialogue::Gone { command, error },
        },
        Err(why) => Dialogue::Unanswered(why),
    }
}

/// Ends a client's stream.
pub fn finish(stream: TcpStream, end: End) {
    match end {
        End::Fin | End::BareFin => close(stream),
        End::Reset => abort(stream),
    }
}

/// Ends a client's stream with a FIN: says that nothing more comes, then reads what is still on its way, for a
/// second at most. Closing with unread bytes would send a reset, which can destroy an answer.
pub fn close(mut stream: TcpStream) {
    let deadline = Deadline::after(LINGER);
    if stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let mut rest = [0; 4096];
    while let Some(left) = deadline.remaining().filter(|left| !left.is_zero()) {
        match stream.set_read_timeout(Some(left)).and_then(|()| stream.read(&mut rest)) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Ends a client's stream with a reset.
fn abort(stream: TcpStream) {
    // Where the system refuses, the end is a FIN.
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}
