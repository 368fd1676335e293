//! Frames: how the handshake messages and records of the channel are cut out of a TCP stream.
//!
//! ```text
//!  0        1                 3
//! +--------+--------+--------+---------------------+
//! | kind   | length, big     | body                |
//! | 1 byte | endian, 2 bytes | `length` bytes      |
//! +--------+--------+--------+---------------------+
//! ```
//!
//! | kind | | body | most bytes |
//! |---|---|---|---|
//! | 1 | client hello | [`ClientHello`](crate::message::ClientHello) | 255 |
//! | 2 | server hello | [`ServerHello`](crate::message::ServerHello) | 255 |
//! | 3 | certificate | [`Certificate`](crate::message::Certificate) | 65,535 |
//! | 4 | certificate request | nothing | 0 |
//! | 5 | key exchange | key material, encrypted with RSA-OAEP | 1,024 |
//! | 6 | certificate verify | an RSA-PSS signature | 1,024 |
//! | 7 | finished | an HMAC | 32 |
//! | 16 | alert | one byte | 1 |
//! | 32 | data | a record | 16,416 |
//! | 33 | end | a record | 32 |
//! | 34 | acknowledgement | a record | 16,416 |

use crate::{Failure, record};

/// The length of a header.
pub const HEADER_LEN: usize = 3;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The client proposes.
    ClientHello = 1,
    /// The server chooses.
    ServerHello = 2,
    /// A certificate chain.
    Certificate = 3,
    /// The server wants to see the client's certificate.
    CertificateRequest = 4,
    /// Key material for the server alone.
    KeyExchange = 5,
    /// The client's proof that the key of its certificate is its own.
    CertificateVerify = 6,
    /// The confirmation of all that was said.
    Finished = 7,
    /// The end, for a reason.
    Alert = 16,
    /// A part of a message, protected.
    Data = 32,
    /// The end of a message, protected.
    End = 33,
    /// The answer to a message, protected.
    Acknowledgement = 34,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::ClientHello,
        Self::ServerHello,
        Self::Certificate,
        Self::CertificateRequest,
        Self::KeyExchange,
        Self::CertificateVerify,
        Self::Finished,
        Self::Alert,
        Self::Data,
        Self::End,
        Self::Acknowledgement,
    ];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientHello => "client hello",
            Self::ServerHello => "server hello",
            Self::Certificate => "certificate",
            Self::CertificateRequest => "certificate request",
            Self::KeyExchange => "key exchange",
            Self::CertificateVerify => "certificate verify",
            Self::Finished => "finished",
            Self::Alert => "alert",
            Self::Data => "data",
            Self::End => "end",
            Self::Acknowledgement => "acknowledgement",
        }
    }

    /// The longest body, so that no wrong length is waited for.
    pub const fn max_len(self) -> usize {
        match self {
            Self::ClientHello | Self::ServerHello => 255,
            Self::Certificate => u16::MAX as usize,
            Self::CertificateRequest => 0,
            // RSA with 8,192 bits, the longest key that is used.
            Self::KeyExchange | Self::CertificateVerify => 1024,
            Self::Finished => 32,
            Self::Alert => 1,
            Self::Data | Self::Acknowledgement => record::MAX_PLAINTEXT_LEN + record::MAX_OVERHEAD,
            Self::End => record::MAX_OVERHEAD,
        }
    }

    /// Whether it is protected by the record protocol.
    pub fn is_record(self) -> bool {
        matches!(self, Self::Data | Self::End | Self::Acknowledgement)
    }
}

impl TryFrom<u8> for Kind {
    type Error = Failure;

    fn try_from(number: u8) -> Result<Self, Failure> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number).ok_or(Failure::UnknownKind(number))
    }
}

/// The first bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame is.
    pub kind: Kind,
    /// The length of its body.
    pub len: usize,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// [`Failure::UnknownKind`], or [`Failure::Length`] for a body longer than its kind can have.
    pub fn decode([kind, high, low]: [u8; HEADER_LEN]) -> Result<Self, Failure> {
        let header = Self { kind: kind.try_into()?, len: u16::from_be_bytes([high, low]).into() };
        if header.len > header.kind.max_len() {
            return Err(Failure::Length { kind: header.kind, len: header.len });
        }
        Ok(header)
    }

    /// Writes a header. Longer bodies than a length can say do not exist: see [`Kind::max_len`].
    pub fn encode(self) -> [u8; HEADER_LEN] {
        let [high, low] = u16::try_from(self.len).unwrap_or(u16::MAX).to_be_bytes();
        [self.kind as u8, high, low]
    }
}

/// A whole frame, as it is on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    kind: Kind,
    bytes: Vec<u8>,
}

impl Frame {
    /// A frame to be sent.
    ///
    /// # Errors
    /// [`Failure::Length`] for a body that is too long.
    pub fn new(kind: Kind, body: &[u8]) -> Result<Self, Failure> {
        let len = body.len();
        if len > kind.max_len() {
            return Err(Failure::Length { kind, len });
        }
        let mut bytes = Vec::with_capacity(HEADER_LEN + len);
        bytes.extend_from_slice(&Header { kind, len }.encode());
        bytes.extend_from_slice(body);
        Ok(Self { kind, bytes })
    }

    /// The first frame of a stream, and what follows it; `None` as long as it is not complete.
    ///
    /// # Errors
    /// Those of [`Header::decode`], as soon as the header is complete.
    pub fn cut(stream: &[u8]) -> Result<Option<(Self, &[u8])>, Failure> {
        let Some((header, _)) = stream.split_first_chunk() else { return Ok(None) };
        let header = Header::decode(*header)?;
        let Some((bytes, rest)) = stream.split_at_checked(HEADER_LEN + header.len) else { return Ok(None) };
        Ok(Some((Self { kind: header.kind, bytes: bytes.to_vec() }, rest)))
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// All of it, header included: what the transcript covers.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What follows the header.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    /// The body of a frame that must be of this kind.
    ///
    /// # Errors
    /// [`Failure::Unexpected`], or [`Failure::Alerted`] if the peer sent an alert instead.
    pub fn expect(&self, awaited: Kind) -> Result<&[u8], Failure> {
        match self.kind {
            kind if kind == awaited => Ok(self.body()),
            Kind::Alert => Err(Failure::Alerted(self.body().first().copied().into())),
            came => Err(Failure::Unexpected { came, awaited }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_cut_out_of_a_stream_at_its_end_and_not_before() {
        let finished = Frame::new(Kind::Finished, &[7; 32]).unwrap();
        let stream = [finished.as_bytes(), &[16, 0]].concat();
        for end in 0..HEADER_LEN + 32 {
            assert_eq!(Frame::cut(&stream[..end]), Ok(None), "{end} bytes");
        }
        assert_eq!(Frame::cut(&stream), Ok(Some((finished, &[16, 0][..]))));
    }

    #[test]
    fn every_kind_has_a_number_and_a_longest_body_and_one_byte_more_is_refused_at_the_header() {
        for kind in Kind::ALL {
            assert_eq!(Kind::try_from(kind as u8), Ok(kind));
            let longest = kind.max_len();
            assert_eq!(Header::decode(Header { kind, len: longest }.encode()), Ok(Header { kind, len: longest }));
            assert!(Frame::new(kind, &vec![0; longest]).is_ok());
            let failure = Failure::Length { kind, len: longest + 1 };
            assert_eq!(Frame::new(kind, &vec![0; longest + 1]), Err(failure.clone()));
            if longest < u16::MAX.into() {
                assert_eq!(Header::decode(Header { kind, len: longest + 1 }.encode()), Err(failure));
            }
        }
        let known = |number: &u8| Kind::ALL.iter().any(|kind| *kind as u8 == *number);
        for number in (0..=u8::MAX).filter(|number| !known(number)) {
            assert_eq!(Header::decode([number, 0, 0]), Err(Failure::UnknownKind(number)));
        }
    }
}
