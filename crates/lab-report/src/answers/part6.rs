//! Q25 to Q28: a TLS handshake, and the purpose of its cryptography.

use super::handshake::{place, q25, require};
use lab_testbed::facts::{Measurement, Measurements, TlsFacts, TlsSuite};
use labnet::tls::TlsVersion;

use crate::{
    formatting::{count, list},
    sheet::Answer,
};

pub(super) fn answers(measurements: &Measurements) -> Vec<Answer> {
    [q25, q26, q27, q28].map(|answer| answer(&measurements.tls)).into()
}

fn q26(measurements: &[Measurement<TlsFacts>; 2]) -> Answer {
    let mut answer = Answer::new(
        26,
        "How many cipher suites does the PDC propose? On which one do the two agree? Which messages say so?",
    );
    let sessions = require(&mut answer, measurements);
    for session in &sessions {
        let version = &session.version;
        let TlsSuite { iana, openssl } = &session.suite;
        let openssl = openssl.as_ref().filter(|&openssl| openssl != iana);
        let other_name = openssl.map(|openssl| format!(" ({openssl} for OpenSSL)")).unwrap_or_default();
        answer.item(version, format!("The PDC proposed {}.", count(session.proposed.len() as u64, "cipher suite")));
        answer.item(version, format!("They agreed on {iana}{other_name}."));
        if !session.proposed.contains(iana) {
            answer.item(version, "That suite is not among those proposed: a client has to break off here.");
        }
        for (name, role) in [("ClientHello", "proposal"), ("ServerHello", "choice")] {
            let message = session.messages.iter().find(|message| message.name == name);
            answer.item(
                version,
                match message {
                    Some(_) => format!("The {role} is in the {name}."),
                    None => format!("The {role} was not found: no {name} was captured."),
                },
            );
            if let Some(message) = message {
                answer.observe(format!("{version}: {name}"), place(message));
            }
        }
        answer.measure(format!("{version}: proposed"), list(&session.proposed));
        answer.measure(format!("{version}: agreed"), iana);
    }
    let has = |version| sessions.iter().any(|session| session.offered == version);
    if !sessions.is_empty() {
        answer.explain(
            "The client lists what it can do, and the server picks one of the list. How many there are depends on \
             the client's TLS library and its settings.",
        );
    }
    let hellos = sessions.iter().flat_map(|session| &session.messages).filter(|message| message.name == "ClientHello");
    if hellos.flat_map(|message| &message.details).any(|(name, _)| name == SIGNAL) {
        answer.explain("A value that only signals something (TLS_EMPTY_RENEGOTIATION_INFO_SCSV) is not counted.");
    }
    if has(TlsVersion::Tls12) {
        answer.explain("A suite of TLS 1.2 names the key exchange, the signature, the cipher and the hash.");
    }
    if has(TlsVersion::Tls13) {
        answer.explain("A suite of TLS 1.3 names cipher and hash alone.");
    }
    answer
}

/// What the listing calls values of a ClientHello that are no cipher suites.
const SIGNAL: &str = "beside them, as a signal";

fn q27(measurements: &[Measurement<TlsFacts>; 2]) -> Answer {
    let mut answer =
        Answer::new(27, "Is asymmetric (public-key) cryptography used in the TLS session? Where, and what for?");
    let sessions = require(&mut answer, measurements);
    for session in &sessions {
        asymmetric(&mut answer, session);
    }
    if sessions.iter().any(|session| has_transport(session)) {
        answer.explain(
            "With key transport the PDC makes up a secret, encrypts it with the key of the certificate, and only the \
             PMU can decrypt it. Who learns that key later can decrypt old captures too; TLS 1.3 has abolished this.",
        );
    }
    if sessions.iter().any(|session| !has_transport(session) && session.key_exchange.is_some()) {
        answer.explain(
            "In a key agreement each side sends a public value made for this connection, and both compute the same \
             secret from their own private value and the other's public one.",
        );
        // Of the two parts of a hybrid, the newer one sends a secret under a public key.
        let hybrid = sessions.iter().any(|session| is_hybrid(session));
        answer.explain(if hybrid {
            "The part of it that is to resist quantum computers (ML-KEM) works otherwise: the PMU sends a random value that \
             only the PDC can open, with a key made for this connection."
        } else {
            "No secret travels, encrypted or not."
        });
        if !sessions.iter().any(|session| has_transport(session)) {
            answer.explain(
                "The older way, a premaster secret encrypted with the RSA key of the certificate, does not happen here.",
            );
        }
    }
    if sessions.iter().any(|session| session.signature.is_some()) {
        answer.explain(
            "The agreement alone does not say with whom. So the PMU signs the exchange with the private key that belongs to \
             its certificate; and the CA signed that certificate. The PDC checks both signatures with public keys.",
        );
    }
    answer
}

fn asymmetric(answer: &mut Answer, session: &TlsFacts) {
    let version = &session.version;
    let known = [
        ("key exchange", &session.key_exchange),
        ("signature of the PMU", &session.signature),
        ("key of the certificate", &session.certificate_key),
    ];
    for (name, value) in known {
        answer.measure(format!("{version}: {name}"), value.as_deref().unwrap_or("not seen"));
    }
    if !has_transport(session) && session.key_exchange.is_none() && session.signature.is_none() {
        answer.item(version, "None was seen: this handshake has neither a key exchange nor a signature.");
        return;
    }
    answer.item(version, "Yes, in the handshake.");
    match &session.key_exchange {
        _ if has_transport(session) => {
            answer.item(version, "To transport a secret: the PDC encrypts it with the public key of the certificate.");
        }
        Some(group) if is_hybrid(session) => answer.item(
            version,
            format!(
                "To agree on a secret: {group}, an elliptic curve together with a scheme meant to resist quantum \
                     computers."
            ),
        ),
        Some(group) => answer.item(version, format!("To agree on a secret: ephemeral Diffie-Hellman over {group}.")),
        None => answer.item(version, "Its key exchange was not seen."),
    }
    match (&session.signature, &session.certificate_key) {
        (Some(signature), key) => {
            let key = key.as_ref().map_or(String::new(), |key| format!(", with the key of its certificate ({key})"));
            answer.item(version, format!("To prove who the PMU is: it signs the exchange with {signature}{key}."));
        }
        (None, _) => answer.item(version, "The PMU signed nothing in it."),
    }
}

fn q28(measurements: &[Measurement<TlsFacts>; 2]) -> Answer {
    let mut answer = Answer::new(28, "Is symmetric cryptography used in the TLS session? Where, and what for?");
    let sessions = require(&mut answer, measurements);
    for session in &sessions {
        let version = &session.version;
        let (client, server) = session.data_records;
        let cipher = cipher(&session.suite.iana);
        answer.measure(
            format!("{version}: records of application data, from the PDC and from the PMU"),
            format!("{client} and {server}"),
        );
        answer.measure(format!("{version}: cipher"), &cipher);
        if client + server == 0 {
            answer.item(version, "No record of application data was seen, so this run does not show it.");
            continue;
        }
        answer.item(
            version,
            format!(
                "Yes, for all data after the handshake, with {cipher}: {} from the PDC and {} from the PMU.",
                count(client, "record"),
                count(server, "record"),
            ),
        );
        let hidden: Vec<&str> =
            session.messages.iter().filter(|message| message.encrypted).map(|message| message.name.as_str()).collect();
        if !hidden.is_empty() {
            answer.item(version, format!("Also within the handshake, for {}.", list(&unique(&hidden))));
        }
    }
    if sessions.is_empty() {
        return answer;
    }
    answer.explain(
        "Both sides derive the same keys from the secret of the handshake, one for each direction. Symmetric ciphers take \
         far less computing than asymmetric ones.",
    );
    answer.explain(if sessions.iter().all(|session| is_aead(&session.suite.iana)) {
        "The ciphers here keep the data secret, and a tag on each record shows any change to it, both at once (AEAD: \
         authenticated encryption with associated data)."
    } else {
        "The ciphers keep the data secret, and a checksum of each record, made with a key, shows any change to it."
    });
    answer
}

/// The cipher in the name of a suite: `AES_256_GCM`.
fn cipher(suite: &str) -> String {
    let from = suite.split_once("_WITH_").map_or(suite.strip_prefix("TLS_").unwrap_or(suite), |(_, cipher)| cipher);
    let end = if is_aead(suite) { from.rfind("_SHA") } else { None };
    end.and_then(|end| from.get(..end)).unwrap_or(from).to_owned()
}

fn is_aead(suite: &str) -> bool {
    ["GCM", "CCM", "POLY1305"].iter().any(|mode| suite.contains(mode))
}

/// Whether the key exchange has a part that is to resist quantum computers.
fn is_hybrid(session: &TlsFacts) -> bool {
    session.key_exchange.as_ref().is_some_and(|group| group.contains("MLKEM"))
}

/// Whether the key exchange of the suite is RSA key transport: the client encrypts a secret with the certificate's key.
fn has_transport(session: &TlsFacts) -> bool {
    session.suite.iana.starts_with("TLS_RSA_WITH_")
}

fn unique<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut unique: Vec<&str> = Vec::new();
    for &name in names {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    unique
}
