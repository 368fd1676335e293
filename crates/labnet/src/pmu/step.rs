//! An answer as data: what a server does on a connection, step by step.

use std::{sync::Arc, time::Duration};

/// One step of an answer. Steps are plain data: a server that misbehaves on purpose executes changed ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Sends nothing for that long, as long as the client is there.
    Pause(Duration),
    /// One `send()` of these bytes: over WebSocket one message in one frame, over TLS one record (up to 16,384 bytes).
    Bytes(Arc<[u8]>),
    /// Says that nothing more is sent: a FIN; over TLS close_notify before it, over WebSocket the closing handshake
    /// with status 1000.
    Fin,
    /// Ends the connection at once with a reset; further steps are left out.
    Reset,
    /// Sends nothing and ignores what comes, until the client ends its side; that long at most.
    Stall(Duration),
}

impl Step {
    /// What is sent, if anything is.
    pub fn bytes(&self) -> Option<&Arc<[u8]>> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}
