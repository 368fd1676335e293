//! The checks of the programs: bytes sent by the server, received and shown by the client.

use super::{Application, ReconciliationBuilder, message_bytes};
use lab_testbed::facts::{Layer, Transfer, fewest_recv_calls};

use crate::formatting::number;

/// The beginning of each message of the handout.
const TEXT: &str = "This is PMU data ";

/// Adds the bytes that the server's program sent, by layer.
pub(super) fn server(builder: &mut ReconciliationBuilder, transfer: &Transfer) {
    let layers = &transfer.layers;
    let who = "the server's program";
    if layers.is_empty() {
        builder.entry(who, transfer.sends, None, None, "it does not say what its stream is made of");
        return;
    }
    let bytes: Vec<u64> = layers.iter().map(|layer| layer.bytes).collect();
    let names: Vec<String> =
        layers.iter().map(|part| format!("{}: {}", name(part.layer), number(part.bytes))).collect();
    builder.entry(who, transfer.sends, None, Some(bytes.iter().sum()), names.join(", "));
    let claim = "The layers of the server's stream add up to the bytes captured";
    builder.equal(claim, &bytes, transfer.to_client.distinct_bytes);
}

fn name(layer: Layer) -> &'static str {
    match layer {
        Layer::Messages => "messages",
        Layer::Separators => "white space between them",
        Layer::Upgrade => "upgrade",
        Layer::FrameHeaders => "frame headers",
        Layer::CloseFrame => "close frame",
        Layer::Handshake => "records of the handshake",
        Layer::RecordProtection => "what protects them: headers, tags",
        Layer::Alerts => "alerts",
    }
}

/// Adds the bytes that the client's program received and showed.
pub(super) fn client(
    builder: &mut ReconciliationBuilder,
    application: Application,
    transfer: &Transfer,
    recv_buffer: Option<u64>,
) {
    let client = &transfer.client;
    let packets = &transfer.to_client;
    let silence = match (client.bytes, client.recv_calls) {
        (Some(_), Some(_)) => "",
        (None, None) => "it says neither how many bytes it received nor how often it called recv()",
        (None, Some(_)) => "it does not say how many bytes it received",
        (Some(_), None) => "it does not say how often it called recv()",
    };
    builder.entry("the client's program", client.recv_calls, client.data_segments_in, client.bytes, silence);

    let messages = message_bytes(application, transfer);
    // A client that ended with an error has stopped reading.
    if let (Some(messages), Some(bytes), 0) = (messages, client.bytes, client.status) {
        builder.equal("The client's program received every byte of the messages", &[messages], bytes);
    }
    if let Some(segments) = client.data_segments_in {
        let claim = "The client's program was told of the segments that were captured";
        // Retransmissions may arrive after the program has read its counter.
        if packets.repeated > 0 && segments <= packets.with_payload {
            let numbers = format!("{} ≤ {}", number(segments), number(packets.with_payload));
            builder.check(claim, numbers, segments >= packets.with_payload.saturating_sub(packets.repeated));
        } else {
            builder.equal(claim, &[packets.with_payload], segments);
        }
    }
    let is_whole = client.status == 0 && packets.has_fin;
    if let (Some(messages), Some(calls), true) =
        (messages, client.recv_calls, is_whole && application != Application::WebSocket)
    {
        recv_calls(builder, messages, client.recv_buffer.or(recv_buffer), calls);
    }
    let separators = transfer.layer(Layer::Separators);
    let messages = messages.map(|messages| messages.saturating_sub(separators));
    shown(builder, transfer, messages.filter(|_| !transfer.layers.is_empty() && is_whole));
}

/// Each call returns from one byte to a full buffer; the last one returns no byte.
fn recv_calls(builder: &mut ReconciliationBuilder, messages: u64, recv_buffer: Option<u64>, calls: u64) {
    let (fewest, most) = (fewest_recv_calls(messages, recv_buffer), messages.saturating_add(1));
    let division = match recv_buffer {
        Some(size) => format!("⌈{} / {}⌉ + 1 = {}", number(messages), number(size), number(fewest)),
        None => number(fewest),
    };
    let numbers = format!("{division} ≤ {} ≤ {}", number(calls), number(most));
    let holds = (fewest..=most).contains(&calls);
    let numbers = if holds { numbers } else { format!("not {numbers}") };
    builder.check("The number of recv() calls is possible", numbers, holds);
}

fn shown(builder: &mut ReconciliationBuilder, transfer: &Transfer, messages: Option<u64>) {
    let client = &transfer.client;
    builder.entry("the client's output", None, None, Some(client.output_bytes), "with its newlines");
    // What a program of somebody else shows is judged by its findings: text of its own is no byte of the PMU.
    let Some(messages) = messages.filter(|_| client.bytes.is_some()) else { return };
    if transfer.command.starts_with("CMD_flood") {
        let newline = client.output_bytes.saturating_sub(messages).min(1);
        builder.equal(
            "The client showed every byte of the text, and a newline",
            &[messages, newline],
            client.output_bytes,
        );
    } else if client.lines.iter().all(|line| line.starts_with(TEXT)) {
        let lines = client.lines.len() as u64;
        let claim = "The client showed every byte of the messages, and a newline for each";
        builder.equal(claim, &[messages, lines], client.output_bytes);
    }
}
