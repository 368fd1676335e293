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
    let sessions: Vec<&TlsFacts> = sessions.into_iter().filter(|session| is_complete(&mut answer, session)).collect();
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
                if let Some(purpose) = purpose(message, &sessions) {
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
    let share = |session: &&TlsFacts| {
        session.messages.windows(2).any(|pair| matches!(pair, [one, next] if one.packet == next.packet))
    };
    if sessions.iter().any(share) {
        answer.explain("Messages do not fit packets one to one: several share a packet here.");
    }
    answer
}

/// Whether both sides sent Finished; else says that they did not.
fn is_complete(answer: &mut Answer, session: &TlsFacts) -> bool {
    let finished = |from_client| {
        let mut messages = session.messages.iter().filter(|message| message.from_client == from_client);
        messages.any(|message| message.name == "Finished")
    };
    let is_complete = finished(true) && finished(false);
    if !is_complete {
        answer.add_missing(&format!("The handshake of {} did not come to its end.", session.offered));
    }
    is_complete
}

fn flight_text(flight: &[TlsMessage]) -> String {
    let who = if flight.iter().any(|message| message.from_client) { "PDC" } else { "PMU" };
    let encrypted = |message: &TlsMessage| if message.encrypted { " (encrypted)" } else { "" };
    let names: Vec<String> = flight.iter().map(|message| format!("{}{}", message.name, encrypted(message))).collect();
    format!("From the {who}: {}.", list(&names))
}

/// The contents of a message, in words (RFC 5246, section 7.4, and RFC 8446, section 4).
fn purpose(message: &TlsMessage, sessions: &[&TlsFacts]) -> Option<&'static str> {
    let has = |version: TlsVersion| sessions.iter().any(|session| session.offered == version);
    let certificates = message.details.iter().find(|(name, _)| name == "certificates");
    let certificates = certificates.and_then(|(_, number)| number.parse::<u64>().ok());
    Some(match message.name.as_str() {
        "ClientHello" if !has(TlsVersion::Tls13) => {
            "has the versions and cipher suites that the PDC can use, and a random value"
        }
        "ClientHello" => {
            "has the versions and cipher suites that the PDC can use, a random value, and in TLS 1.3 its public \
             value for the key agreement"
        }
        "ServerHello" if !has(TlsVersion::Tls13) => {
            "has the version and the suite that the PMU picked, and a random value"
        }
        "ServerHello" => {
            "has the version and the suite that the PMU picked, a random value, and in TLS 1.3 its public value"
        }
        "HelloRetryRequest" => "asks the PDC to begin again with another group for the key exchange",
        "EncryptedExtensions" => "has further answers of the PMU, which need not be in the clear",
        "Certificate" if !message.from_client && certificates.is_some_and(|number| number > 1) => {
            "has the PMU's certificate and those that lead to the CA"
        }
        "Certificate" if !message.from_client => "has the PMU's certificate",
        "CertificateRequest" => "asks the PDC for a certificate of its own",
        "CertificateStatus" => "has what the CA says of a revocation of the certificate",
        "CertificateVerify" => {
            "has a signature over the handshake so far, which proves that the sender has the private key of the \
             certificate"
        }
        "ServerKeyExchange" if sessions.iter().all(|session| session.signature.is_none()) => {
            "has the PMU's public value for the key agreement"
        }
        "ServerKeyExchange" => "has the PMU's public value for the key agreement, with its signature",
        "ServerHelloDone" => "says that the PMU has sent its part",
        "ClientKeyExchange" => "has the PDC's part of the key exchange",
        "ChangeCipherSpec" if !has(TlsVersion::Tls13) => "says that its sender encrypts from here on",
        "ChangeCipherSpec" if !has(TlsVersion::Tls12) => {
            "means nothing in TLS 1.3: it is there for old devices on the way"
        }
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

/// The sessions, each with the version that was offered; of the others says what is missing.
pub(super) fn require<'a>(answer: &mut Answer, measurements: &'a [Measurement<TlsFacts>; 2]) -> Vec<&'a TlsFacts> {
    let mut sessions = Vec::new();
    for (measurement, version) in measurements.iter().zip(TlsVersion::ALL) {
        let session = answer.require(measurement, Scenario::Tls(version).name(), &format!("Part 6 with {version}"));
        let Some(session) = session else { continue };
        if session.offered != version || session.version != version.to_string() {
            let other = if session.version.is_empty() { "another version" } else { &session.version };
            answer.add_missing(&format!(
                "Part 6 with {version} was not a session of {version}: the PMU agreed on {other}."
            ));
            continue;
        }
        sessions.push(session);
    }
    sessions
}

pub(super) fn place(message: &TlsMessage) -> String {
    let details = message.details.iter().map(|(name, value)| format!("; {name}: {value}"));
    format!("packet {}, {}{}", message.packet, count(message.len, "byte"), details.collect::<String>())
}
