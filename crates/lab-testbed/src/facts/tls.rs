//! A TLS connection: its handshake, and what was agreed on.

use labnet::tls::TlsVersion;
use serde::{Deserialize, Serialize};

use super::Transfer;

/// A cipher suite by its names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSuite {
    /// IANA's name: `TLS_AES_256_GCM_SHA384`.
    pub iana: String,
    /// OpenSSL's name, where it has one.
    pub openssl: Option<String>,
}

/// A message of a TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsMessage {
    /// The number of the packet in which it was complete.
    pub packet: u64,
    /// Whether the client sent it.
    pub from_client: bool,
    /// The RFC's name: `ClientHello`.
    pub name: String,
    /// Bytes.
    pub len: u64,
    /// Whether it was encrypted on the wire.
    pub encrypted: bool,
    /// Fields worth showing: name and value.
    pub details: Vec<(String, String)>,
}

/// A connection to the PMU of part 6.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TlsFacts {
    /// The version that the client offered.
    pub offered: TlsVersion,
    /// The version that was agreed on, as RFCs write it: `TLS 1.3`.
    pub version: String,
    /// The cipher suite that was agreed on.
    pub suite: TlsSuite,
    /// The cipher suites of the ClientHello, IANA names, signalling values left out.
    pub proposed: Vec<String>,
    /// The handshake, up to Finished each way.
    pub messages: Vec<TlsMessage>,
    /// Packets with payload from the ClientHello to the last Finished: from the client, from the server.
    pub handshake_packets: (u64, u64),
    /// The same with the packets that only acknowledge.
    pub handshake_packets_all: u64,
    /// The key exchange: `X25519MLKEM768`, `secp256r1`, …
    pub key_exchange: Option<String>,
    /// The algorithm of the server's signature: `rsa_pss_rsae_sha256`.
    pub signature: Option<String>,
    /// The key of the server's certificate: `RSA 2048 bits`.
    pub certificate_key: Option<String>,
    /// Records of encrypted application data: from the client, from the server.
    pub data_records: (u64, u64),
    /// The connection.
    pub transfer: Transfer,
}
