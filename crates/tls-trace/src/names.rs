//! Names for the numbers of TLS, as the RFCs and IANA's registries write them.

use std::fmt::{Display, Formatter, Result as Formatted};

use tls_parser::SignatureScheme;

/// A number by its name, or in hexadecimal if it has none here.
pub(super) struct Named {
    name: Option<String>,
    number: u16,
}

impl Display for Named {
    fn fmt(&self, f: &mut Formatter<'_>) -> Formatted {
        match &self.name {
            Some(name) => f.write_str(name),
            None if is_grease(self.number) => write!(f, "GREASE (0x{:04x})", self.number),
            None => write!(f, "0x{:04x}", self.number),
        }
    }
}

fn named(table: &[(u16, &str)], number: u16) -> Named {
    Named { name: find(table, number).map(str::to_owned), number }
}

fn find<'t>(table: &[(u16, &'t str)], number: u16) -> Option<&'t str> {
    table.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// Whether a number means nothing: a client sends some so that servers keep ignoring what they do not know
/// (RFC 8701, section 2).
pub(super) fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

/// The content types of records (RFC 8446, section 5.1).
pub(super) fn content_type(number: u8) -> Option<&'static str> {
    match number {
        20 => Some("ChangeCipherSpec"),
        21 => Some("Alert"),
        22 => Some("Handshake"),
        23 => Some("ApplicationData"),
        24 => Some("Heartbeat"),
        _ => None,
    }
}

/// The versions (RFC 8446, section 4.2.1).
pub(super) fn version_name(number: u16) -> Named {
    named(VERSIONS, number)
}

/// The versions, with their number.
pub(super) fn version(number: u16) -> String {
    let name = version_name(number);
    if name.name.is_some() { format!("{name} (0x{number:04x})") } else { name.to_string() }
}

/// The handshake messages (RFC 8446, section 4; RFC 5246, section 7.4).
pub(super) fn message(number: u8) -> String {
    find(MESSAGES, number.into()).map_or_else(|| format!("handshake message {number}"), str::to_owned)
}

/// The alerts (RFC 8446, section 6; RFC 5246, section 7.2).
pub(super) fn alert(number: u8) -> String {
    find(ALERTS, number.into()).map_or_else(|| format!("alert {number}"), str::to_owned)
}

/// The extensions (IANA's registry of TLS extension types).
pub(super) fn extension(number: u16) -> Named {
    named(EXTENSIONS, number)
}

/// The groups of a key exchange (IANA's registry of TLS supported groups).
pub(super) fn group(number: u16) -> Named {
    named(GROUPS, number)
}

/// The ways to sign (RFC 8446, section 4.2.3; IANA's registry of TLS signature schemes).
pub(super) fn scheme(number: u16) -> Named {
    const NEWER: &[(u16, &str)] = &[(0x0904, "mldsa44"), (0x0905, "mldsa65"), (0x0906, "mldsa87")];
    if find(NEWER, number).is_some() {
        return named(NEWER, number);
    }
    let name = SignatureScheme(number).to_string();
    // What the library does not know it writes as a call.
    Named { name: (!name.contains('(')).then_some(name), number }
}

/// The ways to use a pre-shared key (RFC 8446, section 4.2.9).
pub(super) fn psk_mode(number: u8) -> Named {
    named(&[(0, "psk_ke"), (1, "psk_dhe_ke")], number.into())
}

/// The forms of a point on a curve (RFC 8422, section 5.1.2).
pub(super) fn point_format(number: u8) -> Named {
    named(&[(0, "uncompressed"), (1, "ansiX962_compressed_prime"), (2, "ansiX962_compressed_char2")], number.into())
}

/// The ways to compress certificates (RFC 8879, section 3).
pub(super) fn compression(number: u16) -> Named {
    named(&[(1, "zlib"), (2, "brotli"), (3, "zstd")], number)
}

/// The kinds of certificate that a TLS 1.2 server asks for (RFC 5246, section 7.4.4; RFC 8422, section 5.5).
pub(super) fn certificate_type(number: u8) -> Named {
    named(&[(1, "rsa_sign"), (2, "dss_sign"), (64, "ecdsa_sign")], number.into())
}

const VERSIONS: &[(u16, &str)] = &[
    (0x0002, "SSL 2.0"),
    (0x0300, "SSL 3.0"),
    (0x0301, "TLS 1.0"),
    (0x0302, "TLS 1.1"),
    (0x0303, "TLS 1.2"),
    (0x0304, "TLS 1.3"),
];

const MESSAGES: &[(u16, &str)] = &[
    (0, "HelloRequest"),
    (1, "ClientHello"),
    (2, "ServerHello"),
    (4, "NewSessionTicket"),
    (5, "EndOfEarlyData"),
    (8, "EncryptedExtensions"),
    (11, "Certificate"),
    (12, "ServerKeyExchange"),
    (13, "CertificateRequest"),
    (14, "ServerHelloDone"),
    (15, "CertificateVerify"),
    (16, "ClientKeyExchange"),
    (20, "Finished"),
    (22, "CertificateStatus"),
    (24, "KeyUpdate"),
    (25, "CompressedCertificate"),
];

const ALERTS: &[(u16, &str)] = &[
    (0, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (21, "decryption_failed"),
    (22, "record_overflow"),
    (30, "decompression_failure"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (60, "export_restriction"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (111, "certificate_unobtainable"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (114, "bad_certificate_hash_value"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (120, "no_application_protocol"),
    (121, "ech_required"),
];

const EXTENSIONS: &[(u16, &str)] = &[
    (0, "server_name"),
    (1, "max_fragment_length"),
    (5, "status_request"),
    (10, "supported_groups"),
    (11, "ec_point_formats"),
    (13, "signature_algorithms"),
    (14, "use_srtp"),
    (15, "heartbeat"),
    (16, "application_layer_protocol_negotiation"),
    (17, "status_request_v2"),
    (18, "signed_certificate_timestamp"),
    (19, "client_certificate_type"),
    (20, "server_certificate_type"),
    (21, "padding"),
    (22, "encrypt_then_mac"),
    (23, "extended_master_secret"),
    (27, "compress_certificate"),
    (28, "record_size_limit"),
    (34, "delegated_credential"),
    (35, "session_ticket"),
    (41, "pre_shared_key"),
    (42, "early_data"),
    (43, "supported_versions"),
    (44, "cookie"),
    (45, "psk_key_exchange_modes"),
    (47, "certificate_authorities"),
    (48, "oid_filters"),
    (49, "post_handshake_auth"),
    (50, "signature_algorithms_cert"),
    (51, "key_share"),
    (57, "quic_transport_parameters"),
    (17613, "application_settings"),
    (0xfe0d, "encrypted_client_hello"),
    (0xff01, "renegotiation_info"),
];

const GROUPS: &[(u16, &str)] = &[
    (22, "secp256k1"),
    (23, "secp256r1"),
    (24, "secp384r1"),
    (25, "secp521r1"),
    (26, "brainpoolP256r1"),
    (27, "brainpoolP384r1"),
    (28, "brainpoolP512r1"),
    (29, "x25519"),
    (30, "x448"),
    (31, "brainpoolP256r1tls13"),
    (32, "brainpoolP384r1tls13"),
    (33, "brainpoolP512r1tls13"),
    (256, "ffdhe2048"),
    (257, "ffdhe3072"),
    (258, "ffdhe4096"),
    (259, "ffdhe6144"),
    (260, "ffdhe8192"),
    (512, "MLKEM512"),
    (513, "MLKEM768"),
    (514, "MLKEM1024"),
    (4587, "SecP256r1MLKEM768"),
    (4588, "X25519MLKEM768"),
    (4589, "SecP384r1MLKEM1024"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_a_name_are_shown() {
        assert_eq!(version(0x0304), "TLS 1.3 (0x0304)");
        assert_eq!(version(0x7f1c), "0x7f1c");
        assert_eq!(version(0xfafa), "GREASE (0xfafa)");
        assert_eq!(scheme(0x0804).to_string(), "rsa_pss_rsae_sha256");
        assert_eq!(scheme(0x0a0a).to_string(), "GREASE (0x0a0a)");
        assert_eq!(scheme(0x1234).to_string(), "0x1234");
        assert_eq!(group(29).to_string(), "x25519");
        assert_eq!(extension(0xff01).to_string(), "renegotiation_info");
        assert_eq!(message(99), "handshake message 99");
        assert_eq!(alert(0), "close_notify");
        assert_eq!(alert(200), "alert 200");
    }
}
