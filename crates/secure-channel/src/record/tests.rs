//! The record protocol without a stream: what is sealed opens once, in its place, on the other side, and as it was.

use aws_lc_rs::{aead, cipher, hmac};

use super::*;
use crate::{
    crypto::KeyMaterial,
    schedule::{Schedule, Side, Transcript},
};

/// Keys that never change, for answers that never change.
fn frozen(suite: ChannelSuite) -> Protection {
    match suite {
        ChannelSuite::Aes128CtrHmacSha256 => Protection::MacThenEncrypt {
            cipher: Box::new(CounterKey::new(&[0x11; 16]).unwrap()),
            mac: Box::new(MacKey::new(&[0x22; HASH_LEN])),
        },
        ChannelSuite::Aes256Gcm => Protection::Aead {
            key: AeadKey::new(&[0x33; 32]).unwrap(),
            nonce: Zeroizing::new([0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab]),
        },
    }
}

fn frozen_pair(suite: ChannelSuite) -> (RecordEncryptor, RecordDecryptor) {
    (RecordEncryptor::new(frozen(suite)), RecordDecryptor::new(frozen(suite)))
}

/// Both sides of a session: the client's encryptor and decryptor, then the server's.
fn session(suite: ChannelSuite) -> ((RecordEncryptor, RecordDecryptor), (RecordEncryptor, RecordDecryptor)) {
    let schedule = Schedule::new(&KeyMaterial::new().unwrap(), (&[1; 32], &[2; 32]), &Transcript::new(), suite);
    (schedule.records(Side::Client).unwrap(), schedule.records(Side::Server).unwrap())
}

fn seal(encryptor: &mut RecordEncryptor, kind: Kind, plaintext: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encryptor.seal(kind, plaintext, &mut out).unwrap();
    out
}

/// Opens a record as it came over the wire.
fn open(decryptor: &mut RecordDecryptor, record: &[u8]) -> Result<Vec<u8>, Failure> {
    let header = Header::decode(*record.first_chunk().unwrap())?;
    let mut body = record[HEADER_LEN..].to_vec();
    assert_eq!(body.len(), header.len, "the stream cuts records at their length");
    open_body(decryptor, header, &mut body)
}

/// Opens a body, of which nothing may be left if it is refused.
fn open_body(decryptor: &mut RecordDecryptor, header: Header, body: &mut [u8]) -> Result<Vec<u8>, Failure> {
    let opened = decryptor.open(header, body).map(<[u8]>::to_vec);
    if let Err(Failure::Record { .. }) = opened {
        assert!(body.iter().all(|byte| *byte == 0), "something is left of a record that was refused: {body:02x?}");
    }
    opened
}

fn refused(suite: ChannelSuite, number: u64, kind: Kind) -> Result<Vec<u8>, Failure> {
    Err(Failure::Record { number, kind, suite })
}

#[test]
fn records_of_every_length_are_opened_as_they_were_sealed() {
    for suite in ChannelSuite::ALL {
        let ((mut encryptor, _), (_, mut decryptor)) = session(suite);
        let overhead = encryptor.protection.overhead();
        for (number, len) in
            [0, 1, 15, 16, 17, 31, 32, 33, 1000, MAX_PLAINTEXT_LEN - 1, MAX_PLAINTEXT_LEN].into_iter().enumerate()
        {
            let plaintext: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let record = seal(&mut encryptor, Kind::Data, &plaintext);
            assert_eq!(record.len(), HEADER_LEN + len + overhead, "{suite}");
            assert!(len < 15 || !record.windows(15).any(|window| window == &plaintext[..15]), "{suite}: not encrypted");
            assert_eq!(open(&mut decryptor, &record), Ok(plaintext), "{suite}: record {number} of {len} bytes");
        }
        let (record, is_open) = (seal(&mut encryptor, Kind::End, &[]), !decryptor.has_ended());
        assert_eq!(
            (open(&mut decryptor, &record), is_open, decryptor.has_ended()),
            (Ok(Vec::new()), true, true),
            "{suite}"
        );
        assert_eq!((encryptor.suite(), decryptor.protection.suite()), (suite, suite));
    }
}

#[test]
fn one_byte_more_than_a_record_holds_is_refused_and_nothing_of_it_is_sent() {
    for suite in ChannelSuite::ALL {
        let (mut encryptor, mut decryptor) = frozen_pair(suite);
        let overhead = encryptor.protection.overhead();
        for (kind, len) in [
            (Kind::Data, MAX_PLAINTEXT_LEN + 1),
            (Kind::Acknowledgement, MAX_PLAINTEXT_LEN + 1),
            (Kind::Data, 1 << 16),
            (Kind::End, MAX_OVERHEAD + 1),
            // What is no record is not sealed.
            (Kind::Certificate, 1),
            (Kind::Alert, 0),
        ] {
            let mut out = b"before".to_vec();
            let failure = Err(Failure::Length { kind, len: len + overhead });
            assert_eq!(encryptor.seal(kind, &vec![0; len], &mut out), failure, "{suite}: {kind:?}");
            assert_eq!(out, b"before", "{suite}: {kind:?}");
        }
        // Nor has it used a number.
        let record = seal(&mut encryptor, Kind::Data, b"text");
        assert_eq!(open(&mut decryptor, &record), Ok(b"text".to_vec()), "{suite}");
    }
}

#[test]
fn a_record_is_appended_to_what_is_there() {
    for suite in ChannelSuite::ALL {
        let (mut encryptor, mut decryptor) = frozen_pair(suite);
        let mut out = b"before".to_vec();
        encryptor.seal(Kind::Data, b"one", &mut out).unwrap();
        let second = out.len();
        encryptor.seal(Kind::Data, b"two", &mut out).unwrap();
        assert_eq!(out[..6], *b"before");
        assert_eq!(open(&mut decryptor, &out[6..second]), Ok(b"one".to_vec()), "{suite}");
        assert_eq!(open(&mut decryptor, &out[second..]), Ok(b"two".to_vec()), "{suite}");
    }
}

#[test]
fn a_record_of_which_any_bit_was_altered_is_refused_and_wiped() {
    for suite in ChannelSuite::ALL {
        let ((mut encryptor, _), (_, mut decryptor)) = session(suite);
        for (number, (kind, plaintext)) in
            [(Kind::Data, &b"attack at dawn, not at dusk"[..]), (Kind::Data, b""), (Kind::Acknowledgement, b"ACK")]
                .into_iter()
                .enumerate()
        {
            let record = seal(&mut encryptor, kind, plaintext);
            let header = Header::decode(*record.first_chunk().unwrap()).unwrap();
            for bit in 0..(record.len() - HEADER_LEN) * 8 {
                let mut body = record[HEADER_LEN..].to_vec();
                body[bit / 8] ^= 1 << (bit % 8);
                let opened = open_body(&mut decryptor, header, &mut body);
                assert_eq!(opened, refused(suite, number as u64, kind), "{suite}: bit {bit} of the body");
            }
            for other in Kind::ALL.into_iter().filter(|other| *other != kind) {
                let mut body = record[HEADER_LEN..].to_vec();
                let opened = open_body(&mut decryptor, Header { kind: other, len: header.len }, &mut body);
                assert_eq!(opened, refused(suite, number as u64, other), "{suite}: as {other:?}");
            }
            // The stream is cut at the length: then the body is shorter, or has something of the next record.
            for len in (0..header.len + 40).filter(|len| *len != header.len) {
                let mut body = record[HEADER_LEN..].to_vec();
                body.resize(len, 0x5a);
                let opened = open_body(&mut decryptor, Header { kind, len }, &mut body);
                assert_eq!(opened, refused(suite, number as u64, kind), "{suite}: {len} bytes");
            }
            assert_eq!(open(&mut decryptor, &record), Ok(plaintext.to_vec()), "{suite}: as it was");
        }
    }
}

#[test]
fn a_record_is_opened_once_in_its_place_and_on_the_other_side_alone() {
    for suite in ChannelSuite::ALL {
        let ((mut encryptor, mut own), (_, mut decryptor)) = session(suite);
        let (_, (mut foreign, mut stranger)) = session(suite);
        let [first, second, third] = [b"one", b"two", b"six"].map(|text| seal(&mut encryptor, Kind::Data, text));

        assert_eq!(
            open(&mut decryptor, &second),
            refused(suite, 0, Kind::Data),
            "{suite}: swapped, or the first dropped"
        );
        assert_eq!(open(&mut own, &first), refused(suite, 0, Kind::Data), "{suite}: reflected");
        assert_eq!(open(&mut stranger, &first), refused(suite, 0, Kind::Data), "{suite}: into another session");
        assert_eq!(open(&mut decryptor, &first), Ok(b"one".to_vec()), "{suite}");
        assert_eq!(open(&mut decryptor, &first), refused(suite, 1, Kind::Data), "{suite}: duplicated");
        assert_eq!(open(&mut decryptor, &third), refused(suite, 1, Kind::Data), "{suite}: dropped");
        assert_eq!(open(&mut decryptor, &second), Ok(b"two".to_vec()), "{suite}");
        assert_eq!(open(&mut decryptor, &first), refused(suite, 2, Kind::Data), "{suite}: replayed");
        let other = seal(&mut foreign, Kind::Data, b"six");
        assert_eq!(open(&mut decryptor, &other), refused(suite, 2, Kind::Data), "{suite}: of another session");
        assert_eq!(open(&mut decryptor, &third), Ok(b"six".to_vec()), "{suite}");
    }
}

#[test]
fn keys_depend_on_material_randoms_transcript_and_side() {
    let (material, other_material) = (KeyMaterial::new().unwrap(), KeyMaterial::new().unwrap());
    let hello = crate::Frame::new(Kind::ClientHello, b"hello").unwrap();
    let (mut said, nothing) = (Transcript::new(), Transcript::new());
    said.add(&hello);
    for suite in ChannelSuite::ALL {
        let schedule = |material, randoms, transcript| Schedule::new(material, randoms, transcript, suite);
        let same = || schedule(&material, (&[1; 32], &[2; 32]), &said);
        let record = seal(&mut same().records(Side::Client).unwrap().0, Kind::Data, b"text");
        let opened = |schedule: Schedule, side| open(&mut schedule.records(side).unwrap().1, &record);
        assert_eq!(opened(same(), Side::Server), Ok(b"text".to_vec()), "{suite}");
        for (other, what) in [
            (schedule(&other_material, (&[1; 32], &[2; 32]), &said), "key material"),
            (schedule(&material, (&[3; 32], &[2; 32]), &said), "the client's random bytes"),
            (schedule(&material, (&[1; 32], &[3; 32]), &said), "the server's random bytes"),
            (schedule(&material, (&[2; 32], &[1; 32]), &said), "whose random bytes are whose"),
            (schedule(&material, (&[1; 32], &[2; 32]), &nothing), "the transcript"),
        ] {
            assert_eq!(opened(other, Side::Server), refused(suite, 0, Kind::Data), "{suite}: {what}");
        }
        assert_eq!(opened(same(), Side::Client), refused(suite, 0, Kind::Data), "{suite}: the side");
    }
}

#[test]
fn finished_differs_by_side_and_transcript_and_each_of_its_bits_counts() {
    let (material, mut said) = (KeyMaterial::new().unwrap(), Transcript::new());
    let schedule = Schedule::new(&material, (&[1; 32], &[2; 32]), &said, ChannelSuite::Aes256Gcm);
    let tag = schedule.finished(Side::Client, &said).unwrap();
    assert_eq!(schedule.check_finished(Side::Client, &said, &tag), Ok(()));
    assert_eq!(schedule.check_finished(Side::Server, &said, &tag), Err(Failure::Finished));
    for bit in 0..HASH_LEN * 8 {
        let mut altered = tag;
        altered[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(schedule.check_finished(Side::Client, &said, &altered), Err(Failure::Finished), "bit {bit}");
    }
    for len in 0..HASH_LEN {
        assert_eq!(schedule.check_finished(Side::Client, &said, &tag[..len]), Err(Failure::Finished), "{len} bytes");
    }
    said.add(&crate::Frame::new(Kind::Finished, &tag).unwrap());
    assert_eq!(schedule.check_finished(Side::Client, &said, &tag), Err(Failure::Finished), "another transcript");
}

#[test]
fn nothing_follows_the_last_record_on_either_side() {
    for suite in ChannelSuite::ALL {
        for last in [Kind::End, Kind::Acknowledgement] {
            for next in [Kind::Data, Kind::End, Kind::Acknowledgement] {
                let (mut encryptor, mut decryptor) = frozen_pair(suite);
                let record = seal(&mut encryptor, last, b"");
                let mut out = Vec::new();
                assert_eq!(encryptor.seal(next, b"", &mut out), Err(Failure::AfterEnd), "{suite}: {next:?}");
                assert_eq!(out, b"", "{suite}: {next:?}");

                // Sealed by someone who does not keep to it.
                encryptor.has_ended = false;
                let more = seal(&mut encryptor, next, b"");
                assert_eq!(open(&mut decryptor, &record), Ok(Vec::new()), "{suite}");
                for record in [&more, &record] {
                    assert_eq!(
                        open(&mut decryptor, record),
                        Err(Failure::AfterEnd),
                        "{suite}: {next:?} after {last:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn keys_protect_as_many_records_as_they_may_and_not_one_more() {
    for suite in ChannelSuite::ALL {
        let (mut encryptor, mut decryptor) = frozen_pair(suite);
        (encryptor.number, decryptor.number) = (MAX_RECORDS - 1, MAX_RECORDS - 1);
        let record = seal(&mut encryptor, Kind::Data, b"the last");
        assert_eq!(open(&mut decryptor, &record), Ok(b"the last".to_vec()), "{suite}");
        for kind in [Kind::Data, Kind::End, Kind::Acknowledgement] {
            let mut out = Vec::new();
            assert_eq!(encryptor.seal(kind, b"", &mut out), Err(Failure::KeysUsedUp), "{suite}: {kind:?}");
            assert_eq!(out, b"", "{suite}: {kind:?}");
        }
        // Authentic, by someone who does not keep to it.
        let mut out = vec![0; HEADER_LEN];
        let header = Header { kind: Kind::Data, len: encryptor.protection.overhead() };
        frozen(suite).seal(MAX_RECORDS, header, HEADER_LEN, &mut out).unwrap();
        let opened = open_body(&mut decryptor, header, &mut out[HEADER_LEN..]);
        assert_eq!(opened, Err(Failure::KeysUsedUp), "{suite}");
    }
}

#[test]
fn what_is_no_record_is_refused_even_if_it_is_authentic() {
    for suite in ChannelSuite::ALL {
        for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_record()) {
            let (_, mut decryptor) = frozen_pair(suite);
            let mut out = [vec![0; HEADER_LEN], b"text".to_vec()].concat();
            let header = Header { kind, len: 4 + decryptor.protection.overhead() };
            frozen(suite).seal(0, header, HEADER_LEN, &mut out).unwrap();
            assert_eq!(open_body(&mut decryptor, header, &mut out[HEADER_LEN..]), refused(suite, 0, kind), "{suite}");
        }
    }
}

#[test]
fn no_two_records_share_a_counter_block_or_a_nonce() {
    let block = |number| u128::from_be_bytes(counter_block(number));
    let longest = (MAX_PLAINTEXT_LEN + MAX_OVERHEAD).div_ceil(16) as u128;
    assert_eq!(longest, 1026);
    for number in [0, 1, 254, 255, 256, 65_535, MAX_RECORDS - 1, MAX_RECORDS] {
        assert!(block(number) + longest <= block(number + 1), "{number}");
    }
    let base = [0xff; 12];
    let numbers = (0..2000).chain((0..64).map(|bit| 1 << bit));
    let nonces: std::collections::HashMap<_, _> = numbers.map(|number| (aead_nonce(&base, number), number)).collect();
    assert_eq!(nonces.len(), 2000 + 64 - 11, "1, 2, 4, … 1,024 are among the first");
    assert!(nonces.keys().all(|nonce| nonce[..4] == base[..4]));
}

#[test]
fn the_debug_form_tells_no_key() {
    let (encryptor, decryptor) = frozen_pair(ChannelSuite::Aes256Gcm);
    assert_eq!(format!("{encryptor:?}"), "RecordEncryptor { suite: Aes256Gcm, number: 0, .. }");
    assert_eq!(format!("{decryptor:?}"), "RecordDecryptor { suite: Aes256Gcm, number: 0, .. }");
}

// The wire format, frozen: whoever changes an answer makes another version of the protocol.

/// Three records. The number of the second tells apart its bytes.
fn three_records(suite: ChannelSuite) -> [Vec<u8>; 3] {
    let mut encryptor = RecordEncryptor::new(frozen(suite));
    let first = seal(&mut encryptor, Kind::Data, b"The OTP is 256345.");
    encryptor.number = 0x00ab_cdef;
    let second = seal(&mut encryptor, Kind::Data, b"");
    let third = seal(&mut encryptor, Kind::End, b"");
    [first, second, third]
}

fn hex(record: &[u8]) -> String {
    record.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text, number and kind of each of the three.
const TEXTS: [(&[u8], u64, u8); 3] = [(b"The OTP is 256345.", 0, 32), (b"", 0x00ab_cdef, 32), (b"", 0x00ab_cdf0, 33)];

#[test]
fn the_records_of_suite_1_never_change() {
    let frozen = [
        "200032b4bd24110154400d048f888e354d5fbea6ec6170171dfeac3dc97c9505a22324f06a9dfe43e0f0a298795ada0f6d8351d8ad",
        "200020c0985a943aeeddf15aa5ffafada3f6e57d1bff12245faa5b87e2db1030e790af",
        "210020aaa9043f66ec9c3d499786ec29aae587ae21cf1b03c6fec98e773a68ef4c1339",
    ];
    let records = three_records(ChannelSuite::Aes128CtrHmacSha256);
    assert_eq!(records.each_ref().map(|record| hex(record)), frozen);

    // The same from the documentation: HMAC, and AES block by block.
    let mac = hmac::Key::new(hmac::HMAC_SHA256, &[0x22; 32]);
    let key = cipher::UnboundCipherKey::new(&cipher::AES_128, &[0x11; 16]).unwrap();
    let aes = cipher::EncryptingKey::ecb(key).unwrap();
    for (record, (text, number, kind)) in records.iter().zip(TEXTS) {
        let prefix = [&number.to_be_bytes()[..], &[kind], &(text.len() as u16).to_be_bytes()].concat();
        let tag = hmac::sign(&mac, &[&prefix, text].concat());
        let mut body = [text, tag.as_ref()].concat();
        for (counter, part) in body.chunks_mut(16).enumerate() {
            let mut block = [number.to_be_bytes(), (counter as u64).to_be_bytes()].concat();
            aes.encrypt(&mut block).unwrap();
            part.iter_mut().zip(block).for_each(|(byte, key)| *byte ^= key);
        }
        let header = [&[kind][..], &(body.len() as u16).to_be_bytes()].concat();
        assert_eq!(*record, [header, body].concat());
    }
}

#[test]
fn the_records_of_suite_2_never_change() {
    let frozen = [
        "200022bd1b88d2d182bdaa933e1d0ff112c9522153f6b0fd1f05b4c95fbfc09051f82eed5c",
        "20001081496f380c54c878f3b4984a2bd6a320",
        "210010cd152d9bc6e93169c38002747f744a71",
    ];
    let records = three_records(ChannelSuite::Aes256Gcm);
    assert_eq!(records.each_ref().map(|record| hex(record)), frozen);

    // The same from the documentation.
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, &[0x33; 32]).unwrap());
    for (record, (text, number, kind)) in records.iter().zip(TEXTS) {
        let base = u128::from_be_bytes(*b"\0\0\0\0\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab");
        let nonce: [u8; 12] = *(base ^ u128::from(number)).to_be_bytes().last_chunk().unwrap();
        let header = [&[kind][..], &(text.len() as u16 + 16).to_be_bytes()].concat();
        let mut body = text.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, aead::Aad::from(&header), &mut body).unwrap();
        assert_eq!(*record, [header, body].concat());
    }
}
