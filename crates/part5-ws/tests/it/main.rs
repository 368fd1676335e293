//! The WebSocket client: against the lab's PMU, and against servers that use all that RFC 6455 allows, or break it, or are none.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
// Tests that need Linux are left out elsewhere, not what they have in common.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod abnormal_end; // The answer breaks off: status 1, after what did arrive.
mod allowed; // What a server may do: the answer is whole.
mod broken_frames; // What RFC 6455 forbids: the client fails the connection.
mod deflate; // Compression, if both sides want it.
mod handout; // The lab's PMU (Q22 to Q24), and the command line.
mod no_upgrade; // The server answers something else than an upgrade, or nothing.
mod played; // A server that the test plays.
mod random_frames; // Whatever comes: an answer or one error.
mod request; // The upgrade and the command.
mod too_long; // `--max-message` bounds a message, however it comes.
mod zone; // An address with a zone.

const CLIENT: &str = env!("CARGO_BIN_EXE_part5-ws");
