//! Losses, repairs, and the ways in which a connection ends.

use super::*;

/// The second packet of the answer was lost, and sent again.
fn lost(transfer: &mut Transfer) {
    let kernel = server(transfer);
    kernel.data_segments_out += 1;
    kernel.retransmitted += 1;
    kernel.bytes_sent = Some(181 + 163);
    transfer.path_to_client.lost = 1;
}

#[test]
fn a_lost_segment_is_explained_when_the_path_admits_it() {
    let reconciliation = short(lost);
    balances(&reconciliation);
    let claim = "Each segment that the server sent was captured, or lost by the path";
    assert_eq!(numbers(&reconciliation, claim), "3 - 2 = 1 did not come; the path lost 1 packet on purpose");

    let denied = short(|transfer| {
        lost(transfer);
        transfer.path_to_client.lost = 0;
    });
    fails(&denied, &[claim]);
    assert!(numbers(&denied, claim).ends_with("which does not explain it"));
}

#[test]
fn a_loss_has_bytes_and_is_repaired_once() {
    let too_many = short(|transfer| {
        lost(transfer);
        server(transfer).bytes_sent = Some(181 + 164);
    });
    fails(
        &too_many,
        &[
            "The server's kernel sent the bytes that were captured or lost",
            "What the server sent twice is what its kernel sent again",
        ],
    );
    let not_again = short(|transfer| {
        lost(transfer);
        server(transfer).retransmitted = 0;
    });
    fails(&not_again, &["What the server sent twice is what its kernel sent again"]);
    // A FIN that was lost and sent again: nothing with payload.
    balances(&short(|transfer| {
        server(transfer).retransmitted = 1;
        transfer.path_to_client.lost = 1;
    }));
}

#[test]
fn what_arrived_twice_is_counted_as_repeated() {
    let reconciliation = short(|transfer| {
        let packets = &mut transfer.to_client;
        (packets.with_payload, packets.bytes, packets.repeated) = (3, 181 + 163, 1);
        packets.lengths.push(163);
        let kernel = server(transfer);
        (kernel.data_segments_out, kernel.retransmitted, kernel.bytes_sent) = (3, 1, Some(181 + 163));
        client(transfer).data_segments_in = 3;
        // The program looked before the second one came.
        transfer.client.data_segments_in = Some(2);
    });
    balances(&reconciliation);
}

#[test]
fn a_packet_of_the_client_that_was_lost_after_the_capture_was_sent_again() {
    balances(&short(|transfer| {
        let packets = &mut transfer.to_server;
        (packets.with_payload, packets.bytes, packets.repeated) = (2, 22, 1);
        packets.lengths.push(11);
        let kernel = client(transfer);
        (kernel.data_segments_out, kernel.retransmitted, kernel.bytes_sent) = (2, 1, Some(22));
    }));
}

#[test]
fn an_end_that_closes_first_need_not_count_the_other_fin() {
    let claim = "The server's kernel received every byte of the client once";
    let early = short(|transfer| server(transfer).bytes_received -= 1);
    balances(&early);
    assert!(numbers(&early, claim).contains("TIME_WAIT"));
    fails(&short(|transfer| server(transfer).bytes_received -= 2), &[claim]);

    // At the echo it is the client, which Ctrl-C ends.
    let echo = |change: fn(&mut Transfer)| {
        given("part1-echo", |measurements| change(&mut facts(&mut measurements.echo).transfer))
    };
    balances(&echo(|transfer| client(transfer).bytes_received -= 1));
    fails(&echo(|transfer| server(transfer).bytes_received -= 1), &[claim]);
}

#[test]
fn a_connection_that_was_cut_has_no_fin_to_count() {
    balances(&short(|transfer| {
        transfer.to_client.has_fin = false;
        server(transfer).bytes_acked -= 1;
        client(transfer).bytes_received -= 1;
    }));
}

#[test]
fn what_the_path_delivered_twice_is_explained_when_it_admits_it() {
    let duplicated = |transfer: &mut Transfer| {
        let packets = &mut transfer.to_client;
        (packets.with_payload, packets.bytes, packets.repeated) = (3, 181 + 163, 1);
        packets.lengths.push(163);
        client(transfer).data_segments_in = 3;
        transfer.client.data_segments_in = Some(3);
        // The command came twice, too.
        server(transfer).data_segments_in += 1;
    };
    balances(&short(|transfer| {
        duplicated(transfer);
        (transfer.path_to_client.duplicated, transfer.path_to_server.duplicated) = (1, 1);
    }));
    fails(
        &short(duplicated),
        &[
            "Each segment that the server sent was captured, or lost by the path",
            "The server's kernel sent the bytes that were captured or lost",
            "Each captured segment of the client came to the server's kernel",
        ],
    );
}
