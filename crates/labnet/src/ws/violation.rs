//! What RFC 6455 forbids a peer, and the close status that says so.

use super::close::{INVALID_PAYLOAD, PROTOCOL_ERROR, TOO_BIG};

/// What a peer did that ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Violation {
    /// RFC 6455, section 5.2: a reserved bit without an extension that defines it.
    #[error("a frame has a reserved bit that no extension defines")]
    ReservedBits,
    /// RFC 7692, section 6: only the first frame of a message says that it is compressed.
    #[error("a frame says that it is compressed, and is not the first of a message")]
    CompressedLater,
    #[error("a frame has the reserved opcode {0}")]
    ReservedOpcode(u8),
    /// RFC 6455, section 5.1.
    #[error("a frame is masked, which a server's must not be")]
    Masked,
    /// RFC 6455, section 5.1.
    #[error("a frame is not masked, which a client's must be")]
    NotMasked,
    /// RFC 6455, section 5.2: the minimal number of bytes must be used.
    #[error("a frame has its length of {0} in more bytes than it needs")]
    LengthNotMinimal(u64),
    /// RFC 6455, section 5.2: the most significant bit must be 0.
    #[error("a frame has a length of 2^63 or more")]
    LengthOf64Bits,
    /// RFC 6455, section 5.5.
    #[error("a control frame is fragmented")]
    ControlFragmented,
    /// RFC 6455, section 5.5.
    #[error("a control frame has {0} bytes, more than 125")]
    ControlTooLong(u64),
    /// RFC 6455, section 5.4.
    #[error("a frame continues a message, and there is none")]
    NothingToContinue,
    /// RFC 6455, section 5.4.
    #[error("a message begins before the one before it has ended")]
    MessageInterrupted,
    /// RFC 6455, section 8.1.
    #[error("a text message is not UTF-8")]
    TextNotUtf8,
    /// RFC 6455, section 5.5.1.
    #[error("a close frame has one byte, and its status two")]
    CloseTooShort,
    /// RFC 6455, section 7.4.
    #[error("a close frame has the status {0}, which nobody may send")]
    CloseStatus(u16),
    /// RFC 6455, section 5.5.1.
    #[error("the reason of a close frame is not UTF-8")]
    ReasonNotUtf8,
    #[error("a message has {len} bytes or more, and {limit} is the longest that is taken")]
    TooBig {
        /// As far as it is known.
        len: u64,
        limit: usize,
    },
    /// RFC 7692, section 7.2.2.
    #[error("a compressed message cannot be decompressed")]
    CannotInflate,
}

impl Violation {
    /// The status of the close frame that answers it (RFC 6455, section 7.4.1).
    pub(super) fn close_status(self) -> u16 {
        match self {
            Self::TextNotUtf8 | Self::ReasonNotUtf8 | Self::CannotInflate => INVALID_PAYLOAD,
            Self::TooBig { .. } => TOO_BIG,
            _ => PROTOCOL_ERROR,
        }
    }
}
