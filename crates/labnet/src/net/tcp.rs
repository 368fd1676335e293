//! TCP streams: opened with a deadline, read with or without one.

use std::{
    io::{self, IoSlice, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use socket2::SockRef;

use super::{
    AsyncSocket, ClientStream, Clock, Deadline, End, Families, Operation, Server, block_on, ending,
    send_limit::SendLimit,
    stream::{DynamicSocket, Stream},
    vanished,
};
use crate::Error;

impl ClientStream for Connection {
    fn set_patience(&mut self, patience: Option<Duration>) -> io::Result<()> {
        if self.stream.is_async() {
            self.deadline = patience.map_or(Deadline::NONE, Deadline::after);
        }
        self.stream.set_read_timeout(patience)
    }

    async fn ready(&mut self, operation: Operation) -> io::Result<()> {
        self.turns = 0;
        let Stream::Async(socket) = &self.stream else { return Err(io::ErrorKind::WouldBlock.into()) };
        match operation {
            Operation::Read => socket.0.ready(operation, self.deadline.or_after(self.silence)).await,
            Operation::Write => match socket.0.ready(operation, self.sends.deadline()).await {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(self.sends.exceed()),
                result => result,
            },
        }
    }

    async fn wait(&mut self, duration: Duration, clock: &dyn Clock) -> io::Result<bool> {
        vanished::wait(self, duration, clock).await
    }

    async fn end_output(&mut self) {
        let _ = self.end();
    }

    fn begin_send(&mut self) {
        self.sends.begin();
    }

    fn end_send(&mut self) {
        self.sends.end();
    }
}

/// What a client has counted of its peer's answer, for its statistics.
pub trait Counted {
    /// The peer.
    fn peer(&self) -> SocketAddr;

    /// How many recv calls have returned, the empty one at the end included.
    fn recv_calls(&self) -> u64;

    /// How many bytes they have brought.
    fn bytes_received(&self) -> u64;

    /// How many TCP segments with payload have been received (Linux; else `None`).
    fn data_segments_in(&self) -> Option<u64>;
}

impl Counted for Connection {
    fn peer(&self) -> SocketAddr {
        self.peer
    }

    fn recv_calls(&self) -> u64 {
        self.recv_calls
    }

    fn bytes_received(&self) -> u64 {
        self.bytes
    }

    fn data_segments_in(&self) -> Option<u64> {
        #[cfg(target_os = "linux")]
        return match &self.stream {
            Stream::Blocking(stream) => super::tcp_info::data_segments_in(stream),
            Stream::Async(_) => None,
        };
        #[cfg(not(target_os = "linux"))]
        None
    }
}

/// How many operations in a row a connection without a thread makes, before others may (ours).
const MAX_TURNS: u8 = 32;

/// A client's TCP connection.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    /// How many operations in a row had not to wait.
    turns: u8,
    peer: SocketAddr,
    /// The longest wait of one recv.
    silence: Option<Duration>,
    /// The end of a phase of several recv calls, such as a handshake.
    deadline: Deadline,
    sends: SendLimit,
    recv_calls: u64,
    bytes: u64,
}

/// Connects to the first address of a server that answers, each address getting its share of the time.
///
/// # Errors
/// [`Error::Resolve`], [`Error::NoAddress`], or [`Error::Connect`] with the reason of every address.
pub fn connect(server: &Server, families: Families, deadline: Deadline) -> Result<Connection, Error> {
    let addresses = server.resolve(families, deadline)?;
    let mut attempts = Vec::new();
    for (i, &address) in addresses.iter().enumerate() {
        let share = deadline.remaining().map(|remaining| remaining / (addresses.len() - i) as u32);
        let stream = match share {
            Some(Duration::ZERO) => Err(io::ErrorKind::TimedOut.into()),
            Some(share) => TcpStream::connect_timeout(&address, share),
            None => TcpStream::connect(address),
        };
        match stream {
            Ok(stream) => return Ok(Connection::new(stream, address)),
            Err(source) => attempts.push((address, source)),
        }
    }
    Err(Error::Connect { server: server.to_string(), attempts })
}

impl Connection {
    /// Takes over a connected stream, on which the thread waits.
    pub fn new(stream: TcpStream, peer: SocketAddr) -> Self {
        Self::over(Stream::Blocking(stream), peer)
    }

    /// Takes over a connected socket, which waits without a thread.
    pub fn without_thread(socket: Box<dyn AsyncSocket>, peer: SocketAddr) -> Self {
        Self::over(Stream::Async(DynamicSocket(socket)), peer)
    }

    fn over(stream: Stream, peer: SocketAddr) -> Self {
        Self {
            stream,
            turns: 0,
            peer,
            silence: None,
            deadline: Deadline::NONE,
            sends: SendLimit::default(),
            recv_calls: 0,
            bytes: 0,
        }
    }

    /// Its socket, for the options.
    pub(super) fn socket(&self) -> SockRef<'_> {
        self.stream.socket()
    }

    /// A part of a pause; `false` when everything ends.
    pub(super) async fn pause(&self, duration: Duration, clock: &dyn Clock) -> bool {
        match &self.stream {
            Stream::Async(socket) => socket.0.pause(duration).await,
            Stream::Blocking(_) => clock.pause(duration),
        }
    }

    /// Without a thread: whether it is time to let others work, even though this connection could go on. A peer that is
    /// fast could keep the thread of all for itself.
    fn lets_others_work(&mut self) -> bool {
        self.turns = self.turns.saturating_add(1);
        self.stream.is_async() && self.turns > MAX_TURNS
    }

    /// Gives up the counting and the limits; `None` of a connection without a thread.
    pub fn into_stream(self) -> Option<TcpStream> {
        match self.stream {
            Stream::Blocking(stream) => Some(stream),
            Stream::Async(_) => None,
        }
    }

    /// The address of the server.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// From now on no recv waits longer than `silence`, nor all of them beyond `deadline`.
    ///
    /// # Errors
    /// [`Error::Receive`] when the system refuses.
    pub fn set_limits(&mut self, silence: Option<Duration>, deadline: Deadline) -> Result<(), Error> {
        (self.silence, self.deadline) = (silence, deadline);
        if deadline != Deadline::NONE || self.stream.is_async() {
            // Every read sets what is left.
            return Ok(());
        }
        self.stream.set_read_timeout(silence).map_err(|source| Error::Receive { from: self.peer, source })
    }

    /// One `recv()`: the bytes that have come, at most a bufferful; none at the end of the stream.
    ///
    /// # Errors
    /// [`Error::Silent`] when patience ended, [`Error::Receive`] when the connection broke.
    pub fn recv<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b [u8], Error> {
        let n = self.read(buffer).map_err(|source| self.explain(source))?;
        Ok(buffer.get(..n).unwrap_or_default())
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// [`Error::Send`].
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.write_all(bytes).map_err(|source| Error::Send { to: self.peer, source })
    }

    /// What a failed read means.
    pub fn explain(&self, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Error::Silent { from: self.peer, after: self.silence.or(self.deadline.length()).unwrap_or_default() }
            }
            _ => Error::Receive { from: self.peer, source },
        }
    }

    /// Lets every send leave at once, instead of waiting for more (Nagle's algorithm, RFC 9293, section 3.7.4).
    ///
    /// # Errors
    /// [`Error::Send`] when the system refuses.
    pub fn set_nodelay(&self) -> Result<(), Error> {
        self.socket().set_tcp_nodelay(true).map_err(|source| Error::Send { to: self.peer, source })
    }

    /// Says with a FIN that nothing more is sent; receiving goes on.
    ///
    /// # Errors
    /// That of the connection.
    pub fn end(&self) -> io::Result<()> {
        self.socket().shutdown(Shutdown::Write)
    }

    /// Ends the connection with a FIN: see [`close`](super::close()).
    pub fn close(self) {
        self.finish(End::Fin);
    }

    /// Ends the connection with a FIN or a reset. A peer that did not take what it was sent gets a reset: a FIN would
    /// say that this was all.
    pub fn finish(self, end: End) {
        block_on(self.finish_async(end));
    }

    /// The same without a thread of its own: see [`finish`](Self::finish).
    pub async fn finish_async(self, end: End) {
        let end = if self.sends.is_exceeded() { End::Reset } else { end };
        ending::finish(self, end).await;
    }

    /// How long each send may take, all of it; `None` is for ever. A write is a send; so are all writes between
    /// [`begin_send`](ClientStream::begin_send) and [`end_send`](ClientStream::end_send).
    pub fn set_stall(&mut self, stall: Option<Duration>) {
        self.sends.set(stall);
    }

    /// In a pause that the caller makes by itself: whether to look for a peer that vanished before it took all.
    pub fn watch(&self, is_watched: bool) {
        vanished::limit_unacknowledged(&self.socket(), is_watched);
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(remaining) = self.deadline.remaining() {
            if remaining.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let patience = self.silence.map_or(remaining, |silence| silence.min(remaining));
            self.stream.set_read_timeout(Some(patience))?;
        }
        if self.lets_others_work() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        loop {
            match (&self.stream).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(n) => {
                    self.recv_calls += 1;
                    self.bytes += n as u64;
                    return Ok(n);
                }
                Err(error) => return Err(vanished::tell_apart(error)),
            }
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    /// All pieces in one call: piece by piece, Nagle's algorithm would hold the second until the first is acknowledged.
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.lets_others_work() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match &self.stream {
            Stream::Async(_) => self.sends.write_some(&self.stream, pieces),
            Stream::Blocking(stream) => self.sends.write(stream, pieces),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        (&self.stream).flush()
    }
}
