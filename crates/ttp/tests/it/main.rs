//! The certificate authority as its users meet it: the program `ttp`, the library, and what OpenSSL makes of their files.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod at_once; // Several at once.
mod certificates; // What a certificate says.
mod complete; // All that the secure channel needs, or nothing.
mod files; // Names, modes, what is overwritten.
mod first_use; // One certificate at first use.
mod place; // A folder to work in.
mod requests; // Requests of others.
mod san; // Names.
mod verify; // Verify and show.
