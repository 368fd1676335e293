//! From a secret to the keys of a direction, and from a protected record to what is in it.
//!
//! ```text
//! TLS 1.3   key   = HKDF-Expand-Label(secret, "key", "", key length)        section 7.3
//!           iv    = HKDF-Expand-Label(secret, "iv", "", 12)
//!           nonce = iv xor number                                           section 5.3
//!           next  = HKDF-Expand-Label(secret, "traffic upd", "", hash)      section 7.2
//! TLS 1.2   client key ‖ server key ‖ client iv ‖ server iv
//!                 = PRF(master, "key expansion", server random ‖ client random)   RFC 5246, section 6.3
//!           nonce = iv (4 bytes) ‖ the first 8 bytes of the record          AES-GCM: RFC 5288, section 3
//!           nonce = iv (12 bytes) xor number                                ChaCha20-Poly1305: RFC 7905, section 2
//! ```

use aws_lc_rs::{
    aead::{self, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf::{self, KeyType, Prk},
    tls_prf,
};
use zeroize::Zeroizing;

use super::{
    Direction,
    records::Record,
    secrets::Secret,
    suites::{Algorithms, Cipher, Hash},
};

/// The length of a nonce (RFC 8446, section 5.3).
const NONCE_LEN: usize = 12;

/// The part of a nonce that is sent, in TLS 1.2 with AES-GCM (RFC 5288, section 3).
const EXPLICIT_NONCE_LEN: usize = 8;

/// The length of a tag, for all ciphers here (RFC 5116, section 5.1; RFC 8439, section 2.8).
const TAG_LEN: usize = 16;

/// What the library refuses, or a tag that does not match.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused;

impl From<aws_lc_rs::error::Unspecified> for Refused {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

/// What a protected record held.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened {
    /// The content type.
    pub(super) kind: u8,
    pub(super) content: Vec<u8>,
    /// How many zeros hid its length (TLS 1.3, section 5.4).
    pub(super) padding: usize,
}

/// Opens the records of one direction, in their order.
pub(super) struct Opener {
    key: LessSafeKey,
    iv: Zeroizing<[u8; NONCE_LEN]>,
    number: u64,
    version: Version,
}

enum Version {
    /// With what the next keys are made from.
    Tls13 {
        secret: Secret,
        algorithms: Algorithms,
    },
    Tls12 {
        sends_nonce: bool,
    },
}

impl Opener {
    /// For a traffic secret of TLS 1.3.
    pub(super) fn tls13(secret: &[u8], algorithms: Algorithms) -> Result<Self, Refused> {
        if secret.len() != algorithms.hash.len() {
            return Err(Refused);
        }
        let key = expand_label(secret, algorithms.hash, b"key", algorithms.cipher.algorithm().key_len())?;
        let iv = expand_label(secret, algorithms.hash, b"iv", NONCE_LEN)?;
        let secret = Zeroizing::new(secret.to_vec());
        Self::new(algorithms.cipher, &key, &iv, Version::Tls13 { secret, algorithms })
    }

    /// For the master secret of TLS 1.2, and what follows it in the derivation: the server's random, then the client's.
    pub(super) fn tls12(
        master: &[u8],
        randoms: &[u8],
        direction: Direction,
        algorithms: Algorithms,
    ) -> Result<Self, Refused> {
        let cipher = algorithms.cipher;
        let (key_len, iv_len) = (cipher.algorithm().key_len(), fixed_iv_len(cipher));
        let secret = tls_prf::Secret::new(prf(algorithms.hash), master)?;
        let block = secret.derive(b"key expansion", randoms, 2 * (key_len + iv_len))?;
        let (keys, ivs) = block.as_ref().split_at_checked(2 * key_len).ok_or(Refused)?;
        let half = |pair: &[u8], len: usize| {
            let (client, server) = pair.split_at_checked(len).ok_or(Refused)?;
            Ok::<_, Refused>(Zeroizing::new(if direction == Direction::Sent { client } else { server }.to_vec()))
        };
        let sends_nonce = iv_len < NONCE_LEN;
        Self::new(cipher, &half(keys, key_len)?, &half(ivs, iv_len)?, Version::Tls12 { sends_nonce })
    }

    fn new(cipher: Cipher, key: &[u8], iv: &[u8], version: Version) -> Result<Self, Refused> {
        let key = LessSafeKey::new(UnboundKey::new(cipher.algorithm(), key)?);
        let mut padded = Zeroizing::new([0; NONCE_LEN]);
        padded.iter_mut().zip(iv).for_each(|(to, from)| *to = *from);
        Ok(Self { key, iv: padded, number: 0, version })
    }

    /// What is in the next record.
    pub(super) fn open(&mut self, record: Record) -> Result<Opened, Refused> {
        let opened = match self.version {
            Version::Tls13 { .. } => self.open13(record)?,
            Version::Tls12 { sends_nonce } => self.open12(record, sends_nonce)?,
        };
        self.number += 1;
        Ok(opened)
    }

    fn open13(&self, mut record: Record) -> Result<Opened, Refused> {
        let header = record.header();
        let plaintext = self.key.open_in_place(self.nonce(), Aad::from(header), &mut record.body)?;
        // content ‖ type ‖ zeros (section 5.2)
        let end = plaintext.iter().rposition(|byte| *byte != 0).ok_or(Refused)?;
        let padding = plaintext.len() - end - 1;
        let (content, kind) = plaintext.split_at(end);
        let kind = *kind.first().ok_or(Refused)?;
        Ok(Opened { kind, content: content.to_vec(), padding })
    }

    fn open12(&self, mut record: Record, sends_nonce: bool) -> Result<Opened, Refused> {
        let sent_len = if sends_nonce { EXPLICIT_NONCE_LEN } else { 0 };
        let len = record.body.len().checked_sub(sent_len + TAG_LEN).ok_or(Refused)?;
        // The length is that of the plaintext (RFC 5246, section 6.2.3.3), which is shorter than the record's.
        let [kind, major, minor, ..] = record.header();
        let [high, low] = (len as u16).to_be_bytes();
        let header = [kind, major, minor, high, low];
        let associated = [&self.number.to_be_bytes()[..], &header].concat();
        let (explicit, body) = record.body.split_at_mut_checked(sent_len).ok_or(Refused)?;
        let nonce = if sends_nonce { self.sent_nonce(explicit) } else { self.nonce() };
        let content = self.key.open_in_place(nonce, Aad::from(associated), body)?.to_vec();
        Ok(Opened { kind: record.kind, content, padding: 0 })
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = *self.iv;
        for (to, from) in nonce.iter_mut().skip(NONCE_LEN - size_of::<u64>()).zip(self.number.to_be_bytes()) {
            *to ^= from;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    fn sent_nonce(&self, explicit: &[u8]) -> Nonce {
        let mut nonce = *self.iv;
        nonce.iter_mut().skip(NONCE_LEN - EXPLICIT_NONCE_LEN).zip(explicit).for_each(|(to, from)| *to = *from);
        Nonce::assume_unique_for_key(nonce)
    }

    /// The keys after a KeyUpdate (section 4.6.3).
    pub(super) fn updated(&self) -> Result<Self, Refused> {
        match &self.version {
            Version::Tls13 { secret, algorithms } => {
                Self::tls13(&expand_label(secret, algorithms.hash, b"traffic upd", algorithms.hash.len())?, *algorithms)
            }
            Version::Tls12 { .. } => Err(Refused),
        }
    }
}

/// How much of a nonce the key block of TLS 1.2 gives.
fn fixed_iv_len(cipher: Cipher) -> usize {
    match cipher {
        Cipher::Aes128Gcm | Cipher::Aes256Gcm => NONCE_LEN - EXPLICIT_NONCE_LEN,
        Cipher::ChaCha20Poly1305 => NONCE_LEN,
    }
}

fn prf(hash: Hash) -> &'static tls_prf::Algorithm {
    match hash {
        Hash::Sha256 => &tls_prf::P_SHA256,
        Hash::Sha384 => &tls_prf::P_SHA384,
    }
}

impl Cipher {
    fn algorithm(self) -> &'static aead::Algorithm {
        match self {
            Self::Aes128Gcm => &aead::AES_128_GCM,
            Self::Aes256Gcm => &aead::AES_256_GCM,
            Self::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        }
    }
}

impl Hash {
    fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    fn hkdf(self) -> hkdf::Algorithm {
        match self {
            Self::Sha256 => hkdf::HKDF_SHA256,
            Self::Sha384 => hkdf::HKDF_SHA384,
        }
    }
}

/// HKDF-Expand-Label without a context (section 7.1); `secret` has the length of the hash.
fn expand_label(secret: &[u8], hash: Hash, label: &[u8], len: usize) -> Result<Secret, Refused> {
    struct Len(usize);
    impl KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
    const PREFIX: &[u8] = b"tls13 ";
    // Both are small: a label has at most 17 bytes with its prefix, a key or a hash 48.
    let (out_len, label_len) = ((len as u16).to_be_bytes(), [(PREFIX.len() + label.len()) as u8]);
    let mut out = Zeroizing::new(vec![0; len]);
    let prk = Prk::new_less_safe(hash.hkdf(), secret);
    prk.expand(&[&out_len, &label_len, PREFIX, label, &[0]], Len(len))?.fill(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECRET: [u8; 32] = [7; 32];
    const ALGORITHMS: Algorithms = Algorithms { cipher: Cipher::Aes128Gcm, hash: Hash::Sha256 };

    /// A first record of TLS 1.3 with this inside, and whether its opener takes it.
    fn check(inside: &[u8], expected: Result<Opened, Refused>) {
        let mut opener = Opener::tls13(&SECRET, ALGORITHMS).unwrap();
        let body = vec![0; inside.len() + TAG_LEN];
        let mut record = Record { at: Duration::ZERO, direction: Direction::Sent, kind: 23, version: 0x0303, body };
        let header = record.header();
        record.body = inside.to_vec();
        opener.key.seal_in_place_append_tag(opener.nonce(), Aad::from(header), &mut record.body).unwrap();
        assert_eq!(opener.open(record), expected);
    }

    #[test]
    fn what_hides_the_length_of_a_record_is_counted() {
        check(&[9, 9, 23], Ok(Opened { kind: 23, content: vec![9, 9], padding: 0 }));
        check(&[9, 0, 23, 0, 0], Ok(Opened { kind: 23, content: vec![9, 0], padding: 2 }));
        check(&[22], Ok(Opened { kind: 22, content: vec![], padding: 0 }));
    }

    #[test]
    fn a_record_of_zeros_alone_has_no_type() {
        check(&[0; 20], Err(Refused));
        check(&[], Err(Refused));
    }

    #[test]
    fn a_body_too_short_for_a_tag_is_refused() {
        let randoms = [1; 64];
        for len in 0..40 {
            let mut opener = Opener::tls12(&[7; 48], &randoms, Direction::Sent, ALGORITHMS).unwrap();
            let body = vec![0; len];
            let record = Record { at: Duration::ZERO, direction: Direction::Sent, kind: 23, version: 0x0303, body };
            assert_eq!(opener.open(record), Err(Refused), "{len} bytes");
        }
        assert!(Opener::tls12(&[], &randoms, Direction::Sent, ALGORITHMS).is_err());
        assert!(Opener::tls13(&[7; 31], ALGORITHMS).is_err());
    }
}
