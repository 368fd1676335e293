//! The facts of a TLS connection: its handshake and its negotiated parameters.

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
    /// Its length, in bytes.
    pub len: u64,
    /// Whether it was encrypted on the wire.
    pub encrypted: bool,
    /// Details for the reader: name and value.
    pub details: Vec<(String, String)>,
}

/// A connection to the PMU of part 6.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TlsFacts {
    /// The version that the client offered.
    pub offered: TlsVersion,
    /// The negotiated version, as RFCs write it: `TLS 1.3`.
    pub version: String,
    /// The negotiated cipher suite.
    pub suite: TlsSuite,
    /// The cipher suites of the ClientHello, as IANA names, without signalling values.
    pub proposed: Vec<String>,
    /// The messages of the handshake, up to both Finished, and each ChangeCipherSpec among them.
    pub messages: Vec<TlsMessage>,
    /// The number of packets with payload from the ClientHello to the last Finished: of the client, of the server.
    pub handshake_packets: (u64, u64),
    /// The number of all packets, acknowledgements included.
    pub handshake_packets_all: u64,
    /// The key exchange: `X25519MLKEM768`, `secp256r1`, …
    pub key_exchange: Option<String>,
    /// The algorithm of the server's signature: `rsa_pss_rsae_sha256`.
    pub signature: Option<String>,
    /// The key of the server's certificate: `RSA 2048 bits`.
    pub certificate_key: Option<String>,
    /// The number of records of application data: of the client, of the server.
    pub data_records: (u64, u64),
    /// The connection.
    pub transfer: Transfer,
}
