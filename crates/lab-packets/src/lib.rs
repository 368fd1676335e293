//! Reads and writes capture files; decodes packets, flows and TLS; draws sequence diagrams.
//!
//! ```text
//! file ──► packet ──► flow ──► tls ──► diagram
//! pcapng   headers    TCP      messages  text
//! pcap                UDP      of TLS    SVG
//! ```
//!
//! The output of each step is the input of the next one; each can be used alone. Nothing here opens a socket or reads a
//! clock. Lengths and counts from a file are bounded before use.

pub mod diagram;
mod error;
pub mod file;
pub mod flow;
pub mod packet;
pub mod tls;

pub use error::Error;
