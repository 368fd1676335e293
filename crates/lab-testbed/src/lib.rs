//! Runs the experiments of the lab and returns their facts as data.
//!
//! The input is programs, networks, servers and witnesses. A witness is a capture, a kernel or the output of a program.
//!
//! ```text
//! programs ──► session ──► scenarios ──► watch, capture ──► journal ──► facts
//! command      on hosts    each of the   packets, both      during      as JSON
//! lines                    handout       kernels            the run
//! ```
//!
//! Runs need the private networks of Linux. [`facts`] can be read on every system.

#[cfg(target_os = "linux")]
pub mod capture;
pub mod complaint;
pub mod facts;
pub mod journal;
pub mod programs;
#[cfg(target_os = "linux")]
pub mod recv_calls;
#[cfg(target_os = "linux")]
mod rehearsal;
#[cfg(target_os = "linux")]
pub mod scenarios;
pub mod servers;

#[cfg(target_os = "linux")]
mod conduct;
mod error;
mod failure;
#[cfg(target_os = "linux")]
mod frames;
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
