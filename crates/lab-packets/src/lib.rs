//! Reads capture files, counts and explains packets.
//!
//! ```text
//! file ──► packet ──► flow ──► tls ──► diagram
//! pcapng   headers    TCP      messages  text
//! pcap                UDP      of TLS    SVG
//! ```
//!
//! Each step takes what the one before it yields, and can be used alone. Nothing here opens a socket or reads a clock; all
//! that comes out of a file is bounded before it is used.

pub mod diagram;
mod error;
pub mod file;
pub mod flow;
pub mod packet;
pub mod tls;

pub use error::Error;
