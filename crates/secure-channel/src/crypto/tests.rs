//! The wrappers against known answers: Wycheproof's vectors, as far as this protocol's parameters go, and NIST's.

use aws_lc_rs::{encoding::PublicKeyX509Der, rsa::OaepPublicEncryptingKey};
use wycheproof::{
    TestResult,
    rsa_oaep::{self, TestName},
};

use super::*;

/// The keys of 2,048 to 8,192 bits and OAEP with SHA-256 throughout.
const OAEP_SETS: [TestName; 4] =
    [TestName::Rsa2048Sha256Mgf1Sha256, TestName::Rsa3072Sha256Mgf1Sha256, TestName::Rsa4096Sha256Mgf1Sha256, MISC];
const MISC: TestName = TestName::RsaMisc;

/// An RSA key of 1,024 bits, as X.509 has it.
const RSA_1024: &str = "30819f300d06092a864886f70d010101050003818d0030818902818100ad6681619b1895402f4f1fee761b98ac53180a31ef\
    14bb243e1e78cf0fab7fbd5f4b91d92b2ad8b96b3611055b6fdebf6e39cea53b3f9ef031a0ac650cb21205fcd108e311e20d3c5171d9fd6e65bd\
    132e098f11d91c6fe883ca10a6ca67ae1afdece1fb32d3bdbec460b840596e9fb02eac7fcb46bfd460d1cf727fcff5dfab0203010001";

/// A key on P-256, as X.509 has it.
const P256: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004338a6a91be6bc5278c40b6b18da99246dbeaed581808d5\
    8da66c6362fe9bd5c36dc2c7af9dee50028b6c60fa8ebb408a33abb0f97de17f31f4d13cb28ce0a8cf";

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn material(bytes: &[u8]) -> KeyMaterial {
    KeyMaterial(Zeroizing::new(bytes.try_into().unwrap()))
}

/// Vectors for SHA-256 and keys that are long enough, with the key in PKCS#8.
fn oaep_groups() -> Vec<rsa_oaep::TestGroup> {
    let groups = OAEP_SETS.into_iter().flat_map(|set| rsa_oaep::TestSet::load(set).unwrap().test_groups);
    let sha256 = wycheproof::HashFunction::Sha2_256;
    groups.filter(|group| (group.hash, group.mgf_hash) == (sha256, sha256) && group.key_size >= 2048).collect()
}

/// The pairs of a private key and its public one, from the shortest on.
fn keys() -> Vec<(PrivateKey, PublicKey)> {
    oaep_groups()
        .iter()
        .filter(|group| group.key_size <= 4096)
        .map(|group| {
            let public = PrivateDecryptingKey::from_pkcs8(&group.pkcs8).unwrap().public_key();
            let spki: PublicKeyX509Der<'_> = public.as_der().unwrap();
            (PrivateKey::read(&group.pkcs8).unwrap(), PublicKey::read(spki.as_ref()).unwrap())
        })
        .collect()
}

fn encrypt_any(key: &PublicKey, plaintext: &[u8]) -> Vec<u8> {
    let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&key.0).unwrap()).unwrap();
    let mut ciphertext = vec![0; key.ciphertext_size()];
    key.encrypt(&OAEP_SHA256_MGF1SHA256, plaintext, &mut ciphertext, None).unwrap();
    ciphertext
}

// RSA-OAEP. Of Wycheproof's vectors, this protocol accepts those without a label whose message is as long as its key
// material; it must accept no other, valid or not.

#[test]
fn rsa_oaep_yields_what_wycheproof_encrypted_and_refuses_all_that_is_not_key_material() {
    let (mut accepted, mut invalid, mut foreign) = (0, 0, 0);
    for group in oaep_groups() {
        let key = PrivateKey::read(&group.pkcs8).unwrap();
        for test in &group.tests {
            let decrypted = key.try_decrypt(&test.ct);
            let is_ours = test.label.is_empty() && test.pt.len() == KEY_MATERIAL_LEN;
            match test.result {
                TestResult::Valid if is_ours => {
                    assert_eq!(decrypted.unwrap().0[..], test.pt[..], "{}: {}", group.key_size, test.comment);
                    accepted += 1;
                }
                result => {
                    assert!(decrypted.is_none(), "{}: {} {}", group.key_size, test.tc_id, test.comment);
                    *(if result == TestResult::Invalid { &mut invalid } else { &mut foreign }) += 1;
                }
            }
        }
    }
    assert!(accepted >= 3 && invalid >= 57 && foreign >= 70, "applicable: {accepted}, {invalid}, {foreign}");
}

#[test]
fn key_material_that_is_encrypted_for_a_key_is_what_its_owner_decrypts_and_nobody_else() {
    let keys = keys();
    for (i, (_, public)) in keys.iter().enumerate() {
        let material = KeyMaterial::new().unwrap();
        let ciphertext = public.encrypt(&material).unwrap();
        assert_ne!(ciphertext, public.encrypt(&material).unwrap(), "encryption is not randomised");
        for (j, (private, _)) in keys.iter().enumerate() {
            // A key may occur in more than one set of vectors.
            let is_owner = keys[i].1.0 == keys[j].1.0;
            let decrypted = private.try_decrypt(&ciphertext);
            assert_eq!(decrypted.is_some_and(|decrypted| *decrypted.0 == *material.0), is_owner, "{i} {j}");
        }
    }
}

#[test]
fn what_cannot_be_decrypted_yields_other_random_key_material_and_no_error() {
    let (private, public) = keys().swap_remove(0);
    let good = public.encrypt(&material(&[7; KEY_MATERIAL_LEN])).unwrap();
    let len = good.len();
    let flipped = |at: usize| {
        let mut bad = good.clone();
        bad[at] ^= 1;
        bad
    };
    for (bad, what) in [
        (flipped(0), "the first bit altered"),
        (flipped(len / 2), "altered in the middle"),
        (flipped(len - 1), "the last bit altered"),
        (vec![0; len], "zeros"),
        (vec![0xff; len], "more than the modulus"),
        (Vec::new(), "nothing"),
        (good[1..].to_vec(), "the first byte missing"),
        (good[..len - 1].to_vec(), "the last byte missing"),
        ([&good[..], &[0]].concat(), "a byte more"),
        ([&[0], &good[..]].concat(), "a leading zero"),
        (vec![9; 1024], "the longest that a frame holds"),
        (encrypt_any(&public, &[7; KEY_MATERIAL_LEN - 1]), "31 bytes of plaintext"),
        (encrypt_any(&public, &[7; KEY_MATERIAL_LEN + 1]), "33 bytes of plaintext"),
        (encrypt_any(&public, &[]), "no plaintext"),
    ] {
        assert!(private.try_decrypt(&bad).is_none(), "{what}");
        let (first, second) = (private.decrypt(&bad).unwrap(), private.decrypt(&bad).unwrap());
        for other in [&first, &second] {
            assert!(other.0.iter().any(|byte| *byte != 7 && *byte != 0), "{what}: {:?}", other.0);
        }
        assert_ne!(*first.0, *second.0, "{what}");
    }
    assert_eq!(*private.decrypt(&good).unwrap().0, [7; KEY_MATERIAL_LEN]);
}

#[test]
fn keys_that_are_short_or_not_rsa_are_refused() {
    assert!(PublicKey::read(&unhex(RSA_1024)).is_none(), "RSA of 1,024 bits");
    assert!(PublicKey::read(&unhex(P256)).is_none(), "P-256");
    assert!(PublicKey::read(&[]).is_none(), "nothing");
    let (_, public) = keys().swap_remove(0);
    assert!(PublicKey::read(&public.0[..public.0.len() - 1]).is_none(), "a key that is cut");

    let misc = rsa_oaep::TestSet::load(MISC).unwrap().test_groups;
    let mut short = misc.iter().filter(|group| group.key_size < 2048).peekable();
    assert!(short.peek().is_some());
    for group in short {
        assert!(PrivateKey::read(&group.pkcs8).is_none(), "RSA of {} bits", group.key_size);
    }
    assert!(PrivateKey::read(&[]).is_none(), "nothing");
}

// RSA-PSS.

#[test]
fn a_signature_is_its_keys_and_its_messages_alone_and_no_byte_of_it_can_be_altered() {
    let mut keys = keys();
    let (private, public) = keys.swap_remove(0);
    let signature = private.sign(b"message").unwrap();
    assert!(public.verifies(b"message", &signature));
    assert!(!public.verifies(b"massage", &signature));
    assert!(!public.verifies(b"", &signature));
    assert!(keys.iter().all(|(_, other)| other.0 == public.0 || !other.verifies(b"message", &signature)));
    assert_ne!(signature, private.sign(b"message").unwrap(), "the salt is the same");

    for at in 0..signature.len() {
        for mask in [1, 0x80, 0xff] {
            let mut altered = signature.clone();
            altered[at] ^= mask;
            assert!(!public.verifies(b"message", &altered), "byte {at} xor {mask:#x}");
        }
    }
    for wrong in [&[][..], &signature[1..], &signature[..signature.len() - 1], &[&signature[..], &[0]].concat()] {
        assert!(!public.verifies(b"message", wrong), "{} bytes", wrong.len());
    }
}

#[test]
fn a_signature_of_another_scheme_is_refused() {
    let group = oaep_groups().swap_remove(0);
    let (_, public) = keys().swap_remove(0);
    let key = KeyPair::from_pkcs8(&group.pkcs8).unwrap();
    for scheme in [&aws_lc_rs::signature::RSA_PKCS1_SHA256, &aws_lc_rs::signature::RSA_PSS_SHA384] {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(scheme, &SystemRandom::new(), b"message", &mut signature).unwrap();
        assert!(!public.verifies(b"message", &signature), "{scheme:?}");
    }
}

// HMAC-SHA-256. Here tags have all their 32 bytes; vectors with 16 are refused, valid or not.

#[test]
fn hmac_is_that_of_wycheproof_and_a_tag_that_is_altered_or_cut_is_refused() {
    let (mut accepted, mut refused) = (0, 0);
    for group in wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).unwrap().test_groups {
        for test in &group.tests {
            let key = MacKey::new(&test.key);
            let is_good = test.result == TestResult::Valid && group.tag_size == HASH_LEN * 8;
            assert_eq!(key.verifies(&[&test.msg], &test.tag), is_good, "{} {}", test.tc_id, test.comment);
            *(if is_good { &mut accepted } else { &mut refused }) += 1;
            if test.result == TestResult::Valid {
                assert_eq!(key.tag(&[&test.msg])[..test.tag.len()], test.tag[..], "{} {}", test.tc_id, test.comment);
            }
        }
    }
    assert!(accepted >= 33 && refused >= 141, "applicable: {accepted}, {refused}");
}

#[test]
fn a_tag_is_of_the_pieces_as_one_text_and_each_of_its_bits_counts() {
    let key = MacKey::new(&[1; HASH_LEN]);
    let tag = key.tag(&[b"one ", b"", b"text"]);
    assert_eq!(tag, key.tag(&[b"one text"]));
    assert!(key.verifies(&[b"one text"], &tag));
    assert!(key.clone().verifies(&[b"o", b"ne text"], &tag));
    assert!(!MacKey::new(&[2; HASH_LEN]).verifies(&[b"one text"], &tag));
    for bit in 0..HASH_LEN * 8 {
        let mut altered = tag;
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(!key.verifies(&[b"one text"], &altered), "bit {bit}");
    }
    for len in 0..HASH_LEN {
        assert!(!key.verifies(&[b"one text"], &tag[..len]), "{len} bytes");
    }
    assert!(!key.verifies(&[b"one text"], &[&tag[..], &[0]].concat()));
}

// HKDF-SHA-256. The input is always key material: of Wycheproof's vectors, those with 32 bytes of input apply, and they
// have every length of salt, info and output that this protocol uses or comes near to. Those of RFC 5869 have 22 or 80
// bytes of input; they hold HKDF as it is defined there, by HMAC, and the definition holds the wrapper.

fn expand(secret: &Secret, info: &[u8], len: usize) -> Result<Vec<u8>, Refused> {
    macro_rules! of_len {
        ($($len:literal)*) => {
            match len {
                $($len => secret.expand::<$len>(&[info]).map(|key| key.to_vec()),)*
                other => panic!("{other} bytes: add it to the list"),
            }
        };
    }
    of_len!(12 16 20 32 42 56 64 80 128 8160 8161)
}

/// RFC 5869, sections 2.2 and 2.3, word by word.
fn defined(salt: &[u8], input: &[u8], info: &[u8], len: usize) -> Vec<u8> {
    let secret = MacKey::new(&MacKey::new(salt).tag(&[input]));
    let (mut key, mut block) = (Vec::new(), Vec::new());
    for counter in 1..=len.div_ceil(HASH_LEN) {
        block = secret.tag(&[&block, info, &[counter as u8]]).to_vec();
        key.extend_from_slice(&block);
    }
    key.truncate(len);
    key
}

#[test]
fn hkdf_is_that_of_wycheproof() {
    let (mut derived, mut refused) = (0, 0);
    for group in wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256).unwrap().test_groups {
        for test in group.tests.iter().filter(|test| test.ikm.len() == KEY_MATERIAL_LEN) {
            let secret = Secret::extract(&test.salt, &material(&test.ikm));
            let key = expand(&secret, &test.info, test.size);
            match test.result {
                TestResult::Invalid => {
                    assert_eq!(key, Err(Refused), "{} {}", test.tc_id, test.comment);
                    refused += 1;
                }
                _ => {
                    assert_eq!(key, Ok(test.okm.to_vec()), "{} {}", test.tc_id, test.comment);
                    assert_eq!(defined(&test.salt, &test.ikm, &test.info, test.size), test.okm[..]);
                    derived += 1;
                }
            }
        }
    }
    assert!(derived >= 36 && refused >= 1, "applicable: {derived}, {refused}");
}

#[test]
fn hkdf_is_that_of_rfc_5869() {
    // Section A.1.
    let salt: Vec<u8> = (0..=0x0c).collect();
    let info: Vec<u8> = (0xf0..=0xf9).collect();
    let expected = unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_eq!(defined(&salt, &[0x0b; 22], &info, 42), expected);
    // The salt of this protocol, 64 bytes, and an info in pieces.
    let (salt, input) = ([0x5a; 64], [0xa5; KEY_MATERIAL_LEN]);
    let secret = Secret::extract(&salt, &material(&input));
    for len in [12, 16, 32, 64] {
        assert_eq!(
            expand(&secret, b"label and transcript", len),
            Ok(defined(&salt, &input, b"label and transcript", len))
        );
    }
    let whole = secret.expand::<32>(&[b"label and transcript"]).unwrap();
    assert_eq!(*secret.expand::<32>(&[b"label", b" and ", b"", b"transcript"]).unwrap(), *whole);
}

// AES-256-GCM, with nonces of 96 bits and tags of 128.

#[test]
fn gcm_is_that_of_wycheproof_and_what_is_altered_is_refused() {
    let (mut opened, mut refused) = (0, 0);
    let groups = wycheproof::aead::TestSet::load(wycheproof::aead::TestName::AesGcm).unwrap().test_groups;
    for group in groups.iter().filter(|group| (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128)) {
        for test in &group.tests {
            let key = AeadKey::new(test.key[..].try_into().unwrap()).unwrap();
            let nonce = test.nonce[..].try_into().unwrap();
            let mut sealed = test.pt.to_vec();
            let tag = key.seal(nonce, &test.aad, &mut sealed).unwrap();
            let mut body = [&test.ct[..], &test.tag].concat();
            let plaintext = key.open(nonce, &test.aad, &mut body).map(|plaintext| plaintext.to_vec());
            if test.result == TestResult::Valid {
                assert_eq!((&sealed[..], &tag[..]), (&test.ct[..], &test.tag[..]), "{} {}", test.tc_id, test.comment);
                assert_eq!(plaintext, Ok(test.pt.to_vec()), "{} {}", test.tc_id, test.comment);
                opened += 1;
            } else {
                assert_ne!((&sealed[..], &tag[..]), (&test.ct[..], &test.tag[..]), "{} {}", test.tc_id, test.comment);
                assert_eq!(plaintext, Err(Refused), "{} {}", test.tc_id, test.comment);
                refused += 1;
            }
        }
    }
    assert!(opened >= 39 && refused >= 27, "applicable: {opened}, {refused}");
}

#[test]
fn what_is_shorter_than_a_tag_is_refused() {
    let key = AeadKey::new(&[3; 32]).unwrap();
    for len in 0..AEAD_TAG_LEN {
        assert_eq!(key.open([0; 12], &[], &mut vec![0; len]), Err(Refused), "{len} bytes");
    }
}

// AES-128-CTR.

#[test]
fn counter_mode_is_that_of_nist() {
    // SP 800-38A, F.5.1 (encryption) and F.5.2 (decryption).
    let key = CounterKey::new(&unhex("2b7e151628aed2a6abf7158809cf4f3c").try_into().unwrap()).unwrap();
    let first: [u8; 16] = unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff").try_into().unwrap();
    let plaintext = unhex(concat!(
        "6bc1bee22e409f96e93d7e117393172a",
        "ae2d8a571e03ac9c9eb76fac45af8e51",
        "30c81c46a35ce411e5fbc1191a0a52ef",
        "f69f2445df4f9b17ad2b417be66c3710",
    ));
    let ciphertext = unhex(concat!(
        "874d6191b620e3261bef6864990db6ce",
        "9806f66b7970fdff8617187bb9fffdff",
        "5ae4df3edbd5d35e5b4f09020db03eab",
        "1e031dda2fbe03d1792170a0f3009cee",
    ));
    // A part of a block too.
    for len in [0, 1, 15, 16, 17, 63, 64] {
        let mut text = plaintext[..len].to_vec();
        key.apply(first, &mut text).unwrap();
        assert_eq!(text, ciphertext[..len], "encryption of {len} bytes");
        key.apply(first, &mut text).unwrap();
        assert_eq!(text, plaintext[..len], "decryption of {len} bytes");
    }
}

#[test]
fn the_counter_is_all_of_the_block_so_that_a_record_never_reaches_the_blocks_of_the_next() {
    let key = CounterKey::new(&[4; 16]).unwrap();
    let stream = |first: u128, blocks: usize| {
        let mut zeros = vec![0; blocks * 16];
        key.apply(first.to_be_bytes(), &mut zeros).unwrap();
        zeros
    };
    // The longest record has 1,026 blocks; one by one they are the same.
    for first in [0, 7 << 64, u128::from(u64::MAX), u128::MAX] {
        let one_by_one: Vec<u8> = (0..1026).flat_map(|i| stream(first.wrapping_add(i), 1)).collect();
        assert_eq!(stream(first, 1026), one_by_one, "from {first:#x}");
    }
}

// What has no known answer.

#[test]
fn random_bytes_differ_each_time() {
    let drawn: std::collections::HashSet<[u8; 32]> = (0..1000).map(|_| random().unwrap()).collect();
    assert_eq!(drawn.len(), 1000);
    assert_ne!(*KeyMaterial::new().unwrap().0, *KeyMaterial::new().unwrap().0);
}

#[test]
fn a_hash_is_of_all_so_far_and_goes_on() {
    let mut hasher = Hasher::new();
    // FIPS 180-4: nothing, and "abc".
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hasher.hash()[..], unhex(empty));
    hasher.update(b"a");
    assert_ne!(hasher.hash()[..], unhex(abc));
    hasher.update(b"bc");
    assert_eq!(hasher.hash()[..], unhex(abc));
    assert_eq!(hasher.hash()[..], unhex(abc));
}
