//! Hello messages in the format of SSL 2.0, with which old clients also opened SSL 3.0 and TLS (RFC 5246, appendix E.2).
//!
//! ```text
//! record        length u16, its highest bit set ‖ message
//! ClientHello   1 ‖ version u16 ‖ three lengths u16 ‖ cipher specs, 3 bytes each ‖ session id ‖ challenge
//! ServerHello   4 ‖ hit u8 ‖ certificate type u8 ‖ version u16 ‖ three lengths u16 ‖ certificate ‖ …
//! ```

use super::{
    details::{Details, MAX_LISTED, hex},
    names,
    reader::Reader,
    suites::Suite,
};

/// The length of a record's header.
pub(super) const HEADER_LEN: usize = 2;

/// SSL 2.0, as a version.
const SSL2: u16 = 0x0002;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 4;

/// The length of a random (RFC 5246, section 7.4.1.2).
const RANDOM_LEN: usize = 32;

/// The minimum length of a challenge; the maximum is that of a random (RFC 5246, appendix E.2).
const MIN_CHALLENGE_LEN: usize = 16;

/// The cipher specs of SSL 2.0 itself.
const CIPHERS: &[([u8; 3], &str)] = &[
    ([1, 0, 0x80], "SSL_CK_RC4_128_WITH_MD5"),
    ([2, 0, 0x80], "SSL_CK_RC4_128_EXPORT40_WITH_MD5"),
    ([3, 0, 0x80], "SSL_CK_RC2_128_CBC_WITH_MD5"),
    ([4, 0, 0x80], "SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5"),
    ([5, 0, 0x80], "SSL_CK_IDEA_128_CBC_WITH_MD5"),
    ([6, 0, 0x40], "SSL_CK_DES_64_CBC_WITH_MD5"),
    ([7, 0, 0xc0], "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"),
];

/// The length of the message whose record begins like this, if it may be a hello.
pub(super) fn hello_len(start: [u8; 5]) -> Option<usize> {
    let [high, low, kind, first, second] = start;
    let is_hello = match kind {
        CLIENT_HELLO => matches!([first, second], [0, 2] | [3, _]),
        SERVER_HELLO => first <= 1 && second <= 1,
        _ => false,
    };
    // The shortest message has 11 bytes.
    let len = usize::from(u16::from_be_bytes([high & 0x7f, low]));
    (high & 0x80 != 0 && is_hello && len >= 11).then_some(len)
}

/// A hello message.
pub(super) enum Hello {
    Client {
        /// The challenge, with zeros before it.
        random: Vec<u8>,
        /// The cipher suites of SSL 3.0 and TLS among the cipher specs.
        suites: Vec<Suite>,
        details: Details,
    },
    Server {
        version: u16,
        details: Details,
    },
}

impl Hello {
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(message);
        let mut details = Details::default();
        details.add("format", "SSL 2.0");
        if reader.u8()? == SERVER_HELLO {
            let _hit_and_certificate_type = reader.u16()?;
            let version = reader.u16().filter(|version| *version == SSL2)?;
            details.add("version", names::version(version));
            return Some(Self::Server { version, details });
        }
        details.add("version", names::version(reader.u16()?));
        let lengths = [reader.u16()?, reader.u16()?, reader.u16()?].map(usize::from);
        let [specs, id, challenge] = lengths;
        let (specs, id, challenge) = (reader.take(specs)?, reader.take(id)?, reader.take(challenge)?);
        reader.end()?;
        let (specs, rest) = specs.as_chunks::<3>();
        if !rest.is_empty() || !(MIN_CHALLENGE_LEN..=RANDOM_LEN).contains(&challenge.len()) {
            return None;
        }
        details.add("challenge", hex(challenge));
        details.add("session id", if id.is_empty() { "(empty)".to_owned() } else { hex(id) });
        details.add("cipher specs", specs.len());
        for (number, spec) in (1..).zip(specs.iter().take(MAX_LISTED)) {
            details.add(format!("cipher spec {number}"), spec_name(*spec));
        }
        let suites = specs.iter().filter_map(|spec| suite(*spec)).filter(|suite| !suite.is_signal()).collect();
        let random = [vec![0; RANDOM_LEN - challenge.len()], challenge.to_vec()].concat();
        Some(Self::Client { random, suites, details })
    }
}

/// A cipher spec with a leading zero is a cipher suite.
fn suite([zero, high, low]: [u8; 3]) -> Option<Suite> {
    (zero == 0).then(|| Suite::of(u16::from_be_bytes([high, low])))
}

fn spec_name(spec: [u8; 3]) -> String {
    let known = CIPHERS.iter().find(|(known, _)| *known == spec).map(|(_, name)| (*name).to_owned());
    known.or_else(|| suite(spec).map(|suite| suite.to_string())).unwrap_or_else(|| hex(&spec))
}

/// The random of a ClientHello in this format, from the bytes of its record; `None` if it is no such message.
pub fn client_random(record: &[u8]) -> Option<Vec<u8>> {
    let len = hello_len(*record.first_chunk()?)?;
    match Hello::read(record.get(HEADER_LEN..HEADER_LEN + len)?)? {
        Hello::Client { random, .. } => Some(random),
        Hello::Server { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ClientHello of this version with two suites, one of SSL 2.0, and a challenge.
    fn client_hello(version: [u8; 2], challenge: &[u8]) -> Vec<u8> {
        let lengths = [0, 6, 0, 0, 0, challenge.len() as u8];
        let message = [&[CLIENT_HELLO][..], &version, &lengths, &[0, 0, 0x2f, 7, 0, 0xc0], challenge].concat();
        [&[0x80, message.len() as u8][..], &message].concat()
    }

    #[test]
    fn the_random_is_the_challenge_behind_zeros() {
        let expected = [[0; 16], [9; 16]].concat();
        assert_eq!(client_random(&client_hello([3, 1], &[9; 16])), Some(expected));
        assert_eq!(client_random(&client_hello([0, 2], &[9; 32])), Some(vec![9; 32]));
    }

    #[test]
    fn what_is_no_hello_is_not_read() {
        let whole = client_hello([3, 1], &[9; 16]);
        assert!((0..whole.len()).all(|end| client_random(&whole[..end]).is_none()));
        assert!(client_random(&client_hello([3, 1], &[9; 15])).is_none());
        assert!(client_random(&client_hello([3, 1], &[9; 33])).is_none());
        assert!(client_random(&client_hello([4, 1], &[9; 16])).is_none());
        for at in 0..whole.len() - 16 {
            let mut changed = whole.clone();
            changed[at] ^= 0x81;
            let _ = client_random(&changed);
        }
    }

    #[test]
    fn cipher_specs_have_the_names_of_their_time() {
        let Some(Hello::Client { suites, details, .. }) = Hello::read(&client_hello([3, 1], &[9; 16])[2..]) else {
            panic!("no ClientHello");
        };
        assert_eq!(suites.iter().map(|suite| suite.id).collect::<Vec<_>>(), [0x2f]);
        let details = details.into_inner();
        assert!(details.iter().any(|(_, value)| value == "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"), "{details:?}");
    }
}
