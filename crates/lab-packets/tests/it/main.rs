//! What is counted in packets, put together from them and drawn, for connections that the tests make byte by byte.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod diagram; // Slants, labels, frames of a WebSocket.
mod exchange; // A TLS connection, in memory.
mod flows; // Packets, counted and put together.
mod mutations; // Good captures with some bytes changed.
mod tls; // Handshakes, with the packets that carry them.
mod tshark; // What other implementations say.
mod wire; // A capture that is made packet by packet.
