//! Part 5: frames and packets, and what was shown.

use lab_testbed::facts::{ConnectionAttempt, Transfer};

use super::*;

/// The messages over WebSocket, changed.
fn given_short(change: impl FnOnce(&mut Transfer)) -> Measurements {
    given(|measurements| change(facts(&mut measurements.websocket_short)))
}

/// The packets of the messages, by the milliseconds at which they came.
fn given_packets(times: &[u64]) -> Measurements {
    given_short(|transfer| {
        transfer.websocket.as_mut().unwrap().message_packets = times.len() as u64;
        let mut packets = transfer.data_packets.clone();
        packets.truncate(times.len() + 1);
        for (packet, &at) in packets.iter_mut().skip(1).zip(times) {
            packet.at = Duration::from_millis(at);
        }
        transfer.data_packets = packets;
    })
}

#[test]
fn q22_counts_the_frames_that_came_and_not_what_was_shown() {
    let right = sample::measurements();
    says("Q22", &right, &["[packets] 10 packets carried 10 messages.", "No: more than the 2 of part 2."]);
    let prefixed = given_short(|transfer| {
        for line in &mut transfer.client.lines {
            line.insert_str(0, "Received: ");
        }
    });
    let silent = given_short(|transfer| transfer.client.lines.clear());
    for measurements in [prefixed, silent] {
        says("Q22", &measurements, &["[packets] 10 packets carried 10 messages."]);
    }
}

#[test]
fn q22_names_a_cause_only_with_the_times_that_show_it() {
    says("Q22", &sample::measurements(), &["switched Nagle's algorithm off"]);
    // A round-trip time apart they may have waited for each other.
    let apart: Vec<u64> = (2..12).map(|i| i * 100).collect();
    says("Q22", &given_packets(&apart), &["each frame left in a packet of its own"]);
    does_not_say("Q22", &given_packets(&apart), "Nagle");
    let unknown = given_short(|transfer| transfer.round_trip = None);
    does_not_say("Q22", &unknown, "Nagle");

    let joined = given_packets(&[200, 300]);
    says(
        "Q22",
        &joined,
        &["2 packets carried 10 messages", "Yes: part 2 had 2 packets too", "did not have a packet each"],
    );
    does_not_say("Q22", &joined, "RFC 6928");
    says("Q22", &given_packets(&[200]), &["No: fewer than the 2 of part 2."]);
    let window = |last| {
        given_short(|transfer| {
            let frames = transfer.websocket.as_mut().unwrap();
            let more = frames.from_server[9].clone();
            (11..=17).for_each(|_| frames.from_server.insert(10, more.clone()));
            frames.from_server[16].packet = 16;
            frames.message_packets = 11;
            transfer.data_packets[11].at = Duration::from_millis(last);
            transfer.messages.as_mut().unwrap().count = 17;
            let messages = frames.message_bytes();
            transfer
                .layers
                .iter_mut()
                .filter(|part| part.layer == Layer::Messages)
                .for_each(|part| part.bytes = messages);
        })
    };
    says("Q22", &window(300), &["11 packets carried 17 messages", "RFC 6928"]);
    does_not_say("Q22", &window(210), "RFC 6928");
}

#[test]
fn q22_to_q24_are_not_answered_from_an_answer_that_did_not_come() {
    let cut = given(|measurements| {
        for transfer in [&mut measurements.websocket_short, &mut measurements.websocket_flood] {
            facts(transfer).websocket.as_mut().unwrap().from_server.remove(0);
        }
    });
    let none = given(|measurements| {
        for transfer in [&mut measurements.websocket_short, &mut measurements.websocket_flood] {
            facts(transfer).websocket.as_mut().unwrap().is_upgraded = false;
        }
    });
    for question in ["Q22", "Q23", "Q24"] {
        let answer = |measurements| super::answer(question, measurements);
        assert!(answer(&cut).items.is_empty() && answer(&none).items.is_empty(), "{question}");
        assert!(answer(&none).missing.unwrap().contains("did not become a WebSocket"), "{question}");
    }
    assert_eq!(answer("Q22", &cut).missing.as_deref(), Some("Of the answer, 9 of 10 messages came."));
}

#[test]
fn q23_on_message_is_counted_where_the_program_says_it() {
    says(
        "Q23",
        &sample::measurements(),
        &["10 times, once for each message", "The client of part 2, over TCP.", "in 2 packets"],
    );
    let fragments = given_short(|transfer| transfer.client.on_message = Some(20));
    says("Q23", &fragments, &["20 times, which is not once for each message", "counted something else"]);
    let stranger = given_short(|transfer| transfer.client.on_message = None);
    assert!(answer("Q23", &stranger).missing.unwrap().contains("does not count how often on_message"));
    says("Q23", &stranger, &["[more to do]"]);
    let forgetful = given_short(|transfer| drop(transfer.client.lines.pop()));
    let answer = answer("Q23", &forgetful);
    assert_eq!(answer.missing.as_deref(), Some("The program showed 9 of the 10 messages that came."));
    assert!(answer.items.is_empty(), "{answer:?}");
}

#[test]
fn q24_one_message_takes_many_packets_and_one_call() {
    let measurements = sample::measurements();
    says("Q24", &measurements, &["46 packets carried the text.", "[on_message] Once.", "the same as in part 2, 46"]);
    says(
        "Q24",
        &measurements,
        &["at least twice with the program's own buffer and at least 129 times with a buffer of 512"],
    );
    let close = given(|measurements| facts(&mut measurements.floods)[0].transfer.to_client.with_payload = 45);
    says("Q24", &close, &["close to that of part 2, 45"]);
    let far = given(|measurements| facts(&mut measurements.floods)[0].transfer.to_client.with_payload = 20);
    says("Q24", &far, &["not that of part 2, 20"]);
    let pieces = given(|measurements| facts(&mut measurements.websocket_flood).client.on_message = Some(16));
    says("Q24", &pieces, &["16 times.", "should hand over messages"]);
}

#[test]
fn q24_compares_the_sizes_of_packets_before_it_calls_them_the_same() {
    says("Q24", &sample::measurements(), &["packets of the same size"]);
    let small = given(|measurements| facts(&mut measurements.websocket_flood).to_client.lengths = vec![1200; 55]);
    does_not_say("Q24", &small, "the same size");
    does_not_say("Q24", &small, "IPv6");
    let over_ipv6 = |longest| {
        given(|measurements| {
            let attempt = |family| ConnectionAttempt {
                family,
                first_packet: 1,
                was_accepted: true,
                request: b"GET".to_vec(),
                request_packets: vec![4],
                close: None,
            };
            facts(&mut measurements.floods)[0].transfer.attempts = vec![attempt(Family::Ipv4)];
            let websocket = facts(&mut measurements.websocket_flood);
            websocket.attempts = vec![attempt(Family::Ipv6)];
            websocket.to_client.lengths = vec![longest; 46];
        })
    };
    says("Q24", &over_ipv6(1428), &["of at most 1,428 bytes here, and 1,448 in part 2.", "20 bytes longer"]);
    does_not_say("Q24", &over_ipv6(1400), "20 bytes longer");
}
