//! Counts the frames in what a WebSocket peer sends, without looking into them.
//!
//! tungstenite hands out whole messages; how many frames they came in is a fact of the wire. RFC 6455, section 5.2:
//!
//! ```text
//! byte 0   FIN RSV RSV RSV opcode(4)      opcodes 0, 1, 2: continuation, text, binary; 8 and above: control
//! byte 1   MASK length(7)                 126: a 16-bit length follows; 127: a 64-bit length
//! [2 | 8 bytes of length] [4 bytes of masking key] payload
//! ```

/// A position in the peer's bytes, from its HTTP head on.
#[derive(Debug, Default)]
pub(super) struct FrameCounter {
    state: State,
    data_frames: u64,
    /// A message has begun whose last frame has not come.
    is_in_message: bool,
}

#[derive(Debug)]
enum State {
    /// In the HTTP head, that many bytes into its end.
    Head(usize),
    /// In a frame's header, so far.
    Header(Vec<u8>),
    /// In a frame's payload.
    Payload { is_data: bool, received: u64, len: u64 },
}

impl Default for State {
    fn default() -> Self {
        Self::Head(0)
    }
}

const HEAD_END: &[u8] = b"\r\n\r\n";
const SHORT_HEADER_LEN: usize = 2;
const MASKING_KEY_LEN: usize = 4;

/// The codes of the 7-bit length that say in how many bytes the real one follows.
const LEN_IN_16_BITS: u8 = 126;
const LEN_IN_64_BITS: u8 = 127;

/// The length of a server's close frame, in bytes: a header and the status (RFC 6455, section 5.5.1).
pub const CLOSE_FRAME_LEN: u64 = SHORT_HEADER_LEN as u64 + 2;

/// The length of the header of a server's frame, which is not masked, in bytes (RFC 6455, section 5.2).
pub fn frame_header_len(payload_len: u64) -> u64 {
    let code = match payload_len {
        0..=125 => 0,
        126..=0xffff => LEN_IN_16_BITS,
        _ => LEN_IN_64_BITS,
    };
    (SHORT_HEADER_LEN + extended_len(code)) as u64
}

/// How many bytes of length follow a 7-bit length.
fn extended_len(code: u8) -> usize {
    match code {
        LEN_IN_16_BITS => 2,
        LEN_IN_64_BITS => 8,
        _ => 0,
    }
}

impl FrameCounter {
    /// Takes the next bytes from the peer.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            match &mut self.state {
                State::Head(matched) => {
                    *matched = match HEAD_END.get(*matched) {
                        Some(&wanted) if wanted == byte => *matched + 1,
                        _ => usize::from(byte == b'\r'),
                    };
                    if *matched == HEAD_END.len() {
                        self.state = State::Header(Vec::new());
                    }
                    bytes = rest;
                }
                State::Header(header) => {
                    header.push(byte);
                    bytes = rest;
                    if let Some((is_data, len)) = parse(header) {
                        if is_data {
                            // FIN is the first bit.
                            self.is_in_message = header.first().is_some_and(|first| first & 0x80 == 0);
                        }
                        self.state = State::Payload { is_data, received: 0, len };
                        self.end_frame();
                    }
                }
                State::Payload { received, len, .. } => {
                    let taken = (bytes.len() as u64).min(*len - *received);
                    *received += taken;
                    bytes = bytes.get(taken as usize..).unwrap_or_default();
                    self.end_frame();
                }
            }
        }
    }

    fn end_frame(&mut self) {
        if let State::Payload { is_data, received, len } = self.state
            && received == len
        {
            self.data_frames += u64::from(is_data);
            self.state = State::Header(Vec::new());
        }
    }

    /// How many data frames have come whole.
    pub(super) fn data_frames(&self) -> u64 {
        self.data_frames
    }

    /// Whether the HTTP head has not ended yet.
    pub(super) fn is_in_head(&self) -> bool {
        matches!(self.state, State::Head(_))
    }

    /// Whether the last data frame was not the last of its message.
    pub(super) fn is_in_message(&self) -> bool {
        self.is_in_message
    }

    /// Within a frame: how much of its payload has come, and how much it has.
    pub(super) fn unfinished(&self) -> Option<(u64, u64)> {
        match self.state {
            State::Payload { received, len, .. } => Some((received, len)),
            _ => None,
        }
    }
}

/// Whether it is a data frame, and the length of its payload, once the header is whole.
fn parse(header: &[u8]) -> Option<(bool, u64)> {
    let (&[first, second], extra) = header.split_first_chunk::<SHORT_HEADER_LEN>()?;
    let is_data = first & 0x08 == 0;
    let mask_len = if second & 0x80 == 0 { 0 } else { MASKING_KEY_LEN };
    let code = second & 0x7f;
    let len = match code {
        LEN_IN_16_BITS => u64::from(u16::from_be_bytes(*extra.first_chunk()?)),
        LEN_IN_64_BITS => u64::from_be_bytes(*extra.first_chunk()?),
        len => u64::from(len),
    };
    (extra.len() == extended_len(code) + mask_len).then_some((is_data, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(frames: &[&[u8]], data_frames: u64, unfinished: Option<(u64, u64)>) {
        let mut stream = b"HTTP/1.1 101 Switching Protocols\r\nA: \r\r\n\r\n".to_vec();
        frames.iter().for_each(|frame| stream.extend(*frame));
        for size in [1, 3, stream.len()] {
            let mut counter = FrameCounter::default();
            stream.chunks(size).for_each(|piece| counter.push(piece));
            assert_eq!((counter.data_frames(), counter.unfinished()), (data_frames, unfinished), "{size}");
        }
    }

    #[test]
    fn fragments_are_counted_each_and_control_frames_are_not() {
        check(&[], 0, None);
        check(&[b"\x82\x03abc"], 1, None);
        check(&[b"\x01\x02ab", b"\x89\x04ping", b"\x80\x01c", b"\x81\x00", b"\x88\x02\x03\xe8"], 3, None);
        check(&[b"\x82\x7e\x01\x00", &[7; 256]], 1, None);
        check(&[b"\x82\x7f\0\0\0\0\0\x01\x00\x00", &[7; 65_536], b"\x82\x81mask!"], 2, None);
    }

    #[test]
    fn a_header_is_as_long_as_the_length_needs() {
        for (payload_len, header_len) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10), (u64::MAX, 10)] {
            assert_eq!(frame_header_len(payload_len), header_len, "{payload_len}");
        }
    }

    #[test]
    fn a_cut_within_a_frame_is_known() {
        check(&[b"\x82\x05ab"], 0, Some((2, 5)));
        check(&[b"\x82\x7f\0\0"], 0, None);
        check(&[b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xffab"], 0, Some((2, u64::MAX)));
    }
}
