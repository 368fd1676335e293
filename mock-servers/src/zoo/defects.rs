//! What breaks the protocol: bytes that answer a ClientHello, and what becomes of a flight of rustls's own.

/// How a server breaks the protocol.
#[derive(Clone, Copy)]
pub(super) enum Defect {
    /// Not at all, but it speaks one version only.
    Only(Version),
    /// It answers the ClientHello with these bytes.
    Answers(fn(&Hello) -> Vec<u8>, Then),
    /// It makes a correct first flight, of which it sends this.
    Flight(Version, fn(&[u8]) -> Vec<u8>, Then),
    /// It ends its page with a FIN alone.
    NoCloseNotify,
    /// It goes on after it has said that nothing more comes.
    DataAfterCloseNotify,
}

/// A version of TLS.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Tls12,
    Tls13,
}

/// What follows the bytes of a defect.
#[derive(Clone, Copy)]
pub(super) enum Then {
    /// The end of the connection.
    Fin,
    /// Its violent end.
    Reset,
    /// Nothing, for as long as a client may be silent.
    Silence,
    /// The same again, when the client has answered.
    Again,
    /// The bytes do not come at once, but one a second.
    Drip,
}

/// A ClientHello as it came, in its records.
#[derive(Default)]
pub(super) struct Hello(pub(super) Vec<u8>);

impl Hello {
    /// legacy_session_id, which a server echoes (RFC 8446, section 4.1.3).
    fn session_id(&self) -> &[u8] {
        /// Record header, handshake header, version, random.
        const AT: usize = 5 + 4 + 2 + 32;
        let rest = self.0.get(AT..).unwrap_or_default();
        rest.split_first().and_then(|(&len, rest)| rest.get(..len.into())).unwrap_or_default()
    }
}

/// Types of records (RFC 8446, section 5.1).
mod content {
    pub(super) const ALERT: u8 = 21;
    pub(super) const HANDSHAKE: u8 = 22;
}

/// Descriptions of alerts (RFC 8446, section 6).
pub(super) mod alert {
    pub(in crate::zoo) const HANDSHAKE_FAILURE: u8 = 40;
    pub(in crate::zoo) const PROTOCOL_VERSION: u8 = 70;
    pub(in crate::zoo) const INTERNAL_ERROR: u8 = 80;
    pub(in crate::zoo) const UNRECOGNIZED_NAME: u8 = 112;
    /// One that nobody has defined.
    pub(in crate::zoo) const UNDEFINED: u8 = 200;
}

/// Groups for the exchange of keys (RFC 8446, section 4.2.7).
mod group {
    pub(super) const SECP384R1: u16 = 0x0018;
    pub(super) const X25519: u16 = 0x001d;
}

const TLS13_SUITE: u16 = 0x1301;
const TLS12: u16 = 0x0303;

fn record(content: u8, version: u16, fragment: &[u8]) -> Vec<u8> {
    // No fragment is longer here than a header can say, though one is longer than it may.
    let len = u16::try_from(fragment.len()).unwrap_or(u16::MAX);
    [&[content], version.to_be_bytes().as_slice(), &len.to_be_bytes(), fragment].concat()
}

/// An alert that ends the connection.
pub(super) fn fatal(description: u8) -> Vec<u8> {
    record(content::ALERT, TLS12, &[2, description])
}

fn server_hello(version: u16, random: &[u8; 32], hello: &Hello, suite: u16, extensions: &[u8]) -> Vec<u8> {
    let session_id = hello.session_id();
    let mut body = [version.to_be_bytes().as_slice(), random].concat();
    body.push(session_id.len() as u8);
    body.extend_from_slice(session_id);
    body.extend_from_slice(&suite.to_be_bytes());
    // No compression.
    body.push(0);
    if !extensions.is_empty() {
        body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
        body.extend_from_slice(extensions);
    }
    let header = u32::try_from(body.len()).unwrap_or_default() | 2 << 24;
    record(content::HANDSHAKE, version, &[header.to_be_bytes().as_slice(), &body].concat())
}

/// A ServerHello of an old version, with a suite that every client of its time had.
fn old(version: u16, hello: &Hello) -> Vec<u8> {
    const TLS_RSA_WITH_AES_128_CBC_SHA: u16 = 0x002f;
    server_hello(version, &rand::random(), hello, TLS_RSA_WITH_AES_128_CBC_SHA, &[])
}

pub(super) fn ssl3(hello: &Hello) -> Vec<u8> {
    old(0x0300, hello)
}

pub(super) fn tls10(hello: &Hello) -> Vec<u8> {
    old(0x0301, hello)
}

pub(super) fn tls11(hello: &Hello) -> Vec<u8> {
    old(0x0302, hello)
}

/// A suite that protects nothing, which nobody offers.
pub(super) fn suite_not_offered(hello: &Hello) -> Vec<u8> {
    const TLS_RSA_WITH_NULL_MD5: u16 = 0x0001;
    server_hello(TLS12, &rand::random(), hello, TLS_RSA_WITH_NULL_MD5, &[])
}

/// A HelloRetryRequest, which asks for a key of a group (RFC 8446, section 4.1.4).
fn retry(hello: &Hello, group: u16) -> Vec<u8> {
    /// SHA-256 of `HelloRetryRequest`.
    const RANDOM: [u8; 32] = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
        0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ];
    const SUPPORTED_VERSIONS: [u8; 6] = [0, 43, 0, 2, 3, 4];
    const KEY_SHARE: [u8; 4] = [0, 51, 0, 2];
    let extensions = [SUPPORTED_VERSIONS.as_slice(), &KEY_SHARE, &group.to_be_bytes()].concat();
    server_hello(TLS12, &RANDOM, hello, TLS13_SUITE, &extensions)
}

/// One for which clients send no key at first.
pub(super) fn retry_with_p384(hello: &Hello) -> Vec<u8> {
    retry(hello, group::SECP384R1)
}

/// One for which they have sent a key already.
pub(super) fn retry_with_x25519(hello: &Hello) -> Vec<u8> {
    retry(hello, group::X25519)
}

pub(super) fn no_common_suite(_: &Hello) -> Vec<u8> {
    fatal(alert::HANDSHAKE_FAILURE)
}

pub(super) fn no_common_version(_: &Hello) -> Vec<u8> {
    fatal(alert::PROTOCOL_VERSION)
}

pub(super) fn internal_error(_: &Hello) -> Vec<u8> {
    fatal(alert::INTERNAL_ERROR)
}

pub(super) fn unrecognized_name(_: &Hello) -> Vec<u8> {
    fatal(alert::UNRECOGNIZED_NAME)
}

pub(super) fn undefined_alert(_: &Hello) -> Vec<u8> {
    fatal(alert::UNDEFINED)
}

pub(super) fn warning(_: &Hello) -> Vec<u8> {
    record(content::ALERT, TLS12, &[1, alert::UNRECOGNIZED_NAME])
}

pub(super) fn nothing(_: &Hello) -> Vec<u8> {
    Vec::new()
}

pub(super) fn http(_: &Hello) -> Vec<u8> {
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
}

pub(super) fn ssh(_: &Hello) -> Vec<u8> {
    b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()
}

/// Bytes none of which begins a record.
pub(super) fn garbage(_: &Hello) -> Vec<u8> {
    (0..512).map(|_| rand::random::<u8>() | 0x80).collect()
}

/// One byte more than the longest record of any version, 2^14 + 2048 (RFC 5246, section 6.2.3).
pub(super) fn oversized(_: &Hello) -> Vec<u8> {
    const LEN: usize = (1 << 14) + 2049;
    record(content::HANDSHAKE, TLS12, &[0; LEN])
}

pub(super) fn empty_records(_: &Hello) -> Vec<u8> {
    record(content::HANDSHAKE, TLS12, &[]).repeat(1000)
}

/// A ServerHello of TLS 1.2, to be sent very slowly.
pub(super) fn slow_hello(hello: &Hello) -> Vec<u8> {
    const TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: u16 = 0xc02b;
    server_hello(TLS12, &rand::random(), hello, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, &[])
}

/// The records of a flight.
fn records(mut flight: &[u8]) -> impl Iterator<Item = &[u8]> {
    const HEADER_LEN: usize = 5;
    std::iter::from_fn(move || {
        let len = usize::from(u16::from_be_bytes([*flight.get(3)?, *flight.get(4)?]));
        let (record, rest) = flight.split_at_checked(HEADER_LEN + len)?;
        flight = rest;
        Some(record)
    })
}

/// The ServerHello alone.
pub(super) fn hello_alone(flight: &[u8]) -> Vec<u8> {
    records(flight).next().unwrap_or_default().to_vec()
}

/// Half a record.
pub(super) fn half_a_record(flight: &[u8]) -> Vec<u8> {
    let record = hello_alone(flight);
    record.get(..record.len() / 2).unwrap_or_default().to_vec()
}

/// The ServerHello and the Certificate of a flight of TLS 1.2, where they are in plain text.
pub(super) fn to_certificate(flight: &[u8]) -> Vec<u8> {
    const MESSAGES: usize = 2;
    let fragments: Vec<u8> = records(flight).flat_map(|record| record.iter().skip(5).copied()).collect();
    let len = (0..MESSAGES).try_fold(0, |at: usize, _| {
        let len = fragments.get(at + 1..at + 4)?.iter().fold(0, |len, &byte| len << 8 | usize::from(byte));
        Some(at + 4 + len)
    });
    record(content::HANDSHAKE, TLS12, len.and_then(|len| fragments.get(..len)).unwrap_or(&fragments))
}

/// All of it, with the mark of a server that speaks TLS 1.3 at the end of the ServerHello's random.
pub(super) fn downgrade_mark(flight: &[u8]) -> Vec<u8> {
    const MARK: &[u8; 8] = b"DOWNGRD\x01";
    /// Record header, handshake header, version, and all of the random but its end.
    const AT: usize = 5 + 4 + 2 + 24;
    let mut flight = flight.to_vec();
    if let Some(end) = flight.get_mut(AT..AT + MARK.len()) {
        end.copy_from_slice(MARK);
    }
    flight
}

/// All of it, but for the last bit of the last record.
pub(super) fn last_bit_flipped(flight: &[u8]) -> Vec<u8> {
    let mut flight = flight.to_vec();
    if let Some(last) = flight.last_mut() {
        *last ^= 1;
    }
    flight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_id_of_a_client_hello_is_found_wherever_it_is_cut() {
        let hello = [&[0; 43][..], &[3, 7, 8, 9, 1]].concat();
        assert_eq!(Hello(hello.clone()).session_id(), [7, 8, 9]);
        for end in 0..47 {
            assert_eq!(Hello(hello[..end].to_vec()).session_id(), [0; 0], "cut at {end}");
        }
    }

    #[test]
    fn a_flight_is_cut_after_its_second_message() {
        let flight =
            [record(22, TLS12, &[2, 0, 0, 1, 9, 11, 0]), record(22, TLS12, &[0, 2, 8, 8, 14, 0, 0, 0])].concat();
        assert_eq!(to_certificate(&flight), record(22, TLS12, &[2, 0, 0, 1, 9, 11, 0, 0, 2, 8, 8]));
        assert_eq!(hello_alone(&flight).len(), 12);
        assert_eq!(records(&flight[..11]).count(), 0);
    }
}
