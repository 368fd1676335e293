//! The labels of arrows.

use std::collections::BTreeMap;

use labnet::escape::escape;
use tls_trace::{Direction, Kind};

use super::websocket;
use crate::{
    flow::{Flow, HEAD_LEN, PacketRow},
    packet::TcpFlags,
    tls::TlsDissection,
};

/// The maximum number of characters of a payload (ours).
const MAX_TEXT: usize = HEAD_LEN;

/// The maximum number of messages of TLS or WebSocket on one arrow (ours).
const MAX_NAMES: usize = 4;

/// The labels of a flow's packets.
pub(super) struct Labels {
    /// By packet, the names of the messages that end in it.
    completed: BTreeMap<u64, Vec<String>>,
    /// Messages in several packets: by direction and first packet, the last packet and the name.
    long: BTreeMap<(bool, u64), (u64, String)>,
    /// The first packet with messages of TLS or WebSocket.
    messages_from: Option<u64>,
    is_reversed: bool,
}

impl Labels {
    pub(super) fn new(flow: &Flow, tls: Option<&TlsDissection>) -> Self {
        let mut labels =
            Self { completed: BTreeMap::new(), long: BTreeMap::new(), messages_from: None, is_reversed: false };
        let Some(tls) = tls else {
            for frame in websocket::frames(flow) {
                labels.messages_from.get_or_insert(frame.first_packet);
                labels.add(frame.direction, (frame.first_packet, frame.packet), frame.name, frame.part);
            }
            return labels;
        };
        labels.messages_from = tls.lines.first().map(|line| line.first_packet);
        labels.is_reversed = tls.client != flow.client;
        let mut lines = tls.lines.iter().peekable();
        while let Some(line) = lines.next() {
            let is_outer = line.entry.kind == Kind::Record;
            let has_inner =
                lines.peek().is_some_and(|next| matches!(next.entry.kind, Kind::Message | Kind::Alert | Kind::Data));
            let name = match line.entry.name.as_str() {
                // An unreadable message has only its record.
                _ if is_outer && has_inner => continue,
                "Handshake" if line.entry.encrypted => "encrypted handshake message",
                "Handshake" | "ApplicationData" if is_outer && !line.entry.encrypted => continue,
                "ApplicationData" if is_outer => "encrypted record",
                name => name,
            };
            let content = text(&line.entry.content, line.entry.content.len() < line.entry.len);
            let whole = if content.is_empty() { name.to_owned() } else { format!("{name} “{content}”") };
            labels.add(line.entry.direction, (line.first_packet, line.packet), whole, name.to_owned());
        }
        labels
    }

    /// Adds a message from its first packet to its last one; `part` names what the packets before the last one have of it.
    fn add(&mut self, direction: impl Into<Option<Direction>>, (first, last): (u64, u64), name: String, part: String) {
        self.completed.entry(last).or_default().push(name);
        if let (true, Some(direction)) = (first < last, direction.into()) {
            self.long.insert((direction == Direction::Sent, first), (last, part));
        }
    }

    pub(super) fn of(&self, row: &PacketRow) -> String {
        let flags = row.tcp.map(|tcp| TcpFlags(tcp.flags.0 & !TcpFlags::PSH.0));
        let mut label = match flags {
            Some(flags) if row.payload_len == 0 => flags.to_string(),
            Some(flags) if flags.syn() || flags.fin() || flags.rst() => format!("{flags}, {}", self.payload(row)),
            _ => self.payload(row),
        };
        if let Some(note) = row.note() {
            label = format!("{label} ({note})");
        }
        label
    }

    fn payload(&self, row: &PacketRow) -> String {
        let len = row.payload_len;
        let has_messages = self.messages_from.is_some_and(|first| row.number >= first);
        let what = if has_messages { self.messages(row) } else { text(&row.head, row.head.len() < len) };
        if what.is_empty() { format!("{len} B") } else { format!("{len} B: {what}") }
    }

    /// The messages that end in a packet, or the message of which it has a part.
    fn messages(&self, row: &PacketRow) -> String {
        if let Some(names) = self.completed.get(&row.number) {
            let shown = names.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = names.len().saturating_sub(MAX_NAMES);
            return if more == 0 { shown } else { format!("{shown} and {more} more") };
        }
        let is_sent = (row.direction == Direction::Sent) != self.is_reversed;
        let part = self.long.range((is_sent, 0)..=(is_sent, row.number)).next_back();
        let part = part.filter(|(_, (last, _))| row.number < *last && row.has_data() && !row.is_retransmission);
        part.map(|(_, (_, name))| format!("part of {name}")).unwrap_or_default()
    }
}

/// Bytes as text, of which the end may be cut off; empty if they are not text.
pub(super) fn text(bytes: &[u8], is_cut: bool) -> String {
    let is_cut = is_cut || bytes.len() > HEAD_LEN;
    let bytes = bytes.get(..HEAD_LEN).unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // A character may be cut in two.
        Err(error) if is_cut && error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
        }
        Err(_) => return String::new(),
    };
    let is_printable = |character: char| !character.is_control() || matches!(character, '\n' | '\r' | '\t');
    if !text.chars().all(is_printable) {
        return String::new();
    }
    let text = escape(text.as_bytes()).to_string();
    let is_cut = is_cut || text.chars().count() > MAX_TEXT;
    let shown: String = text.chars().take(MAX_TEXT).collect();
    if is_cut && !shown.is_empty() { format!("{shown}…") } else { shown }
}
