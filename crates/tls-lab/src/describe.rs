//! What a client has learned, for people and as JSON.

use std::fmt;

use labnet::{escape::escape, tls};
use serde::Serialize;
use serde_json::{Map, Value};
use tls_trace::{Entry, Summary};
use x509_parser::prelude::{FromDer, X509Name};

use crate::{anchors::Anchors, client::HandshakeOutcome};

/// What there is to tell of a handshake.
#[derive(Debug, Serialize)]
pub struct HandshakeReport {
    /// Who was to be there.
    pub host: String,
    /// Who was there.
    pub address: String,
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The cipher suite.
    pub cipher_suite: SuiteNames,
    /// How the keys were exchanged.
    pub key_exchange_group: Option<String>,
    /// How the server signed.
    pub signature_scheme: Option<String>,
    /// The application protocol.
    pub alpn: Option<String>,
    /// Whether the certificate is that of the host.
    pub verified: bool,
    /// Why it is not, if that was overlooked.
    pub problem: Option<String>,
    /// The server's certificates, the leaf first.
    pub certificates: Vec<Certificate>,
    /// The authority from which they hang.
    pub trust_anchor: Option<String>,
    /// Where that authority was read.
    pub trust_origin: String,
    /// The handshake in numbers.
    pub handshake: Summary,
    /// Everything that happened, if it was to be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<Entry>,
}

/// A cipher suite by its names.
#[derive(Debug, Serialize)]
pub struct SuiteNames {
    /// IANA's.
    pub iana: String,
    /// OpenSSL's.
    pub openssl: String,
    /// The length of its encryption keys.
    pub bits: Option<u16>,
}

/// A certificate, fact by fact.
#[derive(Debug)]
pub struct Certificate(Vec<(&'static str, String)>);

impl HandshakeReport {
    /// After a handshake.
    pub fn new(host: &str, address: &str, outcome: &HandshakeOutcome, anchors: &Anchors, handshake: Summary) -> Self {
        let negotiated = &outcome.negotiated;
        let suite = tls_trace::Suite::of(negotiated.cipher_suite_number);
        let suite =
            SuiteNames { bits: suite.bits(), openssl: suite.openssl.unwrap_or_default().to_owned(), iana: suite.name };
        Self {
            host: host.to_owned(),
            address: address.to_owned(),
            version: negotiated.version.clone(),
            cipher_suite: suite,
            key_exchange_group: negotiated.group.clone(),
            signature_scheme: outcome.signature_scheme.clone(),
            alpn: negotiated.alpn.as_deref().map(|protocol| escape(protocol).to_string()),
            verified: outcome.is_verified,
            problem: outcome.overlooked.as_ref().map(|problem| escape(problem).to_string()),
            certificates: outcome.chain.iter().map(|certificate| Certificate::new(certificate)).collect(),
            trust_anchor: anchors.anchor_of(&outcome.chain).map(|anchor| subject(anchor.subject.as_ref())),
            trust_origin: anchors.origin().to_owned(),
            handshake,
            trace: Vec::new(),
        }
    }
}

/// The name of a trust anchor, of which only the inside is kept: the attributes without the SEQUENCE around them.
fn subject(attributes: &[u8]) -> String {
    let len = u16::try_from(attributes.len()).unwrap_or(u16::MAX).to_be_bytes();
    // DER: SEQUENCE, a length in two bytes.
    let name = [&[0x30, 0x82], len.as_slice(), attributes].concat();
    X509Name::from_der(&name).map_or_else(|_| "unnamed".to_owned(), |(_, name)| tls::name(&name).to_string())
}

impl Certificate {
    fn new(certificate: &[u8]) -> Self {
        Self(ttp::facts(certificate).unwrap_or_else(|| vec![("problem", "cannot be read".to_owned())]))
    }
}

impl Serialize for Certificate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let key = |label: &str| label.replace([' ', '-'], "_").replace(['(', ')'], "").to_lowercase();
        let facts = self.0.iter().map(|(label, value)| (key(label), Value::from(value.as_str())));
        facts.collect::<Map<_, _>>().serialize(serializer)
    }
}

impl fmt::Display for HandshakeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        let SuiteNames { iana, openssl, bits } = &self.cipher_suite;
        writeln!(f, "server:              {} at {}", self.host, self.address)?;
        writeln!(f, "protocol version:    {}", self.version)?;
        writeln!(f, "cipher suite:        {iana} (OpenSSL: {openssl}), {} bits", bits.unwrap_or_default())?;
        writeln!(f, "key exchange group:  {}", or_none(&self.key_exchange_group))?;
        writeln!(f, "signature scheme:    {}", or_none(&self.signature_scheme))?;
        writeln!(f, "ALPN:                {}", or_none(&self.alpn))?;
        let verified = match (&self.problem, self.verified) {
            (Some(problem), _) => format!("NOT VERIFIED: the server {problem}"),
            (None, true) => "verified".to_owned(),
            (None, false) => "chain verified, name not checked".to_owned(),
        };
        writeln!(f, "server hostname:     {} ({verified})", self.host)?;
        writeln!(f, "handshake:           {}", self.handshake)?;
        for (i, Certificate(facts)) in self.certificates.iter().enumerate() {
            let of = self.certificates.len();
            writeln!(f, "server certificate:  {} of {of} in the chain", i + 1)?;
            for (label, value) in facts {
                writeln!(f, "  {:<18} {value}", format!("{label}:"))?;
            }
        }
        write!(f, "trust anchor:        {}, from {}", or_none(&self.trust_anchor), self.trust_origin)
    }
}
