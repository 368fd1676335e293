//! A proxy that gives any other server the faults: what that server answers, over TCP or UDP, passes through them.

mod udp;

use std::{
    io::{self, Read},
    iter,
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use labnet::{
    Error,
    net::{self, ClientLimits, Clock, Connection, Deadline, End, Families, Running, Server},
    pmu::Step,
};

use crate::{
    ClientId, Event, ServerName, ServerSettings,
    fault::{self, Fault, Steps},
};

pub use udp::spawn_udp;

pub(crate) const NAME: ServerName = ServerName::Proxy;

/// How much of an answer is read at once, in bytes (ours).
const READ_LEN: usize = 64 * 1024;

/// How long an answer must pause for a fault to let go of what it holds back (ours).
const QUIET: Duration = Duration::from_millis(20);

/// A proxy.
#[derive(Clone, Debug)]
pub struct Config {
    /// The port, over TCP and over UDP; 0 picks a free one.
    pub port: u16,
    /// The server behind it.
    pub to: Server,
}

impl Config {
    /// The port of the proxy when none is given.
    pub const DEFAULT_PORT: u16 = 5008;
}

/// Starts a proxy over TCP on the addresses of the settings.
///
/// # Errors
/// [`Error::Listen`].
pub fn spawn(config: &Config, settings: &ServerSettings) -> Result<Running, Error> {
    let to = config.to.clone();
    let listeners = settings.listen(NAME, &settings.bind, config.port)?;
    settings.serve_blocking(NAME, listeners, move |stream, peer, faults, limits, clock| {
        let client = ClientId::new(NAME, peer);
        match relay(stream, peer, &to, faults, limits, clock) {
            Ok((to, bytes)) => Event::Relayed { client, to, bytes },
            Err(error) => Event::NoUpstream { client, reason: error.to_string() },
        }
    })
}

/// One client, from its connection to the end of both directions: which address answered, with how many bytes.
fn relay(
    stream: TcpStream,
    peer: SocketAddr,
    to: &Server,
    faults: &[Fault],
    limits: &ClientLimits,
    clock: &dyn Clock,
) -> Result<(SocketAddr, u64), Error> {
    let upstream = match net::connect(to, Families::Both, Deadline::after(limits.silence)) {
        Ok(upstream) => upstream,
        Err(error) => {
            Connection::new(stream, peer).finish(End::Reset);
            return Err(error);
        }
    };
    let failed = |source| Error::System { attempt: "set up a socket", source };
    let address = upstream.peer();
    let upstream = upstream.into_stream().ok_or_else(|| failed(io::ErrorKind::Unsupported.into()))?;
    upstream.set_nodelay(true).map_err(failed)?;
    let handle = stream.try_clone().map_err(failed)?;
    let (mut from_client, mut to_upstream) =
        (stream.try_clone().map_err(failed)?, upstream.try_clone().map_err(failed)?);
    let mut client = Connection::new(stream, peer);
    client.set_stall(Some(limits.stall));
    client.set_nodelay()?;
    let mut bytes = 0;
    thread::scope(|scope| {
        let requests = scope.spawn(move || {
            let passed = io::copy(&mut from_client, &mut to_upstream);
            // A client that only ended its own direction still gets its answer.
            let _ = to_upstream.shutdown(if passed.is_ok() { Shutdown::Write } else { Shutdown::Both });
            from_client
        });
        let steps = fault::apply_all(faults, answer(&upstream, &mut bytes, clock));
        let sent = net::execute(&mut client, steps, 0, clock);
        let end = sent.map_or(End::Fin, |sent| sent.end);
        // Before a reset nothing is sent: it follows when every handle is closed.
        let _ = handle.shutdown(if end == End::Reset { Shutdown::Read } else { Shutdown::Write });
        let _ = upstream.shutdown(if end == End::Fin { Shutdown::Read } else { Shutdown::Both });
        drop(requests.join());
        drop(handle);
        client.finish(end);
    });
    Ok((address, bytes))
}

/// What a server answers, step by step. It waits for the server between two steps, and never longer than a moment.
fn answer<'a>(mut upstream: &'a TcpStream, bytes: &'a mut u64, clock: &'a dyn Clock) -> Steps<'a> {
    let mut buffer = vec![0; READ_LEN];
    let mut has_ended = upstream.set_read_timeout(Some(QUIET)).is_err();
    Box::new(iter::from_fn(move || {
        if has_ended || !clock.pause(Duration::ZERO) {
            return None;
        }
        match upstream.read(&mut buffer) {
            Ok(0) => {
                has_ended = true;
                Some(Step::Fin)
            }
            Ok(n) => {
                *bytes += n as u64;
                Some(Step::Bytes(buffer.get(..n).unwrap_or_default().into()))
            }
            Err(error) if is_no_end(&error) => Some(Step::Pause(Duration::ZERO)),
            Err(_) => {
                has_ended = true;
                Some(Step::Reset)
            }
        }
    }))
}

fn is_no_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
