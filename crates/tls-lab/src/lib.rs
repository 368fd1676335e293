//! The TLS lab: what its client, its server and its proxy share.
#![doc = include_str!("../README.md")]

pub mod anchors;
pub mod certificate_checks;
pub mod client;
pub mod describe;
pub mod http;
pub mod proxy;
pub mod server;
mod server_check;
