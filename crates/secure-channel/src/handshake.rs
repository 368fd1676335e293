//! The handshake, without I/O: frames in, frames out, and a type for each state.
//!
//! Each state has one method, which takes the frame that is due and yields the next state, so that a wrong order does
//! not compile, and a frame in the wrong place is refused. A failed check ends the handshake: there is no state left.
//!
//! ```text
//! client                                        server
//!
//! start                                         Listening
//!   │ client hello out                            │ client hello in: is there a common suite?
//! Greeted                                         │ server hello, certificate, certificate request out
//!   │ server hello in: was it offered?          Asked
//! Answered                                        │ certificate in: is it the client's?
//!   │ certificate in: is it the server's?       CertificateVerified
//! CertificateVerified                             │ key exchange in
//!   │ certificate request in                    Informed
//!   │ certificate, key exchange,                  │ certificate verify in: is the signature good?
//!   │ certificate verify, finished out          AwaitingFinished
//! AwaitingFinished                                │ finished in: same keys, same transcript?
//!   │ finished in: same keys, same transcript?    │ finished out
//! Established                                   Established
//!
//! In every state: another frame, a damaged one, or an answer "no" ──▶ alert, end
//! ```

pub mod client;
pub mod server;

use crate::{
    ChannelSuite,
    record::{RecordDecryptor, RecordEncryptor},
};

/// What is signed begins so: 64 spaces and a name, so that it can be taken for nothing else (as RFC 8446, section 4.4.3).
fn to_be_signed(transcript: &[u8]) -> Vec<u8> {
    [&[b' '; 64][..], b"lab secure channel 1, client certificate verify\0", transcript].concat()
}

/// Both sides are who they say they are, and have the same keys.
#[derive(Debug)]
pub struct Established {
    /// What protects the records.
    pub suite: ChannelSuite,
    /// Protects what this side sends.
    pub encryptor: RecordEncryptor,
    /// Opens what the other side sends.
    pub decryptor: RecordDecryptor,
}
