//! What the tests of the workspace share. A dev-dependency only: nothing here returns an error, it panics.
//!
//! - [`start`], [`spawn`], [`finish`], [`run`], [`next_line`], [`stop`]: a program, and what is awaited from it.
//! - [`Listening`]: a server program, and its address.
//! - [`check_error`], [`check_failed`], [`errors`]: what a program said that ended.
//! - [`listen`], [`accept`], [`connect`], [`patient`], [`nobody`], [`uninterrupted`]: sockets with a deadline on every call.
//! - [`skip`], [`lacks`], [`lacks_sibling`], [`has_ipv6`], [`in_own_network`], [`LINK_LOCAL_LOOPBACK`]: what this machine has not, by the name of the test.
//! - [`page`]: what holds for every page.
//! - [`check_schema`]: whether JSON is as its schema says.
//! - [`Folder`]: a temporary folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod folder;
mod network;
mod outcome;
pub mod page;
mod program;
mod schema;
mod skip;
mod sockets;

use std::time::Duration;

pub use folder::Folder;
pub use network::{LINK_LOCAL_LOOPBACK, in_own_network};
pub use outcome::{check_error, check_failed, errors};
pub use program::{Listening, finish, next_line, run, spawn, start, stop};
pub use schema::check_schema;
pub use skip::{has_ipv6, lacks, lacks_sibling, sibling, skip};
pub use sockets::{accept, connect, listen, nobody, patient, uninterrupted};

/// Longer than anything takes on a machine that is busy with other things: the deadline of whatever is awaited.
pub const PATIENCE: Duration = Duration::from_secs(120);
