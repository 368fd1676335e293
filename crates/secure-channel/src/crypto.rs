//! The cryptography of the channel, all of it by aws-lc: here it only gets the parameters that this protocol uses.
//!
//! | what | parameters | source |
//! |---|---|---|
//! | key transport | RSA-OAEP, SHA-256 for the hash and in MGF1, no label | RFC 8017, section 7.1 |
//! | signature | RSA-PSS, SHA-256, salt of 32 bytes | RFC 8017, section 8.1 |
//! | key derivation | HKDF-SHA-256 | RFC 5869 |
//! | message authentication | HMAC-SHA-256, all 32 bytes | RFC 2104 |
//! | counter mode | AES-128-CTR | NIST SP 800-38A, section 6.5 |
//! | AEAD | AES-256-GCM, tag of 16 bytes | NIST SP 800-38D |

use aws_lc_rs::{
    aead::{self, LessSafeKey, UnboundKey},
    cipher::{self, EncryptingKey, EncryptionContext, UnboundCipherKey},
    digest,
    encoding::AsDer,
    error::Unspecified,
    hkdf, hmac,
    iv::FixedLength,
    rand::{SystemRandom, fill},
    rsa::{
        KeyPair, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
        PublicEncryptingKey,
    },
    signature::{RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, UnparsedPublicKey},
};
use zeroize::Zeroizing;

/// The length of a SHA-256 hash, and of an HMAC with it.
pub(crate) const HASH_LEN: usize = 32;

/// The length of the key material that a client encrypts for the server.
const KEY_MATERIAL_LEN: usize = 32;

/// Something that the library refuses and that does not depend on the peer, such as no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

impl From<Unspecified> for Refused {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Refused> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// What only client and server know; wiped when dropped.
pub(crate) struct KeyMaterial(Zeroizing<[u8; KEY_MATERIAL_LEN]>);

impl KeyMaterial {
    /// Fresh.
    pub(crate) fn new() -> Result<Self, Refused> {
        random().map(|bytes| Self(Zeroizing::new(bytes)))
    }
}

/// A private RSA key, for both of its uses.
pub(crate) struct PrivateKey {
    signing: KeyPair,
    decrypting: OaepPrivateDecryptingKey,
}

impl PrivateKey {
    /// Reads PKCS#8 or PKCS#1; `None` for any other kind of key.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let signing = KeyPair::from_pkcs8(der).or_else(|_| KeyPair::from_der(der)).ok()?;
        let pkcs8 = signing.as_der().ok()?;
        let decrypting = PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref()).ok()?;
        Some(Self { signing, decrypting: OaepPrivateDecryptingKey::new(decrypting).ok()? })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Refused> {
        let mut signature = vec![0; self.signing.public_modulus_len()];
        self.signing.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)?;
        Ok(signature)
    }

    /// What a client has encrypted for this key; other, random key material when that cannot be decrypted.
    ///
    /// So the caller cannot tell the one from the other, and neither can whoever sent it: both fail only at finished,
    /// in the same way. (With an answer that depends on the padding, an attacker could decrypt: Bleichenbacher 1998,
    /// Manger 2001.)
    pub(crate) fn decrypt(&self, ciphertext: &[u8]) -> Result<KeyMaterial, Refused> {
        let random = KeyMaterial::new()?;
        Ok(self.try_decrypt(ciphertext).unwrap_or(random))
    }

    fn try_decrypt(&self, ciphertext: &[u8]) -> Option<KeyMaterial> {
        let mut plaintext = Zeroizing::new(vec![0; self.decrypting.min_output_size()]);
        let decrypted = self.decrypting.decrypt(&OAEP_SHA256_MGF1SHA256, ciphertext, &mut plaintext, None).ok()?;
        let mut material = KeyMaterial(Zeroizing::new([0; KEY_MATERIAL_LEN]));
        (decrypted.len() == KEY_MATERIAL_LEN).then(|| {
            material.0.copy_from_slice(decrypted);
            material
        })
    }
}

/// A public RSA key, of 2,048 to 8,192 bits, as X.509 has it (SubjectPublicKeyInfo in DER).
#[derive(Clone, Debug)]
pub(crate) struct PublicKey(Vec<u8>);

impl PublicKey {
    /// `None` for any other kind of key.
    pub(crate) fn read(spki: &[u8]) -> Option<Self> {
        PublicEncryptingKey::from_der(spki).ok().map(|_| Self(spki.to_vec()))
    }

    pub(crate) fn encrypt(&self, material: &KeyMaterial) -> Result<Vec<u8>, Refused> {
        let key = PublicEncryptingKey::from_der(&self.0).map_err(|_| Refused)?;
        let key = OaepPublicEncryptingKey::new(key)?;
        let mut ciphertext = vec![0; key.ciphertext_size()];
        let len = key.encrypt(&OAEP_SHA256_MGF1SHA256, &*material.0, &mut ciphertext, None)?.len();
        ciphertext.truncate(len);
        Ok(ciphertext)
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &self.0).verify(message, signature).is_ok()
    }
}

/// SHA-256 of what has been said so far.
#[derive(Clone)]
pub(crate) struct Hasher(digest::Context);

impl Hasher {
    pub(crate) fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn hash(&self) -> [u8; HASH_LEN] {
        let mut hash = [0; HASH_LEN];
        for (to, from) in hash.iter_mut().zip(self.0.clone().finish().as_ref()) {
            *to = *from;
        }
        hash
    }
}

/// A secret from which keys are derived (the PRK of RFC 5869); wiped by the library when dropped.
pub(crate) struct Secret(hkdf::Prk);

impl Secret {
    /// HKDF-Extract.
    pub(crate) fn extract(salt: &[u8], material: &KeyMaterial) -> Self {
        Self(hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(&*material.0))
    }

    /// HKDF-Expand, with the pieces of the info one after the other.
    pub(crate) fn expand<const N: usize>(&self, info: &[&[u8]]) -> Result<Zeroizing<[u8; N]>, Refused> {
        struct Len(usize);
        impl hkdf::KeyType for Len {
            fn len(&self) -> usize {
                self.0
            }
        }
        let mut key = Zeroizing::new([0; N]);
        self.0.expand(info, Len(N))?.fill(&mut *key)?;
        Ok(key)
    }
}

/// A key for HMAC-SHA-256; wiped by the library when dropped.
#[derive(Clone)]
pub(crate) struct MacKey(hmac::Key);

impl MacKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The HMAC of these pieces, one after the other.
    pub(crate) fn tag(&self, pieces: &[&[u8]]) -> [u8; HASH_LEN] {
        let mut context = hmac::Context::with_key(&self.0);
        pieces.iter().for_each(|piece| context.update(piece));
        let mut tag = [0; HASH_LEN];
        for (to, from) in tag.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        tag
    }

    /// Whether this is the HMAC of the pieces, found out in a time that does not depend on where it differs.
    pub(crate) fn verifies(&self, pieces: &[&[u8]], tag: &[u8]) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.tag(pieces), tag).is_ok()
    }
}

/// AES-128 in counter mode: the same operation encrypts and decrypts.
pub(crate) struct CounterKey(EncryptingKey);

impl CounterKey {
    pub(crate) fn new(key: &[u8; 16]) -> Result<Self, Refused> {
        Ok(Self(EncryptingKey::ctr(UnboundCipherKey::new(&cipher::AES_128, key)?)?))
    }

    /// Encrypts or decrypts in place, from a first counter block that is never used again with this key.
    pub(crate) fn apply(&self, first_block: [u8; 16], in_out: &mut [u8]) -> Result<(), Refused> {
        let context = EncryptionContext::Iv128(FixedLength::from(first_block));
        Ok(self.0.less_safe_encrypt(in_out, context).map(drop)?)
    }
}

/// The length of an AES-256-GCM tag.
pub(crate) const AEAD_TAG_LEN: usize = 16;

/// AES-256-GCM.
pub(crate) struct AeadKey(LessSafeKey);

impl AeadKey {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self, Refused> {
        Ok(Self(LessSafeKey::new(UnboundKey::new(&aead::AES_256_GCM, key)?)))
    }

    /// Encrypts in place: the tag.
    pub(crate) fn seal(
        &self,
        nonce: [u8; 12],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], Refused> {
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, aead::Aad::from(associated), in_out)?;
        tag.as_ref().try_into().map_err(|_| Refused)
    }

    /// Decrypts in place what has its tag behind it: the plaintext, if it is authentic.
    pub(crate) fn open<'b>(
        &self,
        nonce: [u8; 12],
        associated: &[u8],
        in_out: &'b mut [u8],
    ) -> Result<&'b mut [u8], Refused> {
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        Ok(self.0.open_in_place(nonce, aead::Aad::from(associated), in_out)?)
    }
}

#[cfg(test)]
mod tests;
