//! What the two sides agree on in their hellos: version, cipher suite, hash function.

use std::{fmt, str::FromStr};

/// The version of the protocol that is described here.
pub const VERSION: u16 = 1;

/// The number of SHA-256 in a hello; there is no other.
pub const SHA256: u8 = 1;

/// How the keys are exchanged and the records protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum ChannelSuite {
    /// RSA key transport; AES-128 in counter mode under HMAC-SHA-256, first the MAC, then the encryption.
    Aes128CtrHmacSha256 = 1,
    /// RSA key transport; AES-256-GCM, which encrypts and authenticates in one (AEAD).
    Aes256Gcm = 2,
}

impl ChannelSuite {
    /// Every suite, in the order in which a client prefers them: the source's first.
    pub const ALL: [Self; 2] = [Self::Aes128CtrHmacSha256, Self::Aes256Gcm];

    /// The suite with a number.
    pub fn of(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| *suite as u16 == number)
    }
}

impl fmt::Display for ChannelSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Aes128CtrHmacSha256 => "RSA-AES128-CTR-HMAC-SHA256",
            Self::Aes256Gcm => "RSA-AES256-GCM-SHA256",
        })
    }
}

impl FromStr for ChannelSuite {
    type Err = String;

    /// The name, in capitals or not, or its part that tells one from the other.
    fn from_str(text: &str) -> Result<Self, String> {
        let names = ["aes128-hmac", "aes256-gcm"];
        let asked = text.to_ascii_lowercase();
        let suite = Self::ALL
            .into_iter()
            .zip(names)
            .find(|(suite, name)| asked == *name || asked == suite.to_string().to_ascii_lowercase());
        suite.map(|(suite, _)| suite).ok_or_else(|| format!("expected one of: {}", names.join(", ")))
    }
}
