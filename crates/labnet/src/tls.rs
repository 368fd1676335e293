//! TLS 1.2 and 1.3 over our own TCP connections, with errors that a student understands.
//!
//! The one owner of `rustls` (on aws-lc-rs, and only that), `rustls-pemfile` and `webpki-roots`.

mod credentials;
mod server;

pub use credentials::Credentials;
pub use server::{Acceptor, Agreed, ServerSide};

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// The one provider of cryptography.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The IANA name of a suite; rustls writes those of TLS 1.3 in its own way.
fn suite_name(suite: rustls::SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

/// A protocol version as people write it: `TLSv1.3`.
fn version_name(version: rustls::ProtocolVersion) -> String {
    format!("{version:?}").replace("TLSv1_", "TLSv1.")
}
