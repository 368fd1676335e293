//! A thread pool for clients: a thread for each, kept for a moment for the next.
//!
//! To start a thread, and all that belongs to one, costs about a tenth of a TLS handshake.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Sender},
    },
    thread::{self, ThreadId},
    time::Duration,
};

/// How long a thread waits for another client (ours).
const IDLE_TIME: Duration = Duration::from_secs(1);

/// The threads of one server, and what each does with a client. Its clones share them.
pub(super) struct ThreadPool<C> {
    idle: Arc<Idle<C>>,
    serve: Arc<dyn Fn(C) + Send + Sync>,
}

/// Those that wait, the one that began to wait last on top.
struct Idle<C>(Mutex<Vec<(ThreadId, Sender<C>)>>);

impl<C> Idle<C> {
    fn lock(&self) -> MutexGuard<'_, Vec<(ThreadId, Sender<C>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Clone for ThreadPool<C> {
    fn clone(&self) -> Self {
        Self { idle: Arc::clone(&self.idle), serve: Arc::clone(&self.serve) }
    }
}

impl<C: Send + 'static> ThreadPool<C> {
    pub(super) fn new(serve: impl Fn(C) + Send + Sync + 'static) -> Self {
        Self { idle: Arc::new(Idle(Mutex::new(Vec::new()))), serve: Arc::new(serve) }
    }

    /// Hands a client to a thread that waits, or to a new one.
    ///
    /// # Errors
    /// When there is no thread to be had; the client is gone then.
    pub(super) fn run(&self, client: C) -> io::Result<()> {
        // Handed over under the lock: a thread that is on the list takes what it is sent, see `work`.
        let mut idle = self.idle.lock();
        let client = match idle.pop() {
            Some((_, thread)) => match thread.send(client) {
                Ok(()) => return Ok(()),
                Err(mpsc::SendError(client)) => client,
            },
            None => client,
        };
        drop(idle);
        let (idle, serve) = (Arc::clone(&self.idle), Arc::clone(&self.serve));
        thread::Builder::new().name("client".to_owned()).spawn(move || work(client, &idle, &*serve)).map(drop)
    }
}

fn work<C>(first: C, idle: &Idle<C>, serve: &(dyn Fn(C) + Send + Sync)) {
    let this = thread::current().id();
    let (sender, clients) = mpsc::channel();
    let mut client = Some(first);
    while let Some(now) = client {
        serve(now);
        idle.lock().push((this, sender.clone()));
        client = clients.recv_timeout(IDLE_TIME).ok().or_else(|| {
            let mut idle = idle.lock();
            let before = idle.len();
            idle.retain(|(thread, _)| *thread != this);
            // No longer on the list, and not by its own doing: a client is on its way.
            if idle.len() == before { clients.try_recv().ok() } else { None }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_is_served_once_by_a_thread_that_waits_or_by_a_new_one() {
        const CLIENTS: usize = 2000;
        let (served, seen) = mpsc::channel();
        let pool = ThreadPool::new(move |client: usize| served.send((client, thread::current().id())).unwrap());
        let mut clients = Vec::new();
        let mut threads = Vec::new();
        for client in 0..CLIENTS {
            pool.run(client).unwrap();
            if client % 3 == 0 {
                let (client, thread) = seen.recv_timeout(Duration::from_secs(20)).unwrap();
                clients.push(client);
                threads.push(thread);
            }
        }
        while clients.len() < CLIENTS {
            let (client, thread) = seen.recv_timeout(Duration::from_secs(20)).unwrap();
            clients.push(client);
            threads.push(thread);
        }
        clients.sort_unstable();
        assert!(clients.iter().copied().eq(0..CLIENTS));
        threads.sort_unstable_by_key(|thread| format!("{thread:?}"));
        threads.dedup();
        assert!(threads.len() < CLIENTS, "no thread served twice");
    }
}
