//! Two sessions of part 6.

use super::*;

fn message(packet: u64, from_client: bool, name: &str, encrypted: bool) -> TlsMessage {
    TlsMessage { packet, from_client, name: name.into(), len: 90, encrypted, details: Vec::new() }
}

pub(super) fn tls_1_2() -> TlsFacts {
    let layers =
        [(Layer::Handshake, 1700), (Layer::Messages, 181), (Layer::RecordProtection, 290), (Layer::Alerts, 31)];
    let lengths = [vec![1448, 201, 51], vec![47; 9], vec![48, 31]].concat();
    let mut transfer = transfer("part6-tls-1.2", "CMD_short:0", &lengths, &[230, 126, 40, 31], &layers);
    transfer.client = shown(1, 10, 11);
    let suite = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
    TlsFacts {
        offered: TlsVersion::Tls12,
        version: "TLS 1.2".into(),
        suite: TlsSuite { iana: suite.into(), openssl: Some("ECDHE-RSA-AES256-GCM-SHA384".into()) },
        proposed: strings(&["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", suite, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]),
        messages: [
            message(4, true, "ClientHello", false),
            message(6, false, "ServerHello", false),
            message(7, false, "Certificate", false),
            message(7, false, "ServerKeyExchange", false),
            message(7, false, "ServerHelloDone", false),
            message(9, true, "ClientKeyExchange", false),
            message(9, true, "ChangeCipherSpec", false),
            message(9, true, "Finished", true),
            message(10, false, "ChangeCipherSpec", false),
            message(10, false, "Finished", true),
        ]
        .into(),
        handshake_packets: (2, 3),
        handshake_packets_all: 7,
        key_exchange: Some("x25519".into()),
        signature: Some("rsa_pss_rsae_sha256".into()),
        certificate_key: Some("RSA 2048 bits".into()),
        data_records: (1, 10),
        transfer,
    }
}

pub(super) fn tls_1_3() -> TlsFacts {
    let layers =
        [(Layer::Handshake, 1800), (Layer::Messages, 181), (Layer::RecordProtection, 220), (Layer::Alerts, 24)];
    let lengths = [vec![1448, 352], vec![40; 9], vec![41, 24]].concat();
    let mut transfer = transfer("part6-tls-1.3", "CMD_short:0", &lengths, &[1448, 40, 74, 33, 24], &layers);
    transfer.client = shown(1, 10, 11);
    let suite = "TLS_AES_256_GCM_SHA384";
    TlsFacts {
        offered: TlsVersion::Tls13,
        version: "TLS 1.3".into(),
        suite: TlsSuite { iana: suite.into(), openssl: Some(suite.into()) },
        proposed: strings(&[suite, "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"]),
        messages: [
            message(5, true, "ClientHello", false),
            message(7, false, "ServerHello", false),
            message(7, false, "ChangeCipherSpec", false),
            message(7, false, "EncryptedExtensions", true),
            message(8, false, "Certificate", true),
            message(8, false, "CertificateVerify", true),
            message(8, false, "Finished", true),
            message(10, true, "ChangeCipherSpec", false),
            message(10, true, "Finished", true),
        ]
        .into(),
        handshake_packets: (3, 2),
        handshake_packets_all: 8,
        key_exchange: Some("X25519MLKEM768".into()),
        signature: Some("rsa_pss_rsae_sha256".into()),
        certificate_key: Some("RSA 2048 bits".into()),
        data_records: (1, 10),
        transfer,
    }
}

/// Two clients of a right PMU.
pub(super) fn clients() -> PmuClients {
    let client = |kind| PmuClient {
        kind,
        start: 1,
        command: "CMD_short:0".into(),
        is_accepted: true,
        is_secured: true,
        complaint: None,
        early: String::new(),
        answer: (1..=10).map(|i| format!("This is PMU data {i}")).collect(),
        bytes: 181,
        times: Some((Duration::from_millis(1), Duration::from_millis(2))),
        end: AnswerEnd::CloseNotify,
        pmu_status: None,
    };
    PmuClients { clients: [ClientKind::First, ClientKind::Second].map(client).into() }
}
