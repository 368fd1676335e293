//! Who a side is, and whom it believes the other to be: certificates of the trusted third party.

use std::{fmt, path::Path, time::SystemTime};

use labnet::{
    Error,
    tls::{self, Credentials, Roots, TlsRole, verify_chain},
};
use x509_parser::{
    prelude::{FromDer, X509Certificate, X509Name},
    x509::AttributeTypeAndValue,
};

use crate::{
    Failure,
    crypto::{PrivateKey, PublicKey},
    message::Certificate,
};

/// The names that the certificates of the two parties are for.
pub const SERVER: &str = "server";
/// The name of the client.
pub const CLIENT: &str = "client";

/// A side's own certificate and its private key, RSA.
pub struct PartyIdentity {
    pub(crate) certificate: Certificate,
    pub(crate) key: PrivateKey,
}

impl PartyIdentity {
    /// Reads PEM files.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Credentials`], also for a key that is not RSA.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Error> {
        Self::new(&Credentials::load(certificate, key)?).ok_or_else(|| {
            let fault = "is no RSA key of 2048 to 8192 bits, and this handshake encrypts to one (RSA key transport)";
            Error::credentials(key, fault)
        })
    }

    /// `None` for a key that is not RSA.
    pub fn new(credentials: &Credentials) -> Option<Self> {
        let certificate = Certificate { chain: credentials.chain().map(<[u8]>::to_vec).collect() };
        Some(Self { certificate, key: PrivateKey::read(credentials.key())? })
    }
}

/// Without the key.
impl fmt::Debug for PartyIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartyIdentity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Whose certificates a side believes, and whom it expects.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Roots,
    role: TlsRole,
    name: String,
}

impl Trust {
    /// A client's: certificates for the server.
    pub fn in_server(roots: Roots) -> Self {
        Self { roots, role: TlsRole::Server, name: SERVER.to_owned() }
    }

    /// A server's: certificates for the client.
    pub fn in_client(roots: Roots) -> Self {
        Self { roots, role: TlsRole::Client, name: CLIENT.to_owned() }
    }

    /// Verifies chain, validity, purpose and name: the public key of whoever was to be proved.
    pub(crate) fn verify(&self, certificate: &Certificate, at: SystemTime) -> Result<PublicKey, Failure> {
        verify_chain(&certificate.chain, &self.roots, self.role, Some(&self.name), at).map_err(Failure::Certificate)?;
        let leaf = certificate.chain.first().and_then(|leaf| X509Certificate::from_der(leaf).ok());
        let key = leaf.and_then(|(_, leaf)| PublicKey::read(leaf.public_key().raw));
        key.ok_or_else(|| {
            Failure::Certificate("has a certificate for a key that is not RSA of 2048 bits or more".into())
        })
    }
}

/// What a certificate says of its owner, whether or not it is true: to be shown to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The subject's common name; empty without one.
    pub common_name: String,
    /// The issuer's country; empty without one.
    pub issuer_country: String,
    /// The version of X.509, which counts from 1.
    pub version: u32,
}

impl Facts {
    /// Those of a certificate in DER; `None` for what is none.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let text = |value: &AttributeTypeAndValue<'_>| tls::text(value.attr_value());
        let common_name = |name: &X509Name<'_>| name.iter_common_name().find_map(text).unwrap_or_default();
        let country = |name: &X509Name<'_>| name.iter_country().find_map(text).unwrap_or_default();
        Some(Self {
            common_name: common_name(certificate.subject()),
            issuer_country: country(certificate.issuer()),
            version: certificate.version().0 + 1,
        })
    }
}
