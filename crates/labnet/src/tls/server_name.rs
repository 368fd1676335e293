//! Server names (SNI, RFC 6066, section 3) that are no DNS names: ignored, as OpenSSL does.
//!
//! rustls ends a handshake whose `server_name` is no DNS name, such as `my server`, and has no setting for that. So the
//! extension is hidden from it: on its way in it gets a number of private use, which rustls passes over.
//!
//! ```text
//! client ── server_name(0): "my server" ── SniFilter ── 0xff5a: "my server" ── rustls ── TranscriptHash ── 0: …
//! ```
//!
//! The handshake is authenticated by a hash of what the client sent, so the number is put back where rustls hashes it.
//! Whoever sends the private number himself has a server name that is ignored, or no handshake: neither helps him.

use std::{
    borrow::Cow,
    io::{self, IoSlice, Read, Write},
    ops::Range,
    sync::LazyLock,
};

use rustls::{
    CipherSuiteCommon, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite,
    crypto::hash::{Context, Hash, HashAlgorithm, Output},
    pki_types::ServerName,
};

/// The number of the extension (RFC 6066, section 1.1).
const SERVER_NAME: [u8; 2] = [0, 0];

/// Its number while it is hidden: one of those for private use (RFC 8447, section 7), chosen by us.
const HIDDEN: [u8; 2] = [0xff, 0x5a];

/// `host_name`, the one type of name that there is.
const HOST_NAME: u8 = 0;

/// The type of a ClientHello among handshake messages (RFC 8446, section 4).
const CLIENT_HELLO: u8 = 1;

/// The length of a handshake message's type and length.
const MESSAGE_HEADER_LEN: usize = 4;

/// Content types of records, and the longest of their headers and contents (RFC 8446, section 5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const RECORD_HEADER_LEN: usize = 5;
const MAX_RECORD_LEN: usize = 1 << 14;

/// The longest ClientHello that is looked at, as long as rustls takes one.
const MAX_HELLO_LEN: usize = 0xffff;

/// An extension within a ClientHello.
struct Extension {
    /// Where its number begins.
    at: usize,
    content: Range<usize>,
}

/// The extension of this number in a ClientHello; `None` also for what is none.
fn extension(hello: &[u8], number: [u8; 2]) -> Option<Extension> {
    const VERSION_AND_RANDOM_LEN: usize = 2 + 32;
    if hello.first() != Some(&CLIENT_HELLO) {
        return None;
    }
    let mut at = MESSAGE_HEADER_LEN + VERSION_AND_RANDOM_LEN;
    let end = MESSAGE_HEADER_LEN + number_of(hello.get(1..MESSAGE_HEADER_LEN)?);
    let hello = hello.get(..end)?;
    // Session number, cipher suites, compression methods.
    for length_len in [1, 2, 1] {
        at += length_len + number_of(hello.get(at..at + length_len)?);
    }
    at += 2;
    while let Some([high, low, len @ ..]) = hello.get(at..at + 4) {
        let content = at + 4..at + 4 + number_of(len);
        hello.get(content.clone())?;
        if [*high, *low] == number {
            return Some(Extension { at, content });
        }
        at = content.end;
    }
    None
}

/// A number as TLS writes it, in at most three bytes.
fn number_of(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

/// Whether the content of the extension is a list of names as it should be, but of none that a server can have. What is
/// no such list is left to rustls to refuse.
fn names_no_server(content: &[u8]) -> bool {
    let Some((length, mut list)) = content.split_at_checked(2) else { return false };
    if list.is_empty() || list.len() != number_of(length) {
        return false;
    }
    let mut names = Vec::new();
    while let [HOST_NAME, high, low, rest @ ..] = list {
        let Some((name, rest)) = rest.split_at_checked(number_of(&[*high, *low])) else { return false };
        names.push(name);
        list = rest;
    }
    match names.as_slice() {
        // Names of types that nobody has defined.
        [] => true,
        [name] => ServerName::try_from(*name).is_err(),
        // Two of one type are forbidden.
        _ => false,
    }
}

/// Hides the server name of a ClientHello if it names no server; whether it did.
fn hide(hello: &mut [u8]) -> bool {
    let found = extension(hello, SERVER_NAME)
        .filter(|name| hello.get(name.content.clone()).is_some_and(names_no_server))
        .and_then(|name| hello.get_mut(name.at..name.at + 2));
    found.map(|number| number.copy_from_slice(&HIDDEN)).is_some()
}

/// A transcript, or the part of one that begins with a ClientHello, as the client sent it.
pub(super) fn restore(transcript: &[u8]) -> Cow<'_, [u8]> {
    match extension(transcript, HIDDEN) {
        Some(hidden) => {
            let mut restored = transcript.to_vec();
            if let Some(number) = restored.get_mut(hidden.at..hidden.at + 2) {
                number.copy_from_slice(&SERVER_NAME);
            }
            restored.into()
        }
        None => transcript.into(),
    }
}

/// What a client sends, without server names that are none. It reads no further than it has to, so that it can be left
/// after the handshake.
pub struct SniFilter<S> {
    stream: S,
    /// What was read, whole records in front.
    read: Vec<u8>,
    /// How much of it belongs to records that were looked at.
    seen: usize,
    /// Their contents.
    message: Vec<u8>,
    /// How much of `read` has been given away; nothing is before `is_ready`.
    given: usize,
    is_ready: bool,
    /// Whether no ClientHello can come any more.
    is_over: bool,
}

/// What the records so far are.
enum Found {
    /// The beginning of a ClientHello: so many bytes are missing.
    Missing(usize),
    /// Something that is passed on, before a ClientHello.
    Record,
    /// A ClientHello, whole.
    Hello,
    /// Something that no ClientHello follows.
    Other,
}

impl<S: Read> SniFilter<S> {
    /// Over the stream of a client, from its first byte.
    pub fn new(stream: S) -> Self {
        let (read, message) = (Vec::new(), Vec::new());
        Self { stream, read, seen: 0, message, given: 0, is_ready: false, is_over: false }
    }

    /// Reads up to the end of a ClientHello, or what shows that there is none.
    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while !self.is_ready {
            match self.look() {
                Found::Missing(missing) => {
                    let wanted = buffer.get_mut(..missing.min(4096)).unwrap_or_default();
                    let n = self.stream.read(wanted)?;
                    self.read.extend_from_slice(wanted.get(..n).unwrap_or_default());
                    // An end of the stream is rustls' to judge.
                    (self.is_ready, self.is_over) = (n == 0, n == 0);
                }
                Found::Record => self.is_ready = true,
                Found::Hello => {
                    self.is_ready = true;
                    if hide(&mut self.message) {
                        self.write_back();
                    }
                }
                Found::Other => (self.is_ready, self.is_over) = (true, true),
            }
        }
        Ok(())
    }

    /// Looks at the next record that is whole.
    fn look(&mut self) -> Found {
        let missing = |wanted: usize| Found::Missing(wanted - (self.read.len() - self.seen));
        let Some([kind, _, _, high, low]) = self.read.get(self.seen..self.seen + RECORD_HEADER_LEN) else {
            return missing(RECORD_HEADER_LEN);
        };
        let (kind, len) = (*kind, number_of(&[*high, *low]));
        let is_between = kind == CHANGE_CIPHER_SPEC && self.message.is_empty() && len == 1;
        if !(kind == HANDSHAKE && (1..=MAX_RECORD_LEN).contains(&len) || is_between) {
            return Found::Other;
        }
        let record = self.seen + RECORD_HEADER_LEN..self.seen + RECORD_HEADER_LEN + len;
        let Some(content) = self.read.get(record.clone()) else { return missing(RECORD_HEADER_LEN + len) };
        self.seen = record.end;
        if is_between {
            return Found::Record;
        }
        self.message.extend_from_slice(content);
        match self.message.as_slice() {
            [CLIENT_HELLO, rest @ ..] => match rest.get(..3).map(number_of) {
                Some(len) if len > MAX_HELLO_LEN => Found::Other,
                Some(len) if rest.len() >= 3 + len => Found::Hello,
                _ => Found::Missing(RECORD_HEADER_LEN),
            },
            _ => Found::Other,
        }
    }

    /// Puts the message into the records that it came in.
    fn write_back(&mut self) {
        let (mut records, mut message) = (self.read.as_mut_slice(), self.message.as_slice());
        while let Some((header, rest)) = records.split_at_mut_checked(RECORD_HEADER_LEN) {
            let len = number_of(header.get(3..).unwrap_or_default());
            let Some((content, rest)) = rest.split_at_mut_checked(len) else { return };
            let Some((own, others)) = message.split_at_checked(len) else { return };
            content.copy_from_slice(own);
            (records, message) = (rest, others);
        }
    }
}

impl<S: Read> Read for SniFilter<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_over && self.given == self.read.len() {
            return self.stream.read(buffer);
        }
        self.fill()?;
        let mut ready = self.read.get(self.given..).unwrap_or_default();
        let n = ready.read(buffer)?;
        self.given += n;
        if ready.is_empty() {
            self.read.clear();
            self.message.clear();
            (self.seen, self.given, self.is_ready) = (0, 0, false);
        }
        // At the end of the stream there may have been nothing.
        Ok(n)
    }
}

/// To the client nothing is hidden.
impl<S: Write> Write for SniFilter<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// The suites that rustls has by default, each with a hash that knows what was hidden.
pub(super) fn cipher_suites() -> Vec<SupportedCipherSuite> {
    static SUITES: LazyLock<Vec<SupportedCipherSuite>> = LazyLock::new(|| {
        rustls::crypto::aws_lc_rs::DEFAULT_CIPHER_SUITES.iter().copied().map(with_transcript_hash).collect()
    });
    SUITES.clone()
}

/// Leaks a few bytes, once in a process: rustls wants its suites static.
fn with_transcript_hash(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    let common = |common: &CipherSuiteCommon| CipherSuiteCommon {
        suite: common.suite,
        hash_provider: Box::leak(Box::new(TranscriptHash(common.hash_provider))),
        confidentiality_limit: common.confidentiality_limit,
    };
    match suite {
        SupportedCipherSuite::Tls12(suite) => {
            let suite = Tls12CipherSuite {
                common: common(&suite.common),
                prf_provider: suite.prf_provider,
                kx: suite.kx,
                sign: suite.sign,
                aead_alg: suite.aead_alg,
            };
            SupportedCipherSuite::Tls12(Box::leak(Box::new(suite)))
        }
        SupportedCipherSuite::Tls13(suite) => {
            let suite = Tls13CipherSuite {
                common: common(&suite.common),
                hkdf_provider: suite.hkdf_provider,
                aead_alg: suite.aead_alg,
                quic: suite.quic,
            };
            SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)))
        }
    }
}

/// A hash of handshakes, as the client sent them.
struct TranscriptHash(&'static dyn Hash);

impl Hash for TranscriptHash {
    fn start(&self) -> Box<dyn Context> {
        Box::new(TranscriptContext(self.0.start()))
    }

    fn hash(&self, data: &[u8]) -> Output {
        self.0.hash(data)
    }

    fn output_len(&self) -> usize {
        self.0.output_len()
    }

    fn algorithm(&self) -> HashAlgorithm {
        self.0.algorithm()
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }
}

/// rustls adds each message whole.
struct TranscriptContext(Box<dyn Context>);

impl Context for TranscriptContext {
    fn fork_finish(&self) -> Output {
        self.0.fork_finish()
    }

    fn fork(&self) -> Box<dyn Context> {
        Box::new(Self(self.0.fork()))
    }

    fn finish(self: Box<Self>) -> Output {
        self.0.finish()
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(&restore(data));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ClientHello with an extension before and behind its server name, whose content is given.
    fn hello(content: &[u8]) -> Vec<u8> {
        let extension = |number: [u8; 2], content: &[u8]| {
            [&number[..], &u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
        };
        let extensions =
            [extension([0, 23], &[]), extension(SERVER_NAME, content), extension([0, 43], &[2, 3, 4])].concat();
        let mut body = [&[3, 3][..], &[7; 32], &[1, 9], &[0, 2, 0x13, 1], &[1, 0]].concat();
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        [&[CLIENT_HELLO, 0][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), &body].concat()
    }

    fn one(name: &[u8]) -> Vec<u8> {
        let len = u16::try_from(name.len()).unwrap();
        [&(len + 3).to_be_bytes()[..], &[HOST_NAME], &len.to_be_bytes(), name].concat()
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let record =
            |piece: &[u8]| [&[HANDSHAKE, 3, 1][..], &u16::try_from(piece.len()).unwrap().to_be_bytes(), piece].concat();
        message.chunks(size).flat_map(record).collect()
    }

    #[test]
    fn only_what_is_no_name_is_hidden_and_all_of_it_comes_back() {
        let long = [b'a'; 300];
        for (content, expected) in [
            (one(b"localhost"), false),
            (one(b"my_server.test"), false),
            (one(b"127.0.0.1"), false),
            (one(b"my server"), true),
            (one(b"a..b"), true),
            (one(b"\0"), true),
            (one(b"\xc3\xbc"), true),
            (one(b""), true),
            (one(&long), true),
            // A type that nobody has defined.
            (vec![0, 2, 9, 9], true),
            // No list at all, one of another length, and one of two names: rustls' to refuse.
            (vec![], false),
            (vec![0, 0], false),
            (vec![0, 9, HOST_NAME, 0, 1, b' '], false),
            (vec![0, 8, HOST_NAME, 0, 1, b' ', HOST_NAME, 0, 1, b' '], false),
            (vec![0, 4, HOST_NAME, 0, 9, b' '], false),
        ] {
            let original = hello(&content);
            let mut seen = original.clone();
            assert_eq!(hide(&mut seen), expected, "{content:?}");
            assert_eq!(seen != original, expected);
            let transcript = [seen.as_slice(), &[2, 0, 0, 1, 9]].concat();
            assert_eq!(*restore(&transcript), [original.as_slice(), &[2, 0, 0, 1, 9]].concat());
        }
    }

    #[test]
    fn a_client_hello_may_come_in_any_pieces_and_twice() {
        let message = hello(&one(b"my server"));
        let mut hidden = message.clone();
        assert!(hide(&mut hidden));
        let others = [&[CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1][..], &records(&message, 50), &[23, 3, 3, 0, 2, 1, 1]];
        for size in [1, 3, 4, 5, 7, 16, 64, 500] {
            let sent = [&[records(&message, size).as_slice()][..], &others].concat().concat();
            let expected = [&records(&hidden, size)[..], others[0], &records(&hidden, 50), others[2]].concat();
            for read in [1, 2, 5, 4096] {
                let mut filter = SniFilter::new(Pieces(&sent, read));
                let mut seen = Vec::new();
                filter.read_to_end(&mut seen).unwrap();
                assert_eq!(seen, expected, "records of {size}, reads of {read}");
            }
        }
    }

    #[test]
    fn what_is_no_client_hello_passes_as_it_is() {
        let message = hello(&one(b"my server"));
        let whole = records(&message, 500);
        for sent in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"GE",
            b"",
            &whole[..whole.len() - 1],
            &whole[..7],
            &[HANDSHAKE, 3, 3, 0, 0],
            &[HANDSHAKE, 3, 3, 0, 4, 2, 0, 0, 0],
            &[HANDSHAKE, 3, 3, 0, 4, CLIENT_HELLO, 1, 0, 0, 9],
            &[HANDSHAKE, 3, 3, 0xff, 0xff, CLIENT_HELLO],
            &[CHANGE_CIPHER_SPEC, 3, 3, 0, 9, 9],
        ] {
            let mut seen = Vec::new();
            SniFilter::new(Pieces(sent, 3)).read_to_end(&mut seen).unwrap();
            assert_eq!(seen, sent);
        }
        // What is not a ClientHello for its length alone, and every cut of one, is not touched either.
        for cut in 0..message.len() {
            assert!(!hide(&mut message[..cut].to_vec()));
            assert_eq!(*restore(&message[..cut]), message[..cut]);
        }
    }

    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(self.0.len()).min(buffer.len());
            let (now, rest) = self.0.split_at(len);
            self.0 = rest;
            (&*now).read(buffer)
        }
    }
}
