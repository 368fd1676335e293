//! The threads that serve: a few, each with a runtime for the clients that are handed to it in turn.
//!
//! The one owner of `tokio`. What a client is told stands elsewhere and knows no runtime; here is what it waits with.

#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};
use std::{
    future,
    io::{self, IoSlice},
    net::TcpListener,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{
    io::Interest,
    net::TcpStream,
    runtime::{Builder, Runtime},
    sync::{
        Notify,
        mpsc::{self, UnboundedReceiver, UnboundedSender},
    },
    task::LocalSet,
};

use labnet::{
    Error,
    net::{
        self, AdmittedClient, AsyncSocket, ClientLimits, Connection, Deadline, Operation, Running, ServeEvent,
        SystemClock, Waiting,
    },
};

/// The most threads of one server (ours): more cores are left to the clients, which may be on the same machine.
const MAX_WORKERS: usize = 4;

/// Serves listening sockets until the result is dropped. `handler` gets each client's connection, and its number, from 1 in
/// the order in which the clients came; what it returns runs
/// on one of a few threads, among others, and must not block. The client counts as connected until that is done.
///
/// # Errors
/// [`Error::System`] when a socket cannot be set up, or there is no thread to be had.
pub(crate) fn serve<F: Future<Output = ()> + 'static>(
    listeners: Vec<TcpListener>,
    limits: &ClientLimits,
    clock: SystemClock,
    events: impl Fn(ServeEvent) + Clone + Send + 'static,
    handler: impl Fn(Connection, u64) -> F + Clone + Send + 'static,
) -> Result<Running, Error> {
    let count = thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
    let workers: Vec<_> =
        (0..count).map(|_| start(clock.clone(), handler.clone())).collect::<io::Result<_>>().map_err(no_thread)?;
    let (workers, count) = (Arc::new(workers), Arc::new(AtomicU64::new(0)));
    // The workers end when nobody can hand a client to them any more, and their clients have left.
    net::admit_clients(listeners, limits, clock, events, move |client| {
        let before = count.fetch_add(1, Ordering::Relaxed);
        let turn = usize::try_from(before % workers.len().max(1) as u64).unwrap_or_default();
        match workers.get(turn).map(|worker| worker.send((client, before + 1))) {
            Some(Ok(())) => Ok(()),
            _ => Err(io::Error::other("a thread of this server has ended")),
        }
    })
}

fn no_thread(source: io::Error) -> Error {
    Error::System { attempt: "start a thread", source }
}

/// A client, and its number among those of its server.
type NumberedClient = (AdmittedClient, u64);

/// Starts a worker: the way to hand clients to it.
fn start<F: Future<Output = ()> + 'static>(
    clock: SystemClock,
    handler: impl Fn(Connection, u64) -> F + Send + 'static,
) -> io::Result<UnboundedSender<NumberedClient>> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let (sender, clients) = mpsc::unbounded_channel();
    thread::Builder::new().name("clients".to_owned()).spawn(move || work(&runtime, clients, clock, handler))?;
    Ok(sender)
}

fn work<F: Future<Output = ()> + 'static>(
    runtime: &Runtime,
    mut clients: UnboundedReceiver<NumberedClient>,
    clock: SystemClock,
    handler: impl Fn(Connection, u64) -> F + 'static,
) {
    let all = LocalSet::new();
    all.spawn_local(async move {
        let ended = Arc::new(Notify::new());
        while let Some((AdmittedClient { stream, peer, permit }, number)) = clients.recv().await {
            // Else the system has no memory for one more; the client sees its end.
            if let Ok(socket) = DrivenSocket::new(stream, clock.clone(), Arc::clone(&ended)) {
                let served = handler(Connection::without_thread(Box::new(socket), peer), number);
                tokio::task::spawn_local(async move {
                    served.await;
                    drop(permit);
                });
            }
        }
        // The clock has ended before: whoever waits later sees that.
        ended.notify_waiters();
    });
    runtime.block_on(all);
}

/// A socket that is known to the runtime of its worker.
#[derive(Debug)]
struct DrivenSocket {
    stream: TcpStream,
    clock: SystemClock,
    ended: Arc<Notify>,
}

impl DrivenSocket {
    fn new(stream: std::net::TcpStream, clock: SystemClock, ended: Arc<Notify>) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream: TcpStream::from_std(stream)?, clock, ended })
    }
}

#[cfg(unix)]
impl AsFd for DrivenSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(windows)]
impl AsSocket for DrivenSocket {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.stream.as_socket()
    }
}

impl AsyncSocket for DrivenSocket {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.try_read(buffer)
    }

    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.try_write_vectored(pieces)
    }

    fn ready(&self, operation: Operation, deadline: Deadline) -> Waiting<'_, io::Result<()>> {
        Box::pin(async move {
            let interest = match operation {
                Operation::Read => Interest::READABLE,
                Operation::Write => Interest::WRITABLE,
            };
            let Some(end) = deadline.instant() else { return self.await_readiness(interest).await };
            let ended = tokio::time::timeout_at(end.into(), self.await_readiness(interest)).await;
            ended.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        })
    }

    fn pause(&self, duration: Duration) -> Waiting<'_, bool> {
        Box::pin(async move {
            // Before the look at the clock, so that no end is missed between the two.
            let ended = self.ended.notified();
            !self.clock.has_ended() && tokio::time::timeout(duration, ended).await.is_err()
        })
    }
}

impl DrivenSocket {
    async fn await_readiness(&self, interest: Interest) -> io::Result<()> {
        let (mut ready, mut had_to_wait) = (pin!(self.stream.ready(interest)), false);
        let ready = future::poll_fn(|context| {
            let poll = ready.as_mut().poll(context);
            had_to_wait |= poll.is_pending();
            poll
        });
        ready.await?;
        if !had_to_wait {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}
