//! A data message.

/// The type of a data message, which its first frame has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameType {
    /// As the real server sends.
    Binary,
    /// As most clients expect.
    Text,
}

/// A data message, whole. Of a text message all bytes are UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    frame_type: FrameType,
    bytes: Vec<u8>,
}

impl Message {
    pub(super) fn new(frame_type: FrameType, bytes: Vec<u8>) -> Self {
        Self { frame_type, bytes }
    }

    /// Whether it is text or binary.
    pub fn frame_type(&self) -> FrameType {
        self.frame_type
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
