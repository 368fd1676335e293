//! The mock servers on the wire, and the program that runs them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs
)]
// Tests that need Linux are left out elsewhere, not what they have in common.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod command_line; // What the program says where, how it ends.
mod events;
mod faults; // Events, as JSON and as lines.
mod multicast; // The programme of part 4, in its group.
mod pmu; // The PMU of parts 2 and 6, over TCP.
mod reset; // The PMU of part 3.
mod tls; // The PMU of part 6, behind TLS.
#[cfg(target_os = "linux")]
mod vanished; // Clients that end nothing and answer no more.
mod ws; // The PMU of part 5, over WebSocket.
mod ws_client; // A WebSocket client of the test.
mod ws_protocol; // The rules of WebSocket.
mod ws_random; // Random frames to it.
mod zoo; // Certificates and servers that are wrong, and what others say of them.
