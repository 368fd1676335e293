//! The sample balances; each number that is off by one fails a check.

use super::*;
use lab_testbed::facts::{Flood, KernelCounters, Measurement, PacketCounts};

use crate::sample;

mod closing;
mod ends;

fn facts<T>(measurement: &mut Measurement<T>) -> &mut T {
    match measurement {
        Measurement::Measured(facts) => facts,
        _ => panic!("the sample has everything"),
    }
}

/// The reconciliation of an experiment, after a change.
fn given(experiment: &str, change: impl FnOnce(&mut Measurements)) -> Reconciliation {
    let mut measurements = sample::measurements();
    change(&mut measurements);
    reconcile(&measurements).into_iter().find(|reconciliation| reconciliation.experiment == experiment).unwrap()
}

fn short(change: impl FnOnce(&mut Transfer)) -> Reconciliation {
    given("part2-short-0", |measurements| change(facts(&mut measurements.short_at_once)))
}

fn failing(reconciliation: &Reconciliation) -> Vec<&str> {
    reconciliation.checks.iter().filter(|check| !check.holds).map(|check| check.claim.as_str()).collect()
}

#[track_caller]
fn fails(reconciliation: &Reconciliation, claims: &[&str]) {
    assert_eq!(failing(reconciliation), claims, "{:#?}", reconciliation.checks);
    assert!(!reconciliation.balances());
}

#[track_caller]
fn balances(reconciliation: &Reconciliation) {
    assert!(reconciliation.balances(), "{}: {:#?}", reconciliation.experiment, reconciliation.checks);
}

fn numbers<'a>(reconciliation: &'a Reconciliation, claim: &str) -> &'a str {
    &reconciliation.checks.iter().find(|check| check.claim == claim).unwrap().numbers
}

fn server(transfer: &mut Transfer) -> &mut KernelCounters {
    transfer.server_kernel.as_mut().unwrap()
}

fn client(transfer: &mut Transfer) -> &mut KernelCounters {
    transfer.client_kernel.as_mut().unwrap()
}

#[test]
fn every_connection_has_a_reconciliation_that_balances() {
    let reconciliations = reconcile(&sample::measurements());
    let names: Vec<&str> = reconciliations.iter().map(|reconciliation| reconciliation.experiment.as_str()).collect();
    let expected = [
        "part1-echo",
        "part2-short-0",
        "part2-short-1",
        "part2-short-0-open",
        "part2-short-0-nodelay",
        "part2-short-0-pieces",
        "part2-flood",
        "part2-flood-512",
        "part2-flood-4096",
        "part2-flood-utf-8",
        "part5-short-0",
        "part5-flood",
        "part6-tls-1.2",
        "part6-tls-1.3",
    ];
    assert_eq!(names, expected);
    for reconciliation in &reconciliations {
        balances(reconciliation);
        assert!(reconciliation.checks.len() > 15 && reconciliation.entries.len() > 6, "{reconciliation:?}");
    }
    assert!(super::reconcile(&Measurements::default()).is_empty());
}

#[test]
fn the_numbers_are_written_out() {
    let reconciliation = short(|_| {});
    assert_eq!(numbers(&reconciliation, "The payloads from the server add up"), "18 + 163 = 181");
    assert_eq!(
        numbers(&reconciliation, "The client acknowledged every byte of the server, with its FIN"),
        "181 + 1 = 182"
    );
    let claim = "The server acknowledged every byte of the client, with its SYN and its FIN";
    assert_eq!(numbers(&reconciliation, claim), "11 + 1 + 1 = 13");
    let off = short(|transfer| server(transfer).bytes_acked -= 1);
    let claim = "The client acknowledged every byte of the server, with its FIN";
    assert_eq!(numbers(&off, claim), "181 + 1 = 182, but 181 were counted: 1 too few");
    let flood = given("part2-flood-512", |_| {});
    assert_eq!(numbers(&flood, "The number of recv() calls is possible"), "⌈65,536 / 512⌉ + 1 = 129 ≤ 132 ≤ 65,537");
}

/// A change, and the claims that it makes false.
type Change = (fn(&mut Transfer), &'static [&'static str]);

#[test]
fn each_number_that_is_off_by_one_fails_a_check_of_its_own() {
    const SENT: &str = "The server's kernel sent the bytes that were captured or lost";
    const TWICE: &str = "What the server sent twice is what its kernel sent again";
    let changes: &[Change] = &[
        (
            |t| t.layers[0].bytes += 1,
            &[
                "The layers of the server's stream add up to the bytes captured",
                "The client's program received every byte of the messages",
                "The client showed every byte of the messages, and a newline for each",
            ],
        ),
        (|t| t.missed_by_capture += 1, &["The capture missed no packet"]),
        (
            |t| server(t).data_segments_out += 1,
            &["Each segment that the server sent was captured, or lost by the path", SENT],
        ),
        (
            |t| server(t).data_segments_out -= 1,
            &["Each segment that the server sent was captured, or lost by the path"],
        ),
        (|t| server(t).bytes_sent = Some(180), &[SENT]),
        (|t| server(t).bytes_sent = Some(182), &[SENT, TWICE]),
        (|t| server(t).bytes_acked += 1, &["The client acknowledged every byte of the server, with its FIN"]),
        (|t| server(t).bytes_acked -= 1, &["The client acknowledged every byte of the server, with its FIN"]),
        (|t| server(t).bytes_received += 1, &["The server's kernel received every byte of the client once"]),
        (|t| server(t).data_segments_in += 1, &["Each captured segment of the client came to the server's kernel"]),
        (|t| server(t).data_segments_in -= 1, &["Each captured segment of the client came to the server's kernel"]),
        (|t| client(t).bytes_received += 1, &["The client's kernel received every byte of the server once"]),
        (|t| client(t).bytes_received -= 1, &["The client's kernel received every byte of the server once"]),
        (|t| client(t).data_segments_in += 1, &["Each captured segment of the server came to the client's kernel"]),
        (|t| client(t).data_segments_in -= 1, &["Each captured segment of the server came to the client's kernel"]),
        (
            |t| client(t).bytes_acked += 1,
            &["The server acknowledged every byte of the client, with its SYN and its FIN"],
        ),
        (
            |t| client(t).data_segments_out += 1,
            &[
                "Each segment that the client sent was captured",
                "The client's kernel sent the bytes that were captured",
            ],
        ),
        (|t| client(t).bytes_sent = Some(10), &["The client's kernel sent the bytes that were captured"]),
        (|t| t.to_client.has_rst = true, &["The server did not reset the connection"]),
        (|t| t.to_server.has_rst = true, &["The client did not reset the connection"]),
        (|t| t.to_client.lengths[1] += 1, &["The payloads from the server add up"]),
        (|t| t.to_client.repeated += 1, &["Bytes of the server that came twice came in repeated packets"]),
        (
            |t| t.to_client.has_fin = false,
            &[
                "The client acknowledged every byte of the server",
                "The client's kernel received every byte of the server once",
            ],
        ),
        (|t| t.client.bytes = Some(180), &["The client's program received every byte of the messages"]),
        (
            |t| t.client.data_segments_in = Some(3),
            &["The client's program was told of the segments that were captured"],
        ),
        (|t| t.client.recv_calls = Some(1), &["The number of recv() calls is possible"]),
        (|t| t.client.recv_calls = Some(183), &["The number of recv() calls is possible"]),
        (|t| t.client.output_bytes += 1, &["The client showed every byte of the messages, and a newline for each"]),
        (|t| t.command.push(' '), &["The client sent its command and nothing else"]),
    ];
    for (change, claims) in changes {
        let reconciliation = short(change);
        fails(&reconciliation, claims);
    }
}

#[test]
fn a_number_of_the_capture_that_is_off_by_one_fails_too() {
    let changes: &[fn(&mut PacketCounts)] = &[
        |packets| packets.with_payload += 1,
        |packets| packets.bytes += 1,
        |packets| packets.distinct_bytes += 1,
        |packets| packets.distinct_bytes -= 1,
    ];
    for change in changes {
        assert!(!short(|transfer| change(&mut transfer.to_client)).balances());
        assert!(!short(|transfer| change(&mut transfer.to_server)).balances());
    }
}

#[test]
fn what_is_not_known_fails_nothing_and_is_said() {
    let stranger = |transfer: &mut Transfer| {
        transfer.layers.clear();
        (transfer.sends, transfer.client_kernel, transfer.server_kernel) = (None, None, None);
        let client = &mut transfer.client;
        (client.bytes, client.recv_calls, client.data_segments_in, client.on_message) = (None, None, None, None);
    };
    let reconciliation = short(stranger);
    balances(&reconciliation);
    let notes: Vec<&str> = reconciliation.entries.iter().map(|entry| entry.note.as_str()).collect();
    for note in ["it does not say what its stream is made of", "not known", "nor how often it called recv()"] {
        assert!(notes.iter().any(|known| known.contains(note)), "{note}: {notes:?}");
    }
    balances(&given("part5-flood", |measurements| stranger(facts(&mut measurements.websocket_flood))));
    balances(&given("part6-tls-1.3", |measurements| stranger(&mut facts(&mut measurements.tls[1]).transfer)));
    balances(&given("part1-echo", |measurements| stranger(&mut facts(&mut measurements.echo).transfer)));
    balances(&short(|transfer| server(transfer).bytes_sent = None));
}

#[test]
fn the_echo_returns_and_shows_every_byte() {
    let echo = |change: fn(&mut Echo)| given("part1-echo", |measurements| change(facts(&mut measurements.echo)));
    fails(&echo(|echo| echo.server_output[0].push('!')), &["The server showed every byte that it received"]);
    fails(&echo(|echo| drop(echo.client_output.pop())), &["The client showed every byte that it received"]);
    let silent = echo(|echo| echo.transfer.to_client.distinct_bytes -= 1);
    assert!(failing(&silent).contains(&"The server sent back as many bytes as it had received"));
}

#[test]
fn a_flood_is_shown_whole_with_or_without_a_newline_of_its_own() {
    let flood =
        |change: fn(&mut Flood)| given("part2-flood", |measurements| change(&mut facts(&mut measurements.floods)[0]));
    balances(&flood(|flood| flood.transfer.client.output_bytes = 65_536));
    let claim = "The client showed every byte of the text, and a newline";
    fails(&flood(|flood| flood.transfer.client.output_bytes = 65_538), &[claim]);
    fails(&flood(|flood| flood.transfer.client.output_bytes = 65_535), &[claim]);
    let calls = flood(|flood| (flood.recv_buffer, flood.transfer.client.recv_calls) = (Some(4096), Some(16)));
    fails(&calls, &["The number of recv() calls is possible"]);
}

#[test]
fn layers_of_websocket_and_tls_add_up_to_the_stream() {
    let claim = "The layers of the server's stream add up to the bytes captured";
    fails(
        &given("part5-short-0", |measurements| facts(&mut measurements.websocket_short).layers[2].bytes -= 1),
        &[claim],
    );
    fails(
        &given("part6-tls-1.2", |measurements| facts(&mut measurements.tls[0]).transfer.layers[3].bytes += 1),
        &[claim],
    );
}
