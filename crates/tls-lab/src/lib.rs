//! The TLS lab: what its client, its server and its proxy share.

pub mod anchors;
pub mod client;
pub mod describe;
pub mod http;
pub mod judge;
pub mod proxy;
pub mod server;
pub mod suites;
pub mod trace;
