//! Random frames to the WebSocket PMU: whatever comes, it ends with a close frame and FIN, and the others are served.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use lab_test::PATIENCE;
use mock_servers::{ServerSettings, ws};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

const CLIENTS: u64 = 60;

/// FIN and the opcode (RFC 6455, section 5.2).
const CLOSE: u8 = 0x88;

/// What a frame's header says of its payload.
#[derive(PartialEq)]
enum Length {
    Right,
    Wrong,
}

/// The longest message that may come back, as sent: what a random frame of ours can become.
const MAX_FRAME: usize = 1 << 22;

#[test]
fn random_frames_end_with_a_close_frame_or_with_the_client() {
    for (echo, deflate) in [(false, false), (true, false), (true, true)] {
        let config = ws::Config { port: 0, echo, deflate, ..ws::Config::default() };
        let server = ws::spawn(&config, &ServerSettings::default()).unwrap();
        for seed in 0..CLIENTS {
            let what = format!("echo {echo}, deflate {deflate}, seed {seed}");
            check_client(server.address(), &mut StdRng::seed_from_u64(seed), deflate, &what);
        }
        // As it was: a good client gets its close frame back.
        let mut client = upgrade(server.address(), deflate);
        client.write_all(b"\x88\x82\0\0\0\0\x03\xe8").unwrap();
        assert_eq!(last_frame(&mut client, "a good client"), (CLOSE, b"\x03\xe8".to_vec()));
    }
}

/// One client: frames, whole or in pieces, and then nothing more.
fn check_client(address: SocketAddr, random: &mut StdRng, deflate: bool, what: &str) {
    let mut client = upgrade(address, deflate);
    let mut stream = Vec::new();
    let mut may_be_cut = false;
    for _ in 0..random.random_range(1..12) {
        may_be_cut |= frame(random, deflate, &mut stream) == Length::Wrong;
    }
    // A close frame of ours is answered; a server that has ended before has said why.
    stream.extend(b"\x88\x80\0\0\0\0");
    let piece = [1, 5, stream.len()][random.random_range(0..3)];
    for piece in stream.chunks(piece.max(stream.len() / 500)) {
        // It may have closed by now.
        if client.write_all(piece).is_err() {
            break;
        }
    }
    // For a frame that claims more than has come: the server hears that there is no more, and owes no close frame.
    let _ = client.shutdown(Shutdown::Write);
    let (first, payload) = last_frame(&mut client, what);
    if may_be_cut && first != CLOSE {
        return;
    }
    assert_eq!(first, CLOSE, "{what}: the last frame is {first:#x}");
    let status = payload.first_chunk().map(|status| u16::from_be_bytes(*status));
    // Ours repeated, a violation, or a command that is none.
    let is_right =
        status.is_none_or(|status| matches!(status, 1000..=1003 | 1007..=1014 | 3000..=4999)) && payload.len() != 1;
    assert!(is_right, "{what}: {payload:02x?}");
}

fn upgrade(address: SocketAddr, deflate: bool) -> TcpStream {
    let mut client = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    client.set_nodelay(true).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    // A server that does not read while it waits for us to read would be stuck; the test is not.
    client.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let offer = if deflate { "Sec-WebSocket-Extensions: permessage-deflate\r\n" } else { "" };
    let request = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
    );
    client.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).expect("an upgrade");
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    client
}

/// A frame that is likely to be right in most, and wrong in something.
fn frame(random: &mut StdRng, deflate: bool, stream: &mut Vec<u8>) -> Length {
    let opcodes = [0, 1, 1, 2, 2, 9, 10, 8, 3, 15];
    let opcode = opcodes[random.random_range(0..opcodes.len())];
    let is_final = random.random_ratio(3, 4);
    let reserved = match random.random_range(0..12) {
        0 => random.random_range(0..8_u8) << 4,
        // RSV1: compressed.
        1..6 if deflate => 0x40,
        _ => 0,
    };
    let below = [2, 20, 130, 5000][random.random_range(0..4)];
    let mut payload = vec![0; random.random_range(0..below)];
    if random.random_ratio(1, 2) {
        payload.fill(b'x');
    } else {
        random.fill_bytes(&mut payload);
    }
    stream.push(u8::from(is_final) << 7 | reserved | opcode);
    let masked = u8::from(random.random_ratio(19, 20)) << 7;
    // Now and then the length is wrong, or in more bytes than it needs.
    let right = payload.len() as u64;
    let len = if random.random_ratio(1, 20) { random.random() } else { right };
    match len {
        0..126 if random.random_ratio(19, 20) => stream.push(masked | len as u8),
        0..0x1_0000 => {
            stream.push(masked | 126);
            stream.extend((len as u16).to_be_bytes());
        }
        _ => {
            stream.push(masked | 127);
            stream.extend(len.to_be_bytes());
        }
    }
    if masked != 0 {
        let key: [u8; 4] = random.random();
        stream.extend(key);
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
    stream.extend(payload);
    if len == right { Length::Right } else { Length::Wrong }
}

/// The last frame until the server closes with FIN; an opcode of 0 where there is none. What comes must be frames.
fn last_frame(client: &mut TcpStream, what: &str) -> (u8, Vec<u8>) {
    let mut last = (0, Vec::new());
    loop {
        let mut first = [0];
        match client.read(&mut first) {
            Ok(0) => return last,
            Ok(_) => {}
            // Behind its close frame the server need not read for ever what we send.
            Err(error) if error.kind() == ErrorKind::ConnectionReset && last.0 == CLOSE => return last,
            Err(error) => panic!("{what}: neither a close frame nor FIN: {error}"),
        }
        assert_ne!(last.0, CLOSE, "{what}: a frame behind the close frame");
        let [len] = exact(client);
        let len = match len {
            0..126 => u64::from(len),
            126 => u16::from_be_bytes(exact(client)).into(),
            127 => u64::from_be_bytes(exact(client)),
            _ => panic!("{what}: a masked frame from the server"),
        };
        let len = usize::try_from(len).unwrap();
        assert!(len <= MAX_FRAME, "{what}: {len}");
        let mut payload = vec![0; len];
        client.read_exact(&mut payload).expect("a whole frame");
        let [first] = first;
        last = (first, payload);
    }
}

fn exact<const LEN: usize>(client: &mut TcpStream) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    client.read_exact(&mut bytes).expect("a header");
    bytes
}
