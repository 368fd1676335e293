//! The labels of arrows.

use std::collections::BTreeMap;

use labnet::escape::escape;
use tls_trace::{Direction, Kind};

use crate::{
    flow::{Flow, PacketRow},
    packet::TcpFlags,
    tls::TlsDissection,
};

/// The maximum number of characters of a payload (ours).
const MAX_TEXT: usize = 40;

/// The maximum number of TLS messages on one arrow (ours).
const MAX_NAMES: usize = 4;

/// The labels of a flow's packets.
pub(super) struct Labels<'a> {
    /// By packet, the names of the messages that end in it.
    completed: BTreeMap<u64, Vec<&'a str>>,
    /// Messages in several packets: by direction and first packet, the last packet and the name.
    long: BTreeMap<(bool, u64), (u64, &'a str)>,
    /// The first packet with TLS.
    tls_from: Option<u64>,
    is_reversed: bool,
}

impl<'a> Labels<'a> {
    pub(super) fn new(flow: &Flow, tls: Option<&'a TlsDissection>) -> Self {
        let mut labels = Self { completed: BTreeMap::new(), long: BTreeMap::new(), tls_from: None, is_reversed: false };
        let Some(tls) = tls else { return labels };
        labels.tls_from = tls.lines.first().map(|line| line.first_packet);
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
            labels.completed.entry(line.packet).or_default().push(name);
            if let (true, Some(direction)) = (line.first_packet < line.packet, line.entry.direction) {
                labels.long.insert((direction == Direction::Sent, line.first_packet), (line.packet, name));
            }
        }
        labels
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
        let is_tls = self.tls_from.is_some_and(|first| row.number >= first);
        let what = if is_tls { self.messages(row) } else { text(row) };
        if what.is_empty() { format!("{len} B") } else { format!("{len} B: {what}") }
    }

    /// The messages that end in a packet, or the message of which it has a part.
    fn messages(&self, row: &PacketRow) -> String {
        if let Some(names) = self.completed.get(&row.number) {
            let shown = names.iter().take(MAX_NAMES).copied().collect::<Vec<_>>().join(", ");
            let more = names.len().saturating_sub(MAX_NAMES);
            return if more == 0 { shown } else { format!("{shown} and {more} more") };
        }
        let is_sent = (row.direction == Direction::Sent) != self.is_reversed;
        let part = self.long.range((is_sent, 0)..=(is_sent, row.number)).next_back();
        let part = part.filter(|(_, (last, _))| row.number < *last && row.has_data() && !row.is_retransmission);
        part.map(|(_, (_, name))| format!("part of {name}")).unwrap_or_default()
    }
}

/// The payload as text; empty if it is not text.
fn text(row: &PacketRow) -> String {
    let is_cut = row.head.len() < row.payload_len;
    let text = match std::str::from_utf8(&row.head) {
        Ok(text) => text,
        // A character may be cut in two.
        Err(error) if is_cut && error.error_len().is_none() => {
            row.head.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
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
