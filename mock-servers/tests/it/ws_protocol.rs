//! The rules of WebSocket at the lab's server: the upgrade, violations, echo, compression (RFC 6455, RFC 7692).

use std::{sync::mpsc, thread, time::Duration};

use lab_test::PATIENCE;
use mock_servers::{Events, ServerSettings, ws};

use crate::ws_client::*;

#[test]
fn a_request_may_come_a_byte_at_a_time() {
    let pmu = Pmu::of_the_handout();
    let mut client = pmu.client();
    for byte in upgrade_request().as_bytes().chunks(1) {
        client.send(byte);
        // So that most of them are a recv of their own.
        thread::sleep(Duration::from_millis(1));
    }
    client.expect_upgrade();
}

#[test]
fn a_request_that_asks_for_no_upgrade_is_told_to_upgrade() {
    for headers in [
        vec!["Accept: text/html"],
        vec!["Connection: Upgrade", "Sec-WebSocket-Version: 13", &key()],
        vec!["Upgrade: websocket", "Sec-WebSocket-Version: 13", &key()],
        vec!["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 8", &key()],
    ] {
        let answer = check_refused(request("GET / HTTP/1.1", &headers), "426 Upgrade Required");
        assert!(answer.contains("\r\nUpgrade: websocket\r\n") && answer.contains("\r\nSec-WebSocket-Version: 13\r\n"));
    }
}

#[test]
fn what_is_no_http_request_is_a_bad_one() {
    let no_key = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
    check_refused(request("GET / HTTP/1.1", &no_key), "400 Bad Request");
    for wrong in ["", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZSE=", "dGhlIHNhbXBsZSBub25j*Q==", "AAAA"] {
        check_refused(upgrade_request().replace(KEY, wrong), "400 Bad Request");
    }
    check_refused(upgrade_request().replace(&key(), &format!("{}\r\n{}", key(), key())), "400 Bad Request");
    check_refused(upgrade_request().replace("GET", "POST"), "400 Bad Request");
    check_refused(upgrade_request().replace("HTTP/1.1", "HTTP/1.0"), "400 Bad Request");
    check_refused("CMD_short:0\r\n\r\n", "400 Bad Request");
    check_refused("\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03", "400 Bad Request");
    check_refused([0; 4096], "400 Bad Request");
}

#[test]
fn a_frame_that_is_too_long_or_not_masked_ends_that_connection_only() {
    let pmu = Pmu::of_the_handout();
    for (bytes, event) in [
        (
            &b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"[..],
            "sent a message of 9223372036854775807 bytes or more, and 4096 is the longest that is taken",
        ),
        (b"\x81\xfe\x20\x00\0\0\0\0", "sent a message of 8192 bytes or more"),
        (b"\x81\x0bCMD_short:0", "broke the WebSocket protocol: a frame is not masked"),
    ] {
        let mut client = pmu.client();
        client.upgrade();
        client.send(bytes);
        assert_eq!(client.receive().0, CLOSE);
        assert_eq!(client.rest(), b"");
        pmu.event(event);
    }
    pmu.check_still_serves();
}

#[test]
fn what_breaks_the_protocol_is_answered_with_a_close_frame_before_the_tcp_close() {
    let pmu = Pmu::of_the_handout();
    for (frames, status) in [
        // Reserved bits and opcodes.
        (&b"\xc1\x80\0\0\0\0"[..], 1002_u16),
        (b"\x91\x80\0\0\0\0", 1002),
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\x8b\x80\0\0\0\0", 1002),
        // Not masked.
        (b"\x81\x02CM", 1002),
        // Lengths in more bytes than they need, and beyond 63 bits.
        (b"\x81\xfe\x00\x05\0\0\0\0hello", 1002),
        (b"\x82\xff\x80\0\0\0\0\0\0\x05\0\0\0\0", 1002),
        // A control frame in fragments, and one that is too long.
        (b"\x09\x80\0\0\0\0", 1002),
        (b"\x89\xfe\x00\x7e\0\0\0\0", 1002),
        // Nothing to continue, and a message within another.
        (b"\x80\x80\0\0\0\0", 1002),
        (b"\x01\x81\0\0\0\0C\x81\x81\0\0\0\0M", 1002),
        // Close frames.
        (b"\x88\x81\0\0\0\0\x03", 1002),
        (b"\x88\x82\0\0\0\0\x03\xed", 1002),
        (b"\x88\x83\0\0\0\0\x03\xe8\xff", 1007),
        // Text that is not UTF-8, at its end and before.
        (b"\x81\x82\0\0\0\0\xf0\x9f", 1007),
        (b"\x01\x81\0\0\0\0\xff", 1007),
        // Too long, by its header alone and by its fragments.
        (b"\x81\xfe\x10\x01\0\0\0\0", 1009),
        (b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 1009),
    ] {
        for piece in [1, frames.len()] {
            let mut client = pmu.client();
            client.upgrade();
            frames.chunks(piece).for_each(|piece| client.send(piece));
            assert_eq!(client.receive(), (CLOSE, status.to_be_bytes().to_vec()), "{frames:02x?}");
            assert_eq!(client.rest(), b"", "{frames:02x?}");
        }
    }
    pmu.check_still_serves();
}

#[test]
fn the_headers_of_an_upgrade_are_lists_over_one_or_several_lines() {
    let pmu = Pmu::of_the_handout();
    for headers in [
        ["Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
        ["Connection: keep-alive\r\nConnection: upgrade", "UPGRADE: h2c, WebSocket", "Sec-WebSocket-Version: 8, 13"],
        ["Connection: Upgrade", "Upgrade: h2c\r\nUpgrade: websocket", "Sec-WebSocket-Version: 13"],
    ] {
        let mut client = pmu.client();
        client.send(request("GET / HTTP/1.1", &[&headers[..], &[&key()]].concat()));
        client.expect_upgrade();
    }
}

#[test]
fn an_echo_server_answers_each_message_with_itself() {
    let config = ws::Config { port: 0, echo: true, ..ws::Config::default() };
    let (report, events) = mpsc::channel();
    let events_of = Events::new(move |event| drop(report.send(event.to_string())));
    let server = ws::spawn(&config, &ServerSettings { events: events_of, ..ServerSettings::default() }).unwrap();
    let mut client = Client::connect(server.address());
    client.upgrade();
    let long = "CMD_short:0 ".repeat(5000);
    for (first, message) in [(TEXT, "CMD_short:0"), (BINARY, "x"), (TEXT, ""), (BINARY, &long)] {
        client.frame(FIN | first, message);
        assert_eq!(client.receive(), (FIN | first, message.as_bytes().to_vec()));
    }
    client.frame(CLOSE, NORMAL);
    assert_eq!(client.receive(), (CLOSE, NORMAL.to_vec()));
    assert_eq!(client.rest(), b"");
    let event = events.recv_timeout(PATIENCE).unwrap();
    assert!(event.ends_with("echoed 4 messages, then left"), "{event}");
}

#[test]
fn an_offer_of_compression_is_taken_where_it_is_wanted() {
    for (deflate, offer, expected) in [
        (true, "permessage-deflate; client_max_window_bits", Some("permessage-deflate")),
        (
            true,
            "x-unknown, permessage-deflate; server_max_window_bits=10",
            Some("permessage-deflate; server_max_window_bits=10"),
        ),
        (true, "permessage-deflate; unknown", None),
        (false, "permessage-deflate", None),
    ] {
        let config = ws::Config { port: 0, deflate, ..ws::Config::default() };
        let server = ws::spawn(&config, &ServerSettings::default()).unwrap();
        let mut client = Client::connect(server.address());
        client.send(upgrade_request().replace("\r\n\r\n", &format!("\r\nSec-WebSocket-Extensions: {offer}\r\n\r\n")));
        let head = client.head();
        let chosen = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
        assert_eq!(chosen, expected, "{offer}");
        client.frame(FIN | TEXT, "CMD_short:0");
        let (first, payload) = client.receive();
        // RSV1 says that it is compressed.
        assert_eq!(first & 0x40 != 0, expected.is_some());
        assert_eq!(payload == b"This is PMU data 1", expected.is_none());
    }
}

#[test]
fn an_empty_message_is_compressed_to_one_byte_however_often() {
    // RFC 7692, section 7.2.3.6.
    let config = ws::Config { port: 0, echo: true, deflate: true, ..ws::Config::default() };
    let server = ws::spawn(&config, &ServerSettings::default()).unwrap();
    let mut client = Client::connect(server.address());
    let offer = "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    client.send(upgrade_request().replace("\r\n\r\n", offer));
    client.expect_upgrade();
    // FIN, RSV1: compressed.
    for first in [0xc0 | TEXT, 0xc0 | BINARY, 0xc0 | TEXT] {
        client.frame(first, [0]);
        assert_eq!(client.receive(), (first, vec![0]));
    }
}
