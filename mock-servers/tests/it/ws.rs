//! The dialogue of the WebSocket PMU, before clients that are right, wrong, silent or gone (handout, section 5).

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use lab_test::PATIENCE;
use labnet::{
    net::ClientLimits,
    pmu::{Device, FloodText},
    ws::FrameType,
};
use socket2::SockRef;

use crate::ws_client::*;

#[test]
fn q22_one_message_is_one_binary_frame() {
    let messages: Vec<_> = (1..=10).map(|i| format!("This is PMU data {i}").into_bytes()).collect();
    let messages: Vec<_> = messages.iter().map(Vec::as_slice).collect();
    check(Device::default(), FrameType::Binary, "CMD_short:0", FIN | BINARY, &messages);
}

#[test]
fn text_frames_are_an_option_as_are_the_number_and_the_end_of_the_messages() {
    let device = Device { first: 0, messages: 2, separator: "\n".to_owned(), ..Device::default() };
    check(device, FrameType::Text, "CMD_short:0.01", FIN | TEXT, &[b"This is PMU data 0\n", b"This is PMU data 1\n"]);
}

#[test]
fn q24_a_flood_is_one_frame_of_any_size() {
    check(Device::default(), FrameType::Binary, "CMD_floodme", FIN | BINARY, &[&FloodText::Ascii.text(65_536)]);
    for len in [0, 125, 126, 1 << 20] {
        let flood = FloodText::Ascii.text(len);
        let device = Device { flood: flood.clone().into(), ..Device::default() };
        check(device, FrameType::Text, "CMD_floodme", FIN | TEXT, &[&flood]);
    }
}

#[test]
fn a_message_leaves_before_the_pause_that_follows_it() {
    let pmu = Pmu::of_the_handout();
    let mut client = pmu.asked("CMD_short:3600");
    assert_eq!(client.receive(), (FIN | BINARY, b"This is PMU data 1".to_vec()));
}

#[test]
fn between_two_messages_a_ping_is_answered_and_a_close_ends_it() {
    let pmu = Pmu::of_the_handout();
    let mut client = pmu.asked("CMD_short:3600");
    client.receive();
    client.frame(PING, "still there?");
    assert_eq!(client.receive(), (PONG, b"still there?".to_vec()));
    client.frame(CLOSE, NORMAL);
    assert_eq!(client.receive(), (CLOSE, NORMAL.to_vec()));
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_command_may_be_binary_fragmented_or_end_with_white_space() {
    let pmu = Pmu::of_the_handout();
    for frames in [
        &[(FIN | BINARY, "CMD_short:0")][..],
        &[(FIN | TEXT, "CMD_short:0\r\n")],
        &[(TEXT, "CMD_"), (PING, "?"), (CONTINUATION, ""), (FIN | CONTINUATION, "short:0")],
    ] {
        let mut client = pmu.client();
        client.upgrade();
        for (first, payload) in frames {
            client.frame(*first, payload);
            if *first == PING {
                assert_eq!(client.receive(), (PONG, b"?".to_vec()));
            }
        }
        assert_eq!(client.receive(), (FIN | BINARY, b"This is PMU data 1".to_vec()), "{frames:?}");
    }
}

#[test]
fn each_client_is_an_event() {
    let pmu = Pmu::of_the_handout();
    let mut client = pmu.asked("CMD_floodme");
    let peer = client.0.local_addr().unwrap();
    client.receive();
    client.check_close(1000);
    let event = pmu.event("CMD_floodme");
    assert!(event.starts_with(&format!("ws {peer} CMD_floodme: answered")), "{event}");
}

#[test]
fn an_unknown_command_is_closed_without_an_answer() {
    let pmu = Pmu::of_the_handout();
    for command in [&b"HELLO"[..], b"", b"CMD_short", b"CMD_short:x", b"CMD_short:3601", b"cmd_floodme", b"\xff\x1b[5m"]
    {
        let mut client = pmu.client();
        client.upgrade();
        client.frame(FIN | BINARY, command);
        client.check_close(1008);
    }
    let event = pmu.event("\\x1b");
    assert!(event.contains("unknown command '\\xff\\x1b[5m'"), "{event:?}");
    pmu.check_still_serves();
}

#[test]
fn a_client_that_closes_first_gets_its_close_frame_back() {
    let pmu = Pmu::of_the_handout();
    let mut client = pmu.client();
    client.upgrade();
    client.frame(CLOSE, NORMAL);
    assert_eq!(client.receive(), (CLOSE, NORMAL.to_vec()));
    assert_eq!(client.rest(), b"");
    pmu.event("left without a command");
}

#[test]
fn a_client_that_never_closes_is_left_after_a_moment() {
    let pmu = Pmu::new(Device { messages: 1, ..Device::default() }, FrameType::Binary, ClientLimits::default());
    let mut client = pmu.asked("CMD_short:0");
    assert_eq!(client.receive().1, b"This is PMU data 1");
    assert_eq!(client.receive(), (CLOSE, NORMAL.to_vec()));
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_client_that_is_silent_at_any_point_is_left_and_the_others_are_served() {
    let pmu = Pmu::impatient();
    let mut nothing = pmu.client();
    let mut half_a_request = pmu.client();
    half_a_request.send("GET / HTTP/1.1\r\nHost: ");
    let mut no_command = pmu.client();
    no_command.upgrade();
    let mut half_a_command = pmu.client();
    half_a_command.upgrade();
    half_a_command.frame(TEXT, "CMD_sh");
    let mut half_a_frame = pmu.client();
    half_a_frame.upgrade();
    half_a_frame.send(b"\x81\x8b\0\0\0\0CMD");
    pmu.check_still_serves();
    for client in [&mut nothing, &mut half_a_request, &mut no_command, &mut half_a_command, &mut half_a_frame] {
        assert_eq!(client.rest(), b"");
    }
}

#[test]
fn a_client_that_sends_a_byte_at_a_time_has_no_more_time_than_others() {
    let pmu = Pmu::impatient();
    let check_left = |mut client: Client| {
        client.0.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let is_left = (0..1000).any(|_| {
            let sent = client.0.write_all(b"x").is_ok();
            !sent || !matches!(client.0.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
        });
        assert!(is_left);
    };
    let mut in_a_request = pmu.client();
    in_a_request.send("GET / HTTP/1.1\r\nX: ");
    check_left(in_a_request);
    let mut in_a_frame = pmu.client();
    in_a_frame.upgrade();
    in_a_frame.send(b"\x81\xfe\x0f\xff");
    check_left(in_a_frame);
    pmu.check_still_serves();
}

#[test]
fn a_client_that_disappears_leaves_the_others_served() {
    let endless = Device { messages: u64::MAX, ..Device::default() };
    let pmu = Pmu::new(endless, FrameType::Binary, ClientLimits::default());
    for command in ["CMD_short:0", "CMD_floodme"] {
        let mut client = pmu.asked(command);
        client.receive();
        let peer = client.0.local_addr().unwrap().to_string();
        SockRef::from(&client.0).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        pmu.event(&peer);
    }
    pmu.check_still_serves();
}

#[test]
fn a_client_that_leaves_before_the_end_is_said_to_have_left() {
    let pmu = Pmu::of_the_handout();
    let mut client = pmu.asked("CMD_short:3600");
    client.receive();
    client.frame(CLOSE, NORMAL);
    let event = pmu.event("CMD_short:3600");
    assert!(event.ends_with("CMD_short:3600: gone: it left after 1 message, with a close frame"), "{event}");
    let mut client = pmu.asked("CMD_short:3600");
    client.receive();
    drop(client);
    pmu.event("left without a close frame");
    let mut client = pmu.client();
    client.upgrade();
    drop(client);
    pmu.event("left without a close frame");
}

#[test]
fn a_hundred_clients_at_once_have_an_answer_each() {
    let pmu = Pmu::of_the_handout();
    let mut clients: Vec<_> = (0..100).map(|_| pmu.client()).collect();
    clients.iter_mut().for_each(Client::upgrade);
    clients.iter_mut().for_each(|client| client.frame(FIN | TEXT, "CMD_short:0"));
    for client in &mut clients {
        for i in 1..=10 {
            assert_eq!(client.receive().1, format!("This is PMU data {i}").as_bytes());
        }
    }
}

#[test]
fn the_cap_counts_clients_of_both_families_together() {
    let limits = ClientLimits { connections: 2, silence: Duration::from_secs(3600), ..ClientLimits::default() };
    let pmu = Pmu::new(Device::default(), FrameType::Binary, limits);
    let addresses = pmu.server.addresses();
    let mut served: Vec<_> = addresses.iter().cycle().take(2).map(|&address| Client::connect(address)).collect();
    served.iter_mut().for_each(Client::upgrade);
    for &address in addresses {
        let mut further = Client::connect(address);
        further.send(upgrade_request());
        assert!(further.rest().starts_with(b"HTTP/1.1 503 "), "{address}");
    }
}

#[test]
fn a_server_that_is_dropped_serves_nobody_any_more() {
    let pmu = Pmu::of_the_handout();
    let addresses = pmu.server.addresses().to_vec();
    drop(pmu);
    for address in addresses {
        if let Ok(mut stream) = TcpStream::connect_timeout(&address, PATIENCE) {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut answer = Vec::new();
            let _ = stream.write_all(upgrade_request().as_bytes()).and_then(|()| stream.read_to_end(&mut answer));
            assert_eq!(answer, b"");
        }
    }
}

#[test]
fn at_the_cap_a_further_client_gets_503() {
    let pmu =
        Pmu::new(Device::default(), FrameType::Binary, ClientLimits { connections: 1, ..ClientLimits::default() });
    let mut first = pmu.client();
    first.upgrade();
    for _ in 0..3 {
        let mut further = pmu.client();
        further.send(upgrade_request());
        let answer = String::from_utf8(further.rest()).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nConnection: close"), "{head}");
        assert!(head.contains("\r\nRetry-After: 10\r\n"), "{head}");
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{answer}");
    }
    pmu.event("1 client is connected, the most allowed");
    assert!(pmu.events.try_recv().is_err(), "it is said once");
}

#[test]
fn a_client_that_takes_nothing_of_a_flood_is_given_up_after_one_limit_of_time() {
    let limits = ClientLimits { stall: Duration::from_millis(500), ..ClientLimits::default() };
    let flood = Device { flood: vec![b'x'; 64 << 20].into(), ..Device::default() };
    let pmu = Pmu::new(flood, FrameType::Binary, limits);
    let client = pmu.asked("CMD_floodme");
    let begun = Instant::now();
    let event = pmu.event("CMD_floodme");
    assert!(event.ends_with("CMD_floodme: gone: it did not take what it was sent within 0.5 s"), "{event}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    drop(client);
}
