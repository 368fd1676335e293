//! ClientHello and ServerHello: what the sides propose and choose (sections 4.1.2 and 4.1.3).

use tls_parser::parse_tls_handshake_client_hello;

use super::{
    details::{Details, MAX_LISTED, hex, list},
    extensions::{self, Place},
    names,
    reader::Reader,
    suites::Suite,
};

/// TLS 1.3, as a version (section 4.2.1).
pub(super) const TLS13: u16 = 0x0304;

/// TLS 1.2 (RFC 5246, section 6.2.1).
pub(super) const TLS12: u16 = 0x0303;

/// `supported_versions` (section 4.2).
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

/// The random of a ServerHello that is a HelloRetryRequest: SHA-256 of that word (section 4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// The end of a server's random when it knows more than it was asked for (section 4.1.3).
const DOWNGRADED: [&[u8]; 2] = [b"DOWNGRD\x01", b"DOWNGRD\0"];

/// What a client proposes.
pub(super) struct ClientHello {
    pub(super) random: Vec<u8>,
    pub(super) suites: Vec<Suite>,
    pub(super) details: Details,
}

impl ClientHello {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let (_, hello) = parse_tls_handshake_client_hello(body).ok().filter(|(rest, _)| rest.is_empty())?;
        let mut details = Details::default();
        details.add("version", legacy_version(hello.version.0, hello.ext, Place::ClientHello));
        details.add("random", hex(hello.random));
        details.add("session id", session_id(hello.session_id.unwrap_or_default()));
        let (signals, suites): (Vec<_>, Vec<_>) =
            hello.ciphers.iter().map(|suite| Suite::of(suite.0)).partition(Suite::is_signal);
        details.add("cipher suites", suites.len());
        for (number, suite) in (1..).zip(suites.iter().take(MAX_LISTED)) {
            details.add(format!("cipher suite {number}"), suite);
        }
        if !signals.is_empty() {
            details.add("beside them, as a signal", list(signals.iter()));
        }
        details.add("compression methods", list(hello.comp.iter().map(|method| compression(method.0))));
        if let Some(data) = hello.ext {
            extensions::add(&mut details, Place::ClientHello, data);
        }
        Some(Self { random: hello.random.to_vec(), suites, details })
    }
}

/// What a server chooses.
pub(super) struct ServerHello {
    pub(super) is_retry: bool,
    pub(super) random: Vec<u8>,
    pub(super) version: u16,
    pub(super) suite: Suite,
    /// The group of its key share (TLS 1.3).
    pub(super) group: Option<u16>,
    pub(super) details: Details,
}

impl ServerHello {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        // tls-parser refuses extensions in SSL 3.0, in which servers answered the renegotiation signal (RFC 5746).
        let mut reader = Reader::new(body);
        let version = reader.u16().filter(|version| version >> 8 == 3)?;
        let (sent_random, id) = (reader.take(RETRY_RANDOM.len())?, reader.vec8().filter(|id| id.len() <= 32)?);
        let (suite, method) = (Suite::of(reader.u16()?), reader.u8()?);
        let data = if reader.is_empty() { None } else { Some(reader.vec16()?) };
        reader.end()?;

        let is_retry = sent_random == RETRY_RANDOM;
        let place = if is_retry { Place::HelloRetryRequest } else { Place::ServerHello };
        let mut details = Details::default();
        details.add("version", legacy_version(version, data, place));
        details.add("random", random(sent_random, is_retry));
        details.add("session id", session_id(id));
        details.add("cipher suite", &suite);
        details.add("compression method", compression(method));
        if let Some(data) = data {
            extensions::add(&mut details, place, data);
        }
        let chosen = data.and_then(|data| extensions::find(data, SUPPORTED_VERSIONS));
        let chosen = chosen.and_then(|data| <[u8; 2]>::try_from(data).ok()).map(u16::from_be_bytes);
        let version = chosen.unwrap_or(version);
        let share = data.and_then(|data| extensions::find(data, KEY_SHARE));
        let group = share.and_then(|share| share.first_chunk()).map(|group| u16::from_be_bytes(*group));
        Some(Self { is_retry, random: sent_random.to_vec(), version, suite, group, details })
    }
}

/// The version in the place where it stood until TLS 1.2; since then an extension has the true one (section 4.2.1).
fn legacy_version(version: u16, data: Option<&[u8]>, place: Place) -> String {
    let is_legacy = data.is_some_and(|data| extensions::find(data, SUPPORTED_VERSIONS).is_some());
    let shown = names::version(version);
    match (is_legacy, place) {
        (false, _) => shown,
        (true, Place::ClientHello) => format!("{shown}, for old servers: see supported_versions"),
        (true, _) => format!("{shown}, for old middleboxes: see supported_versions"),
    }
}

fn random(random: &[u8], is_retry: bool) -> String {
    let shown = hex(random);
    if is_retry {
        format!("{shown} (SHA-256 of \"HelloRetryRequest\")")
    } else if DOWNGRADED.iter().any(|end| random.ends_with(end)) {
        format!("{shown} (its end says: this server knows a newer version)")
    } else {
        shown
    }
}

fn session_id(id: &[u8]) -> String {
    if id.is_empty() { "(empty)".to_owned() } else { hex(id) }
}

fn compression(method: u8) -> String {
    if method == 0 { "null".to_owned() } else { method.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_random_of_a_retry_is_a_hash() {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"HelloRetryRequest");
        assert_eq!(hash.as_ref(), RETRY_RANDOM);
    }

    /// A ServerHello of TLS 1.2 without extensions, with a random that ends like this.
    fn server_hello(end: &[u8]) -> Vec<u8> {
        let mut random = [7; 32];
        random[32 - end.len()..].copy_from_slice(end);
        [&[3, 3][..], &random, &[0, 0xc0, 0x2f, 0]].concat()
    }

    #[test]
    fn a_server_that_knows_more_says_so() {
        let told = |end: &[u8]| {
            let hello = ServerHello::read(&server_hello(end)).unwrap();
            assert_eq!((hello.version, hello.suite.id, hello.is_retry), (TLS12, 0xc02f, false));
            hello.details.into_inner().iter().any(|(_, value)| value.contains("knows a newer version"))
        };
        assert!(told(b"DOWNGRD\x01") && told(b"DOWNGRD\0") && !told(b"DOWNGRD\x02"));
    }

    #[test]
    fn a_server_hello_of_ssl_3_is_read_with_and_without_extensions() {
        for extensions in [&[][..], &[0, 0], &[0, 5, 0xff, 1, 0, 1, 0]] {
            let mut bytes = [&server_hello(b"")[..], extensions].concat();
            bytes[1] = 0;
            assert_eq!(ServerHello::read(&bytes).unwrap().version, 0x0300, "{extensions:?}");
        }
    }

    #[test]
    fn a_hello_that_is_cut_or_goes_on_is_not_read() {
        let whole = server_hello(b"");
        assert!((0..whole.len()).all(|end| ServerHello::read(&whole[..end]).is_none()));
        assert!(ServerHello::read(&[&whole[..], &[0, 0, 9]].concat()).is_none());
        assert!(ClientHello::read(&[3, 3]).is_none());
    }
}
