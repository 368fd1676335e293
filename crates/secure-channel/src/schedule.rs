//! The key schedule: one secret, and from it a key for each direction and purpose.
//!
//! ```text
//! T(m)      = SHA-256(every frame from client hello to m, headers included)
//! secret    = HKDF-Extract(salt = client random ‖ server random, key material)
//! key(l, n) = HKDF-Expand(secret, n as u16 ‖ length of l as u8 ‖ l ‖ T(certificate verify), n)
//!
//! purpose        label l            bytes n, suite 1 (CTR, HMAC)     suite 2 (GCM)
//! finished       client finished    32                               32
//!                server finished    32                               32
//! encryption     client cipher      16                               32
//!                server cipher      16                               32
//! integrity      client mac         32                               -
//!                server mac         32                               -
//! nonce          client nonce       -                                12
//!                server nonce       -                                12
//!
//! client's finished = HMAC(key("client finished", 32), T(certificate verify))
//! server's finished = HMAC(key("server finished", 32), T(client's finished))
//! ```
//!
//! Whatever an attacker changes in the handshake changes T, and with it every key.

use crate::{
    ChannelSuite, Failure,
    crypto::{AeadKey, CounterKey, HASH_LEN, Hasher, KeyMaterial, MacKey, Refused, Secret},
    frame::Frame,
    message::RANDOM_LEN,
    record::{Protection, RecordDecryptor, RecordEncryptor},
};

/// Everything that has been said, as a hash.
#[derive(Clone)]
pub(crate) struct Transcript(Hasher);

impl Transcript {
    pub(crate) fn new() -> Self {
        Self(Hasher::new())
    }

    pub(crate) fn add(&mut self, frame: &Frame) {
        self.0.update(frame.as_bytes());
    }

    pub(crate) fn hash(&self) -> [u8; HASH_LEN] {
        self.0.hash()
    }
}

/// A side of the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Client => b"client",
            Self::Server => b"server",
        }
    }
}

/// The secret of a session, bound to everything up to the client's signature.
pub(crate) struct Schedule {
    secret: Secret,
    transcript: [u8; HASH_LEN],
    suite: ChannelSuite,
}

impl Schedule {
    pub(crate) fn new(
        material: &KeyMaterial,
        (client, server): (&[u8; RANDOM_LEN], &[u8; RANDOM_LEN]),
        transcript: &Transcript,
        suite: ChannelSuite,
    ) -> Self {
        let salt = [client.as_slice(), server].concat();
        Self { secret: Secret::extract(&salt, material), transcript: transcript.hash(), suite }
    }

    fn key<const N: usize>(&self, side: Side, purpose: &[u8]) -> Result<zeroize::Zeroizing<[u8; N]>, Refused> {
        let label = [side.name(), b" ", purpose].concat();
        // Both are small: a label has at most 15 characters, a key 32 bytes.
        let (key_len, label_len) = ((N as u16).to_be_bytes(), [label.len() as u8]);
        self.secret.expand(&[&key_len, &label_len, &label, &self.transcript])
    }

    /// The finished message of a side, for a transcript.
    pub(crate) fn finished(&self, side: Side, transcript: &Transcript) -> Result<[u8; HASH_LEN], Refused> {
        Ok(self.finished_key(side)?.tag(&[&transcript.hash()]))
    }

    /// Checks the other side's.
    pub(crate) fn check_finished(&self, side: Side, transcript: &Transcript, tag: &[u8]) -> Result<(), Failure> {
        let key = self.finished_key(side).map_err(|Refused| Failure::Finished)?;
        if key.verifies(&[&transcript.hash()], tag) { Ok(()) } else { Err(Failure::Finished) }
    }

    fn finished_key(&self, side: Side) -> Result<MacKey, Refused> {
        Ok(MacKey::new(&*self.key::<HASH_LEN>(side, b"finished")?))
    }

    /// What protects the records that a side sends.
    fn protection(&self, side: Side) -> Result<Protection, Refused> {
        Ok(match self.suite {
            ChannelSuite::Aes128CtrHmacSha256 => Protection::MacThenEncrypt {
                cipher: Box::new(CounterKey::new(&*self.key(side, b"cipher")?)?),
                mac: Box::new(MacKey::new(&*self.key::<HASH_LEN>(side, b"mac")?)),
            },
            ChannelSuite::Aes256Gcm => {
                Protection::Aead { key: AeadKey::new(&*self.key(side, b"cipher")?)?, nonce: self.key(side, b"nonce")? }
            }
        })
    }

    /// How a side protects its records, and opens the other's.
    pub(crate) fn records(&self, side: Side) -> Result<(RecordEncryptor, RecordDecryptor), Refused> {
        let other = if side == Side::Client { Side::Server } else { Side::Client };
        Ok((RecordEncryptor::new(self.protection(side)?), RecordDecryptor::new(self.protection(other)?)))
    }
}
