//! Who makes the certificates of the zoo: its CA, the keys of its servers, and what they have in common.

use labnet::Error;
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};
use time::OffsetDateTime;

use super::{
    certificate_builder::{CertificateBuilder, Extension, Issuer, Key},
    der::{self, oid, tag},
};

/// The common name of the CA.
pub(super) const CA: &str = "Socket Lab Zoo CA";

/// What a server of the zoo presents, and signs with.
#[derive(Clone)]
pub(super) struct Chain {
    /// In the order in which they are sent.
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) key: Key,
}

/// Everything that certificates are made from, new at each start.
pub(super) struct Issuers {
    pub(super) now: OffsetDateTime,
    pub(super) ca: Issuer,
    /// The key of most servers.
    pub(super) key: Key,
    /// Keys of other kinds.
    pub(super) rsa: Key,
    pub(super) p384: Key,
    pub(super) ed25519: Key,
}

impl Issuers {
    pub(super) fn new() -> Result<Self, Error> {
        let now = OffsetDateTime::now_utc();
        Ok(Self {
            now,
            ca: root(CA, now)?,
            key: Key::generate(&PKCS_ECDSA_P256_SHA256)?,
            rsa: Key::generate(&PKCS_RSA_SHA256)?,
            p384: Key::generate(&PKCS_ECDSA_P384_SHA384)?,
            ed25519: Key::generate(&PKCS_ED25519)?,
        })
    }

    /// A root of the same or another name that nobody trusts.
    pub(super) fn untrusted_root(&self, common_name: &str) -> Result<Issuer, Error> {
        root(common_name, self.now)
    }

    /// What the CA signs for a server, by default.
    pub(super) fn server(&self, name: &str) -> CertificateBuilder {
        self.server_of(&self.ca, name)
    }

    /// What another CA signs for a server.
    pub(super) fn server_of(&self, issuer: &Issuer, name: &str) -> CertificateBuilder {
        // A common name has at most 64 characters (RFC 5280, appendix A.1).
        CertificateBuilder::server(issuer, name, &self.key.public, self.now).named(name)
    }

    /// A CA below another one, changed in some way.
    pub(super) fn below(
        &self,
        issuer: &Issuer,
        common_name: &str,
        change: impl FnOnce(CertificateBuilder) -> CertificateBuilder,
    ) -> Result<Issuer, Error> {
        let key = Key::generate(&PKCS_ECDSA_P256_SHA256)?;
        let builder = change(CertificateBuilder::authority(Some(issuer), common_name, &key.public, self.now));
        Ok(Issuer { name: builder.subject.clone(), certificate: builder.signed(&issuer.key)?, key })
    }

    /// An intermediate CA below the zoo's, as it should be.
    pub(super) fn intermediate(&self) -> Result<Issuer, Error> {
        self.below(&self.ca, "Socket Lab Zoo Intermediate CA", |builder| builder)
    }

    /// A certificate that the zoo's CA signs, alone.
    pub(super) fn alone(&self, builder: &CertificateBuilder) -> Result<Chain, Error> {
        Ok(self.chain(vec![builder.signed(&self.ca.key)?]))
    }

    /// The same, of a server with a key of its own.
    pub(super) fn with_key(&self, name: &str, key: &Key) -> Result<Chain, Error> {
        let builder = CertificateBuilder { key: key.public.clone(), ..self.server(name) };
        Ok(Chain { certificates: vec![builder.signed(&self.ca.key)?], key: key.clone() })
    }

    /// A server's certificate, and those of the CAs above it.
    pub(super) fn under(
        &self,
        builder: &CertificateBuilder,
        issuer: &Issuer,
        above: &[&Issuer],
    ) -> Result<Chain, Error> {
        let own = std::iter::once(issuer).chain(above.iter().copied());
        let mut certificates = vec![builder.signed(&issuer.key)?];
        certificates.extend(own.map(|issuer| issuer.certificate.clone()));
        Ok(self.chain(certificates))
    }

    /// Certificates, presented by a server that has the key of most.
    pub(super) fn chain(&self, certificates: Vec<Vec<u8>>) -> Chain {
        Chain { certificates, key: self.key.clone() }
    }
}

/// A CA that signs itself, without a limit of any kind.
fn root(common_name: &str, now: OffsetDateTime) -> Result<Issuer, Error> {
    let key = Key::generate(&PKCS_ECDSA_P256_SHA256)?;
    let builder = CertificateBuilder::authority(None, common_name, &key.public, now);
    // What signs itself needs no authority key identifier (RFC 5280, section 4.2.1.1).
    let builder = builder.with(Extension::ca(None)).without(oid::AUTHORITY_KEY_ID);
    Ok(Issuer { name: builder.subject.clone(), certificate: builder.signed(&key)?, key })
}

/// The public half of an RSA key of so many octets: a number of the right form, of which nobody knows the factors.
pub(super) fn rsa_public(octets: usize) -> Vec<u8> {
    let mut modulus: Vec<u8> = (0..octets).map(|_| rand::random::<u8>()).collect();
    if let [first, .., last] = modulus.as_mut_slice() {
        *first |= 0x80;
        *last |= 1;
    }
    // The high bit is set: a zero before it keeps the number positive.
    let modulus = der::tlv(tag::INTEGER, &[&[0], modulus.as_slice()].concat());
    let exponent = der::tlv(tag::INTEGER, &[1, 0, 1]);
    let algorithm = super::certificate_builder::algorithm(oid::RSA_ENCRYPTION);
    der::sequence(&[&algorithm, &der::bit_string(&der::sequence(&[&modulus, &exponent]))])
}
