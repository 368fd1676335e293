//! Q22 to Q24: WebSocket messages instead of a stream.

use std::time::Duration;

use labnet::net::Family;

use super::{flood, stream};
use lab_testbed::facts::{Flood, Layer, Measurement, Measurements, Scenario, Transfer, WebSocketFacts};

use crate::{
    formatting::{capital, count, list, number, sum, times},
    sheet::Answer,
};

pub(super) fn answers(measurements: &Measurements) -> Vec<Answer> {
    vec![
        q22(&measurements.websocket_short, &measurements.short_at_once),
        q23(&measurements.websocket_short, &measurements.short_at_once),
        q24(&measurements.websocket_flood, &measurements.floods),
    ]
}

const STRANGER: &str = "The program does not count how often on_message was called; a counter in that function would.";

fn q22(websocket: &Measurement<Transfer>, tcp: &Measurement<Transfer>) -> Answer {
    let mut answer = Answer::new(
        22,
        "The PMU sends its messages over WebSocket, without a pause. How many packets carry them or parts of them? \
         Is that the number of part 2 with d = 0?",
    );
    let Some(websocket) = find_short(&mut answer, websocket) else { return answer };
    let Some(frames) = whole(&mut answer, websocket) else { return answer };
    let packets = carrying(&mut answer, websocket, frames);
    answer.item("packets", format!("{} carried {}.", capital(&count(packets, "packet")), messages(frames)));
    answer.observe("lengths of the payloads", sum(&websocket.to_client.lengths));
    let Some(tcp) = answer.require_transfer(tcp, Scenario::ShortAtOnce.name(), "Part 2 with “CMD_short:0”") else {
        return answer;
    };
    let before = tcp.to_client.fresh();
    answer.measure("packets with payload in part 2, d = 0", before);
    answer.item(
        "the same?",
        match packets.cmp(&before) {
            std::cmp::Ordering::Greater => format!("No: more than the {} of part 2.", number(before)),
            std::cmp::Ordering::Less => format!("No: fewer than the {} of part 2.", number(before)),
            std::cmp::Ordering::Equal => format!("Yes: part 2 had {} too.", count(before, "packet")),
        },
    );
    let times = packet_times(websocket, frames);
    let burst = websocket.round_trip.zip(times.first().copied()).map(|(round_trip, first)| {
        // Half of it: an acknowledgement needs the whole.
        times.iter().filter(|&&at| at.saturating_sub(first) < round_trip / 2).count() as u64
    });
    if packets == frames.messages() {
        answer.explain("The PMU sends each message as a frame, and here each frame left in a packet of its own.");
        if burst == Some(packets) && packets > 1 {
            answer.explain(
                "They came within less than half a round-trip time, so none waited for the acknowledgement of the one \
                 before: the server has switched Nagle's algorithm off (TCP_NODELAY), as WebSocket libraries do.",
            );
        }
    } else {
        answer.explain(
            "The PMU sends each message as a frame, but the frames did not have a packet each: below WebSocket there is \
             still TCP, whose packets know nothing of frames.",
        );
        if burst == Some(INITIAL_WINDOW) && packets > INITIAL_WINDOW {
            answer.explain(
                "The first ten packets came together, and the rest a round-trip time later: at its start TCP lets ten \
                 packets be on their way before one is acknowledged (RFC 6928); what is sent meanwhile shares the next.",
            );
        }
    }
    answer
}

fn q23(websocket: &Measurement<Transfer>, tcp: &Measurement<Transfer>) -> Answer {
    let mut answer = Answer::new(
        23,
        "How often was on_message called for those messages? Which client has more to do to show each message on its \
         own line: this one, or that of part 2?",
    );
    let Some(websocket) = find_short(&mut answer, websocket) else { return answer };
    let Some(frames) = whole(&mut answer, websocket) else { return answer };
    let (shown, sent) = (stream::messages(websocket), frames.messages());
    if shown != sent {
        answer.add_missing(&format!(
            "The program showed {} of the {} that came.",
            number(shown),
            count(sent, "message")
        ));
        return answer;
    }
    answer.measure("messages shown", shown);
    match websocket.client.on_message {
        Some(calls) => {
            let verdict = if calls == sent { "once for each message" } else { "which is not once for each message" };
            answer.item(
                "on_message",
                format!("{}, {verdict}: {} shown.", capital(&times(calls)), count(shown, "message")),
            );
            answer.measure("calls of on_message", calls);
            answer.explain(if calls == sent {
                "WebSocket keeps the borders between messages: each frame says how long it is, and the library calls \
                 on_message when a message is complete, however it was packed."
            } else {
                "WebSocket keeps the borders between messages, so a library calls on_message once for each. The frames in \
                 the capture are those messages: the program counted something else."
            });
        }
        None => {
            answer.add_missing(STRANGER);
            answer
                .explain("WebSocket keeps the borders between messages, so a library calls on_message once for each.");
        }
    }
    answer.item("more to do", "The client of part 2, over TCP.");
    answer.explain(
        "TCP keeps no such borders. The client of part 2 has to find where each message ends and to keep an \
         unfinished rest until the next recv().",
    );
    if let Some(tcp) = answer.require_transfer(tcp, Scenario::ShortAtOnce.name(), "Part 2 with “CMD_short:0”") {
        let packets = tcp.to_client.fresh();
        let messages = tcp.messages.map_or_else(|| stream::messages(tcp), |sent| sent.count);
        answer.explain(format!("There, {} came in {}.", count(messages, "message"), count(packets, "packet")));
    }
    answer
}

fn q24(websocket: &Measurement<Transfer>, floods: &Measurement<Vec<Flood>>) -> Answer {
    let mut answer = Answer::new(
        24,
        "The large text comes over WebSocket. How many packets carry it, and how often is on_message called for it? \
         What does a comparison with the recv() calls of part 2 say about WebSockets and TCP sockets?",
    );
    let Some(websocket) =
        answer.require_transfer(websocket, Scenario::WebSocketFlood.name(), "Part 5 with “CMD_floodme”")
    else {
        return answer;
    };
    let Some(frames) = whole(&mut answer, websocket) else { return answer };
    let packets = carrying(&mut answer, websocket, frames);
    let floods = flood::require(&mut answer, floods);
    answer.item("packets", format!("{} carried the text.", capital(&count(packets, "packet"))));
    match websocket.client.on_message {
        Some(calls) => {
            answer.item("on_message", format!("{}.", capital(&times(calls))));
            answer.measure("calls of on_message", calls);
        }
        None => answer.add_missing(STRANGER),
    }
    if let Some(own) = floods.first() {
        let before = own.transfer.to_client.fresh();
        let difference = packets.abs_diff(before);
        answer.item(
            "part 2",
            match difference {
                0 => format!("The number of packets is the same as in part 2, {}.", number(before)),
                // A frame's header and the upgrade are a packet or two (ours); more is worth a remark.
                1..=2 => format!("The number of packets is close to that of part 2, {}.", number(before)),
                _ => format!("The number of packets is not that of part 2, {}.", number(before)),
            },
        );
        let fewest = |flood| format!("at least {} with {}", times(flood::fewest(flood)), flood::buffer(flood));
        let smallest = floods
            .iter()
            .max_by_key(|flood| flood::fewest(flood))
            .filter(|smallest| smallest.recv_buffer != own.recv_buffer);
        let calls: Vec<String> = [Some(own), smallest].into_iter().flatten().map(fewest).collect();
        answer.item("recv()", format!("In part 2 recv() had to be called for it {}.", list(&calls)));
        answer.measure("packets with payload in part 2", before);
        if let Some(calls) = own.transfer.client.recv_calls {
            answer.observe("calls of recv() in part 2", calls);
        }
    }
    if let Some(own) = floods.first().map(|own| &own.transfer) {
        let longest = [websocket, own].map(|transfer| stream::longest(&transfer.to_client));
        let family = |transfer: &Transfer| transfer.used_attempt().map(|attempt| attempt.family);
        match longest {
            [over_websocket, over_tcp] if over_websocket == over_tcp => {
                answer.explain("Both go over TCP, which cuts the text into packets of the same size.");
            }
            [over_websocket, over_tcp] => {
                answer.explain(format!(
                    "Both go over TCP, which cuts the text into packets: of at most {} here, and {} in part 2.",
                    count(over_websocket, "byte"),
                    number(over_tcp),
                ));
                let families = (family(websocket), family(own));
                if families == (Some(Family::Ipv6), Some(Family::Ipv4)) && over_websocket + IPV6_EXTRA == over_tcp {
                    answer.explain("Here they go over IPv6, whose header is 20 bytes longer than that of IPv4.");
                }
            }
        }
    }
    answer.explain(
        "The difference is in what the program is handed. A TCP socket hands over bytes as they come: the program has to call recv() again and again, and \
         learns only from the end of the connection that the text is complete.",
    );
    answer.explain(match websocket.client.on_message {
        Some(1) => {
            "A WebSocket hands over messages: the library collects the bytes, and on_message is called when \
                    all are there."
        }
        Some(_) => {
            "A WebSocket should hand over messages, one call for each; this client was called another number of \
             times for one text."
        }
        None => "A WebSocket hands over messages: on_message is called when all the bytes of one are there.",
    });
    answer
}

/// By how many bytes the header of IPv6 is longer than that of IPv4 (RFC 8200, section 3).
const IPV6_EXTRA: u64 = 20;

/// How many packets TCP sends before the first acknowledgement (RFC 6928).
const INITIAL_WINDOW: u64 = 10;

/// The frames of a connection whose answer came whole; else says what is missing.
fn whole<'a>(answer: &mut Answer, transfer: &'a Transfer) -> Option<&'a WebSocketFacts> {
    let frames = transfer.websocket.as_ref().filter(|frames| frames.is_upgraded);
    let Some(frames) = frames else {
        answer.add_missing("The connection did not become a WebSocket.");
        return None;
    };
    let sent = transfer.messages.map_or(1, |sent| sent.count);
    if frames.messages() != sent || frames.message_bytes() != transfer.layer(Layer::Messages) {
        let came = frames.messages();
        answer.add_missing(&format!("Of the answer, {} of {} came.", number(came), count(sent, "message")));
        return None;
    }
    Some(frames)
}

/// The number of packets with messages.
fn carrying(answer: &mut Answer, transfer: &Transfer, frames: &WebSocketFacts) -> u64 {
    // The close may share a packet with the last message.
    answer.observe("packets with payload from the PMU, all", transfer.to_client.fresh());
    answer.measure("of these, with messages", frames.message_packets);
    answer.explain("The answer to the upgrade from HTTP and the close of the WebSocket are not among them.");
    frames.message_packets
}

/// When the packets with messages came, in their order.
fn packet_times(transfer: &Transfer, frames: &WebSocketFacts) -> Vec<Duration> {
    let data = || frames.from_server.iter().filter(|frame| frame.kind.is_data()).map(|frame| frame.packet);
    let (Some(first), Some(last)) = (data().min(), data().max()) else { return Vec::new() };
    let packets = transfer.data_packets.iter().filter(|packet| (first..=last).contains(&packet.packet));
    packets.map(|packet| packet.at).collect()
}

fn messages(frames: &WebSocketFacts) -> String {
    count(frames.messages(), "message")
}

fn find_short<'a>(answer: &mut Answer, measurement: &'a Measurement<Transfer>) -> Option<&'a Transfer> {
    answer.require_transfer(measurement, Scenario::WebSocketShort.name(), "Part 5 with “CMD_short:0”")
}
