//! Who has a port of this machine, where the system tells.

use std::{fmt, net::SocketAddr};

use crate::escape::escape;

/// A program that has a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortHolder {
    /// Its name, as the system has it: 15 bytes at most.
    name: String,
    /// Its process number.
    process: u32,
}

impl fmt::Display for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", escape(self.name.as_bytes()), self.process)
    }
}

impl PortHolder {
    /// The program that listens on the port of an address, on that address or another (Linux; of other users' programs
    /// it is not told).
    pub fn of(protocol: &str, address: SocketAddr) -> Option<Self> {
        if cfg!(target_os = "linux") { find(protocol, address) } else { None }
    }
}

/// lab-process lists whole tables; this reads one column more and nothing else.
fn find(protocol: &str, address: SocketAddr) -> Option<PortHolder> {
    let inodes: Vec<String> = ["", "6"]
        .iter()
        .filter_map(|family| {
            let table = format!("/proc/thread-self/net/{}{family}", protocol.to_ascii_lowercase());
            std::fs::read_to_string(table).ok()
        })
        .flat_map(|table| table.lines().filter_map(|line| inode(line, address.port())).collect::<Vec<_>>())
        .collect();
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    if links.is_empty() {
        return None;
    }
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find_map(|process: u32| {
        let mut files = std::fs::read_dir(format!("/proc/{process}/fd")).ok()?.flatten();
        let is_holder = |link: std::path::PathBuf| links.iter().any(|socket| link.as_os_str() == socket.as_str());
        files.any(|file| std::fs::read_link(file.path()).is_ok_and(is_holder)).then_some(())?;
        let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?.trim_end().to_owned();
        Some(PortHolder { name, process })
    })
}

/// The inode of a socket that waits for clients on a port, from its line in a table of the kernel (proc(5)).
fn inode(line: &str, port: u16) -> Option<String> {
    /// LISTEN; a UDP socket without a peer is CLOSE.
    const WAITING: [&str; 2] = ["0A", "07"];
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    let (_, digits) = local.rsplit_once(':')?;
    (u16::from_str_radix(digits, 16).ok()? == port && WAITING.contains(state)).then(|| (*inode).to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn the_program_that_has_a_port_is_named_with_its_process() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        for (protocol, address) in [("TCP", tcp.local_addr().unwrap()), ("UDP", udp.local_addr().unwrap())] {
            let holder = PortHolder::of(protocol, address).expect("it is this process");
            assert_eq!(holder.process, std::process::id());
            assert!(!holder.name.is_empty());
        }
        let address = tcp.local_addr().unwrap();
        drop(tcp);
        assert_eq!(PortHolder::of("TCP", address), None);
    }
}
