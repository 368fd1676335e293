//! The socket under a connection: one that blocks its thread, or one that a runtime waits for.
//!
//! Nothing here knows a runtime: that is the choice of whoever makes the socket.

#[cfg(unix)]
use std::os::fd::AsFd as AsSystemSocket;
#[cfg(windows)]
use std::os::windows::io::AsSocket as AsSystemSocket;
use std::{
    fmt,
    io::{self, IoSlice, Read, Write},
    net::TcpStream,
    pin::Pin,
    time::Duration,
};

use socket2::SockRef;

use super::Deadline;

/// What a connection is to be ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A read: bytes have come, or the end, or an error.
    Read,
    /// A write: there is room, or an error.
    Write,
}

/// A wait. It is allocated when it begins, so that a dialogue holds no more than a pointer of each.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A connected TCP socket that never blocks, and waits with the help of a runtime.
pub trait AsyncSocket: AsSystemSocket + fmt::Debug + Send + Sync {
    /// Reads what has come; none at the end of the stream.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when nothing has; the system's.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is none; the system's.
    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Waits until the socket is ready. When it is so already, others get their turn first.
    ///
    /// # Errors
    /// [`TimedOut`](io::ErrorKind::TimedOut) at the deadline; that of the runtime.
    fn ready(&self, operation: Operation, deadline: Deadline) -> Waiting<'_, io::Result<()>>;

    /// Waits for that long; `false` when that was cut short because everything ends.
    fn pause(&self, duration: Duration) -> Waiting<'_, bool>;
}

/// A socket of either kind.
#[derive(Debug)]
pub(super) enum Stream {
    Blocking(TcpStream),
    Async(DynamicSocket),
}

/// A socket behind a pointer, which `SockRef` takes on every system.
#[derive(Debug)]
pub(super) struct DynamicSocket(pub(super) Box<dyn AsyncSocket>);

#[cfg(unix)]
impl AsSystemSocket for DynamicSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(windows)]
impl AsSystemSocket for DynamicSocket {
    fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
        self.0.as_socket()
    }
}

impl Stream {
    /// For the options of the socket, which both kinds have.
    pub(super) fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Blocking(stream) => SockRef::from(stream),
            Self::Async(socket) => SockRef::from(socket),
        }
    }

    pub(super) fn is_async(&self) -> bool {
        matches!(self, Self::Async(_))
    }

    /// Limits the wait of each read, if that blocks.
    pub(super) fn set_read_timeout(&self, patience: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Blocking(stream) => stream.set_read_timeout(patience),
            Self::Async(_) => Ok(()),
        }
    }
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Blocking(stream) => (&mut &*stream).read(buffer),
            Stream::Async(socket) => socket.0.try_read(buffer),
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Blocking(stream) => (&mut &*stream).write_vectored(pieces),
            Stream::Async(socket) => socket.0.try_write(pieces),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
