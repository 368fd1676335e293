//! A WebSocket server that the test plays, byte by byte, for one connection: RFC 6455, used to its limits, or broken.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    thread::{self, JoinHandle},
    time::Duration,
};

use lab_process::Outcome;
use lab_test::{PATIENCE, finish, spawn};
use socket2::SockRef;
use tungstenite::handshake::derive_accept_key;

use crate::CLIENT;

// First bytes of a frame: FIN and the opcode (RFC 6455, section 5.2).
pub(crate) const FIN: u8 = 0x80;

pub(crate) const CONTINUATION: u8 = 0x0;

pub(crate) const TEXT: u8 = 0x1;

pub(crate) const BINARY: u8 = 0x2;

pub(crate) const CLOSE: u8 = FIN | 0x8;

pub(crate) const PING: u8 = FIN | 0x9;

pub(crate) const PONG: u8 = FIN | 0xa;

/// The server's end of the one connection.
pub(crate) struct Pmu(pub(crate) TcpStream);

impl Pmu {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the client is still there");
    }

    /// The head of the client's request.
    pub(crate) fn request(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("a request");
            head.extend(byte);
        }
        String::from_utf8(head).unwrap()
    }

    /// Answers a request as RFC 6455, section 4.2.2, asks; `accept` is made from the client's key.
    pub(crate) fn agree(&mut self, request: &str) {
        let key = header(request, "Sec-WebSocket-Key");
        self.send(switching_protocols(&derive_accept_key(key.as_bytes())).as_bytes());
    }

    /// Upgrades, and takes the command.
    pub(crate) fn upgrade(&mut self) -> String {
        let request = self.request();
        self.agree(&request);
        let (first, command) = self.receive();
        assert_eq!(first, FIN | TEXT, "a command is one text frame");
        String::from_utf8(command).unwrap()
    }

    /// The client's next frame: its first byte and its payload, which must be masked.
    pub(crate) fn receive(&mut self) -> (u8, Vec<u8>) {
        let [first, len] = self.receive_exact();
        assert!((0x80..0x80 + 126).contains(&len), "masked, and short: {len:#x}");
        let mask: [u8; 4] = self.receive_exact();
        let mut payload = vec![0; usize::from(len - 0x80)];
        self.0.read_exact(&mut payload).expect("a whole frame");
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        (first, payload)
    }

    pub(crate) fn receive_exact<const LEN: usize>(&mut self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        self.0.read_exact(&mut bytes).expect("a frame");
        bytes
    }

    pub(crate) fn frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.send(&frame(first, payload.as_ref()));
    }

    /// Returns once the client has taken all that was sent before.
    pub(crate) fn sync(&mut self) {
        self.frame(PING, "sync");
        assert_eq!(self.receive(), (PONG, b"sync".to_vec()));
    }

    /// The closing handshake. The client repeats the status.
    pub(crate) fn close(&mut self, status: &[u8]) {
        self.frame(CLOSE, status);
        let (first, echo) = self.receive();
        assert_eq!(first, CLOSE);
        assert!(status.starts_with(&echo[..echo.len().min(2)]), "{echo:?}");
    }

    /// The client ends with this status.
    pub(crate) fn expect_close(&mut self, status: u16) {
        let (first, payload) = self.receive();
        assert_eq!((first, payload), (CLOSE, status.to_be_bytes().to_vec()));
    }

    /// Waits until the client has gone.
    pub(crate) fn wait_for_end(&mut self) {
        let mut rest = Vec::new();
        if let Err(error) = self.0.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the client has not gone in time");
        }
    }

    /// Ends the connection with RST.
    pub(crate) fn reset(self) {
        SockRef::from(&self.0).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len();
    let header = match len {
        0..126 => vec![first, len as u8],
        126..0x1_0000 => [&[first, 126], &(len as u16).to_be_bytes()[..]].concat(),
        _ => [&[first, 127], &(len as u64).to_be_bytes()[..]].concat(),
    };
    [&header, payload].concat()
}

/// The payload of a close frame.
pub(crate) fn status(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

pub(crate) fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let value =
        request.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
    value.unwrap_or_else(|| panic!("no {name} in {request}")).1
}

pub(crate) fn switching_protocols(accept: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// Starts a server, which serves one client and closes the connection.
pub(crate) fn server(serve: impl FnOnce(Pmu) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // On Unix this holds for accept as well.
    SockRef::from(&listener).set_read_timeout(Some(PATIENCE)).unwrap();
    let address = listener.local_addr().unwrap();
    let accept = move || {
        let (stream, _) = listener.accept().expect("a client");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        serve(Pmu(stream));
    };
    (address, thread::spawn(accept))
}

/// What the client makes of a server; both must keep to their part.
pub(crate) fn run(serve: impl FnOnce(Pmu) + Send + 'static, options: &[&str]) -> Outcome {
    let (address, server) = server(serve);
    let mut command = Command::new(CLIENT);
    command.args(["--server", &address.to_string(), "CMD_short:0"]).args(options);
    let outcome = finish(spawn(command));
    assert!(server.join().is_ok(), "the client broke its part: {}", outcome.stderr());
    outcome
}

/// The answer is complete: this stdout, status 0, and nothing on stderr.
pub(crate) fn check(serve: impl FnOnce(Pmu) + Send + 'static, stdout: impl AsRef<[u8]>) {
    let outcome = run(serve, &[]);
    assert_eq!((outcome.code(), outcome.stderr().as_str()), (0, ""));
    assert_eq!(outcome.stdout(), String::from_utf8_lossy(stdout.as_ref()));
}

/// The answer breaks off: this stdout, status 1, and one line of error that names the server and contains `complaint`.
pub(crate) fn check_broken(serve: impl FnOnce(Pmu) + Send + 'static, options: &[&str], stdout: &str, complaint: &str) {
    let outcome = run(serve, options);
    let stderr = outcome.stderr();
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (1, stdout), "{complaint}: {stderr}");
    let mut errors = stderr.lines().filter(|line| line.starts_with("error: "));
    let error = errors.next().unwrap_or_else(|| panic!("no error: {stderr}"));
    assert!(error.contains("127.0.0.1:") && error.contains(complaint), "{complaint:?} is missing in: {error}");
    assert!(errors.next().is_none() && !stderr.contains("panic"), "{stderr}");
}

/// The same, after an upgrade, with a first message before it breaks.
pub(crate) fn check_broken_after_one(serve: impl FnOnce(Pmu) + Send + 'static, complaint: &str) {
    let serve = |mut pmu: Pmu| {
        pmu.upgrade();
        pmu.frame(FIN | TEXT, "This is PMU data 1");
        serve(pmu);
    };
    check_broken(serve, &[], "This is PMU data 1\n", complaint);
}
