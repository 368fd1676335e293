//! The socket table of the echo, and the role of each line (Q4, Q5, Q8).
//!
//! ```text
//! tcp  127.0.0.1:5002         *:*                    LISTEN         the socket that listens
//! tcp  127.0.0.1:5002         127.0.0.1:40000        ESTABLISHED    the one that accept() returned
//! tcp  127.0.0.1:40000        127.0.0.1:5002         ESTABLISHED    the client's
//! ```

use lab_process::sockets::{Socket, TcpState};

/// The role of a socket, in the order of the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SocketRole {
    /// Waits for connections.
    Listening,
    /// The server's end of the connection.
    Accepted,
    /// The client's end.
    Client,
    /// Anything else.
    Other,
}

/// A line of the table, and its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TableLine {
    pub(super) role: SocketRole,
    pub(super) socket: Socket,
}

/// The table's sockets: the listening one first, then the connection's two ends.
pub(super) fn read(sockets: &[Socket]) -> Vec<TableLine> {
    let listening = sockets.iter().find(|socket| socket.state == TcpState::Listen).map(|socket| socket.local.port());
    let role = |socket: &Socket| match socket.state {
        TcpState::Listen => SocketRole::Listening,
        TcpState::Established if Some(socket.local.port()) == listening => SocketRole::Accepted,
        TcpState::Established if Some(socket.remote.port()) == listening => SocketRole::Client,
        _ => SocketRole::Other,
    };
    let mut lines: Vec<TableLine> =
        sockets.iter().map(|socket| TableLine { role: role(socket), socket: *socket }).collect();
    lines.sort_by_key(|line| (line.role, line.socket.state));
    lines
}

impl TableLine {
    /// A sentence on the socket, with those addresses that are the same in each run.
    pub(super) fn explain(&self) -> String {
        let server = match self.role {
            SocketRole::Client => self.socket.remote,
            _ => self.socket.local,
        };
        match self.role {
            SocketRole::Listening => format!(
                "State {}, at {server}: the server's first socket, which waits for connections. It has nobody at its \
                 other side.",
                self.socket.state,
            ),
            SocketRole::Accepted => format!(
                "State {}, from {server} to the client's port: the server's end of the connection, the socket that \
                 accept() returned.",
                self.socket.state,
            ),
            SocketRole::Client => format!(
                "State {}, from the client's port to {server}: the client's end of the same connection. The system \
                 picked the client's port.",
                self.socket.state,
            ),
            SocketRole::Other => {
                format!(
                    "State {}: neither the socket that listens nor an end of the open connection.",
                    self.socket.state
                )
            }
        }
    }
}
