//! A WebSocket PMU, and clients of it that are the test's own, byte by byte.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use lab_test::PATIENCE;
use labnet::{net::ClientLimits, pmu::Device, ws::FrameType};
use mock_servers::{Events, Running, ServerSettings, ws};

// First bytes of a frame: FIN and the opcode (RFC 6455, section 5.2).
pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = FIN | 0x8;
pub(crate) const PING: u8 = FIN | 0x9;
pub(crate) const PONG: u8 = FIN | 0xa;

// The example of RFC 6455, section 1.3.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub(crate) const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();

/// A PMU and what it reports.
pub(crate) struct Pmu {
    pub(crate) server: Running,
    pub(crate) events: Receiver<String>,
}

impl Pmu {
    pub(crate) fn new(device: Device, kind: FrameType, limits: ClientLimits) -> Self {
        Self::at(device, kind, ServerSettings { limits, ..ServerSettings::default() })
    }

    pub(crate) fn at(device: Device, kind: FrameType, site: ServerSettings) -> Self {
        let (report, events) = mpsc::channel();
        let site = ServerSettings { events: Events::new(move |event| drop(report.send(event.to_string()))), ..site };
        Self {
            server: ws::spawn(&ws::Config { port: 0, device, frame_type: kind, ..ws::Config::default() }, &site)
                .unwrap(),
            events,
        }
    }

    /// The handout's.
    pub(crate) fn of_the_handout() -> Self {
        Self::new(Device::default(), FrameType::Binary, ClientLimits::default())
    }

    /// One that waits two seconds for a command: time for an upgrade on a busy machine.
    pub(crate) fn impatient() -> Self {
        let limits = ClientLimits { silence: Duration::from_secs(2), ..ClientLimits::default() };
        Self::new(Device::default(), FrameType::Binary, limits)
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.server.address())
    }

    /// An upgraded client that has sent a command.
    pub(crate) fn asked(&self, command: &str) -> Client {
        let mut client = self.client();
        client.upgrade();
        client.frame(FIN | TEXT, command);
        client
    }

    /// Waits for an event that contains `words`.
    pub(crate) fn event(&self, words: &str) -> String {
        loop {
            let event = self.events.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no event with {words:?}"));
            if event.contains(words) {
                return event;
            }
        }
    }

    /// The server is as it was: a good client gets the answer.
    pub(crate) fn check_still_serves(&self) {
        let mut client = self.asked("CMD_short:0");
        assert_eq!(client.receive(), (FIN | BINARY, b"This is PMU data 1".to_vec()));
    }
}

pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("the server is still there");
    }

    pub(crate) fn upgrade(&mut self) {
        self.send(upgrade_request());
        self.expect_upgrade();
    }

    pub(crate) fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.receive_exact::<1>());
        }
        String::from_utf8(head).unwrap()
    }

    pub(crate) fn expect_upgrade(&mut self) {
        let head = self.head();
        let accept = format!("\r\nSec-WebSocket-Accept: {ACCEPT}\r\n").to_lowercase();
        assert!(head.starts_with("HTTP/1.1 101 ") && head.to_lowercase().contains(&accept), "{head}");
    }

    /// Sends a frame, masked as a client must.
    pub(crate) fn frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
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
    pub(crate) fn receive(&mut self) -> (u8, Vec<u8>) {
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

    pub(crate) fn receive_exact<const LEN: usize>(&mut self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        self.0.read_exact(&mut bytes).expect("an answer");
        bytes
    }

    /// All that still comes until the server closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).expect("a close with FIN");
        rest
    }

    /// The server ends with this status: it sends a close frame, gets one, and then closes TCP.
    pub(crate) fn check_close(&mut self, status: u16) {
        let (first, payload) = self.receive();
        assert_eq!((first, &payload[..2]), (CLOSE, &status.to_be_bytes()[..]));
        self.frame(CLOSE, &payload[..2]);
        assert_eq!(self.rest(), b"");
    }
}

pub(crate) fn upgrade_request() -> String {
    request("GET / HTTP/1.1", &["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", &key()])
}

pub(crate) fn key() -> String {
    format!("Sec-WebSocket-Key: {KEY}")
}

pub(crate) fn request(first_line: &str, headers: &[&str]) -> String {
    format!("{first_line}\r\nHost: localhost:5006\r\n{}\r\n\r\n", headers.join("\r\n"))
}

/// The frames that answer a command, up to the closing handshake with status 1000.
pub(crate) fn check(device: Device, kind: FrameType, command: &str, first: u8, expected: &[&[u8]]) {
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
pub(crate) fn check_refused(request: impl AsRef<[u8]>, status: &str) -> String {
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
