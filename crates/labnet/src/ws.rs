//! WebSocket (RFC 6455) over our own TCP connections, on either side.
//!
//! The one owner of `tungstenite`, whose errors are translated here.

mod client;
mod frames;
mod server;
mod transport;

pub use client::{Client, Options, Url};
pub use frames::{CLOSE_FRAME_LEN, frame_header_len};
pub use server::{FrameType, WebSocketConnection};
pub use transport::WebSocketTransport;

use std::io;

use tungstenite::{Bytes, Error as WsError, Message as WsMessage, Utf8Bytes};

/// A data message.
#[derive(Clone, Debug)]
pub struct Message(Payload);

#[derive(Clone, Debug)]
enum Payload {
    Text(Utf8Bytes),
    Binary(Bytes),
}

impl Message {
    /// The data message among all that tungstenite returns.
    fn of(message: WsMessage) -> Option<Self> {
        match message {
            WsMessage::Text(text) => Some(Self(Payload::Text(text))),
            WsMessage::Binary(bytes) => Some(Self(Payload::Binary(bytes))),
            _ => None,
        }
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Payload::Text(text) => text.as_ref(),
            Payload::Binary(bytes) => bytes,
        }
    }
}

/// The system's error behind one of tungstenite, if there is one.
fn io_error(error: WsError) -> Result<io::Error, WsError> {
    match error {
        WsError::Io(error) => Ok(error),
        error => Err(error),
    }
}
