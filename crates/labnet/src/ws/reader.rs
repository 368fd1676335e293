//! Puts a peer's messages together: bytes in, events out, no sockets.

use super::{
    close::CloseFrame,
    deflate::Inflater,
    frame::{Header, MAX_CONTROL_LEN, MAX_HEADER_LEN, Opcode, apply_mask},
    message::{FrameType, Message},
    violation::Violation,
};

/// Whose frames are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// Its frames are masked.
    Client,
    /// Its frames are not.
    Server,
}

/// What has come whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    Message(Message),
    Ping(Vec<u8>),
    Pong,
    /// `None` is a close frame without a status.
    Close(Option<CloseFrame>),
}

/// A position in a peer's frames.
#[derive(Debug)]
pub(super) struct MessageReader {
    sender: Sender,
    /// The longest message, in bytes.
    limit: usize,
    inflater: Option<Inflater>,
    state: State,
    message: Option<Partial>,
    /// The payload of the control frame that is coming.
    control: Vec<u8>,
    data_frames: u64,
}

#[derive(Debug)]
enum State {
    /// In a header, so far.
    Header(Vec<u8>),
    /// In a payload, that many bytes.
    Payload(Header, u64),
}

/// A message that has begun.
#[derive(Debug)]
struct Partial {
    frame_type: FrameType,
    is_compressed: bool,
    bytes: Vec<u8>,
    /// How many bytes are known to be UTF-8.
    valid: usize,
}

impl MessageReader {
    pub(super) fn new(sender: Sender, limit: usize, inflater: Option<Inflater>) -> Self {
        Self {
            sender,
            limit,
            inflater,
            state: State::Header(Vec::with_capacity(MAX_HEADER_LEN)),
            message: None,
            control: Vec::new(),
            data_frames: 0,
        }
    }

    /// How many data frames have come whole.
    pub(super) fn data_frames(&self) -> u64 {
        self.data_frames
    }

    /// Whether a message has begun and not ended.
    pub(super) fn is_in_message(&self) -> bool {
        self.message.is_some()
    }

    /// Within a frame: how much of its payload has come, and how much it has.
    pub(super) fn unfinished(&self) -> Option<(u64, u64)> {
        match &self.state {
            State::Payload(header, received) => Some((*received, header.payload_len)),
            State::Header(_) => None,
        }
    }

    /// Takes bytes up to the next event: how many, and the event, if they hold one. After a violation nothing more is
    /// to be read.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(usize, Option<Event>), Violation> {
        let mut taken = 0;
        loop {
            let rest = bytes.get(taken..).unwrap_or_default();
            match &mut self.state {
                State::Header(partial) => {
                    let before = partial.len();
                    partial.extend(rest.iter().take(MAX_HEADER_LEN - before));
                    let Some((header, len)) = Header::parse(partial)? else { return Ok((bytes.len(), None)) };
                    taken += len - before;
                    self.begin(&header)?;
                    self.state = State::Payload(header, 0);
                }
                State::Payload(header, received) => {
                    let (header, offset) = (*header, *received);
                    let len = rest.len().min(usize::try_from(header.payload_len - offset).unwrap_or(usize::MAX));
                    let part = rest.get(..len).unwrap_or_default();
                    *received += len as u64;
                    let is_whole = *received == header.payload_len;
                    self.take(&header, part, offset)?;
                    taken += len;
                    if !is_whole {
                        return Ok((taken, None));
                    }
                    self.state = State::Header(Vec::with_capacity(MAX_HEADER_LEN));
                    if let Some(event) = self.end(&header)? {
                        return Ok((taken, Some(event)));
                    }
                }
            }
        }
    }

    /// Judges a header by what came before it.
    fn begin(&mut self, header: &Header) -> Result<(), Violation> {
        match (self.sender, header.mask) {
            (Sender::Client, None) => return Err(Violation::NotMasked),
            (Sender::Server, Some(_)) => return Err(Violation::Masked),
            _ => {}
        }
        if header.is_compressed && self.inflater.is_none() {
            return Err(Violation::ReservedBits);
        }
        if header.is_compressed && !matches!(header.opcode, Opcode::Data(_)) {
            return Err(Violation::CompressedLater);
        }
        match header.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => {
                if !header.is_final {
                    return Err(Violation::ControlFragmented);
                }
                if header.payload_len > MAX_CONTROL_LEN {
                    return Err(Violation::ControlTooLong(header.payload_len));
                }
                self.control.clear();
                return Ok(());
            }
            Opcode::Continuation if self.message.is_none() => return Err(Violation::NothingToContinue),
            Opcode::Continuation => {}
            Opcode::Data(_) if self.message.is_some() => return Err(Violation::MessageInterrupted),
            Opcode::Data(frame_type) => {
                let is_compressed = header.is_compressed;
                self.message = Some(Partial { frame_type, is_compressed, bytes: Vec::new(), valid: 0 });
            }
        }
        let message = self.message.as_ref();
        let len = message.map_or(0, |message| message.bytes.len() as u64).saturating_add(header.payload_len);
        // What is compressed says its length by coming out.
        if len > self.limit as u64 && message.is_some_and(|message| !message.is_compressed) {
            return Err(Violation::TooBig { len, limit: self.limit });
        }
        Ok(())
    }

    /// Takes a part of a payload.
    fn take(&mut self, header: &Header, part: &[u8], offset: u64) -> Result<(), Violation> {
        let into = match &mut self.message {
            Some(message) if !header.opcode.is_control() => message,
            _ => {
                extend(&mut self.control, part, header.mask, offset);
                return Ok(());
            }
        };
        match &mut self.inflater {
            Some(inflater) if into.is_compressed => {
                let mut plain = Vec::new();
                let part = match header.mask {
                    None => part,
                    mask => {
                        extend(&mut plain, part, mask, offset);
                        &plain
                    }
                };
                inflater.push(part, &mut into.bytes, self.limit)?;
            }
            _ => extend(&mut into.bytes, part, header.mask, offset),
        }
        into.check_text(false)
    }

    /// The end of a frame.
    fn end(&mut self, header: &Header) -> Result<Option<Event>, Violation> {
        match header.opcode {
            Opcode::Ping => return Ok(Some(Event::Ping(std::mem::take(&mut self.control)))),
            Opcode::Pong => return Ok(Some(Event::Pong)),
            Opcode::Close => return CloseFrame::parse(&self.control).map(|frame| Some(Event::Close(frame))),
            Opcode::Continuation | Opcode::Data(_) => self.data_frames += 1,
        }
        let Some(mut message) = self.message.take_if(|_| header.is_final) else { return Ok(None) };
        if let Some(inflater) = self.inflater.as_mut().filter(|_| message.is_compressed) {
            inflater.finish(&mut message.bytes, self.limit)?;
        }
        message.check_text(true)?;
        Ok(Some(Event::Message(Message::new(message.frame_type, message.bytes))))
    }
}

impl Partial {
    /// Refuses text that is not UTF-8, as soon as that is certain; a character may be cut, but not at the end.
    fn check_text(&mut self, is_end: bool) -> Result<(), Violation> {
        if self.frame_type != FrameType::Text {
            return Ok(());
        }
        match str::from_utf8(self.bytes.get(self.valid..).unwrap_or_default()) {
            Ok(_) => self.valid = self.bytes.len(),
            Err(error) if error.error_len().is_none() && !is_end => self.valid += error.valid_up_to(),
            Err(_) => return Err(Violation::TextNotUtf8),
        }
        Ok(())
    }
}

/// Appends a part of a payload, without its mask.
fn extend(bytes: &mut Vec<u8>, part: &[u8], mask: Option<[u8; 4]>, offset: u64) {
    let begin = bytes.len();
    bytes.extend_from_slice(part);
    if let Some(key) = mask {
        apply_mask(bytes.get_mut(begin..).unwrap_or_default(), key, offset);
    }
}

#[cfg(test)]
mod tests;
