//! The bodies of the handshake messages: bytes in, values out, and back.
//!
//! Every reader takes any bytes and never panics; what it accepts it writes again as it was.

use crate::{
    Failure,
    frame::{Frame, Kind},
    suite::{ChannelSuite, SHA256, VERSION},
};

/// The length of the random bytes in a hello.
pub const RANDOM_LEN: usize = 32;

/// How many suites a hello may list, and how many certificates a chain may have.
const MAX_SUITES: usize = 64;
const MAX_CHAIN: usize = 8;

/// What the client proposes.
///
/// ```text
/// version  u16    1; it comes first, so that a version can be refused whatever the rest of it looks like
/// hash     u8     1: SHA-256
/// random   32 bytes
/// count    u8     how many suites follow, 1 to 64
/// suites   u16 each, the preferred one first
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// Fresh for each handshake.
    pub random: [u8; RANDOM_LEN],
    /// The numbers of the suites that are offered; a server passes over those it does not know.
    pub suites: Vec<u16>,
}

impl ClientHello {
    /// An offer.
    pub fn new(random: [u8; RANDOM_LEN], suites: &[ChannelSuite]) -> Self {
        Self { random, suites: suites.iter().map(|suite| *suite as u16).collect() }
    }

    /// Reads the body of a client hello.
    ///
    /// # Errors
    /// [`Failure::Version`], [`Failure::Hash`] or [`Failure::Malformed`].
    pub fn decode(body: &[u8]) -> Result<Self, Failure> {
        let mut reader = Reader::new(Kind::ClientHello, body);
        let random = reader.hello()?;
        let count = usize::from(reader.u8()?);
        if !(1..=MAX_SUITES).contains(&count) {
            return Err(reader.malformed("it offers no cipher suite, or too many"));
        }
        let suites = (0..count).map(|_| reader.u16()).collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self { random, suites })
    }

    /// The frame.
    ///
    /// # Errors
    /// [`Failure::Length`] for more suites than a hello can list.
    pub fn encode(&self) -> Result<Frame, Failure> {
        let mut body = hello(&self.random);
        body.push(u8::try_from(self.suites.len()).unwrap_or(u8::MAX));
        body.extend(self.suites.iter().flat_map(|suite| suite.to_be_bytes()));
        Frame::new(Kind::ClientHello, &body)
    }

    /// The first of the client's suites that is known here.
    ///
    /// # Errors
    /// [`Failure::NoCommonSuite`].
    pub fn choose(&self) -> Result<ChannelSuite, Failure> {
        self.suites.iter().find_map(|number| ChannelSuite::of(*number)).ok_or(Failure::NoCommonSuite)
    }
}

/// What the server chooses.
///
/// ```text
/// version  u16    1
/// hash     u8     1: SHA-256
/// random   32 bytes
/// suite    u16    one of the client's
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// Fresh for each handshake.
    pub random: [u8; RANDOM_LEN],
    /// The number of the suite.
    pub suite: u16,
}

impl ServerHello {
    /// Reads the body of a server hello.
    ///
    /// # Errors
    /// [`Failure::Version`], [`Failure::Hash`] or [`Failure::Malformed`].
    pub fn decode(body: &[u8]) -> Result<Self, Failure> {
        let mut reader = Reader::new(Kind::ServerHello, body);
        let random = reader.hello()?;
        let suite = reader.u16()?;
        reader.end()?;
        Ok(Self { random, suite })
    }

    /// The frame.
    ///
    /// # Errors
    /// None in practice: it always fits.
    pub fn encode(&self) -> Result<Frame, Failure> {
        let mut body = hello(&self.random);
        body.extend(self.suite.to_be_bytes());
        Frame::new(Kind::ServerHello, &body)
    }
}

/// A certificate chain, as X.509 in DER.
///
/// ```text
/// length       u16 ┐ once for each certificate, the leaf first, 1 to 8 of them,
/// certificate      ┘ to the end of the body
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The leaf, then whoever signed for it, without the root.
    pub chain: Vec<Vec<u8>>,
}

impl Certificate {
    /// Reads the body of a certificate message. What the certificates say is for [`Trust`](crate::Trust) to check.
    ///
    /// # Errors
    /// [`Failure::Malformed`].
    pub fn decode(body: &[u8]) -> Result<Self, Failure> {
        let mut reader = Reader::new(Kind::Certificate, body);
        let mut chain = Vec::new();
        while !reader.rest.is_empty() {
            let len = reader.u16()?.into();
            if len == 0 || chain.len() == MAX_CHAIN {
                return Err(reader.malformed("it has an empty certificate, or too many"));
            }
            chain.push(reader.take(len)?.to_vec());
        }
        if chain.is_empty() {
            return Err(reader.malformed("it has no certificate"));
        }
        Ok(Self { chain })
    }

    /// The frame.
    ///
    /// # Errors
    /// [`Failure::Length`] for a chain that does not fit.
    pub fn encode(&self) -> Result<Frame, Failure> {
        let mut body = Vec::new();
        for certificate in &self.chain {
            let len = certificate.len();
            let too_long = |_| Failure::Length { kind: Kind::Certificate, len };
            body.extend(u16::try_from(len).map_err(too_long)?.to_be_bytes());
            body.extend_from_slice(certificate);
        }
        Frame::new(Kind::Certificate, &body)
    }
}

/// What both hellos begin with.
fn hello(random: &[u8; RANDOM_LEN]) -> Vec<u8> {
    [&VERSION.to_be_bytes()[..], &[SHA256], random].concat()
}

/// Takes a body apart from its front.
struct Reader<'a> {
    kind: Kind,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(kind: Kind, body: &'a [u8]) -> Self {
        Self { kind, rest: body }
    }

    fn malformed(&self, problem: &'static str) -> Failure {
        Failure::Malformed { kind: self.kind, problem }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Failure> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(self.malformed("it is too short"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(self.malformed("it is too short"))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, Failure> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, Failure> {
        self.array().map(u16::from_be_bytes)
    }

    /// What both hellos begin with: the random bytes, if version and hash are ours.
    fn hello(&mut self) -> Result<[u8; RANDOM_LEN], Failure> {
        let version = self.u16()?;
        if version != VERSION {
            return Err(Failure::Version(version));
        }
        let hash = self.u8()?;
        if hash != SHA256 {
            return Err(Failure::Hash(hash));
        }
        self.array()
    }

    fn end(&self) -> Result<(), Failure> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed("something follows its end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: [u8; RANDOM_LEN] = [0xab; RANDOM_LEN];

    fn client_hello() -> Vec<u8> {
        ClientHello::new(RANDOM, &ChannelSuite::ALL).encode().unwrap().body().to_vec()
    }

    #[test]
    fn messages_are_read_as_they_were_written() {
        let hello = ClientHello::new(RANDOM, &ChannelSuite::ALL);
        assert_eq!(ClientHello::decode(hello.encode().unwrap().body()), Ok(hello));
        let hello = ServerHello { random: RANDOM, suite: 2 };
        assert_eq!(ServerHello::decode(hello.encode().unwrap().body()), Ok(hello));
        let chain = Certificate { chain: vec![vec![1; 900], vec![2]] };
        assert_eq!(Certificate::decode(chain.encode().unwrap().body()), Ok(chain));
    }

    #[test]
    fn a_client_hello_is_laid_out_as_the_documentation_says() {
        let expected = [&[0, 1, 1][..], &RANDOM, &[2, 0, 1, 0, 2]].concat();
        assert_eq!(client_hello(), expected);
    }

    #[test]
    fn a_message_that_is_cut_or_goes_on_is_malformed() {
        let server_hello = ServerHello { random: RANDOM, suite: 1 }.encode().unwrap().body().to_vec();
        let certificate = Certificate { chain: vec![vec![1, 2, 3]] }.encode().unwrap().body().to_vec();
        let is_malformed = |failure: Option<Failure>| matches!(failure, Some(Failure::Malformed { .. }));
        for end in 0..client_hello().len() {
            assert!(is_malformed(ClientHello::decode(&client_hello()[..end]).err()), "{end} bytes");
        }
        for end in 0..server_hello.len() {
            assert!(is_malformed(ServerHello::decode(&server_hello[..end]).err()), "{end} bytes");
        }
        for end in 0..certificate.len() {
            assert!(is_malformed(Certificate::decode(&certificate[..end]).err()), "{end} bytes");
        }
        assert!(is_malformed(ClientHello::decode(&[&client_hello()[..], &[0]].concat()).err()));
        assert!(is_malformed(ServerHello::decode(&[&server_hello[..], &[0]].concat()).err()));
        assert!(is_malformed(Certificate::decode(&[&certificate[..], &[0]].concat()).err()));
    }

    #[test]
    fn another_version_is_told_whatever_follows_it() {
        for body in [&[0, 2][..], &[0xff, 0xff, 1, 2, 3], &[3, 3]] {
            let version = u16::from_be_bytes([body[0], body[1]]);
            assert_eq!(ClientHello::decode(body), Err(Failure::Version(version)));
            assert_eq!(ServerHello::decode(body), Err(Failure::Version(version)));
        }
        assert_eq!(ClientHello::decode(&[0, 1, 9]), Err(Failure::Hash(9)));
    }

    #[test]
    fn a_server_takes_the_clients_first_suite_that_it_knows() {
        let offer = |suites: &[u16]| ClientHello { random: RANDOM, suites: suites.to_vec() }.choose();
        assert_eq!(offer(&[7, 2, 1]), Ok(ChannelSuite::Aes256Gcm));
        assert_eq!(offer(&[1, 2]), Ok(ChannelSuite::Aes128CtrHmacSha256));
        assert_eq!(offer(&[0, 3, 0xffff]), Err(Failure::NoCommonSuite));
    }

    #[test]
    fn chains_have_one_to_eight_certificates_none_of_them_empty() {
        let of = |count| Certificate { chain: vec![vec![1]; count] }.encode().unwrap();
        assert!(Certificate::decode(of(8).body()).is_ok());
        for wrong in [of(0), of(9), Certificate { chain: vec![vec![]] }.encode().unwrap()] {
            assert!(matches!(Certificate::decode(wrong.body()), Err(Failure::Malformed { .. })));
        }
    }
}
