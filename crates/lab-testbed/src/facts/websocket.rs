//! The facts of a WebSocket connection: its frames, read from the packets.

use serde::{Deserialize, Serialize};

/// A WebSocket connection (part 5), as both sides' streams have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSocketFacts {
    /// Whether the server took the upgrade: the status of its answer is 101.
    pub is_upgraded: bool,
    /// The frames of the client, at most 100.
    pub from_client: Vec<WebSocketFrame>,
    /// The frames of the server, at most 2,100.
    pub from_server: Vec<WebSocketFrame>,
    /// The number of packets that brought messages of the server, or parts of them, each byte once.
    pub message_packets: u64,
    /// Whether the last captured byte of each side is the last one of a frame.
    pub is_whole: bool,
}

/// A frame (RFC 6455, section 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSocketFrame {
    /// What it carries.
    pub kind: FrameKind,
    /// Whether it is the last of its message.
    pub is_final: bool,
    /// The length of its payload, in bytes.
    pub len: u64,
    /// The number of the packet that brought its last byte.
    pub packet: u64,
    /// Its payload without the mask, at most 64 bytes.
    pub payload: Vec<u8>,
}

/// What a frame carries, by its opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum FrameKind {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
    /// An opcode that the RFC reserves.
    Reserved,
}

impl FrameKind {
    /// By the opcode.
    pub fn of(opcode: u8) -> Self {
        match opcode {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => Self::Reserved,
        }
    }

    /// Whether it carries a message, or a part of one.
    pub fn is_data(self) -> bool {
        matches!(self, Self::Continuation | Self::Text | Self::Binary)
    }
}

impl WebSocketFacts {
    /// The number of complete messages of the server.
    pub fn messages(&self) -> u64 {
        self.from_server.iter().filter(|frame| frame.kind.is_data() && frame.is_final).count() as u64
    }

    /// The bytes of the messages of the server.
    pub fn message_bytes(&self) -> u64 {
        self.from_server.iter().filter(|frame| frame.kind.is_data()).map(|frame| frame.len).sum()
    }

    /// The first message of the client, at most 64 bytes of each of its frames; `None` without one.
    pub fn request(&self) -> Option<Vec<u8>> {
        let data = || self.from_client.iter().filter(|frame| frame.kind.is_data());
        let last = data().position(|frame| frame.is_final)?;
        Some(data().take(last + 1).flat_map(|frame| frame.payload.iter().copied()).collect())
    }

    /// The close frame of the client, if it sent one.
    pub fn close_of_client(&self) -> Option<&WebSocketFrame> {
        self.from_client.iter().find(|frame| frame.kind == FrameKind::Close)
    }

    /// The close frame of the server, if it sent one.
    pub fn close_of_server(&self) -> Option<&WebSocketFrame> {
        self.from_server.iter().find(|frame| frame.kind == FrameKind::Close)
    }
}
