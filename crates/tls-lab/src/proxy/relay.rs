//! Passes clear text between two TLS connections, both ways at once, until both ways have ended.
//!
//! A thread for each way. What is slow, reading from a socket and writing to one, is done outside the locks:
//!
//! ```text
//! read ── [decrypt: from.tls] ── show ── [encrypt: to.tls] ── write      in brackets: under that connection's lock
//! ```
//!
//! Each way holds at most one buffer: a receiver that is slow slows the sender, and fills no memory.

use std::{
    fmt,
    io::{self, BufRead, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use labnet::{count::Count, error::reason, net, tls};
use rustls::Connection;

use super::transcript::Transcript;

/// How much is read at once: eight records, so that a flood costs few system calls (ours).
const WIRE_LEN: usize = 128 * 1024;

/// How long a receiver may take over each send of what is passed to it before both connections are ended (ours): no send
/// is longer than a buffer.
const STALL: Duration = Duration::from_secs(60);

/// How long both ways may be silent before the same happens: no side says so when its machine has vanished (ours).
const IDLE: Duration = Duration::from_secs(600);

/// One of the two connections, after its handshake.
pub(super) struct Endpoint {
    stream: TcpStream,
    tls: Mutex<Connection>,
    /// Held from encrypting to the end of writing: records must leave in the order of their numbers.
    sending: Mutex<()>,
    /// As a report names it.
    name: &'static str,
}

/// How one way ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Its sender said so.
    CloseNotify,
    /// A bare FIN, which anyone on the way can forge.
    BareFin,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Endpoint {
    pub(super) fn new(stream: TcpStream, mut tls: Connection, name: &'static str) -> Self {
        // What is encrypted leaves before more is read: the buffer of a way is the limit.
        tls.set_buffer_limit(None);
        Self { stream, tls: Mutex::new(tls), sending: Mutex::new(()), name }
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn set_limits(&self) -> io::Result<()> {
        self.stream.set_read_timeout(Some(IDLE))
    }

    /// Ends it in both directions; whoever waits for it wakes up.
    fn shut(&self) {
        // It may have ended.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Decrypts what has come; `true` when its sender has said that nothing follows.
    fn decrypt(&self, mut wire: &[u8], clear: &mut Vec<u8>) -> io::Result<bool> {
        let mut tls = lock(&self.tls);
        loop {
            if !wire.is_empty() {
                tls.read_tls(&mut wire)?;
            }
            let state = tls.process_new_packets().map_err(io::Error::other)?;
            while clear_text(&mut tls, clear)? {}
            if state.peer_has_closed() || wire.is_empty() {
                return Ok(state.peer_has_closed());
            }
        }
    }

    /// Encrypts and sends.
    fn send(&self, clear: &[u8], wire: &mut Vec<u8>) -> io::Result<()> {
        let turn = lock(&self.sending);
        lock(&self.tls).writer().write_all(clear)?;
        self.write_out(turn, wire)
    }

    /// Sends what TLS itself has to say, such as an alert; if another thread is sending, that one does.
    fn send_own(&self, wire: &mut Vec<u8>) -> io::Result<()> {
        match self.sending.try_lock() {
            Ok(turn) => self.write_out(turn, wire),
            Err(_) => Ok(()),
        }
    }

    /// Writes all that is encrypted. The turn ends before the lock does: what is added later finds nobody sending.
    fn write_out(&self, turn: MutexGuard<'_, ()>, wire: &mut Vec<u8>) -> io::Result<()> {
        loop {
            wire.clear();
            let mut tls = lock(&self.tls);
            while tls.wants_write() {
                tls.write_tls(wire)?;
            }
            if wire.is_empty() {
                drop(turn);
                return Ok(());
            }
            drop(tls);
            net::send_within(&self.stream, wire, STALL)?;
        }
    }

    /// Ends one way as its sender did: after close_notify with one, after a bare FIN with no more than that.
    fn end(&self, end: End) -> io::Result<()> {
        let turn = lock(&self.sending);
        if end == End::CloseNotify {
            lock(&self.tls).send_close_notify();
        }
        self.write_out(turn, &mut Vec::new())?;
        self.stream.shutdown(Shutdown::Write)
    }

    fn read(&self, wire: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&self.stream).read(wire) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

/// Takes one piece of what is decrypted; `false` when there is none.
fn clear_text(tls: &mut Connection, clear: &mut Vec<u8>) -> io::Result<bool> {
    let mut reader = tls.reader();
    let piece = match reader.fill_buf() {
        Ok(piece) => piece,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
        Err(error) => return Err(error),
    };
    let len = piece.len();
    clear.extend_from_slice(piece);
    reader.consume(len);
    Ok(len > 0)
}

/// What became of both ways, for the report.
#[derive(Debug)]
pub(super) struct Ending {
    to_server: u64,
    to_victim: u64,
    /// Why, when it was not two times close_notify.
    remarks: Vec<String>,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [to_server, to_victim] = [self.to_server, self.to_victim].map(|bytes| Count::new(bytes, "byte"));
        write!(f, "{to_server} to the server, {to_victim} to the victim")?;
        self.remarks.iter().try_for_each(|remark| write!(f, "; {remark}"))
    }
}

/// Passes what comes from either side to the other. When one way has ended, the other may be silent for `linger`.
pub(super) fn relay<'s>(
    victim: &Endpoint,
    server: &Endpoint,
    linger: Duration,
    transcript: impl Fn(char) -> Transcript<'s>,
) -> Ending {
    let both =
        Both { victim, server, linger, ways: Mutex::default(), changed: Condvar::new(), passed: AtomicU64::new(0) };
    let (mut to_server, mut to_victim) = (transcript('>'), transcript('<'));
    thread::scope(|scope| {
        let there = thread::Builder::new().name("to the server".to_owned());
        let there = there.spawn_scoped(scope, || both.carry(victim, server, &mut to_server));
        match there {
            Ok(_) => both.carry(server, victim, &mut to_victim),
            Err(error) => both.break_off(&format!("no thread is to be had: {}", reason(&error))),
        }
    });
    let remarks = std::mem::take(&mut lock(&both.ways).remarks);
    Ending { to_server: to_server.total(), to_victim: to_victim.total(), remarks }
}

/// Both connections, and what their two threads must know of each other.
struct Both<'a> {
    victim: &'a Endpoint,
    server: &'a Endpoint,
    linger: Duration,
    ways: Mutex<Ways>,
    changed: Condvar,
    /// Counts everything that is passed, either way.
    passed: AtomicU64,
}

#[derive(Debug, Default)]
struct Ways {
    ended: usize,
    /// How many of them ended with close_notify.
    farewells: usize,
    is_broken: bool,
    remarks: Vec<String>,
}

impl Both<'_> {
    /// One way, to its end, which is passed on; then waits for the other, which is not to wait for ever.
    fn carry(&self, from: &Endpoint, to: &Endpoint, transcript: &mut Transcript<'_>) {
        match self.pass(from, to, transcript) {
            Ok(end) => {
                self.has_ended(from, end);
                // A side that has ended too may be gone by now.
                if let Err(error) = to.end(end)
                    && lock(&self.ways).ended < 2
                {
                    self.break_off(&explain(to.name, &error));
                }
            }
            Err(why) => self.break_off(&why),
        }
        self.await_other();
    }

    /// Notes it before the other side hears of it. Who leaves after the other's farewell has nothing more to say.
    fn has_ended(&self, from: &Endpoint, end: End) {
        let mut ways = lock(&self.ways);
        if end == End::BareFin && ways.farewells == 0 && !ways.is_broken {
            ways.remarks.push(format!("{} ended without close_notify", from.name));
        }
        ways.ended += 1;
        ways.farewells += usize::from(end == End::CloseNotify);
        self.changed.notify_all();
    }

    fn pass(&self, from: &Endpoint, to: &Endpoint, transcript: &mut Transcript<'_>) -> Result<End, String> {
        let broken = |side: &Endpoint| {
            let name = side.name;
            move |error: io::Error| explain(name, &error)
        };
        from.set_limits().map_err(broken(from))?;
        let mut wire = vec![0; WIRE_LEN];
        let (mut clear, mut sealed) = (Vec::new(), Vec::new());
        // At first nothing but what came with the end of the handshake.
        let mut len = 0;
        loop {
            clear.clear();
            let decrypted = from.decrypt(wire.get(..len).unwrap_or_default(), &mut clear);
            // A last word, or an alert: the connection may be gone, which the next read will notice.
            let _ = from.send_own(&mut sealed);
            transcript.show(&clear);
            if !clear.is_empty() {
                to.send(&clear, &mut sealed).map_err(broken(to))?;
                self.passed.fetch_add(clear.len() as u64, Ordering::Relaxed);
            }
            if decrypted.map_err(broken(from))? {
                return Ok(End::CloseNotify);
            }
            len = self.read(from, &mut wire)?;
            if len == 0 {
                return Ok(End::BareFin);
            }
        }
    }

    /// The next bytes. Silence is an error only when the other way is silent too.
    fn read(&self, from: &Endpoint, wire: &mut [u8]) -> Result<usize, String> {
        loop {
            let before = self.passed.load(Ordering::Relaxed);
            match from.read(wire) {
                Err(error) if is_timeout(&error) => {
                    if self.passed.load(Ordering::Relaxed) == before {
                        return Err(format!("nothing passed for {} s", IDLE.as_secs()));
                    }
                }
                read => return read.map_err(|error| explain(from.name, &error)),
            }
        }
    }

    /// Waits until both ways have ended; when nothing more passes meanwhile, ends both connections.
    fn await_other(&self) {
        let mut ways = lock(&self.ways);
        while ways.ended < 2 && !ways.is_broken {
            let before = self.passed.load(Ordering::Relaxed);
            let is_over = |ways: &mut Ways| ways.ended < 2 && !ways.is_broken;
            let (guard, waited) =
                self.changed.wait_timeout_while(ways, self.linger, is_over).unwrap_or_else(PoisonError::into_inner);
            ways = guard;
            if waited.timed_out() && self.passed.load(Ordering::Relaxed) == before {
                drop(ways);
                return self.break_off("the other side did not end in its turn");
            }
        }
    }

    /// Ends both connections at once. What follows from that is not remarked.
    fn break_off(&self, why: &str) {
        let mut ways = lock(&self.ways);
        if !std::mem::replace(&mut ways.is_broken, true) {
            ways.remarks.push(why.to_owned());
        }
        drop(ways);
        self.changed.notify_all();
        self.victim.shut();
        self.server.shut();
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// What a failure means, as a sentence about one side.
fn explain(name: &str, error: &io::Error) -> String {
    match tls::fault_within(error) {
        Some(fault) => format!("{name} {fault}"),
        // Our own patience; a peer that vanished is a timeout of the system's, which has a number.
        None if is_timeout(error) && error.raw_os_error().is_none() => format!("{name} is given up: {}", reason(error)),
        None => format!("{name} is gone: {}", reason(error)),
    }
}
