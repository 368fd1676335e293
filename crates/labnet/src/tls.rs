//! TLS 1.2 and 1.3 over our own TCP connections, with errors that a student understands.
//!
//! The one owner of `rustls` (on aws-lc-rs, and only that), `rustls-webpki`, `rustls-pemfile` and `webpki-roots`.

mod authority;
mod chain;
mod client;
mod client_verifier;
mod credentials;
mod damage;
mod explain;
mod handshake;
mod handshake_cut;
mod key_log;
mod key_size;
mod name;
mod pem;
mod pem_file;
mod records;
mod roots;
mod server;
mod server_name;
mod signature;
mod verify;
mod version_one;
mod words;

pub use chain::verify_server_chain;
pub use client::{Client, ClientOptions, TlsVersion};
pub use client_verifier::client_verifier;
pub use credentials::{Credentials, FixedCertificate};
pub use explain::{CertificateFault, complaint, fault_within, in_words};
pub use handshake::{accept_handshake, complete_handshake, handshake_complaint, handshake_error};
pub use handshake_cut::HandshakeCut;
pub use key_log::{KeyLogFile, key_log_line};
pub use key_size::KeySize;
pub use pem_file::{PemFile, PemItem};
pub use records::Records;
pub use roots::Roots;
pub use server::{Acceptor, TlsConnection};
pub use server_name::SniFilter;
pub use verify::{ServerCheck, ServerVerifier, TlsRole, read_certificates, verify_chain, verify_file};
pub use words::{DottedOid, general_name, identifier, is_whole, name, text};

use std::{fmt, sync::Arc};

use rustls::{CommonState, crypto::CryptoProvider};

/// The one provider of cryptography. A server that uses it ignores server names (SNI) that are no DNS names, if its
/// handshakes are made by [`accept_handshake`].
pub fn provider() -> Arc<CryptoProvider> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    Arc::new(CryptoProvider { cipher_suites: server_name::cipher_suites(), ..provider })
}

/// Lets the library gather the randomness that it keeps, which takes tens of milliseconds at its first use in a
/// process: so it is no part of the handshake, where that is timed.
pub fn gather_randomness() {
    // Should it fail, the handshake says so.
    let _ = provider().secure_random.fill(&mut [0]);
}

/// The certificate that the peer presented, in DER.
fn leaf(state: &CommonState) -> Option<&[u8]> {
    state.peer_certificates()?.first().map(AsRef::as_ref)
}

/// What a handshake agreed on; shown as `TLSv1.3 TLS_AES_256_GCM_SHA384`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegotiatedTls {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The suite's IANA name.
    pub cipher_suite: String,
    /// The suite's number.
    pub cipher_suite_number: u16,
    /// How the keys were exchanged, such as `X25519`.
    pub group: Option<String>,
    /// The application protocol (ALPN).
    pub alpn: Option<Vec<u8>>,
}

impl NegotiatedTls {
    /// After a handshake; empty before it.
    pub fn of(state: &CommonState) -> Self {
        let version = state.protocol_version().map(|version| format!("{version:?}").replace("TLSv1_", "TLSv1."));
        let suite = state.negotiated_cipher_suite().map(|suite| suite.suite());
        // rustls writes the suites of TLS 1.3 in its own way.
        let cipher_suite = suite.map(|suite| format!("{suite:?}").replace("TLS13_", "TLS_"));
        Self {
            version: version.unwrap_or_default(),
            cipher_suite: cipher_suite.unwrap_or_default(),
            cipher_suite_number: suite.map_or(0, u16::from),
            group: state.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
            alpn: state.alpn_protocol().map(<[u8]>::to_vec),
        }
    }
}

impl fmt::Display for NegotiatedTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.cipher_suite)
    }
}
