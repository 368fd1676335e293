//! How long a send may take: all of it, measured on the clock.

use std::{
    io::{self, IoSlice, Write},
    net::TcpStream,
    time::Duration,
};

use super::Deadline;

/// The limit of each send on a stream.
///
/// The system's own limit (SO_SNDTIMEO) is no such thing: it begins anew with each part of a send that the peer takes.
#[derive(Debug, Default)]
pub(super) struct SendLimit {
    limit: Option<Duration>,
    /// The end of a send of several writes.
    deadline: Option<Deadline>,
    is_exceeded: bool,
}

impl SendLimit {
    /// From now on no send may take longer; `None` is for ever.
    pub(super) fn set(&mut self, limit: Option<Duration>) {
        self.limit = limit;
    }

    /// All writes from here to [`end`](Self::end) are one send; without that each is one.
    pub(super) fn begin(&mut self) {
        self.deadline = self.limit.map(Deadline::after);
    }

    /// The end of a send of several writes.
    pub(super) fn end(&mut self) {
        self.deadline = None;
    }

    /// Whether a send took too long: nothing can be sent any more, for nobody knows how much of it has left.
    pub(super) fn is_exceeded(&self) -> bool {
        self.is_exceeded
    }

    /// The end of the send that is under way.
    pub(super) fn deadline(&self) -> Deadline {
        self.deadline.or(self.limit.map(Deadline::after)).unwrap_or(Deadline::NONE)
    }

    /// The send that is under way took too long.
    pub(super) fn exceed(&mut self) -> io::Error {
        self.is_exceeded = true;
        too_slow(self.limit.unwrap_or_default())
    }

    /// Writes some of the pieces, on a stream that does not block.
    pub(super) fn write_some(&mut self, mut stream: impl Write, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_exceeded || self.deadline.is_some_and(|deadline| deadline.remaining() == Some(Duration::ZERO)) {
            return Err(self.exceed());
        }
        stream.write_vectored(pieces)
    }

    /// Writes all pieces within the limit. Without one this is a plain write, which may take some of them only.
    pub(super) fn write(&mut self, mut stream: &TcpStream, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(limit) = self.limit else { return stream.write_vectored(pieces) };
        let deadline = self.deadline.unwrap_or_else(|| Deadline::after(limit));
        let len = pieces.iter().map(|piece| piece.len()).sum();
        let mut pieces = pieces.to_vec();
        let mut rest = pieces.as_mut_slice();
        // Leaves out what is empty.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let remaining = deadline.remaining().unwrap_or(limit);
            if remaining.is_zero() || self.is_exceeded {
                self.is_exceeded = true;
                return Err(too_slow(limit));
            }
            stream.set_write_timeout(Some(remaining))?;
            match stream.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => IoSlice::advance_slices(&mut rest, n),
                Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(len)
    }
}

/// Sends all bytes within a limit, measured on the clock however slowly the peer takes them.
///
/// # Errors
/// [`TimedOut`](io::ErrorKind::TimedOut) at the end of the limit, or that of the stream. Nobody knows then how much has
/// left: the stream is of no use any more.
pub fn send_within(stream: &TcpStream, bytes: &[u8], limit: Duration) -> io::Result<()> {
    let mut sends = SendLimit::default();
    sends.set(Some(limit));
    sends.write(stream, &[IoSlice::new(bytes)]).map(drop)
}

fn too_slow(limit: Duration) -> io::Error {
    let reason = format!("it did not take what it was sent within {} s", limit.as_secs_f64());
    io::Error::new(io::ErrorKind::TimedOut, reason)
}

/// Whether a socket's own limit has passed. On Unix that has a code of its own, so that a peer that vanished, which
/// the system reports as a timeout too, is not taken for it.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || cfg!(windows) && error.kind() == io::ErrorKind::TimedOut
}

#[cfg(test)]
mod tests {
    use std::{io::Read, net::TcpListener, sync::mpsc, thread, time::Instant};

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0, client)
    }

    #[test]
    fn a_peer_that_takes_a_little_now_and_then_does_not_prolong_a_send() {
        let (server, mut client) = pair();
        let (end, ended) = mpsc::channel::<()>();
        // Enough, each time, for some of the send to be taken.
        let reader = thread::spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            while ended.recv_timeout(Duration::from_millis(100)) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = client.read(&mut buffer).unwrap();
            }
        });
        const LIMIT: Duration = Duration::from_millis(800);
        let mut limit = SendLimit::default();
        limit.set(Some(LIMIT));
        let begun = Instant::now();
        let flood = vec![0; 256 << 20];
        let error = limit.write(&server, &[IoSlice::new(&[]), IoSlice::new(&flood)]).unwrap_err();
        let took = begun.elapsed();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "it did not take what it was sent within 0.8 s");
        assert!(took >= LIMIT && took < 4 * LIMIT, "{took:?}");
        let begun = Instant::now();
        let error = send_within(&server, &flood, LIMIT).unwrap_err();
        assert!(error.kind() == io::ErrorKind::TimedOut && begun.elapsed() < 4 * LIMIT, "{error}");
        // Nothing is sent after that, and nothing waited for.
        assert!(limit.is_exceeded());
        assert!(limit.write(&server, &[IoSlice::new(b"x")]).is_err());
        drop(end);
        reader.join().unwrap();
    }

    #[test]
    fn all_writes_of_a_send_have_its_limit_together() {
        let (server, _client) = pair();
        let mut limit = SendLimit::default();
        limit.set(Some(Duration::from_millis(300)));
        limit.begin();
        thread::sleep(Duration::from_millis(350));
        assert!(limit.write(&server, &[IoSlice::new(b"late")]).is_err());
    }
}
