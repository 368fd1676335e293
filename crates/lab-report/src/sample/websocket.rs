//! Facts of part 5.

use lab_testbed::facts::*;

use super::{delivered, shown, strings, transfer};

fn frame(kind: FrameKind, packet: u64, payload: &[u8]) -> WebSocketFrame {
    WebSocketFrame { kind, is_final: true, len: payload.len() as u64, packet, payload: payload.to_vec() }
}

/// The frames of both sides, the messages of the server in so many packets.
fn frames(command: &str, messages: Vec<WebSocketFrame>, message_packets: u64) -> WebSocketFacts {
    let close = |packet| frame(FrameKind::Close, packet, &[3, 232]);
    WebSocketFacts {
        is_upgraded: true,
        from_client: vec![frame(FrameKind::Text, 4, command.as_bytes()), close(30)],
        from_server: [messages, vec![close(29)]].concat(),
        message_packets,
        is_whole: true,
    }
}

pub(super) fn short(experiment: &str) -> Transfer {
    let layers = [(Layer::Upgrade, 129), (Layer::Messages, 181), (Layer::FrameHeaders, 20), (Layer::CloseFrame, 4)];
    let lengths = [vec![129], vec![20; 9], vec![21, 4]].concat();
    let mut transfer = transfer(experiment, "CMD_short:0", &lengths, &[158, 17, 8], &layers);
    (transfer.sends, transfer.messages) = (Some(10), Some(SentMessages { first: 1, count: 10 }));
    transfer.client = ClientReport { on_message: Some(10), data_segments_in: Some(12), ..shown(1, 10, 6) };
    let message = |i: u64| frame(FrameKind::Binary, 5 + i, format!("This is PMU data {i}").as_bytes());
    transfer.websocket = Some(frames("CMD_short:0", (1..=10).map(message).collect(), 10));
    delivered(transfer, &[&[(100, false)][..], &[(200, false); 11]].concat())
}

pub(super) fn flood() -> Transfer {
    let layers = [(Layer::Upgrade, 129), (Layer::Messages, 65_536), (Layer::FrameHeaders, 10), (Layer::CloseFrame, 4)];
    let lengths = [vec![129], vec![1448; 45], vec![386, 4]].concat();
    let mut transfer = transfer("part5-flood", "CMD_floodme", &lengths, &[158, 17, 8], &layers);
    transfer.sends = Some(1);
    transfer.client = ClientReport {
        on_message: Some(1),
        data_segments_in: Some(48),
        output_bytes: 65_537,
        lines: strings(&["a long text"]),
        bytes: Some(65_536),
        recv_calls: Some(8),
        ..ClientReport::default()
    };
    let text = WebSocketFrame { len: 65_536, ..frame(FrameKind::Binary, 52, b"a long text") };
    transfer.websocket = Some(frames("CMD_floodme", vec![text], 46));
    transfer
}
