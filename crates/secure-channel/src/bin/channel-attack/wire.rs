//! What passes by, cut into the units of its protocol.

use labnet::count::Count;
use secure_channel::{
    ChannelSuite, Facts, Frame, Kind,
    failure::Alert,
    message::{Certificate, ClientHello, ServerHello},
};

/// A side of the connection; also, where something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// What the two speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Plain,
    Secure,
    Tls,
}

impl Protocol {
    /// By the first bytes that pass: a client hello of the channel, a handshake record of TLS, or neither.
    pub(crate) fn of(first: &[u8]) -> Self {
        /// The content type of a handshake (RFC 8446, section 5.1).
        const TLS_HANDSHAKE: u8 = 22;
        match first {
            [kind, ..] if *kind == Kind::ClientHello as u8 => Self::Secure,
            [TLS_HANDSHAKE, 3, ..] => Self::Tls,
            _ => Self::Plain,
        }
    }
}

/// A whole message, record or, without a protocol, whatever came together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Text(Vec<u8>),
    Frame(Frame),
    TlsRecord(Vec<u8>),
}

/// The length of a TLS record's header.
pub(crate) const TLS_HEADER_LEN: usize = 5;

/// The content type of encrypted TLS records.
const TLS_APPLICATION_DATA: u8 = 23;

impl Unit {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(bytes) | Self::TlsRecord(bytes) => bytes,
            Self::Frame(frame) => frame.as_bytes(),
        }
    }

    /// Whether it is of this kind.
    pub(crate) fn is(&self, kind: Kind) -> bool {
        matches!(self, Self::Frame(frame) if frame.kind() == kind)
    }

    /// Whether it carries the message, or a part of it; of TLS, whether it is encrypted.
    pub(crate) fn is_message(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Frame(frame) => frame.kind() == Kind::Data,
            Self::TlsRecord(record) => record.first() == Some(&TLS_APPLICATION_DATA),
        }
    }

    /// How many bytes of it say only how to read the rest.
    pub(crate) fn header_len(&self) -> usize {
        match self {
            Self::Text(_) => 0,
            Self::Frame(_) => secure_channel::frame::HEADER_LEN,
            Self::TlsRecord(_) => TLS_HEADER_LEN,
        }
    }

    /// What anyone on the way can tell of it.
    pub(crate) fn describe(&self) -> String {
        let len = Count::of_len(self.bytes().len(), "byte");
        match self {
            Self::Text(text) => format!("{len} of text: {}", labnet::escape::escape(text)),
            Self::TlsRecord(record) => {
                let kind = match record.first() {
                    Some(20) => "change cipher spec",
                    Some(21) => "alert",
                    Some(22) => "handshake",
                    _ => "encrypted",
                };
                format!("TLS record, {kind}, {len}")
            }
            Self::Frame(frame) => format!("{}, {len}{}", frame.kind().name(), inside(frame)),
        }
    }
}

/// What can be read in a frame without a key.
fn inside(frame: &Frame) -> String {
    let body = frame.body();
    let name = |number: u16| ChannelSuite::of(number).map_or(format!("{number:#06x}"), |suite| suite.to_string());
    let text = match frame.kind() {
        Kind::ClientHello => ClientHello::decode(body).ok().map(|hello| {
            let names: Vec<_> = hello.suites.iter().map(|number| name(*number)).collect();
            format!("offers {}", names.join(", "))
        }),
        Kind::ServerHello => ServerHello::decode(body).ok().map(|hello| format!("chooses {}", name(hello.suite))),
        Kind::Certificate => Certificate::decode(body)
            .ok()
            .and_then(|certificate| Facts::of(certificate.chain.first()?))
            .map(|facts| format!("of {}", labnet::escape::escape(facts.common_name.as_bytes()))),
        Kind::Alert => Some(Alert::from(body.first().copied()).to_string()),
        _ => None,
    };
    text.map(|text| format!(": {text}")).unwrap_or_default()
}

/// Cuts the stream of one side.
#[derive(Debug, Default)]
pub(crate) struct UnitSplitter {
    unfinished: Vec<u8>,
}

impl UnitSplitter {
    /// The units that are complete with these bytes. What breaks the rules of its protocol passes as it is.
    pub(crate) fn cut(&mut self, bytes: &[u8], protocol: Protocol) -> Vec<Unit> {
        self.unfinished.extend_from_slice(bytes);
        let mut units = Vec::new();
        while let Some(unit) = self.next(protocol) {
            self.unfinished.drain(..unit.bytes().len());
            units.push(unit);
        }
        units
    }

    fn next(&self, protocol: Protocol) -> Option<Unit> {
        let rest = self.unfinished.as_slice();
        match protocol {
            Protocol::Plain => (!rest.is_empty()).then(|| Unit::Text(rest.to_vec())),
            Protocol::Secure => match Frame::cut(rest) {
                Ok(frame) => frame.map(|(frame, _)| Unit::Frame(frame)),
                Err(_) => Some(Unit::Text(rest.to_vec())),
            },
            Protocol::Tls => {
                let [_, _, _, high, low] = *rest.first_chunk()?;
                let len = TLS_HEADER_LEN + usize::from(u16::from_be_bytes([high, low]));
                rest.get(..len).map(|record| Unit::TlsRecord(record.to_vec()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stream: &[u8], protocol: Protocol, expected: &[&[u8]]) {
        assert_eq!(Protocol::of(stream), protocol);
        for size in 1..=stream.len() {
            let mut splitter = UnitSplitter::default();
            let units: Vec<_> = stream.chunks(size).flat_map(|piece| splitter.cut(piece, protocol)).collect();
            let bytes: Vec<_> = units.iter().map(Unit::bytes).collect();
            assert_eq!(bytes, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn streams_are_cut_into_frames_and_tls_records_however_they_come() {
        check(&[1, 0, 2, 9, 9, 7, 0, 1, 9], Protocol::Secure, &[&[1, 0, 2, 9, 9], &[7, 0, 1, 9]]);
        check(&[22, 3, 1, 0, 1, 9, 23, 3, 3, 0, 0], Protocol::Tls, &[&[22, 3, 1, 0, 1, 9], &[23, 3, 3, 0, 0]]);
    }

    #[test]
    fn text_passes_as_it_comes() {
        let mut splitter = UnitSplitter::default();
        assert_eq!(splitter.cut(b"The OTP", Protocol::of(b"The OTP")), [Unit::Text(b"The OTP".to_vec())]);
    }
}
