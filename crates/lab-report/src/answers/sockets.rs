//! The lines of a socket table, and which socket of the echo each of them is (Q4, Q5, Q8).
//!
//! ```text
//! tcp  127.0.0.1:5002         *:*                    LISTEN         the socket that listens
//! tcp  127.0.0.1:5002         127.0.0.1:40000        ESTABLISHED    the one that accept() returned
//! tcp  127.0.0.1:40000        127.0.0.1:5002         ESTABLISHED    the client's
//! ```

/// Which socket a line stands for, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Waits for connections.
    Listening,
    /// The server's end of the connection.
    Accepted,
    /// The client's end.
    Client,
    /// Anything else.
    Other,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) role: Role,
    /// Address and port of this side.
    local: String,
    /// As `local`, of the other side.
    remote: String,
    /// `LISTEN`, `ESTABLISHED`, …
    pub(super) state: String,
}

/// The table's sockets: the listening one first, then the connection's two ends.
pub(super) fn read(lines: &[String]) -> Vec<Socket> {
    let mut sockets: Vec<Socket> = lines.iter().map(|line| parse(line)).collect();
    let listening = sockets.iter().find(|socket| socket.state.starts_with("LISTEN"));
    let listening = listening.and_then(|socket| port(&socket.local)).map(str::to_owned);
    for socket in &mut sockets {
        let is_open = socket.state == "ESTABLISHED";
        socket.role = if socket.state.starts_with("LISTEN") {
            Role::Listening
        } else if is_open && port(&socket.local) == listening.as_deref() {
            Role::Accepted
        } else if is_open && port(&socket.remote) == listening.as_deref() {
            Role::Client
        } else {
            Role::Other
        };
    }
    sockets.sort_by(|a, b| (a.role, &a.state).cmp(&(b.role, &b.state)));
    sockets
}

fn parse(line: &str) -> Socket {
    let mut addresses = line.split_whitespace().filter(|word| word.contains(':'));
    let mut address = || addresses.next().unwrap_or("?").to_owned();
    let state = line.split_whitespace().next_back().unwrap_or("?").to_owned();
    Socket { role: Role::Other, local: address(), remote: address(), state }
}

fn port(address: &str) -> Option<&str> {
    address.rsplit_once(':').map(|(_, port)| port)
}

impl Socket {
    /// What it is, with the addresses that are the same in each run.
    pub(super) fn explain(&self) -> String {
        let server = match self.role {
            Role::Client => &self.remote,
            _ => &self.local,
        };
        match self.role {
            Role::Listening => format!(
                "State {}, at {server}: the server's first socket, which waits for connections. It has nobody at its \
                 other side.",
                self.state,
            ),
            Role::Accepted => format!(
                "State {}, from {server} to the client's port: the server's end of the connection, the socket that \
                 accept() returned.",
                self.state,
            ),
            Role::Client => format!(
                "State {}, from the client's port to {server}: the client's end of the same connection. The system \
                 picked the client's port.",
                self.state,
            ),
            Role::Other => {
                format!("State {}: neither the socket that listens nor an end of the open connection.", self.state)
            }
        }
    }
}
