//! Private networks: hosts with the lab's names, and a network path between them.
//!
//! ```text
//! reexec      starts the program again in namespaces of its own; its processes end with it
//! Host        a thread, and what it starts, in its own network namespace, with its own /etc/hosts
//! Lan         hosts on a user-space switch; a NetworkPath sets delay, rate, loss, duplication, reordering
//! Tap         a packet socket (AF_PACKET) on an interface, for the switch and for captures
//! TcpMonitor  the kernel's counters of each closed TCP connection, at both ends, for any program
//! ```
//!
//! Root is not needed where users may create user namespaces; [`probe`] tells whether they may. A private network has
//! no route to other networks and no name server.
//!
//! Linux only. On other systems [`probe`] and [`Launcher::start`] return an error, and [`reexec`] returns
//! [`Launched::Outside`].

pub mod path;

mod error;
mod launched;

#[cfg(target_os = "linux")]
pub mod confined;
#[cfg(target_os = "linux")]
mod ethtool;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod hosts_file;
#[cfg(target_os = "linux")]
mod lan;
#[cfg(target_os = "linux")]
mod launcher;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod route;
#[cfg(target_os = "linux")]
mod tap;
#[cfg(target_os = "linux")]
mod tcp_monitor;

#[cfg(not(target_os = "linux"))]
mod unsupported;

pub use error::Error;
pub use launched::Launched;

#[cfg(target_os = "linux")]
pub use {
    host::Host,
    hosts_file::HostsFile,
    lan::{HostConfig, HostPairCounters, Lan},
    launcher::{Launcher, interrupt, probe, reexec},
    tap::{PacketMetadata, Tap},
    tcp_monitor::{ClosedTcpSocket, TcpCounters, TcpMonitor},
};

#[cfg(not(target_os = "linux"))]
pub use unsupported::{Launcher, probe, reexec};
