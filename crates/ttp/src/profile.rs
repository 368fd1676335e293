//! What the certificates of the lab contain.

use std::{ops::Range, str::FromStr, time::Duration};

use clap::ValueEnum;
use labnet::Error;
use rand::RngExt;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
    PKCS_RSA_SHA384, RsaKeySize, SerialNumber,
};
use time::OffsetDateTime;

use crate::Name;

/// How far a certificate reaches into the past, for clocks that are behind (ours).
const CLOCK_SKEW: Duration = Duration::from_secs(3600);

/// The length of a serial number, in bytes: 127 random bits (Baseline Requirements, section 7.1: at least 64).
const SERIAL_LEN: usize = 16;

/// The domains for which the lab's CA may vouch: they exist on no network (RFC 6761), or only in the lab.
const DOMAINS: [&str; 5] = ["localhost", "server", "client", "test", "example"];

/// The kinds of key that can be made here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum KeyKind {
    /// RSA with 2048 bits
    #[default]
    #[value(name = "rsa-2048")]
    Rsa2048,
    /// The elliptic curve P-256
    #[value(name = "p-256")]
    P256,
}

impl KeyKind {
    pub(crate) fn generate(self) -> Result<KeyPair, Error> {
        let pair = match self {
            Self::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        };
        pair.map_err(|source| Error::System { attempt: "make a key", source: std::io::Error::other(source) })
    }
}

/// The hash under which a CA with an RSA key signs; one with P-256 takes SHA-256, which is of its strength.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SignatureHash {
    /// As Mozilla recommends for servers ("intermediate")
    #[default]
    Sha256,
    /// As the secure channel's handout has it
    Sha384,
}

/// A CA's key, in DER, as it signs others' certificates.
pub(crate) fn issuing_key(der: &[u8], hash: SignatureHash) -> Result<KeyPair, rcgen::Error> {
    let pair = KeyPair::try_from(der)?;
    match hash {
        SignatureHash::Sha384 if pair.is_compatible(&PKCS_RSA_SHA256) => {
            let key = der.try_into().map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
            KeyPair::from_der_and_sign_algo(&key, &PKCS_RSA_SHA384)
        }
        _ => Ok(pair),
    }
}

/// What a certificate may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Purpose {
    /// To prove a TLS server
    Server,
    /// To prove a TLS client
    Client,
    /// Either
    Both,
}

impl Purpose {
    /// What a certificate is for when nobody says.
    pub fn default_of(subject: &str) -> Self {
        if subject == "client" { Self::Client } else { Self::Server }
    }

    /// That of a server, a client or both; `None` for neither.
    pub(crate) fn of(server: bool, client: bool) -> Option<Self> {
        match (server, client) {
            (true, true) => Some(Self::Both),
            (true, false) => Some(Self::Server),
            (false, true) => Some(Self::Client),
            (false, false) => None,
        }
    }

    fn extended_key_usages(self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Self::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Self::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Self::Both => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        }
    }
}

/// A country code of two letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Country(String);

impl FromStr for Country {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        let error = || Error::Usage(format!("'{}' is no country code of two letters, such as CH", text));
        is_code.then(|| Self(text.to_ascii_uppercase())).ok_or_else(error)
    }
}

/// Who a certificate is about.
pub(crate) fn subject(common_name: &str, country: Option<&str>) -> Result<DistinguishedName, Error> {
    let mut subject = DistinguishedName::new();
    if let Some(country) = country {
        let Country(country) = country.parse()?;
        let code = rcgen::string::PrintableString::try_from(country);
        let code = code.map_err(|error| Error::Usage(format!("the country code: {error}")))?;
        subject.push(DnType::CountryName, rcgen::DnValue::PrintableString(code));
    }
    subject.push(DnType::CommonName, common_name);
    Ok(subject)
}

/// The CA: signs certificates for servers and clients, but no further CA; for the lab's names only, unless `any_name`.
pub(crate) fn authority(subject: DistinguishedName, days: u32, any_name: bool) -> CertificateParams {
    let mut params = common(subject);
    Range { start: params.not_before, end: params.not_after } = in_days(0, days);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = (!any_name).then(|| {
        let domains = DOMAINS.iter().map(|domain| GeneralSubtree::DnsName((*domain).to_owned()));
        let loopback = [
            CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8),
            CidrSubnet::from_v6_prefix([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128),
        ];
        NameConstraints {
            permitted_subtrees: domains.chain(loopback.map(GeneralSubtree::IpAddress)).collect(),
            excluded_subtrees: Vec::new(),
        }
    });
    params
}

/// A server or client: no CA, whatever it asked for.
pub(crate) fn leaf(
    subject: DistinguishedName,
    names: &[Name],
    purpose: Purpose,
    is_rsa: bool,
    valid: Range<OffsetDateTime>,
) -> Result<CertificateParams, Error> {
    let mut params = common(subject);
    (params.not_before, params.not_after) = (valid.start, valid.end);
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.subject_alt_names = names.iter().map(Name::to_san).collect::<Result<_, _>>()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if is_rsa {
        // For the key transport of TLS 1.2's oldest suites, and of the secure channel.
        params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
    }
    params.extended_key_usages = purpose.extended_key_usages();
    Ok(params)
}

fn common(subject: DistinguishedName) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.serial_number = Some(serial_number());
    params
}

/// Random, positive, and never shorter than its length.
fn serial_number() -> SerialNumber {
    let mut serial: [u8; SERIAL_LEN] = rand::rng().random();
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    SerialNumber::from_slice(&serial)
}

/// From `start` days after now, for that many days.
pub(crate) fn in_days(start: i32, days: u32) -> Range<OffsetDateTime> {
    let start = OffsetDateTime::now_utc() + time::Duration::days(start.into());
    Range { start: start - CLOCK_SKEW, end: start + time::Duration::days(days.into()) }
}
