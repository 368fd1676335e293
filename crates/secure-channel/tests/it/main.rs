//! The secure channel: its two programs as their users see them, and its library on a pipe that someone tampers with.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
// Tests that need Linux are left out elsewhere, not what they have in common.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod bad_clients; // Clients that are silent, rude or gone.
mod bad_servers; // Servers that are silent, rude or gone, or in another step.
mod by_hand; // A client that is made from the documentation alone.
mod command_line; // The command line, the beginning and the end.
mod cut_wire; // A wire that is cut anywhere.
mod decoders; // Every reader of bytes, on bytes of all kinds.
mod first_use; // Certificates that are made at first use.
mod many; // Many sessions in a row and at once.
mod message; // The message, to the byte.
mod order; // A peer who has the keys, and breaks the order.
mod outputs; // Outputs that nobody reads.
mod pipe; // A pipe, and who is in the middle of it.
mod place; // A folder with certificates.
mod refused; // Certificates that are refused.
mod served; // A server that listens.
mod sessions; // Both sides over the pipe.
mod shown; // What the programs show.
mod statistics; // `--stats`.
mod steps; // What is shown in each step.
mod tampering; // Someone in the middle.

const SERVER: &str = env!("CARGO_BIN_EXE_channel-server");

const CLIENT: &str = env!("CARGO_BIN_EXE_channel-client");

/// What is sent when nobody says (the source's).
const MESSAGE: &str = "The OTP for transferring Rs 1,00,000 to your friend's account is 256345.";

const STEPS: [&str; 3] = ["plain", "secure", "tls"];

/// The steps with certificates.
const PROTECTED: [&str; 2] = ["secure", "tls"];

/// What a folder of certificates holds.
const FILES: [&str; 6] =
    ["cacert.pem", "cakey.pem", "client_cert.pem", "client_key.pem", "server_cert.pem", "server_key.pem"];

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}
