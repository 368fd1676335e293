//! The tables of sockets that `netstat -an` shows (Q4, Q5), read from where the kernel keeps them.
//!
//! ```text
//!   sl  local_address rem_address   st …           /proc/net/tcp, see proc(5)
//!    0: 0100007F:138A 00000000:0000 0A …           127.0.0.1:5002, any, LISTEN
//! ```

use serde::{Deserialize, Serialize};

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4},
};

/// One IPv4 socket of TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socket {
    /// This side.
    pub local: SocketAddrV4,
    /// The other side; 0.0.0.0:0 for a listening socket.
    pub remote: SocketAddrV4,
    /// Where its connection stands.
    pub state: TcpState,
}

/// A state of a TCP socket (RFC 9293, section 3.3.2). Its `Display` is netstat's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TcpState {
    /// Waits for connections.
    Listen,
    /// Open.
    Established,
    /// Has asked for a connection.
    SynSent,
    /// Was asked for one.
    SynRecv,
    /// Has said that nothing more comes.
    #[serde(rename = "FIN_WAIT1")]
    FinWait1,
    /// That was acknowledged.
    #[serde(rename = "FIN_WAIT2")]
    FinWait2,
    /// Waits for late packets.
    TimeWait,
    /// There is no connection.
    Close,
    /// The other side has said that nothing more comes.
    CloseWait,
    /// Waits for the acknowledgement of its own end, the last one.
    LastAck,
    /// Both have said so at the same time.
    Closing,
    /// A number that this program does not know.
    Unknown,
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listen => "LISTEN",
            Self::Established => "ESTABLISHED",
            Self::SynSent => "SYN_SENT",
            Self::SynRecv => "SYN_RECV",
            Self::FinWait1 => "FIN_WAIT1",
            Self::FinWait2 => "FIN_WAIT2",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::Closing => "CLOSING",
            Self::Unknown => "UNKNOWN",
        })
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remote = if self.remote.port() == 0 { "*:*".to_owned() } else { self.remote.to_string() };
        write!(f, "tcp  {:<21}  {remote:<21}  {}", self.local.to_string(), self.state)
    }
}

/// Which table of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Connections, and sockets that wait for them.
    Tcp,
    /// Sockets that take datagrams.
    Udp,
}

/// The TCP sockets over IPv4 with `port` on either side, in the network of this thread (Linux only).
///
/// # Errors
/// Where the system has no such table.
pub fn with_port(port: u16) -> io::Result<Vec<Socket>> {
    let table = std::fs::read_to_string("/proc/thread-self/net/tcp")?;
    let mut sockets: Vec<Socket> = Vec::new();
    for socket in table.lines().filter_map(parse) {
        // A socket may be listed twice when others come and go while the table is read.
        let is_new = !sockets.iter().any(|other| (other.local, other.remote) == (socket.local, socket.remote));
        if is_new && (socket.local.port() == port || socket.remote.port() == port) {
            sockets.push(socket);
        }
    }
    Ok(sockets)
}

/// Where something waits for clients, in the network of this thread and in both families (Linux only).
///
/// # Errors
/// Where the system has no such table.
pub fn waiting(protocol: Protocol) -> io::Result<Vec<SocketAddr>> {
    /// A UDP socket has one of the states of TCP: none is CLOSE.
    const LISTEN: &str = "0A";
    const CLOSE: &str = "07";
    let (name, wanted) = match protocol {
        Protocol::Tcp => ("tcp", LISTEN),
        Protocol::Udp => ("udp", CLOSE),
    };
    let mut addresses = Vec::new();
    for family in ["", "6"] {
        // Without IPv6 there is no such table.
        let Ok(table) = std::fs::read_to_string(format!("/proc/thread-self/net/{name}{family}")) else { continue };
        let sockets = table.lines().filter(|line| line.split_whitespace().nth(3) == Some(wanted));
        addresses.extend(sockets.filter_map(|line| any_address(line.split_whitespace().nth(1)?)));
    }
    Ok(addresses)
}

/// Whether there is a TCP connection in either family with `port` on either side, also one that is about to end, in the
/// network of this thread (Linux only).
pub fn has_connection(port: u16) -> bool {
    has_connection_in(port, |_| true)
}

/// As [`has_connection`], without those in `TIME_WAIT`, which only wait for late packets.
pub fn has_open_connection(port: u16) -> bool {
    has_connection_in(port, |state| state != TcpState::TimeWait)
}

fn has_connection_in(port: u16, is_wanted: impl Fn(TcpState) -> bool) -> bool {
    let is_connection = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let mut address = || fields.next().and_then(any_address);
        let (Some(local), Some(remote)) = (address(), address()) else { return false };
        let state = fields.next().and_then(|number| u8::from_str_radix(number, 16).ok()).map(state);
        // A listening socket has port 0 on the other side.
        remote.port() != 0 && (local.port() == port || remote.port() == port) && state.is_some_and(&is_wanted)
    };
    let tables = ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"];
    tables.iter().any(|table| std::fs::read_to_string(table).unwrap_or_default().lines().any(is_connection))
}

fn parse(line: &str) -> Option<Socket> {
    let mut fields = line.split_whitespace().skip(1);
    Some(Socket {
        local: address(fields.next()?)?,
        remote: address(fields.next()?)?,
        state: state(u8::from_str_radix(fields.next()?, 16).ok()?),
    })
}

/// An address of either family: IPv6 is four numbers of this machine.
fn any_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    if ip.len() == 8 {
        return address(text).map(SocketAddr::V4);
    }
    let words = (0..4).map(|i| u32::from_str_radix(ip.get(i * 8..i * 8 + 8)?, 16).ok().map(u32::to_ne_bytes));
    let bytes = words.collect::<Option<Vec<_>>>()?.concat();
    let ip = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
    Some(SocketAddr::new(ip.into(), u16::from_str_radix(port, 16).ok()?))
}

/// The address as the kernel holds it in memory, printed as one number of this machine.
fn address(text: &str) -> Option<SocketAddrV4> {
    let (ip, port) = text.split_once(':')?;
    let ip = u32::from_str_radix(ip, 16).ok()?.to_ne_bytes();
    Some(SocketAddrV4::new(Ipv4Addr::from(ip), u16::from_str_radix(port, 16).ok()?))
}

/// The numbers of Linux's `tcp_states.h`.
fn state(number: u8) -> TcpState {
    match number {
        1 => TcpState::Established,
        2 => TcpState::SynSent,
        3 => TcpState::SynRecv,
        4 => TcpState::FinWait1,
        5 => TcpState::FinWait2,
        6 => TcpState::TimeWait,
        7 => TcpState::Close,
        8 => TcpState::CloseWait,
        9 => TcpState::LastAck,
        10 => TcpState::Listen,
        11 => TcpState::Closing,
        _ => TcpState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn a_line_of_the_table_is_read_as_netstat_shows_it() {
        let line = "   0: 0100007F:138A 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 26 1";
        assert_eq!(parse(line).unwrap().to_string(), "tcp  127.0.0.1:5002         *:*                    LISTEN");
        assert_eq!(parse("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_waits_for_clients_is_found_in_both_families() {
        let tcp = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let udp = std::net::UdpSocket::bind(("::1", 0)).unwrap();
        assert!(waiting(Protocol::Tcp).unwrap().contains(&tcp.local_addr().unwrap()));
        assert!(waiting(Protocol::Udp).unwrap().contains(&udp.local_addr().unwrap()));
        assert!(!waiting(Protocol::Udp).unwrap().contains(&tcp.local_addr().unwrap()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn q5_a_connection_on_one_machine_has_two_sockets_beside_the_listening_one() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let states = || {
            let sockets = with_port(address.port()).unwrap();
            let mut states: Vec<_> = sockets.iter().map(|socket| socket.state.to_string()).collect();
            states.sort_unstable();
            states
        };
        assert_eq!(states(), ["LISTEN"]);
        assert!(!has_connection(address.port()));
        let _client = std::net::TcpStream::connect(address).unwrap();
        let _server = listener.accept().unwrap();
        assert_eq!(states(), ["ESTABLISHED", "ESTABLISHED", "LISTEN"]);
        assert!(has_connection(address.port()));
    }
}
