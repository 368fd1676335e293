//! Private networks: hosts with the lab's names, a path between them, and no way out.
//!
//! ```text
//! reexec   a program starts itself again in namespaces of its own; all processes in there end with it
//! Host      a thread, and what it starts, in a network and with an /etc/hosts of its own
//! Lan       hosts on one switch of ours, whose Path has a delay, a rate, losses, duplicates and overtaking
//! Tap       the packets of an interface (AF_PACKET), for the switch and for captures
//! TcpMonitor   what the kernel counted of each TCP connection that ended, at both ends and for any program
//! ```
//!
//! No root is needed where the system lets users have namespaces; [`probe`] says so when it does not. Nothing in there
//! has a route to anywhere else, and no name server is asked.
//!
//! Linux only; unsupported [`probe`] and [`Launcher::start`] say so, and [`reexec`] lets a program pass.

pub mod path;

mod error;
mod launched;

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
