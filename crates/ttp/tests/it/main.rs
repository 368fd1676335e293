//! The certificate authority as its users meet it: the program `ttp`, the library, and what OpenSSL makes of their files.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod altered; // Certificates that say something else.
mod as_written; // Files as other programs write them.
mod at_once; // Several at once.
mod certificates; // What a certificate says.
mod complete; // All that the secure channel needs, or nothing.
mod der; // DER, taken apart and put together.
mod files; // Names, modes, what is overwritten.
mod first_use; // One certificate at first use.
mod place; // A folder to work in.
mod requests; // Requests of others.
mod resigned; // Requests altered and signed again.
mod san; // Names.
mod verify; // Verify and show.
