//! The record protocol: parts of a message, each protected on its own, in an order that cannot be changed.
//!
//! A record is a frame whose body is protected with the keys of its direction. `number` counts the records of a direction
//! from 0; it is not sent, both sides know it.
//!
//! ```text
//! suite 1, as the source has it: MAC, then encrypt
//!   tag   = HMAC-SHA-256(mac key, number u64 ‖ kind u8 ‖ length of the plaintext u16 ‖ plaintext)
//!   body  = AES-128-CTR(cipher key, first counter block = number u64 ‖ 0 u64, plaintext ‖ tag)
//! suite 2, AEAD
//!   body  = AES-256-GCM(cipher key, nonce = nonce key xor (0 u32 ‖ number u64), plaintext; associated: header)
//! ```
//!
//! A record has at most 16,384 bytes of plaintext, so its counter blocks (1,026) never reach those of the next number.
//! The last record of a direction is `end` or `acknowledgement`; what comes after it is refused, and a stream that
//! stops before it was cut.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use crate::{
    ChannelSuite, Failure,
    crypto::{AEAD_TAG_LEN, AeadKey, CounterKey, HASH_LEN, MacKey, Refused},
    frame::{HEADER_LEN, Header, Kind},
};

/// The most plaintext in a record (ours, and that of TLS: RFC 8446, section 5.1).
pub const MAX_PLAINTEXT_LEN: usize = 1 << 14;

/// The most that protection adds.
pub const MAX_OVERHEAD: usize = HASH_LEN;

/// How many records a direction's keys may protect: 2^24, far below what AES-GCM allows for records of this size
/// (RFC 8446, section 5.5), and 256 GiB of data.
pub const MAX_RECORDS: u64 = 1 << 24;

/// The keys of a direction.
pub(crate) enum Protection {
    MacThenEncrypt { cipher: Box<CounterKey>, mac: Box<MacKey> },
    Aead { key: AeadKey, nonce: Zeroizing<[u8; 12]> },
}

impl Protection {
    fn suite(&self) -> ChannelSuite {
        match self {
            Self::MacThenEncrypt { .. } => ChannelSuite::Aes128CtrHmacSha256,
            Self::Aead { .. } => ChannelSuite::Aes256Gcm,
        }
    }

    fn overhead(&self) -> usize {
        match self {
            Self::MacThenEncrypt { .. } => HASH_LEN,
            Self::Aead { .. } => AEAD_TAG_LEN,
        }
    }

    /// Encrypts what follows the header at the end of `out`, and adds what shows that it is authentic.
    fn seal(&self, number: u64, header: Header, start: usize, out: &mut Vec<u8>) -> Result<(), Refused> {
        match self {
            Self::MacThenEncrypt { cipher, mac } => {
                let plaintext = out.get(start..).ok_or(Refused)?;
                let tag = mac.tag(&[&mac_prefix(number, header.kind, plaintext.len()), plaintext]);
                out.extend_from_slice(&tag);
                cipher.apply(counter_block(number), out.get_mut(start..).ok_or(Refused)?)
            }
            Self::Aead { key, nonce } => {
                let plaintext = out.get_mut(start..).ok_or(Refused)?;
                let tag = key.seal(aead_nonce(nonce, number), &header.encode(), plaintext)?;
                out.extend_from_slice(&tag);
                Ok(())
            }
        }
    }

    /// Decrypts in place: the plaintext, if it is authentic.
    fn open<'b>(&self, number: u64, header: Header, body: &'b mut [u8]) -> Result<&'b [u8], Refused> {
        match self {
            Self::MacThenEncrypt { cipher, mac } => {
                let len = body.len().checked_sub(HASH_LEN).ok_or(Refused)?;
                cipher.apply(counter_block(number), body)?;
                let (plaintext, tag) = body.split_at(len);
                if mac.verifies(&[&mac_prefix(number, header.kind, len), plaintext], tag) {
                    Ok(plaintext)
                } else {
                    Err(Refused)
                }
            }
            Self::Aead { key, nonce } => {
                key.open(aead_nonce(nonce, number), &header.encode(), body).map(|plaintext| &*plaintext)
            }
        }
    }
}

fn mac_prefix(number: u64, kind: Kind, len: usize) -> [u8; 11] {
    let mut prefix = [0; 11];
    let [kind, high, low] = Header { kind, len }.encode();
    for (to, from) in prefix.iter_mut().zip(number.to_be_bytes().into_iter().chain([kind, high, low])) {
        *to = from;
    }
    prefix
}

fn counter_block(number: u64) -> [u8; 16] {
    (u128::from(number) << 64).to_be_bytes()
}

fn aead_nonce(base: &[u8; 12], number: u64) -> [u8; 12] {
    let mut nonce = *base;
    for (to, from) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
        *to ^= from;
    }
    nonce
}

/// Whether a record is the last of its direction.
fn is_last(kind: Kind) -> bool {
    matches!(kind, Kind::End | Kind::Acknowledgement)
}

/// Protects the records of one direction.
pub struct RecordEncryptor {
    protection: Protection,
    number: u64,
    has_ended: bool,
}

impl RecordEncryptor {
    pub(crate) fn new(protection: Protection) -> Self {
        Self { protection, number: 0, has_ended: false }
    }

    /// The suite.
    pub fn suite(&self) -> ChannelSuite {
        self.protection.suite()
    }

    /// Appends a record to `out`.
    ///
    /// # Errors
    /// [`Failure::Length`] for more than [`MAX_PLAINTEXT_LEN`], [`Failure::KeysUsedUp`] after [`MAX_RECORDS`],
    /// [`Failure::AfterEnd`].
    pub fn seal(&mut self, kind: Kind, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        if self.has_ended {
            return Err(Failure::AfterEnd);
        }
        if self.number >= MAX_RECORDS {
            return Err(Failure::KeysUsedUp);
        }
        let header = Header { kind, len: plaintext.len() + self.protection.overhead() };
        if plaintext.len() > MAX_PLAINTEXT_LEN || header.len > kind.max_len() || !kind.is_record() {
            return Err(Failure::Length { kind, len: header.len });
        }
        let before = out.len();
        out.extend_from_slice(&header.encode());
        out.extend_from_slice(plaintext);
        if let Err(Refused) = self.protection.seal(self.number, header, before + HEADER_LEN, out) {
            // Nothing unprotected is left for the caller to send.
            out.truncate(before);
            return Err(Failure::NoCryptography);
        }
        self.number += 1;
        self.has_ended = is_last(kind);
        Ok(())
    }
}

/// Opens the records of one direction.
pub struct RecordDecryptor {
    protection: Protection,
    number: u64,
    has_ended: bool,
}

impl RecordDecryptor {
    pub(crate) fn new(protection: Protection) -> Self {
        Self { protection, number: 0, has_ended: false }
    }

    /// Whether the last record has come.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Decrypts the body of a record in place and checks it: its plaintext. After a failure nothing of it is left.
    ///
    /// # Errors
    /// [`Failure::Record`], [`Failure::KeysUsedUp`], [`Failure::AfterEnd`].
    pub fn open<'b>(&mut self, header: Header, body: &'b mut [u8]) -> Result<&'b [u8], Failure> {
        if self.has_ended {
            return Err(Failure::AfterEnd);
        }
        if self.number >= MAX_RECORDS {
            return Err(Failure::KeysUsedUp);
        }
        let number = self.number;
        if self.protection.open(number, header, body).is_err() || !header.kind.is_record() {
            body.zeroize();
            return Err(Failure::Record { number, kind: header.kind, suite: self.protection.suite() });
        }
        self.number += 1;
        self.has_ended = is_last(header.kind);
        let len = body.len().saturating_sub(self.protection.overhead());
        Ok(body.get(..len).unwrap_or_default())
    }
}

/// Without keys.
impl fmt::Debug for RecordEncryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordEncryptor")
            .field("suite", &self.suite())
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Without keys.
impl fmt::Debug for RecordDecryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suite = self.protection.suite();
        f.debug_struct("RecordDecryptor").field("suite", &suite).field("number", &self.number).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
