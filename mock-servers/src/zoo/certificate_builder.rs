//! A certificate before it is signed (TBSCertificate, RFC 5280, section 4.1), every field of which can be changed.

use std::sync::Arc;

use labnet::Error;
use rcgen::{KeyPair, SignatureAlgorithm};
use rustls::{
    SignatureScheme, crypto::aws_lc_rs::sign::any_supported_type, pki_types::PrivateKeyDer, sign::SigningKey,
};
use time::{Duration, OffsetDateTime};

use super::der::{self, oid, tag};

/// How long before now a certificate begins to be valid, and how long after now it ends (ours: within the 398 days of
/// the Baseline Requirements, section 6.3.2).
const VALID: (Duration, Duration) = (Duration::days(1), Duration::days(90));

/// A key pair.
#[derive(Clone)]
pub(super) struct Key {
    /// What it signs handshakes with.
    pub(super) signer: Arc<dyn SigningKey>,
    /// The public half, a SubjectPublicKeyInfo.
    pub(super) public: Vec<u8>,
}

/// What went wrong with cryptography, which is this machine's fault.
pub(super) fn failed(why: impl ToString) -> Error {
    Error::System { attempt: "make a certificate for the zoo", source: std::io::Error::other(why.to_string()) }
}

impl Key {
    /// A new one. What is not RSA takes no time.
    pub(super) fn generate(algorithm: &'static SignatureAlgorithm) -> Result<Self, Error> {
        let pair = KeyPair::generate_for(algorithm).map_err(failed)?;
        let private = PrivateKeyDer::try_from(pair.serialize_der()).map_err(failed)?;
        let signer = any_supported_type(&private).map_err(failed)?;
        let public = signer.public_key().ok_or_else(|| failed("a key without its public half"))?.to_vec();
        Ok(Self { signer, public })
    }

    /// Signs with ECDSA and SHA-256, as every CA of the zoo does.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signer = self.signer.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256]);
        signer.ok_or_else(|| failed("a CA of the zoo has a P-256 key"))?.sign(message).map_err(failed)
    }
}

/// Whoever signs certificates.
#[derive(Clone)]
pub(super) struct Issuer {
    pub(super) name: Vec<u8>,
    pub(super) key: Key,
    /// Its own certificate.
    pub(super) certificate: Vec<u8>,
}

/// An extension.
#[derive(Clone)]
pub(super) struct Extension {
    id: &'static [u8],
    is_critical: bool,
    value: Vec<u8>,
}

impl Extension {
    pub(super) fn new(id: &'static [u8], value: Vec<u8>) -> Self {
        Self { id, is_critical: false, value }
    }

    pub(super) fn critical(self) -> Self {
        Self { is_critical: true, ..self }
    }

    /// Whose names: GeneralNames, encoded.
    pub(super) fn names(names: &[Vec<u8>]) -> Self {
        Self::new(oid::SUBJECT_ALT_NAME, der::tlv(tag::SEQUENCE, &names.concat()))
    }

    pub(super) fn purposes(purposes: &[&[u8]]) -> Self {
        let purposes: Vec<u8> = purposes.iter().flat_map(|purpose| der::tlv(tag::OID, purpose)).collect();
        Self::new(oid::EXTENDED_KEY_USAGE, der::tlv(tag::SEQUENCE, &purposes))
    }

    /// One octet of KeyUsage; the first bit is digitalSignature.
    pub(super) fn usage(bits: u8) -> Self {
        let unused = bits.trailing_zeros().min(7) as u8;
        Self::new(oid::KEY_USAGE, der::tlv(tag::BIT_STRING, &[unused, bits])).critical()
    }

    /// A CA, with at most so many further CAs below it.
    pub(super) fn ca(max_below: Option<u8>) -> Self {
        let below = max_below.map_or_else(Vec::new, |below| der::tlv(tag::INTEGER, &[below]));
        Self::new(oid::BASIC_CONSTRAINTS, der::sequence(&[&der::boolean(true), &below])).critical()
    }

    /// The DNS names for which a CA may vouch (`number` 0) or may not (1).
    pub(super) fn constraint(number: u8, dns_name: &str) -> Self {
        let subtree = der::sequence(&[&dns(dns_name.as_bytes())]);
        Self::new(oid::NAME_CONSTRAINTS, der::sequence(&[&der::explicit(number, &subtree)])).critical()
    }

    fn encode(&self) -> Vec<u8> {
        let critical = if self.is_critical { der::boolean(true) } else { Vec::new() };
        let value = der::tlv(tag::OCTET_STRING, &self.value);
        der::sequence(&[&der::tlv(tag::OID, self.id), &critical, &value])
    }
}

/// The bit of KeyUsage for signatures, for the encryption of keys, and for the signing of certificates.
pub(super) mod usage {
    pub(in crate::zoo) const DIGITAL_SIGNATURE: u8 = 0x80;
    pub(in crate::zoo) const KEY_ENCIPHERMENT: u8 = 0x20;
    pub(in crate::zoo) const KEY_CERT_SIGN: u8 = 0x04;
    pub(in crate::zoo) const CRL_SIGN: u8 = 0x02;
}

/// A GeneralName: a dNSName, of any bytes.
pub(super) fn dns(name: &[u8]) -> Vec<u8> {
    der::implicit(2, name)
}

/// A GeneralName: an iPAddress.
pub(super) fn ip(octets: &[u8]) -> Vec<u8> {
    der::implicit(7, octets)
}

/// An AlgorithmIdentifier; those of RSA have parameters, NULL (RFC 4055, section 1.2).
pub(super) fn algorithm(id: &[u8]) -> Vec<u8> {
    let is_rsa = id.starts_with(oid::RSA_ENCRYPTION.split_last().map_or(id, |(_, arc)| arc));
    der::sequence(&[&der::tlv(tag::OID, id), if is_rsa { &[5, 0] } else { &[] }])
}

/// A certificate that nobody has signed yet.
#[derive(Clone)]
pub(super) struct CertificateBuilder {
    /// 2 means version 3; none is version 1.
    pub(super) version: Option<u8>,
    /// The octets of an INTEGER.
    pub(super) serial: Vec<u8>,
    /// The signature's algorithm, as the signed part tells it.
    pub(super) inner: Vec<u8>,
    /// The same, as the outer part tells it.
    pub(super) outer: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    pub(super) not_before: Vec<u8>,
    pub(super) not_after: Vec<u8>,
    pub(super) subject: Vec<u8>,
    /// A SubjectPublicKeyInfo.
    pub(super) key: Vec<u8>,
    pub(super) extensions: Vec<Extension>,
    /// What stands behind the extensions, in any form.
    pub(super) raw: Vec<u8>,
}

impl CertificateBuilder {
    /// A certificate without rights, valid now.
    fn new(issuer: &[u8], common_name: &str, key: &[u8], now: OffsetDateTime) -> Self {
        // Positive, and in as few octets as it needs (RFC 5280, section 4.1.2.2): 0x40 in front sees to both.
        let serial = [&[0x40], rand::random::<[u8; 15]>().as_slice()].concat();
        Self {
            version: Some(2),
            serial,
            inner: algorithm(oid::ECDSA_WITH_SHA256),
            outer: algorithm(oid::ECDSA_WITH_SHA256),
            issuer: issuer.to_vec(),
            not_before: der::time(now - VALID.0),
            not_after: der::time(now + VALID.1),
            subject: der::name(common_name),
            key: key.to_vec(),
            extensions: Vec::new(),
            raw: Vec::new(),
        }
    }

    /// A server's certificate, as it should be; its names are still missing.
    pub(super) fn server(issuer: &Issuer, common_name: &str, key: &[u8], now: OffsetDateTime) -> Self {
        Self::new(&issuer.name, common_name, key, now)
            .with(Extension::usage(usage::DIGITAL_SIGNATURE))
            .with(Extension::purposes(&[oid::SERVER_AUTH]))
            .with(Extension::new(oid::BASIC_CONSTRAINTS, der::sequence(&[])).critical())
            .identified(Some(&issuer.key.public))
    }

    /// A CA's certificate; its own, if there is no issuer.
    pub(super) fn authority(issuer: Option<&Issuer>, common_name: &str, key: &[u8], now: OffsetDateTime) -> Self {
        let own = der::name(common_name);
        Self::new(issuer.map_or(&own, |issuer| &issuer.name), common_name, key, now)
            .with(Extension::usage(usage::KEY_CERT_SIGN | usage::CRL_SIGN))
            .with(Extension::ca(None))
            .identified(issuer.map(|issuer| issuer.key.public.as_slice()))
    }

    /// With the identifiers of its key and of its issuer's, which tell keys of the same name apart.
    fn identified(self, issuer: Option<&[u8]>) -> Self {
        let own = key_id(&self.key);
        let issuer = issuer.map_or_else(|| own.clone(), key_id);
        self.with(Extension::new(oid::SUBJECT_KEY_ID, der::tlv(tag::OCTET_STRING, &own)))
            .with(Extension::new(oid::AUTHORITY_KEY_ID, der::sequence(&[&der::implicit(0, &issuer)])))
    }

    /// With an extension, in place of any other of its kind.
    pub(super) fn with(self, extension: Extension) -> Self {
        self.without(extension.id).and(extension)
    }

    /// With one more extension, whatever there is.
    pub(super) fn and(mut self, extension: Extension) -> Self {
        self.extensions.push(extension);
        self
    }

    /// With one more extension, encoded in any way.
    pub(super) fn raw(self, extension: Vec<u8>) -> Self {
        Self { raw: extension, ..self }
    }

    pub(super) fn without(mut self, id: &[u8]) -> Self {
        self.extensions.retain(|extension| extension.id != id);
        self
    }

    pub(super) fn named(self, dns_name: &str) -> Self {
        self.with(Extension::names(&[dns(dns_name.as_bytes())]))
    }

    pub(super) fn valid(self, not_before: OffsetDateTime, not_after: OffsetDateTime) -> Self {
        Self { not_before: der::time(not_before), not_after: der::time(not_after), ..self }
    }

    /// As an algorithm says that the signature was made with it, inside and outside.
    pub(super) fn claiming(self, id: &[u8]) -> Self {
        Self { inner: algorithm(id), outer: algorithm(id), ..self }
    }

    /// The part that is signed.
    fn encode(&self) -> Vec<u8> {
        let version =
            self.version.map_or_else(Vec::new, |version| der::explicit(0, &der::tlv(tag::INTEGER, &[version])));
        let known = self.extensions.iter().flat_map(Extension::encode);
        let extensions: Vec<u8> = known.chain(self.raw.iter().copied()).collect();
        let extensions = match self.version {
            Some(2) => der::explicit(3, &der::tlv(tag::SEQUENCE, &extensions)),
            // Only version 3 has any.
            _ => Vec::new(),
        };
        der::sequence(&[
            &version,
            &der::tlv(tag::INTEGER, &self.serial),
            &self.inner,
            &self.issuer,
            &der::sequence(&[&self.not_before, &self.not_after]),
            &self.subject,
            &self.key,
            &extensions,
        ])
    }

    /// The certificate, signed by a key.
    pub(super) fn signed(&self, key: &Key) -> Result<Vec<u8>, Error> {
        Ok(self.with_signature(&key.sign(&self.encode())?))
    }

    /// The certificate, with any bytes for a signature.
    pub(super) fn with_signature(&self, signature: &[u8]) -> Vec<u8> {
        der::sequence(&[&self.encode(), &self.outer, &der::bit_string(signature)])
    }

    /// The certificate with the signature of another one.
    pub(super) fn signed_as(&self, other: &Self, key: &Key) -> Result<Vec<u8>, Error> {
        Ok(self.with_signature(&key.sign(&other.encode())?))
    }
}

/// Any value that differs from key to key will do (RFC 5280, section 4.2.1.2): here the end of the public key.
fn key_id(public: &[u8]) -> Vec<u8> {
    /// The length of the usual identifier, a SHA-1 hash.
    const LEN: usize = 20;
    public.get(public.len().saturating_sub(LEN)..).unwrap_or(public).to_vec()
}
