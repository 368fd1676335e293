//! Cipher suites: their names, and what those that can be decrypted consist of.

use std::fmt;

use serde::Serialize;
use tls_parser::{TlsCipherEnc, TlsCipherEncMode, TlsCipherSuite, TlsPRF};

use super::names;

/// A cipher suite by its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suite {
    /// Its number in IANA's registry of TLS cipher suites.
    pub id: u16,
    /// Its name there, or the number in hexadecimal.
    pub name: String,
    /// OpenSSL's name for it, for the suites that are common today.
    pub openssl: Option<&'static str>,
}

impl Suite {
    /// The suite with a number.
    pub fn of(id: u16) -> Self {
        let name = match TlsCipherSuite::from_id(id) {
            Some(suite) => suite.name.to_owned(),
            None if names::is_grease(id) => format!("GREASE (0x{id:04x})"),
            None => format!("0x{id:04x}"),
        };
        Self { id, name, openssl: OPENSSL.iter().find(|(known, _)| *known == id).map(|(_, name)| *name) }
    }

    /// The length of its encryption keys, in bits.
    pub fn bits(&self) -> Option<u16> {
        TlsCipherSuite::from_id(self.id).map(|suite| suite.enc_size)
    }

    /// Whether it is a message in the place of a suite: `TLS_EMPTY_RENEGOTIATION_INFO_SCSV` (RFC 5746, section 3.3),
    /// `TLS_FALLBACK_SCSV` (RFC 7507, section 3), GREASE (RFC 8701, section 3.1).
    pub(super) fn is_signal(&self) -> bool {
        matches!(self.id, 0x00ff | 0x5600) || names::is_grease(self.id)
    }
}

/// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 (OpenSSL: ECDHE-RSA-AES256-GCM-SHA384)`.
impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.openssl {
            Some(name) if name == self.name => f.write_str(" (OpenSSL: the same)"),
            Some(name) => write!(f, " (OpenSSL: {name})"),
            None => Ok(()),
        }
    }
}

/// What encrypts the records of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

/// What its keys are derived with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
}

/// What is needed to open the records of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Algorithms {
    pub(super) cipher: Cipher,
    pub(super) hash: Hash,
}

impl Algorithms {
    /// Those of a suite, if it is one that can be opened here.
    pub(super) fn of(suite: u16) -> Option<Self> {
        let suite = TlsCipherSuite::from_id(suite)?;
        let cipher = match (&suite.enc, &suite.enc_mode, suite.enc_size) {
            (TlsCipherEnc::Aes, TlsCipherEncMode::Gcm, 128) => Cipher::Aes128Gcm,
            (TlsCipherEnc::Aes, TlsCipherEncMode::Gcm, 256) => Cipher::Aes256Gcm,
            (TlsCipherEnc::Chacha20_Poly1305, _, _) => Cipher::ChaCha20Poly1305,
            _ => return None,
        };
        let hash = match suite.prf {
            TlsPRF::Sha256 => Hash::Sha256,
            TlsPRF::Sha384 => Hash::Sha384,
            _ => return None,
        };
        Some(Self { cipher, hash })
    }
}

/// OpenSSL's names, as `openssl ciphers -V -stdname` lists them.
const OPENSSL: &[(u16, &str)] = &[
    (0x000a, "DES-CBC3-SHA"),
    (0x002f, "AES128-SHA"),
    (0x0033, "DHE-RSA-AES128-SHA"),
    (0x0035, "AES256-SHA"),
    (0x0039, "DHE-RSA-AES256-SHA"),
    (0x003c, "AES128-SHA256"),
    (0x003d, "AES256-SHA256"),
    (0x0067, "DHE-RSA-AES128-SHA256"),
    (0x006b, "DHE-RSA-AES256-SHA256"),
    (0x009c, "AES128-GCM-SHA256"),
    (0x009d, "AES256-GCM-SHA384"),
    (0x009e, "DHE-RSA-AES128-GCM-SHA256"),
    (0x009f, "DHE-RSA-AES256-GCM-SHA384"),
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0x1304, "TLS_AES_128_CCM_SHA256"),
    (0x1305, "TLS_AES_128_CCM_8_SHA256"),
    (0xc008, "ECDHE-ECDSA-DES-CBC3-SHA"),
    (0xc009, "ECDHE-ECDSA-AES128-SHA"),
    (0xc00a, "ECDHE-ECDSA-AES256-SHA"),
    (0xc012, "ECDHE-RSA-DES-CBC3-SHA"),
    (0xc013, "ECDHE-RSA-AES128-SHA"),
    (0xc014, "ECDHE-RSA-AES256-SHA"),
    (0xc023, "ECDHE-ECDSA-AES128-SHA256"),
    (0xc024, "ECDHE-ECDSA-AES256-SHA384"),
    (0xc027, "ECDHE-RSA-AES128-SHA256"),
    (0xc028, "ECDHE-RSA-AES256-SHA384"),
    (0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (0xc02f, "ECDHE-RSA-AES128-GCM-SHA256"),
    (0xc030, "ECDHE-RSA-AES256-GCM-SHA384"),
    (0xcca8, "ECDHE-RSA-CHACHA20-POLY1305"),
    (0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    (0xccaa, "DHE-RSA-CHACHA20-POLY1305"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_that_rustls_proposes_has_both_names_and_can_be_opened() {
        for suite in rustls::crypto::aws_lc_rs::ALL_CIPHER_SUITES {
            let id = u16::from(suite.suite());
            let known = Suite::of(id);
            assert_eq!(known.name, format!("{:?}", suite.suite()).replace("TLS13_", "TLS_"));
            assert!(known.openssl.is_some() && Algorithms::of(id).is_some(), "{known}");
        }
    }

    #[test]
    fn algorithms_follow_the_name() {
        let of = |cipher, hash| Some(Algorithms { cipher, hash });
        assert_eq!(Algorithms::of(0x1301), of(Cipher::Aes128Gcm, Hash::Sha256));
        assert_eq!(Algorithms::of(0x1302), of(Cipher::Aes256Gcm, Hash::Sha384));
        assert_eq!(Algorithms::of(0xcca8), of(Cipher::ChaCha20Poly1305, Hash::Sha256));
        assert_eq!(Algorithms::of(0xc014), None);
    }

    #[test]
    fn names_of_all_kinds() {
        assert_eq!(Suite::of(0x1301).to_string(), "TLS_AES_128_GCM_SHA256 (OpenSSL: the same)");
        let expected = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 (OpenSSL: ECDHE-RSA-AES256-GCM-SHA384)";
        assert_eq!(Suite::of(0xc030).to_string(), expected);
        assert_eq!(Suite::of(0xeeee).to_string(), "0xeeee");
        assert_eq!(Suite::of(0x2a2a).to_string(), "GREASE (0x2a2a)");
        assert!(Suite::of(0x2a2a).is_signal() && Suite::of(0xff).is_signal() && !Suite::of(0xc030).is_signal());
    }
}
