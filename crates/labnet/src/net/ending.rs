//! The end of a client's connection: a FIN that destroys nothing, or a reset.

use std::{net::TcpStream, time::Duration};

use super::{Connection, Deadline, End, block_on, execute::read_some};

/// How long a server goes on reading after its last byte, so that its close is a FIN and not a reset that would
/// destroy what is still on its way (ours).
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// Ends a client's stream with a FIN: says that nothing more comes, then reads what is still on its way, for a
/// second at most. Closing with unread bytes would send a reset, which can destroy an answer.
pub fn close(stream: TcpStream) {
    // Whose it is makes no difference any more.
    let peer = stream.peer_addr().unwrap_or_else(|_| (std::net::Ipv4Addr::UNSPECIFIED, 0).into());
    block_on(finish(Connection::new(stream, peer), End::Fin));
}

/// Ends a client's connection.
pub(super) async fn finish(mut connection: Connection, end: End) {
    match end {
        End::Fin | End::BareFin => linger(&mut connection).await,
        // Where the system refuses, the end is a FIN.
        End::Reset => drop(connection.socket().set_linger(Some(Duration::ZERO))),
    }
}

async fn linger(connection: &mut Connection) {
    if connection.end().is_err() || connection.set_limits(None, Deadline::after(LINGER)).is_err() {
        return;
    }
    while read_some(connection, |_| ()).await.is_ok_and(|n| n > 0) {}
}
