//! Sockets, opened and closed as the handout does: blocking, in both families, with deadlines.
//!
//! The one owner of `socket2`.

mod address;
mod clock;
mod multicast;
mod server;
mod tcp;
#[cfg(target_os = "linux")]
mod tcp_info;
mod udp;

pub use address::{Families, Server};
pub use clock::{Clock, SystemClock};
pub use multicast::{Group, Interface, Speaker};
pub use server::{
    Limits, NoCommand, Running, Slots, answer, bind_each, close, raise_descriptor_limit, receive_command,
};
pub use tcp::{Connection, Counted, Deadline, Peer, connect, listen};
pub use udp::{Datagram, Exchange, Family, Pair, PerFamily};
