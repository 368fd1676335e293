//! Q25: the messages of a TLS handshake.

use lab_testbed::facts::{Measurement, Scenario, TlsFacts, TlsMessage};
use labnet::tls::TlsVersion;

use crate::{
    formatting::{capital, count, list, number},
    sheet::Answer,
};

pub(super) fn q25(measurements: &[Measurement<TlsFacts>; 2]) -> Answer {
    let mut answer = Answer::new(
        25,
        "How many packets does the TLS handshake take? Which messages are in them, in which order, and what do they \
         carry?",
    );
    let sessions = require(&mut answer, measurements);
    let mut known = Vec::new();
    for session in &sessions {
        let version = &session.version;
        let (client, server) = session.handshake_packets;
        answer.item(
            version,
            format!(
                "{} with payload: {} from the PDC and {} from the PMU.",
                capital(&count(client + server, "packet")),
                number(client),
                number(server),
            ),
        );
        for flight in session.messages.chunk_by(|a, b| a.from_client == b.from_client) {
            answer.item(version, flight_text(flight));
        }
        answer.measure(
            format!("{version}: packets with payload, from the PDC and from the PMU"),
            format!("{client} and {server}"),
        );
        answer.observe(
            format!("{version}: packets of the handshake, those that only acknowledge included"),
            session.handshake_packets_all,
        );
        for message in &session.messages {
            answer.observe(format!("{version}: {}", message.name), place(message));
            if !known.contains(&message.name.as_str()) {
                known.push(&message.name);
                if let Some(purpose) = purpose(&message.name) {
                    answer.explain(format!("{} {purpose}.", message.name));
                }
            }
        }
    }
    if sessions.iter().any(|session| session.messages.iter().any(|message| message.encrypted)) {
        answer.explain(
            "A message marked as encrypted cannot be read in a capture without the secrets of the connection.",
        );
    }
    if !sessions.is_empty() {
        answer.explain(
            "Messages do not fit packets one to one: several may share a packet, and a long certificate may take two.",
        );
    }
    answer
}

fn flight_text(flight: &[TlsMessage]) -> String {
    let who = if flight.iter().any(|message| message.from_client) { "PDC" } else { "PMU" };
    let encrypted = |message: &TlsMessage| if message.encrypted { " (encrypted)" } else { "" };
    let names: Vec<String> = flight.iter().map(|message| format!("{}{}", message.name, encrypted(message))).collect();
    format!("From the {who}: {}.", list(&names))
}

/// The contents of a message, in words (RFC 5246, section 7.4, and RFC 8446, section 4).
fn purpose(name: &str) -> Option<&'static str> {
    Some(match name {
        "ClientHello" => {
            "has the versions and cipher suites that the PDC can use, a random value, and in TLS 1.3 its public \
             value for the key agreement"
        }
        "ServerHello" => {
            "has the version and the suite that the PMU picked, a random value, and in TLS 1.3 its public value"
        }
        "HelloRetryRequest" => "asks the PDC to begin again with another group for the key exchange",
        "EncryptedExtensions" => "has further answers of the PMU, which need not be in the clear",
        "Certificate" => "has the PMU's certificate and those that lead to the CA",
        "CertificateRequest" => "asks the PDC for a certificate of its own",
        "CertificateStatus" => "says that the certificate has not been revoked",
        "CertificateVerify" => {
            "has a signature over the handshake so far, which proves that the sender has the private key of the \
             certificate"
        }
        "ServerKeyExchange" => "has the PMU's public value for the key agreement, with its signature",
        "ServerHelloDone" => "says that the PMU has sent its part",
        "ClientKeyExchange" => "has the PDC's part of the key exchange",
        "ChangeCipherSpec" => {
            "says that its sender encrypts from here on; in TLS 1.3 it means nothing and is there for old devices on \
             the way"
        }
        "NewSessionTicket" => "lets the PDC shorten a later handshake",
        "Finished" => {
            "has a checksum over all messages before, made with the new keys: whoever changed one is found out"
        }
        _ => return None,
    })
}

pub(super) fn require<'a>(answer: &mut Answer, measurements: &'a [Measurement<TlsFacts>; 2]) -> Vec<&'a TlsFacts> {
    let mut sessions = Vec::new();
    for (measurement, version) in measurements.iter().zip(TlsVersion::ALL) {
        sessions.extend(answer.require(measurement, Scenario::Tls(version).name(), &format!("Part 6 with {version}")));
    }
    sessions
}

pub(super) fn place(message: &TlsMessage) -> String {
    let details = message.details.iter().map(|(name, value)| format!("; {name}: {value}"));
    format!("packet {}, {}{}", message.packet, count(message.len, "byte"), details.collect::<String>())
}
