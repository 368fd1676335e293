//! Sockets, opened and closed as the handout does: blocking, in both families, with deadlines.
//!
//! The one owner of `socket2`.

mod address;
mod bind;
mod block_on;
mod clock;
mod deadline;
mod dialogue;
mod ending;
mod execute;
mod multicast;
mod permits;
mod port_holder;
mod scoped;
mod send_limit;
mod server;
mod stream;
mod tcp;
#[cfg(target_os = "linux")]
mod tcp_info;
mod thread_pool;
mod turn_away;
mod udp;
mod vanished;

pub use address::{Families, Server};
pub use bind::{ClosedPort, bind_closed, bind_each, bind_udp, listen, listen_each, own_port};
pub use block_on::block_on;
pub use clock::{Clock, SystemClock};
pub use deadline::Deadline;
pub use dialogue::{Dialogue, NoCommand, converse, converse_async, receive_command, receive_command_async};
pub use ending::close;
pub(crate) use execute::send_all;
pub use execute::{ClientStream, End, Execute, Sent, execute, execute_async};
pub use multicast::{Group, Interface, MulticastSender, OutgoingInterface};
pub use permits::Permit;
pub use port_holder::PortHolder;
pub use scoped::ScopedIp;
pub use send_limit::send_within;
pub use server::{
    AdmittedClient, ClientLimits, Running, ServeEvent, Wake, admit_clients, raise_descriptor_limit, serve,
};
pub use stream::{AsyncSocket, Operation, Waiting};
pub use tcp::{Connection, Counted, connect};
pub use udp::{Datagram, Exchange, Family, Pair, PerFamily, recv_arrived};
