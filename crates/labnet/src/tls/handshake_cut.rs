//! Handshakes that a server ends in the middle of a message, on purpose.

use std::{
    fmt,
    io::{self, IoSlice, Read, Write},
    str::FromStr,
};

/// The message in whose middle a server ends its handshake.
///
/// Over TLS 1.3 everything behind the ServerHello is encrypted, so that where a message begins cannot be seen: the cut is then
/// in the middle of the encrypted bytes, or before the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeCut {
    /// Within the ServerHello.
    ServerHello,
    /// Within the certificates.
    Certificate,
    /// Before the last byte of the server's Finished.
    Finished,
}

/// The content types of handshake messages, in plain text and encrypted (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;
const CHANGE_CIPHER_SPEC: u8 = 20;
const APPLICATION_DATA: u8 = 23;

/// The types of handshake messages (RFC 8446, section 4).
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;

impl HandshakeCut {
    const ALL: [Self; 3] = [Self::ServerHello, Self::Certificate, Self::Finished];

    /// How many bytes of a flight are sent, if it is the one to be cut: what a server sends before it waits.
    pub fn position(self, flight: &[u8]) -> Option<usize> {
        let (mut begin, mut behind_cipher_change) = (0, false);
        while let Some(&[kind, _, _, high, low]) = flight.get(begin..begin + 5) {
            let end = begin + 5 + usize::from(u16::from_be_bytes([high, low]));
            let body = flight.get(begin + 5..end)?;
            match kind {
                CHANGE_CIPHER_SPEC => behind_cipher_change = true,
                HANDSHAKE if !behind_cipher_change => {
                    if let Some((offset, len)) = self.message().and_then(|wanted| find(body, wanted)) {
                        return Some(begin + 5 + offset + len / 2);
                    }
                }
                APPLICATION_DATA if self == Self::Certificate => return Some(begin + (flight.len() - begin) / 2),
                APPLICATION_DATA | HANDSHAKE if self == Self::Finished => return flight.len().checked_sub(1),
                _ => {}
            }
            begin = end;
        }
        None
    }

    /// The type of its message, where that can be seen.
    fn message(self) -> Option<u8> {
        match self {
            Self::ServerHello => Some(SERVER_HELLO),
            Self::Certificate => Some(CERTIFICATE),
            Self::Finished => None,
        }
    }
}

/// A stream that takes a flight whole, and sends it up to the cut; without one it is the stream itself.
pub(super) struct CutStream<S> {
    stream: S,
    cut: Option<HandshakeCut>,
    flight: Vec<u8>,
}

impl<S> CutStream<S> {
    pub(super) fn new(stream: S, cut: Option<HandshakeCut>) -> Self {
        Self { stream, cut, flight: Vec::new() }
    }

    pub(super) fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: Read + Write> Read for CutStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.flush()?;
        self.stream.read(buffer)
    }
}

impl<S: Write> Write for CutStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.cut.is_none() {
            return self.stream.write_vectored(pieces);
        }
        pieces.iter().for_each(|piece| self.flight.extend_from_slice(piece));
        Ok(pieces.iter().map(|piece| piece.len()).sum())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(cut) = self.cut else { return self.stream.flush() };
        let flight = std::mem::take(&mut self.flight);
        let position = cut.position(&flight);
        self.stream.write_all(flight.get(..position.unwrap_or(flight.len())).unwrap_or_default())?;
        self.stream.flush()?;
        match position {
            Some(_) => Err(io::Error::other(format!("the handshake ends within '{cut}', as this server was told"))),
            None => Ok(()),
        }
    }
}

/// A message of a type in a record: where it begins, and its length.
fn find(record: &[u8], wanted: u8) -> Option<(usize, usize)> {
    let mut begin = 0;
    while let Some(&[kind, a, b, c]) = record.get(begin..begin + 4) {
        let len = 4 + usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
        if kind == wanted {
            return Some((begin, len));
        }
        begin += len;
    }
    None
}

impl fmt::Display for HandshakeCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerHello => "server-hello",
            Self::Certificate => "certificate",
            Self::Finished => "finished",
        })
    }
}

/// As it is displayed, or as RFC 8446 names the message.
impl FromStr for HandshakeCut {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |text: &str| text.replace('-', "").to_ascii_lowercase();
        let found = Self::ALL.into_iter().find(|message| plain(&message.to_string()) == plain(text));
        found.ok_or_else(|| "server-hello, certificate or finished".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 3, 3, 0, body.len() as u8], body].concat()
    }

    #[test]
    fn a_flight_is_cut_within_its_message() {
        let hello = [SERVER_HELLO, 0, 0, 4, 1, 2, 3, 4];
        let certificate = [CERTIFICATE, 0, 0, 2, 5, 6];
        let old = record(HANDSHAKE, &[hello.as_slice(), &certificate].concat());
        assert_eq!(HandshakeCut::ServerHello.position(&old), Some(5 + 4));
        assert_eq!(HandshakeCut::Certificate.position(&old), Some(5 + 8 + 3));
        assert_eq!(HandshakeCut::Finished.position(&old), None);
        let last = [record(CHANGE_CIPHER_SPEC, &[1]), record(HANDSHAKE, &[9; 40])].concat();
        assert_eq!(HandshakeCut::Finished.position(&last), Some(last.len() - 1));
        assert_eq!(HandshakeCut::Certificate.position(&last), None);
        let new = [record(HANDSHAKE, &hello), record(CHANGE_CIPHER_SPEC, &[1]), record(APPLICATION_DATA, &[0; 95])];
        let new = new.concat();
        assert_eq!(HandshakeCut::ServerHello.position(&new), Some(5 + 4));
        assert_eq!(HandshakeCut::Certificate.position(&new), Some(13 + 6 + 50));
        assert_eq!(HandshakeCut::Finished.position(&new), Some(new.len() - 1));
        for len in 0..new.len() {
            let _ = HandshakeCut::Finished.position(&new[..len]);
        }
    }

    #[test]
    fn it_is_read_as_it_is_written_or_as_the_standard_names_it() {
        for cut in HandshakeCut::ALL {
            assert_eq!(cut.to_string().parse(), Ok(cut));
        }
        assert_eq!("ServerHello".parse(), Ok(HandshakeCut::ServerHello));
        assert!("hello".parse::<HandshakeCut>().is_err());
    }
}
