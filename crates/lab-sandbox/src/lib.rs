//! Private networks: hosts with the lab's names, a path between them, and no way out.
//!
//! ```text
//! doorway   a program starts itself again in namespaces of its own; all processes in there end with it
//! Host      a thread, and what it starts, in a network and with an /etc/hosts of its own
//! Lan       hosts on one switch of ours, whose Path has a delay, a rate, losses, duplicates and overtaking
//! Tap       the packets of an interface (AF_PACKET), for the switch and for captures
//! TcpEnds   what the kernel counted of each TCP connection that ended, at both ends and for any program
//! ```
//!
//! No root is needed where the system lets users have namespaces; [`probe`] says so when it does not. Nothing in there
//! has a route to anywhere else, and no name server is asked.
//!
//! Linux only; elsewhere [`probe`] and [`Passage::begin`] say so, and [`doorway`] lets a program pass.

pub mod path;

mod error;
mod place;

#[cfg(target_os = "linux")]
mod counters;
#[cfg(target_os = "linux")]
mod door;
#[cfg(target_os = "linux")]
mod ethtool;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod lan;
#[cfg(target_os = "linux")]
mod names;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod route;
#[cfg(target_os = "linux")]
mod tap;

#[cfg(not(target_os = "linux"))]
mod elsewhere;

pub use error::Error;
pub use place::Place;

#[cfg(target_os = "linux")]
pub use {
    counters::{TcpCounters, TcpEnd, TcpEnds},
    door::{Passage, doorway, interrupt, probe},
    host::Host,
    lan::{Carried, Lan, Station},
    names::Names,
    tap::{Seen, Tap},
};

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Passage, doorway, probe};
