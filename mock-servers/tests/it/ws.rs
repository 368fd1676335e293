//! The WebSocket PMU on the wire, before clients that are right, wrong, silent or gone (handout, section 5).
//!
//! The clients here are the test's own, byte by byte.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use lab_test::PATIENCE;
use labnet::{
    net::ClientLimits,
    pmu::{Device, FloodText},
    ws::FrameType,
};
use mock_servers::{Events, Running, ServerSettings, ws};
use socket2::SockRef;

// First bytes of a frame: FIN and the opcode (RFC 6455, section 5.2).
const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = FIN | 0x8;
const PING: u8 = FIN | 0x9;
const PONG: u8 = FIN | 0xa;

// The example of RFC 6455, section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();

/// A PMU and what it reports.
struct Pmu {
    server: Running,
    events: Receiver<String>,
}

impl Pmu {
    fn new(device: Device, kind: FrameType, limits: ClientLimits) -> Self {
        Self::at(device, kind, ServerSettings { limits, ..ServerSettings::default() })
    }

    fn at(device: Device, kind: FrameType, site: ServerSettings) -> Self {
        let (report, events) = mpsc::channel();
        let site = ServerSettings { events: Events::new(move |event| drop(report.send(event.to_string()))), ..site };
        Self {
            server: ws::spawn(&ws::Config { port: 0, device, frame_type: kind, ..ws::Config::default() }, &site)
                .unwrap(),
            events,
        }
    }

    /// The handout's.
    fn of_the_handout() -> Self {
        Self::new(Device::default(), FrameType::Binary, ClientLimits::default())
    }

    /// One that waits two seconds for a command: time for an upgrade on a busy machine.
    fn impatient() -> Self {
        let limits = ClientLimits { silence: Duration::from_secs(2), ..ClientLimits::default() };
        Self::new(Device::default(), FrameType::Binary, limits)
    }

    fn client(&self) -> Client {
        Client::connect(self.server.address())
    }

    /// An upgraded client that has sent a command.
    fn asked(&self, command: &str) -> Client {
        let mut client = self.client();
        client.upgrade();
        client.frame(FIN | TEXT, command);
        client
    }

    /// Waits for an event that contains `words`.
    fn event(&self, words: &str) -> String {
        loop {
            let event = self.events.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no event with {words:?}"));
            if event.contains(words) {
                return event;
            }
        }
    }

    /// The server is as it was: a good client gets the answer.
    fn check_still_serves(&self) {
        let mut client = self.asked("CMD_short:0");
        assert_eq!(client.receive(), (FIN | BINARY, b"This is PMU data 1".to_vec()));
    }
}

struct Client(TcpStream);

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("the server is still there");
    }

    fn upgrade(&mut self) {
        self.send(upgrade_request());
        self.expect_upgrade();
    }

    fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.receive_exact::<1>());
        }
        String::from_utf8(head).unwrap()
    }

    fn expect_upgrade(&mut self) {
        let head = self.head();
        let accept = format!("\r\nSec-WebSocket-Accept: {ACCEPT}\r\n").to_lowercase();
        assert!(head.starts_with("HTTP/1.1 101 ") && head.to_lowercase().contains(&accept), "{head}");
    }

    /// Sends a frame, masked as a client must.
    fn frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let payload = payload.as_ref();
        let header = match payload.len() {
            len @ 0..126 => vec![first, 0x80 | len as u8],
            len => [&[first, 0x80 | 126], &(len as u16).to_be_bytes()[..]].concat(),
        };
        let masked: Vec<u8> = payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        self.send([&header[..], &MASK, &masked].concat());
    }

    /// The next frame: its first byte and its payload, which a server does not mask.
    fn receive(&mut self) -> (u8, Vec<u8>) {
        let [first, len] = self.receive_exact();
        let len = match len {
            0..126 => u64::from(len),
            126 => u16::from_be_bytes(self.receive_exact()).into(),
            127 => u64::from_be_bytes(self.receive_exact()),
            _ => panic!("a masked frame from the server"),
        };
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.0.read_exact(&mut payload).expect("a whole frame");
        (first, payload)
    }

    fn receive_exact<const LEN: usize>(&mut self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        self.0.read_exact(&mut bytes).expect("an answer");
        bytes
    }

    /// All that still comes until the server closes.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).expect("a close with FIN");
        rest
    }

    /// The server ends with this status: it sends a close frame, gets one, and then closes TCP.
    fn check_close(&mut self, status: u16) {
        let (first, payload) = self.receive();
        assert_eq!((first, &payload[..2]), (CLOSE, &status.to_be_bytes()[..]));
        self.frame(CLOSE, &payload[..2]);
        assert_eq!(self.rest(), b"");
    }
}

fn upgrade_request() -> String {
    request("GET / HTTP/1.1", &["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", &key()])
}

fn key() -> String {
    format!("Sec-WebSocket-Key: {KEY}")
}

fn request(first_line: &str, headers: &[&str]) -> String {
    format!("{first_line}\r\nHost: localhost:5006\r\n{}\r\n\r\n", headers.join("\r\n"))
}

/// The frames that answer a command, up to the closing handshake with status 1000.
fn check(device: Device, kind: FrameType, command: &str, first: u8, expected: &[&[u8]]) {
    let pmu = Pmu::new(device, kind, ClientLimits::default());
    let mut client = pmu.asked(command);
    for expected in expected {
        let (seen, payload) = client.receive();
        assert_eq!(seen, first);
        assert!(payload == *expected, "{} bytes instead of {}", payload.len(), expected.len());
    }
    client.check_close(1000);
}

/// A request that is refused with an HTTP status, after which the connection is closed.
fn check_refused(request: impl AsRef<[u8]>, status: &str) -> String {
    let pmu = Pmu::of_the_handout();
    let mut client = pmu.client();
    client.send(&request);
    let answer = String::from_utf8(client.rest()).unwrap();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{answer}");
    pmu.check_still_serves();
    answer
}

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
fn a_frame_that_is_too_long_or_not_masked_ends_that_connection_only() {
    let pmu = Pmu::of_the_handout();
    for bytes in
        [&b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"[..], b"\x81\xfe\x20\x00\0\0\0\0", b"\x81\x0bCMD_short:0"]
    {
        let mut client = pmu.client();
        client.upgrade();
        client.send(bytes);
        assert_eq!(client.receive().0, CLOSE);
        assert_eq!(client.rest(), b"");
        pmu.event("broke the WebSocket protocol");
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
fn a_client_that_leaves_before_the_end_is_said_to_have_left() {
    let pmu = Pmu::of_the_handout();
    let mut client = pmu.asked("CMD_short:3600");
    client.receive();
    client.frame(CLOSE, NORMAL);
    let event = pmu.event("CMD_short:3600");
    assert!(event.ends_with("CMD_short:3600: gone: it left after 1 messages, with a close frame"), "{event}");
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
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{answer}");
    }
    pmu.event("1 clients are connected, the most allowed");
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
