//! The dialogue of part 2 from the PMU's side: a command that has no delimiter, an answer with pauses, a clean end.

use std::{
    fmt,
    io::{self, Read},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use socket2::SockRef;

use super::{Clock, Deadline, Peer};
use crate::pmu::{Command, CommandReader, Device, Progress};

/// How long a command that came in pieces must be followed by silence to be complete (the lab's contract).
const QUIET: Duration = Duration::from_millis(50);

/// How long a server goes on reading after its last byte, so that its close is a FIN and not a reset that would
/// destroy what is still on its way (ours).
const LINGER: Duration = Duration::from_secs(1);

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
pub fn receive_command(peer: &mut impl Peer, deadline: Deadline) -> Result<Command, NoCommand> {
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
        peer.set_patience(patience).map_err(NoCommand::Broken)?;
        match peer.read(&mut buffer) {
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

/// The answer of the handout's PMU: one send for each message, or one for a flood. Yields their number, which is less
/// than it should be when a pause was cut short.
///
/// Sends without a pause between them are held back and leave together, up to `held_back` bytes; with 0 each leaves on
/// its own.
///
/// # Errors
/// That of the stream, which includes the end of its patience.
pub fn answer(
    peer: &mut impl Peer,
    device: &Device,
    command: &Command,
    held_back: usize,
    clock: &dyn Clock,
) -> io::Result<u64> {
    let (mut sends, mut held) = (0, Vec::new());
    for send in device.answer(command) {
        if !send.pause.is_zero() {
            peer.write_all(&std::mem::take(&mut held))?;
            if !peer.wait(send.pause, clock)? {
                break;
            }
        }
        if held.len() + send.bytes.len() > held_back {
            peer.write_all(&std::mem::take(&mut held))?;
        }
        if send.bytes.len() > held_back {
            peer.write_all(&send.bytes)?;
        } else {
            held.extend_from_slice(&send.bytes);
        }
        sends += 1;
    }
    peer.write_all(&held)?;
    peer.flush()?;
    Ok(sends)
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

/// Ends a client's stream with a reset, as a server does that was killed.
pub fn abort(stream: TcpStream) {
    // Where the system refuses, the end is a FIN.
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}
