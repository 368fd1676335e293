//! Sockets, opened and closed as the handout does: blocking, in both families, with deadlines.
//!
//! The one owner of `socket2`.

mod address;
mod bind;
mod clock;
mod dialogue;
mod execute;
mod multicast;
mod permits;
mod port_holder;
mod scoped;
mod send_limit;
mod server;
mod tcp;
#[cfg(target_os = "linux")]
mod tcp_info;
mod thread_pool;
mod turn_away;
mod udp;
mod vanished;

pub use address::{Families, Server};
pub use bind::{ClosedPort, bind_closed, bind_each, bind_udp, listen, listen_each, own_port};
pub use clock::{Clock, SystemClock};
pub use dialogue::{Dialogue, NoCommand, close, converse, finish, receive_command};
pub use execute::{ClientStream, End, Execute, Sent, execute};
pub use multicast::{Group, Interface, MulticastSender, OutgoingInterface};
pub use port_holder::PortHolder;
pub use scoped::ScopedIp;
pub use send_limit::send_within;
pub use server::{ClientLimits, Running, ServeEvent, Wake, raise_descriptor_limit, serve};
pub use tcp::{Connection, Counted, Deadline, connect};
pub use udp::{Datagram, Exchange, Family, Pair, PerFamily};
