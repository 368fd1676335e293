//! What the programs of the socket lab share, in levels whose imports run downwards only.
//!
//! ```text
//! 3  cli                 the program around a part: arguments, output, signals, exit status
//! 2  net  ws  tls  file  sockets and files; each external crate has one owner
//! 1  pmu  reset  feed    messages as bytes; no sockets, no files, no clock
//! 0  error  escape  seed what can go wrong, how untrusted bytes are shown, a seed for each name
//!    seconds  zone       times in JSON, zones of addresses by name
//!    count               numbers with their noun
//! ```
//!
//! A part of the lab is a `main.rs` of one screen on top of this library.

pub mod cli;
pub mod count;
pub mod error;
pub mod escape;
pub mod feed;
pub mod file;
pub mod net;
pub mod pmu;
pub mod reset;
pub mod seconds;
pub mod seed;
pub mod tls;
pub mod ws;
pub mod zone;

pub use error::Error;
