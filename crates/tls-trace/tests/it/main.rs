//! The timeline of real connections between a rustls client and a rustls server, both in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod bytes; // Bytes and secrets as they come.
mod connection; // Both sides, and their timeline.
mod told; // What is told of each kind of connection.
