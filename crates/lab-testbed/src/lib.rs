//! One run as data: programs, networks, servers and witnesses in; facts out.
//!
//! ```text
//! programs ──► session ──► scenarios ──► watch, capture ──► journal ──► facts
//! command      on hosts    each of the   packets, both      while it    as JSON
//! lines                    handout       kernels            goes on
//! ```
//!
//! Only Linux has the private networks that runs are made in. [`facts`] are for every system.

#[cfg(target_os = "linux")]
pub mod capture;
pub mod facts;
pub mod journal;
pub mod programs;
#[cfg(target_os = "linux")]
pub mod scenarios;
pub mod servers;

mod error;
mod failure;
#[cfg(target_os = "linux")]
mod session;
#[cfg(target_os = "linux")]
pub mod topology;
#[cfg(target_os = "linux")]
mod watch;

pub use error::Error;
pub use failure::{ExperimentFailure, ProgramEnding};
#[cfg(target_os = "linux")]
pub use session::Testbed;
