//! WebSocket frames in the streams of a captured connection (RFC 6455, section 5.2).

use lab_packets::flow::{Direction, Flow, StreamChunk};

use crate::facts::{FrameKind, WebSocketFacts, WebSocketFrame};

/// The maximum of kept frames of each side (ours): a command and control frames; 1,000 messages and control frames.
const MAX_FROM_CLIENT: usize = 100;
const MAX_FROM_SERVER: usize = 2100;

/// The maximum of a kept payload, in bytes (ours): longer than a message or a command.
const MAX_PAYLOAD: usize = 64;

/// The frames of a connection.
pub(crate) fn frames(flow: &Flow) -> WebSocketFacts {
    let (client, server) = (Stream::of(flow, Direction::Sent), Stream::of(flow, Direction::Received));
    let (from_client, rest_of_client) = client.frames(MAX_FROM_CLIENT);
    let is_upgraded = server.bytes.starts_with(b"HTTP/1.1 101");
    // What follows another answer is text for people.
    let (from_server, rest_of_server) = server.frames(if is_upgraded { MAX_FROM_SERVER } else { 0 });
    let data: Vec<(usize, usize)> =
        from_server.iter().filter(|(frame, ..)| frame.kind.is_data()).map(|&(_, from, to)| (from, to)).collect();
    let carries = |&&(from, to, _): &&(usize, usize, u64)| data.iter().any(|&(begin, end)| from < end && to > begin);
    let without_place = |frames: Vec<(WebSocketFrame, usize, usize)>| frames.into_iter().map(|(frame, ..)| frame);
    WebSocketFacts {
        is_upgraded,
        message_packets: server.chunks.iter().filter(carries).count() as u64,
        is_whole: rest_of_client == 0 && rest_of_server == 0,
        from_client: without_place(from_client).collect(),
        from_server: without_place(from_server).collect(),
    }
}

/// The bytes of one side, and which packet brought which: begin, end, number.
struct Stream {
    bytes: Vec<u8>,
    chunks: Vec<(usize, usize, u64)>,
}

impl Stream {
    fn of(flow: &Flow, direction: Direction) -> Self {
        let mut stream = Self { bytes: Vec::new(), chunks: Vec::new() };
        for StreamChunk { bytes, packet, .. } in flow.stream.iter().filter(|chunk| chunk.direction == direction) {
            let begin = stream.bytes.len();
            stream.bytes.extend_from_slice(bytes);
            stream.chunks.push((begin, stream.bytes.len(), *packet));
        }
        stream
    }

    fn head_len(&self) -> usize {
        const END: &[u8] = b"\r\n\r\n";
        self.bytes.windows(END.len()).position(|window| window == END).map_or(0, |at| at + END.len())
    }

    /// The whole frames behind the HTTP head, each with its begin and end; and how many bytes are left over.
    fn frames(&self, limit: usize) -> (Vec<(WebSocketFrame, usize, usize)>, usize) {
        let mut at = self.head_len();
        let mut frames = Vec::new();
        if at == 0 {
            return (frames, self.bytes.len());
        }
        while let Some((mut frame, len)) = self.bytes.get(at..).and_then(frame).filter(|_| frames.len() < limit) {
            let last = self.chunks.iter().find(|&&(_, end, _)| end >= at + len);
            frame.packet = last.map_or(0, |&(.., packet)| packet);
            frames.push((frame, at, at + len));
            at += len;
        }
        (frames, self.bytes.len().saturating_sub(at))
    }
}

/// The frame at the begin of some bytes, and its length; `None` if it is not whole.
fn frame(bytes: &[u8]) -> Option<(WebSocketFrame, usize)> {
    let [first, second, rest @ ..] = bytes else { return None };
    let (len, rest) = match second & 0x7f {
        126 => rest.split_first_chunk().map(|(len, rest)| (u64::from(u16::from_be_bytes(*len)), rest))?,
        127 => rest.split_first_chunk().map(|(len, rest)| (u64::from_be_bytes(*len), rest))?,
        len => (u64::from(len), rest),
    };
    let (mask, rest) =
        if second & 0x80 == 0 { ([0; 4], rest) } else { rest.split_first_chunk().map(|(m, r)| (*m, r))? };
    let payload = rest.get(..usize::try_from(len).ok()?)?;
    let whole = bytes.len() - rest.len() + payload.len();
    let unmasked = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).take(MAX_PAYLOAD);
    let (kind, is_final) = (FrameKind::of(first & 0x0f), first & 0x80 != 0);
    Some((WebSocketFrame { kind, is_final, len, packet: 0, payload: unmasked.collect() }, whole))
}

/// The length of the HTTP head of the server, its empty line included; 0 without one.
pub(crate) fn head_len(flow: &Flow) -> u64 {
    Stream::of(flow, Direction::Received).head_len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(pieces: &[&[u8]]) -> Stream {
        let mut stream = Stream { bytes: Vec::new(), chunks: Vec::new() };
        for (i, piece) in pieces.iter().enumerate() {
            let begin = stream.bytes.len();
            stream.bytes.extend_from_slice(piece);
            stream.chunks.push((begin, stream.bytes.len(), i as u64 + 1));
        }
        stream
    }

    #[test]
    fn a_masked_frame_that_is_cut_is_read_where_its_last_byte_is() {
        let masked: Vec<u8> = b"CMD".iter().zip([1, 2, 3]).map(|(byte, mask)| byte ^ mask).collect();
        let frame = [&[0x81, 0x83, 1, 2, 3, 4][..], &masked].concat();
        let (begin, end) = frame.split_at(4);
        let stream = stream(&[b"GET / HTTP/1.1\r\n\r\n", begin, end, &[0x88, 0x80, 0, 0]]);
        let (frames, rest) = stream.frames(10);
        assert_eq!((frames.len(), rest), (1, 4));
        let (frame, ..) = &frames[0];
        assert_eq!((frame.kind, frame.packet, frame.payload.as_slice()), (FrameKind::Text, 3, &b"CMD"[..]));
    }

    #[test]
    fn a_length_of_two_or_eight_bytes_is_read() {
        let payload = [7; 300];
        for header in [&[0x82, 126, 1, 44][..], &[0x82, 127, 0, 0, 0, 0, 0, 0, 1, 44]] {
            let (frame, len) = super::frame(&[header, &payload].concat()).unwrap();
            assert_eq!((frame.kind, frame.len, frame.payload.len()), (FrameKind::Binary, 300, MAX_PAYLOAD));
            assert_eq!(len, header.len() + 300);
        }
        assert_eq!(super::frame(&[0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), None);
    }

    #[test]
    fn without_a_head_there_are_no_frames() {
        assert_eq!(stream(&[b"CMD_short:0"]).frames(10), (vec![], 11));
    }
}
