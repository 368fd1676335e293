//! The TLS laboratory as its users see it: client, server and proxy, against each other and against other programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
// Tests that need Linux are left out elsewhere, not what they have in common.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod authorities; // tls-client: what the certificates of CAs say.
mod client; // tls-client: what it shows, when it waits, and what it says when it fails.
mod middle; // A proxy, a real server, and a victim.
mod proxy; // tls-proxy: who is deceived.
mod proxy_ends; // tls-proxy: ends, rude sides, many at once.
mod server; // tls-server: its page, its certificates.
mod site; // A TLS server and its CA.
mod visitors; // tls-server: rude visitors, and many.
mod zoo; // tls-client in the zoo.

const CLIENT: &str = env!("CARGO_BIN_EXE_tls-client");
const SERVER: &str = env!("CARGO_BIN_EXE_tls-server");
