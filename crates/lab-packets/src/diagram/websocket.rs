//! The frames of a WebSocket in the packets of a flow (RFC 6455, section 5.2).

use tls_trace::Direction;

use super::label::text;
use crate::flow::Flow;

/// The end of an HTTP head.
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// The maximum number of frames of a direction (ours).
const MAX_FRAMES: usize = 10_000;

/// A frame, or the HTTP head before the first one.
pub(super) struct FrameInPackets {
    pub(super) direction: Direction,
    /// The packet with its first byte.
    pub(super) first_packet: u64,
    /// The packet with its last byte.
    pub(super) packet: u64,
    /// What it is, with its text.
    pub(super) name: String,
    /// What it is, without.
    pub(super) part: String,
}

/// The bytes of one direction, and the packet of each byte.
struct Stream {
    bytes: Vec<u8>,
    /// The position after the bytes of each packet.
    ends: Vec<(usize, u64)>,
}

impl Stream {
    fn of(flow: &Flow, direction: Direction) -> Self {
        let mut stream = Self { bytes: Vec::new(), ends: Vec::new() };
        for chunk in flow.stream.iter().filter(|chunk| chunk.direction == direction) {
            stream.bytes.extend(&chunk.bytes);
            stream.ends.push((stream.bytes.len(), chunk.packet));
        }
        stream
    }

    /// The packet with the byte at a position.
    fn packet(&self, position: usize) -> Option<u64> {
        self.ends.iter().find(|(end, _)| *end > position).map(|(_, packet)| *packet)
    }

    fn head_len(&self) -> Option<usize> {
        self.bytes.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD).map(|at| at + END_OF_HEAD.len())
    }
}

/// The frames of both directions; empty if the server did not upgrade to WebSocket.
pub(super) fn frames(flow: &Flow) -> Vec<FrameInPackets> {
    let [sent, received] = [Direction::Sent, Direction::Received].map(|direction| Stream::of(flow, direction));
    let (Some(request), Some(response)) = (sent.head_len(), received.head_len()) else { return Vec::new() };
    let head = String::from_utf8_lossy(received.bytes.get(..response).unwrap_or_default()).to_ascii_lowercase();
    if !head.starts_with("http/1.1 101") || !head.contains("websocket") {
        return Vec::new();
    }
    let mut frames = Vec::new();
    for (direction, stream, head_len) in [(Direction::Sent, &sent, request), (Direction::Received, &received, response)]
    {
        let what = if direction == Direction::Sent { "HTTP request to upgrade" } else { "HTTP 101: upgraded" };
        let spans = std::iter::once((0, head_len, what.to_owned(), what.to_owned()))
            .chain(Frames { stream, position: head_len });
        for (begin, end, name, part) in spans.take(MAX_FRAMES) {
            let packets = stream.packet(begin).zip(stream.packet(end.saturating_sub(1)));
            let Some((first_packet, packet)) = packets else { break };
            frames.push(FrameInPackets { direction, first_packet, packet, name, part });
        }
    }
    frames
}

/// The whole frames behind the head: where they begin and end, and their names with and without text.
struct Frames<'a> {
    stream: &'a Stream,
    position: usize,
}

impl Iterator for Frames<'_> {
    type Item = (usize, usize, String, String);

    fn next(&mut self) -> Option<Self::Item> {
        let begin = self.position;
        let (&[first, second], rest) = self.stream.bytes.get(begin..)?.split_first_chunk::<2>()?;
        let (extended, rest) = match second & 0x7f {
            126 => rest.split_first_chunk::<2>().map(|(len, rest)| (u16::from_be_bytes(*len).into(), rest))?,
            127 => rest.split_first_chunk::<8>().map(|(len, rest)| (u64::from_be_bytes(*len), rest))?,
            short => (u64::from(short), rest),
        };
        let (mask, rest) = if second & 0x80 == 0 {
            ([0; 4], rest)
        } else {
            rest.split_first_chunk::<4>().map(|(mask, rest)| (*mask, rest))?
        };
        let payload = rest.get(..usize::try_from(extended).ok()?)?;
        self.position = self.stream.bytes.len() - rest.len() + payload.len();
        // Of a long payload the beginning is enough.
        let shown: Vec<u8> =
            payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).take(256).collect();
        let name = describe(first, &shown, payload.len());
        Some((begin, self.position, name, format!("{} frame", kind(first))))
    }
}

/// The name of an opcode (section 11.8).
fn kind(first: u8) -> &'static str {
    match first & 0x0f {
        0 => "continuation",
        1 => "text",
        2 => "binary",
        8 => "close",
        9 => "ping",
        10 => "pong",
        _ => "unknown",
    }
}

fn describe(first: u8, payload: &[u8], len: usize) -> String {
    const RSV1: u8 = 0x40;
    let kind = kind(first);
    if let (8, Some((status, reason))) = (first & 0x0f, payload.split_first_chunk::<2>()) {
        let reason = text(reason, false);
        let reason = if reason.is_empty() { reason } else { format!(" “{reason}”") };
        return format!("{kind} frame, status {}{reason}", u16::from_be_bytes(*status));
    }
    if first & RSV1 != 0 {
        return format!("{kind} frame, {len} B, compressed");
    }
    match text(payload, payload.len() < len) {
        shown if shown.is_empty() && len == 0 => format!("{kind} frame"),
        shown if shown.is_empty() => format!("{kind} frame, {len} B"),
        shown => format!("{kind} frame “{shown}”"),
    }
}
