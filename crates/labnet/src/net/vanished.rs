//! A peer that vanished: it ends nothing, and answers no more. The system is asked to look for it.

use std::{io, net::TcpListener, time::Duration};

use socket2::{SockRef, TcpKeepalive};

use super::{Clock, Connection};

/// How soon a silent peer is looked for, how often, and how many probes it may leave unanswered (ours): 8 s in all, with
/// probes enough for a path that loses some.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(3), Duration::from_secs(1), 5);

/// How long bytes may stay unacknowledged in a pause (ours): about as long, when the peer vanished before it took
/// them, so that the system repeats them and sends no probes.
const UNACKNOWLEDGED: Duration = Duration::from_millis(7500);

/// How often a pause looks at its connection (ours).
const SLICE: Duration = Duration::from_secs(1);

/// A pause that is no shorter limits how long bytes stay unacknowledged (ours): it is no part of one large answer.
const LONG_PAUSE: Duration = Duration::from_millis(100);

/// Has the system probe all connections that a listening socket will accept.
pub(super) fn probe(listener: &TcpListener) -> io::Result<()> {
    let (time, interval, retries) = KEEPALIVE;
    let keepalive = TcpKeepalive::new().with_time(time).with_interval(interval);
    // Elsewhere the number is the system's.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd", windows))]
    let keepalive = keepalive.with_retries(retries);
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd", windows)))]
    let _ = retries;
    SockRef::from(listener).set_tcp_keepalive(&keepalive)
}

/// Limits how long bytes may stay unacknowledged, or no longer (TCP_USER_TIMEOUT, where there is one).
///
/// In a pause only: the system counts the time in which a peer has no room as well, and a peer may be slow.
pub(super) fn limit_unacknowledged(socket: &SockRef<'_>, is_limited: bool) {
    // Where the system refuses, its own limit stands.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_user_timeout(is_limited.then_some(UNACKNOWLEDGED));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (socket, is_limited, UNACKNOWLEDGED);
}

/// Pauses as long as the other side is there. It is gone after a reset; a mere FIN may be a half-close.
pub(super) async fn wait(connection: &mut Connection, duration: Duration, clock: &dyn Clock) -> io::Result<bool> {
    let is_long = duration >= LONG_PAUSE;
    if is_long {
        limit_unacknowledged(&connection.socket(), true);
    }
    let result = look(connection, duration, clock).await;
    if is_long {
        limit_unacknowledged(&connection.socket(), false);
    }
    result
}

async fn look(connection: &mut Connection, duration: Duration, clock: &dyn Clock) -> io::Result<bool> {
    let mut left = duration;
    while !left.is_zero() {
        let slice = left.min(SLICE);
        if !connection.pause(slice, clock).await {
            return Ok(false);
        }
        if let Some(error) = connection.socket().take_error()? {
            return Err(error);
        }
        left -= slice;
    }
    Ok(true)
}

/// The error of a peer that vanished, told apart from the end of our own patience, which has the same kind.
pub(super) fn tell_apart(error: io::Error) -> io::Error {
    if cfg!(unix) && error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_some() {
        return io::Error::new(io::ErrorKind::ConnectionAborted, crate::error::reason(&error));
    }
    error
}
