//! WebSocket (RFC 6455) over our own TCP connections, on either side, with compression (RFC 7692) if both sides want it.
//!
//! The one owner of `tungstenite`, which knows the frame header and the key of the handshake. What a peer sends is put
//! together and judged here, because the lab must say what was wrong with it, and tell the peer so in a close frame:
//!
//! ```text
//! bytes ─ Socket ─▶ MessageReader (frames, UTF-8, limits, Inflater) ─▶ Event: a message, a ping, a close frame
//!           ▲                  └─ Violation ─▶ close frame 1002, 1007 or 1009
//!           └── pong, close frame
//! ```

mod client;
mod close;
mod deflate;
mod frame;
mod head;
mod message;
mod negotiation;
mod reader;
mod server;
mod socket;
mod upgrade;
mod url;
mod violation;

pub use client::{Client, Options};
pub use frame::{CLOSE_FRAME_LEN, Opcode, RawFrame, frame_header_len};
pub use message::{FrameType, Message};
pub use server::{AcceptOptions, EncodedFrames, WebSocketConnection};
pub use upgrade::Upgrade;
pub use url::Url;
