//! An end that closes at once, with a FIN or a reset: what costs nothing balances, what costs data does not.

use super::*;
use lab_testbed::facts::{ConnectionAttempt, Layer, LayerBytes, RefusedPackets, ResetCost};
use labnet::net::Family;

/// The PMU closed after its last message: close_notify and FIN of the client found nobody.
fn close_at_once(transfer: &mut Transfer, first_is_counted: bool) {
    let packets = &mut transfer.to_server;
    packets.refused = RefusedPackets { packets: 1, bytes: 31, has_fin: true };
    packets.with_payload += 1;
    packets.lengths.push(31);
    packets.bytes += 31;
    packets.distinct_bytes += 31;
    let kernel = client(transfer);
    kernel.data_segments_out += 1;
    kernel.bytes_sent = kernel.bytes_sent.map(|bytes| bytes + 31);
    kernel.bytes_acked -= 1;
    let kernel = server(transfer);
    kernel.bytes_received -= 1;
    kernel.data_segments_in += u64::from(first_is_counted);
}

fn tls(change: impl Fn(&mut Transfer)) -> Reconciliation {
    given("part6-tls-1.2", |measurements| change(&mut facts(&mut measurements.tls[0]).transfer))
}

#[test]
fn close_notify_to_a_pmu_that_has_closed_is_explained() {
    for first_is_counted in [true, false] {
        balances(&tls(|transfer| close_at_once(transfer, first_is_counted)));
    }
    let reconciliation = tls(|transfer| close_at_once(transfer, false));
    let claim = "What the server refused came after its end, and is no message";
    assert_eq!(numbers(&reconciliation, claim), "31 bytes in 1 packet, answered with a reset: nobody was to read them");
    let claim = "Each captured segment of the client came to the server's kernel";
    assert!(numbers(&reconciliation, claim).ends_with("the server had closed before they came"));

    // Before its FIN, the same reset is one that cost nothing.
    balances(&tls(|transfer| {
        close_at_once(transfer, false);
        transfer.to_client.has_rst = true;
        transfer.to_client.reset = Some(ResetCost { packet: 21, bytes: 1823, unacknowledged: 0, acknowledged_late: 0 });
    }));
}

#[test]
fn what_was_refused_without_a_reset_or_in_another_number_is_not_explained() {
    let unexplained = tls(|transfer| {
        close_at_once(transfer, false);
        transfer.to_server.refused = RefusedPackets::default();
    });
    fails(
        &unexplained,
        &[
            "The server acknowledged every byte of the client, with its SYN and its FIN",
            "Each captured segment of the client came to the server's kernel",
            "The server's kernel received every byte of the client once",
        ],
    );
    let other = tls(|transfer| {
        close_at_once(transfer, false);
        transfer.to_server.refused.bytes -= 1;
    });
    assert!(!other.balances());
}

#[test]
fn a_reset_that_destroyed_bytes_is_none_that_balances() {
    let cost = |unacknowledged| ResetCost { packet: 9, bytes: 181, unacknowledged, acknowledged_late: 0 };
    let reset = |unacknowledged| {
        short(|transfer| {
            transfer.to_client.has_rst = true;
            transfer.to_client.reset = Some(cost(unacknowledged));
        })
    };
    balances(&reset(0));
    let claim = "The server did not reset the connection";
    fails(&reset(1), &[claim]);
    assert_eq!(numbers(&reset(1), claim), "it did, in packet 9: 1 of its 181 bytes had not been acknowledged");
}

#[test]
fn a_client_that_closes_with_a_reset_after_the_answer_balances() {
    let linger = |transfer: &mut Transfer| {
        transfer.client_kernel = None;
        transfer.to_server.has_fin = false;
        transfer.to_server.has_rst = true;
        transfer.to_server.reset = Some(ResetCost { packet: 12, bytes: 11, unacknowledged: 0, acknowledged_late: 0 });
        // The reset was the acknowledgement of the last packet and of the FIN.
        transfer.to_client.acknowledged_by_reset = 164;
        let kernel = server(transfer);
        kernel.bytes_acked = 18;
        kernel.bytes_received -= 1;
    };
    let reconciliation = short(linger);
    balances(&reconciliation);
    let entry = reconciliation.entries.iter().find(|entry| entry.who == "way back: the kernel at the client").unwrap();
    assert_eq!(entry.note, "not known: a reset clears the counters");
    let off = short(|transfer| {
        linger(transfer);
        server(transfer).bytes_acked += 1;
    });
    fails(&off, &["The client acknowledged every byte of the server, with its FIN"]);
}

#[test]
fn an_acknowledgement_that_crosses_the_reset_of_its_receiver_counts() {
    let crossed = |late: u64| {
        short(move |transfer| {
            transfer.to_server.has_rst = true;
            transfer.to_server.reset =
                Some(ResetCost { packet: 12, bytes: 11, unacknowledged: 0, acknowledged_late: late });
            client(transfer).bytes_acked -= 9;
        })
    };
    balances(&crossed(9));
    fails(&crossed(8), &["The server acknowledged every byte of the client, with its SYN and its FIN"]);
}

#[test]
fn messages_that_a_client_refused_are_missing() {
    let early = |bytes: u64| {
        tls(move |transfer| {
            transfer.to_client.refused = RefusedPackets { packets: 1, bytes, has_fin: false };
            server(transfer).bytes_acked -= bytes;
            let kernel = client(transfer);
            kernel.bytes_received -= bytes;
            kernel.data_segments_in -= 1;
        })
    };
    let alerts = tls_alerts();
    balances(&early(alerts));
    assert!(failing(&early(alerts + 1)).contains(&"What the client refused came after its end, and is no message"));
}

fn tls_alerts() -> u64 {
    let mut measurements = sample::measurements();
    facts(&mut measurements.tls[0]).transfer.layer(Layer::Alerts)
}

#[test]
fn a_fin_that_was_sent_again_has_no_bytes() {
    let reconciliation = short(|transfer| server(transfer).retransmitted = 1);
    balances(&reconciliation);
    let claim = "What the server sent twice is what its kernel sent again";
    assert_eq!(numbers(&reconciliation, claim), "181 - 181 = no bytes, in 1 segment: SYN or FIN, without payload");
    balances(&short(|transfer| client(transfer).retransmitted = 2));
}

#[test]
fn white_space_between_messages_is_received_and_not_shown() {
    let separated = |separators: u64| {
        tls(move |transfer| {
            transfer.layers.push(LayerBytes { layer: Layer::Separators, bytes: separators });
            let protection = transfer.layers.iter_mut().find(|part| part.layer == Layer::RecordProtection).unwrap();
            protection.bytes -= separators;
            transfer.client.bytes = transfer.client.bytes.map(|bytes| bytes + 10);
        })
    };
    balances(&separated(10));
    fails(&separated(9), &["The client's program received every byte of the messages"]);
    let claim = "The client showed every byte of the messages, and a newline for each";
    fails(&tls(|transfer| transfer.client.output_bytes -= 10), &[claim]);
}

#[test]
fn a_command_of_the_same_length_is_another_command() {
    let claim = "The client sent its command and nothing else";
    let asked = |request: &[u8]| {
        short(|transfer| {
            transfer.attempts = vec![ConnectionAttempt {
                family: Family::Ipv4,
                first_packet: 1,
                was_accepted: true,
                request: request.to_vec(),
                request_packets: vec![4],
                close: None,
            }];
        })
    };
    let other = asked(b"CMD_short:1");
    fails(&other, &[claim]);
    assert_eq!(numbers(&other, claim), "`CMD_short:1` was sent, not `CMD_short:0`");
    balances(&asked(b"CMD_short:0"));
    // Of an older run only the length is known.
    balances(&short(|transfer| transfer.attempts.clear()));
}
