//! Sockets, opened and closed as the handout does: blocking, in both families, with deadlines.
//!
//! The one owner of `socket2`.

mod address;
mod bind;
mod clock;
mod crew;
mod dialogue;
mod multicast;
mod server;
mod tcp;
#[cfg(target_os = "linux")]
mod tcp_info;
mod udp;

pub use address::{Families, Server};
pub use bind::{bind_each, bind_udp, listen};
pub use clock::{Clock, SystemClock};
pub use dialogue::{NoCommand, abort, answer, close, receive_command};
pub use multicast::{Group, Interface, Speaker};
pub use server::{Limits, Running, Slots, Wake, raise_descriptor_limit};
pub use tcp::{Connection, Counted, Deadline, Peer, connect};
pub use udp::{Datagram, Exchange, Family, Pair, PerFamily};
