//! The header of a frame (RFC 6455, section 5.2).
//!
//! ```text
//! byte 0   FIN RSV1 RSV2 RSV3 opcode(4)   opcodes 0, 1, 2: continuation, text, binary; 8, 9, 10: close, ping, pong
//! byte 1   MASK length(7)                 126: a 16-bit length follows; 127: a 64-bit length
//! [2 | 8 bytes of length] [4 bytes of masking key] payload
//! ```

use std::{io::Cursor, sync::Arc};

use tungstenite::{
    Error as WsError,
    error::ProtocolError,
    protocol::frame::{
        FrameHeader,
        coding::{Control, Data, OpCode},
    },
};

use super::{message::FrameType, violation::Violation};

/// The length of the longest header, in bytes.
pub(super) const MAX_HEADER_LEN: usize = 14;

/// The length of the longest payload of a control frame, in bytes (section 5.5).
pub(super) const MAX_CONTROL_LEN: u64 = 125;

/// The length of a server's close frame, in bytes: a header and the status (section 5.5.1).
pub const CLOSE_FRAME_LEN: u64 = 4;

/// The length of the header of a server's frame, which is not masked, in bytes.
pub fn frame_header_len(payload_len: u64) -> u64 {
    FrameHeader::default().len(payload_len) as u64
}

/// What a frame carries (section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// More of a message.
    Continuation,
    /// A message, or its beginning.
    Data(FrameType),
    /// The sender's last frame.
    Close,
    /// A question that a pong answers.
    Ping,
    /// The answer to a ping.
    Pong,
}

impl Opcode {
    /// Whether the frame may come between the fragments of a message (section 5.5).
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn encoded(self) -> OpCode {
        match self {
            Self::Continuation => OpCode::Data(Data::Continue),
            Self::Data(FrameType::Text) => OpCode::Data(Data::Text),
            Self::Data(FrameType::Binary) => OpCode::Data(Data::Binary),
            Self::Close => OpCode::Control(Control::Close),
            Self::Ping => OpCode::Control(Control::Ping),
            Self::Pong => OpCode::Control(Control::Pong),
        }
    }

    fn decoded(opcode: OpCode) -> Result<Self, Violation> {
        match opcode {
            OpCode::Data(Data::Continue) => Ok(Self::Continuation),
            OpCode::Data(Data::Text) => Ok(Self::Data(FrameType::Text)),
            OpCode::Data(Data::Binary) => Ok(Self::Data(FrameType::Binary)),
            OpCode::Control(Control::Close) => Ok(Self::Close),
            OpCode::Control(Control::Ping) => Ok(Self::Ping),
            OpCode::Control(Control::Pong) => Ok(Self::Pong),
            OpCode::Data(Data::Reserved(code)) | OpCode::Control(Control::Reserved(code)) => {
                Err(Violation::ReservedOpcode(code))
            }
        }
    }
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) is_final: bool,
    /// RSV1, which says of a first frame that its message is compressed (RFC 7692, section 6).
    pub(super) is_compressed: bool,
    pub(super) opcode: Opcode,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) payload_len: u64,
}

impl Header {
    /// Reads a header: it and its length, or `None` while it is not whole.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Violation> {
        let mut cursor = Cursor::new(bytes);
        let (header, payload_len) = match FrameHeader::parse(&mut cursor) {
            Ok(Some(found)) => found,
            Err(WsError::Protocol(ProtocolError::InvalidOpcode(code))) => return Err(Violation::ReservedOpcode(code)),
            // Nothing else can go wrong with bytes in memory.
            Ok(None) | Err(_) => return Ok(None),
        };
        if header.rsv2 || header.rsv3 {
            return Err(Violation::ReservedBits);
        }
        let len = usize::try_from(cursor.position()).unwrap_or(bytes.len());
        if payload_len >> 63 != 0 {
            return Err(Violation::LengthOf64Bits);
        }
        if header.len(payload_len) < len {
            return Err(Violation::LengthNotMinimal(payload_len));
        }
        let opcode = Opcode::decoded(header.opcode)?;
        let header =
            Self { is_final: header.is_final, is_compressed: header.rsv1, opcode, mask: header.mask, payload_len };
        Ok(Some((header, len)))
    }

    /// Its bytes.
    pub(super) fn encode(self) -> Vec<u8> {
        let header = FrameHeader {
            is_final: self.is_final,
            rsv1: self.is_compressed,
            rsv2: false,
            rsv3: false,
            opcode: self.opcode.encoded(),
            mask: self.mask,
        };
        encode_header(&header, self.payload_len)
    }
}

/// A frame of a server as it is, right or wrong: for servers that break the protocol on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFrame {
    /// Whether it is the last of its message.
    pub is_final: bool,
    /// A reserved bit that no extension of this library uses.
    pub rsv2: bool,
    /// What it carries.
    pub opcode: Opcode,
    /// The key with which the payload is masked; a server's frames have none.
    pub mask: Option<[u8; 4]>,
    /// What it carries, before it is masked.
    pub payload: Arc<[u8]>,
}

impl RawFrame {
    /// A message in one frame. One that is not UTF-8 is a text nevertheless.
    pub fn whole(frame_type: FrameType, message: Arc<[u8]>) -> Self {
        Self { is_final: true, rsv2: false, opcode: Opcode::Data(frame_type), mask: None, payload: message }
    }

    /// A ping.
    pub fn ping(payload: &[u8]) -> Self {
        Self { opcode: Opcode::Ping, ..Self::whole(FrameType::Binary, payload.into()) }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let header = FrameHeader {
            is_final: self.is_final,
            rsv1: false,
            rsv2: self.rsv2,
            rsv3: false,
            opcode: self.opcode.encoded(),
            mask: self.mask,
        };
        let mut payload = self.payload.to_vec();
        if let Some(key) = self.mask {
            apply_mask(&mut payload, key, 0);
        }
        [encode_header(&header, payload.len() as u64), payload].concat()
    }
}

fn encode_header(header: &FrameHeader, payload_len: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MAX_HEADER_LEN);
    // Writing to memory does not fail.
    let _ = header.format(payload_len, &mut bytes);
    bytes
}

/// Masks a part of a payload, or takes the mask away (section 5.3); `offset` is where the part begins.
pub(super) fn apply_mask(part: &mut [u8], mut key: [u8; 4], offset: u64) {
    key.rotate_left((offset % 4) as usize);
    for (byte, mask) in part.iter_mut().zip(key.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_written_as_it_is_read_and_read_only_whole() {
        for payload_len in [0, 125, 126, 65_535, 65_536, (1 << 63) - 1] {
            for mask in [None, Some([1, 2, 3, 4])] {
                for opcode in [Opcode::Continuation, Opcode::Data(FrameType::Text), Opcode::Data(FrameType::Binary)] {
                    let header =
                        Header { is_final: mask.is_some(), is_compressed: mask.is_none(), opcode, mask, payload_len };
                    let bytes = header.encode();
                    for len in 0..bytes.len() {
                        assert_eq!(Header::parse(&bytes[..len]), Ok(None), "{bytes:02x?}");
                    }
                    assert_eq!(Header::parse(&bytes), Ok(Some((header, bytes.len()))));
                }
            }
        }
    }

    #[test]
    fn a_header_is_as_long_as_the_length_needs() {
        for (payload_len, header_len) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10), (u64::MAX, 10)] {
            assert_eq!(frame_header_len(payload_len), header_len, "{payload_len}");
        }
    }

    #[test]
    fn what_no_header_may_be() {
        let check = |bytes: &[u8], expected| assert_eq!(Header::parse(bytes), Err(expected), "{bytes:02x?}");
        check(b"\xa1\x00", Violation::ReservedBits);
        check(b"\x91\x00", Violation::ReservedBits);
        check(b"\x83\x00", Violation::ReservedOpcode(3));
        check(b"\x8b\x00", Violation::ReservedOpcode(11));
        check(b"\x82\x7e\x00\x7d", Violation::LengthNotMinimal(125));
        check(b"\x82\x7f\0\0\0\0\0\0\xff\xff", Violation::LengthNotMinimal(65_535));
        check(b"\x82\x7f\x80\0\0\0\0\0\0\0", Violation::LengthOf64Bits);
    }

    #[test]
    fn a_payload_may_be_unmasked_in_pieces() {
        let (key, text) = ([7, 0, 255, 128], b"This is PMU data 1");
        let mut masked = *text;
        apply_mask(&mut masked, key, 0);
        assert_ne!(&masked, text);
        for cut in 0..=text.len() {
            let mut pieces = masked;
            let (first, second) = pieces.split_at_mut(cut);
            apply_mask(first, key, 0);
            apply_mask(second, key, cut as u64);
            assert_eq!(&pieces, text, "{cut}");
        }
    }
}
