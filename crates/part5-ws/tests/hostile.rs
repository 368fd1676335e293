//! The WebSocket client against servers that use all that RFC 6455 allows, or break it, or are none.
//!
//! The servers here are the test's own, byte by byte: one connection each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    thread::{self, JoinHandle},
    time::Duration,
};

use lab_process::{Outcome, Program};
use socket2::SockRef;
use tungstenite::handshake::derive_accept_key;

const CLIENT: &str = env!("CARGO_BIN_EXE_part5-ws");

/// Far longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

// First bytes of a frame: FIN and the opcode (RFC 6455, section 5.2).
const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = FIN | 0x8;
const PING: u8 = FIN | 0x9;
const PONG: u8 = FIN | 0xa;

/// The server's end of the one connection.
struct Pmu(TcpStream);

impl Pmu {
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the client is still there");
    }

    /// The head of the client's request.
    fn request(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("a request");
            head.extend(byte);
        }
        String::from_utf8(head).unwrap()
    }

    /// Answers a request as RFC 6455, section 4.2.2, asks; `accept` is made from the client's key.
    fn agree(&mut self, request: &str) {
        let key = header(request, "Sec-WebSocket-Key");
        self.send(switching_protocols(&derive_accept_key(key.as_bytes())).as_bytes());
    }

    /// Upgrades, and takes the command.
    fn upgrade(&mut self) -> String {
        let request = self.request();
        self.agree(&request);
        let (first, command) = self.receive();
        assert_eq!(first, FIN | TEXT, "a command is one text frame");
        String::from_utf8(command).unwrap()
    }

    /// The client's next frame: its first byte and its payload, which must be masked.
    fn receive(&mut self) -> (u8, Vec<u8>) {
        let [first, len] = self.receive_exact();
        assert!((0x80..0x80 + 126).contains(&len), "masked, and short: {len:#x}");
        let mask: [u8; 4] = self.receive_exact();
        let mut payload = vec![0; usize::from(len - 0x80)];
        self.0.read_exact(&mut payload).expect("a whole frame");
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        (first, payload)
    }

    fn receive_exact<const LEN: usize>(&mut self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        self.0.read_exact(&mut bytes).expect("a frame");
        bytes
    }

    fn frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.send(&frame(first, payload.as_ref()));
    }

    /// Returns once the client has taken all that was sent before.
    fn sync(&mut self) {
        self.frame(PING, "sync");
        assert_eq!(self.receive(), (PONG, b"sync".to_vec()));
    }

    /// The closing handshake. The client repeats the status.
    fn close(&mut self, status: &[u8]) {
        self.frame(CLOSE, status);
        let (first, echo) = self.receive();
        assert_eq!(first, CLOSE);
        assert!(status.starts_with(&echo[..echo.len().min(2)]), "{echo:?}");
    }

    /// Waits until the client has gone.
    fn wait_for_end(&mut self) {
        let mut rest = Vec::new();
        if let Err(error) = self.0.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the client has not gone in time");
        }
    }

    /// Ends the connection with RST.
    fn reset(self) {
        SockRef::from(&self.0).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len();
    let header = match len {
        0..126 => vec![first, len as u8],
        126..0x1_0000 => [&[first, 126], &(len as u16).to_be_bytes()[..]].concat(),
        _ => [&[first, 127], &(len as u64).to_be_bytes()[..]].concat(),
    };
    [&header, payload].concat()
}

/// The payload of a close frame.
fn status(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let value =
        request.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
    value.unwrap_or_else(|| panic!("no {name} in {request}")).1
}

fn switching_protocols(accept: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// Starts a server, which serves one client and closes the connection.
fn server(serve: impl FnOnce(Pmu) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // On Unix this holds for accept as well.
    SockRef::from(&listener).set_read_timeout(Some(DEADLINE)).unwrap();
    let address = listener.local_addr().unwrap();
    let accept = move || {
        let (stream, _) = listener.accept().expect("a client");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        serve(Pmu(stream));
    };
    (address, thread::spawn(accept))
}

/// What the client makes of a server; both must keep to their part.
fn run(serve: impl FnOnce(Pmu) + Send + 'static, options: &[&str]) -> Outcome {
    let (address, server) = server(serve);
    let mut command = Command::new(CLIENT);
    command.args(["--server", &address.to_string(), "CMD_short:0"]).args(options);
    let outcome = Program::spawn(command).unwrap().finish(DEADLINE).unwrap();
    assert!(server.join().is_ok(), "the client broke its part: {}", outcome.stderr());
    outcome
}

/// The answer is complete: this stdout, status 0, and nothing on stderr.
fn check(serve: impl FnOnce(Pmu) + Send + 'static, stdout: impl AsRef<[u8]>) {
    let outcome = run(serve, &[]);
    assert_eq!((outcome.code(), outcome.stderr().as_str()), (0, ""));
    assert_eq!(outcome.stdout(), String::from_utf8_lossy(stdout.as_ref()));
}

/// The answer breaks off: this stdout, status 1, and one line of error that names the server and contains `complaint`.
fn check_broken(serve: impl FnOnce(Pmu) + Send + 'static, options: &[&str], stdout: &str, complaint: &str) {
    let outcome = run(serve, options);
    let stderr = outcome.stderr();
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (1, stdout), "{complaint}: {stderr}");
    let mut errors = stderr.lines().filter(|line| line.starts_with("error: "));
    let error = errors.next().unwrap_or_else(|| panic!("no error: {stderr}"));
    assert!(error.contains("127.0.0.1:") && error.contains(complaint), "{complaint:?} is missing in: {error}");
    assert!(errors.next().is_none() && !stderr.contains("panic"), "{stderr}");
}

/// The same, after an upgrade, with a first message before it breaks.
fn check_broken_after_one(serve: impl FnOnce(Pmu) + Send + 'static, complaint: &str) {
    let serve = |mut pmu: Pmu| {
        pmu.upgrade();
        pmu.frame(FIN | TEXT, "This is PMU data 1");
        serve(pmu);
    };
    check_broken(serve, &[], "This is PMU data 1\n", complaint);
}

#[test]
fn the_request_is_an_upgrade_as_the_rfc_asks_and_the_command_a_masked_text_frame() {
    let (address, server) = server(|mut pmu| {
        let request = pmu.request();
        assert!(request.starts_with("GET /pmu?room=INF019 HTTP/1.1\r\n"), "{request}");
        assert!(header(&request, "Host").starts_with("127.0.0.1:"), "{request}");
        assert!(header(&request, "Upgrade").eq_ignore_ascii_case("websocket"), "{request}");
        assert!(header(&request, "Connection").eq_ignore_ascii_case("upgrade"), "{request}");
        assert_eq!(header(&request, "Sec-WebSocket-Version"), "13");
        assert_eq!(header(&request, "Sec-WebSocket-Key").len(), 24, "16 bytes in base64");
        pmu.agree(&request);
        assert_eq!(pmu.receive(), (FIN | TEXT, b"CMD_floodme".to_vec()));
        pmu.close(&status(1000, ""));
    });
    let url = format!("ws://{address}/pmu?room=INF019");
    let client = Program::start(CLIENT, &["--url", &url, "CMD_floodme"]).unwrap();
    assert_eq!(client.finish(DEADLINE).unwrap().code(), 0);
    server.join().unwrap();
}

mod allowed {
    //! What a server may do: the answer is whole.

    use super::*;

    #[test]
    fn text_and_binary_may_alternate_and_a_message_may_be_empty() {
        let serve = |mut pmu: Pmu| {
            pmu.upgrade();
            pmu.frame(FIN | TEXT, "text");
            pmu.frame(FIN | BINARY, "binary");
            pmu.frame(FIN | TEXT, "");
            pmu.frame(FIN | BINARY, "ends with a newline\n");
            pmu.close(&status(1000, ""));
        };
        check(serve, "text\nbinary\n\nends with a newline\n");
    }

    #[test]
    fn the_answer_may_begin_in_the_packet_of_the_upgrade() {
        let serve = |mut pmu: Pmu| {
            let accept = derive_accept_key(header(&pmu.request(), "Sec-WebSocket-Key").as_bytes());
            let message = frame(FIN | TEXT, b"This is PMU data 1");
            pmu.send(&[switching_protocols(&accept).as_bytes(), &message].concat());
            pmu.receive();
            pmu.close(&status(1000, ""));
        };
        check(serve, "This is PMU data 1\n");
    }

    #[test]
    fn the_upgrade_may_come_a_byte_at_a_time() {
        let serve = |mut pmu: Pmu| {
            let accept = derive_accept_key(header(&pmu.request(), "Sec-WebSocket-Key").as_bytes());
            for byte in switching_protocols(&accept).as_bytes().chunks(1) {
                pmu.send(byte);
                // So that most of them are a recv of their own.
                thread::sleep(Duration::from_millis(1));
            }
            pmu.receive();
            pmu.frame(FIN | TEXT, "This is PMU data 1");
            pmu.close(&status(1000, ""));
        };
        check(serve, "This is PMU data 1\n");
    }

    #[test]
    fn a_message_in_fragments_with_a_ping_between_is_one_and_the_ping_is_answered() {
        let serve = |mut pmu: Pmu| {
            pmu.upgrade();
            pmu.frame(TEXT, "This is ");
            pmu.frame(PING, "still there?");
            assert_eq!(pmu.receive(), (PONG, b"still there?".to_vec()));
            pmu.frame(CONTINUATION, "");
            pmu.frame(PONG, "nobody asked");
            pmu.frame(FIN | CONTINUATION, "PMU data 1");
            pmu.close(&status(1000, ""));
        };
        let outcome = run(serve, &["--stats"]);
        assert_eq!((outcome.code(), outcome.stdout().as_str()), (0, "This is PMU data 1\n"), "{}", outcome.stderr());
        let stats = &outcome.stats()[0];
        assert_eq!((&stats["on_message"], &stats["frames"], &stats["bytes"]), (&1.into(), &3.into(), &18.into()));
    }

    #[test]
    fn a_character_may_be_cut_by_fragments_and_by_packets() {
        let serve = |mut pmu: Pmu| {
            pmu.upgrade();
            let (first, rest) = "🌊".as_bytes().split_at(1);
            let bytes = [frame(TEXT, first), frame(FIN | CONTINUATION, rest), frame(FIN | TEXT, "∞".as_bytes())];
            bytes.concat().chunks(1).for_each(|byte| pmu.send(byte));
            pmu.close(&status(1000, ""));
        };
        check(serve, "🌊\n∞\n");
    }

    #[test]
    fn a_thousand_fragments_are_one_message() {
        let serve = |mut pmu: Pmu| {
            pmu.upgrade();
            pmu.frame(BINARY, "0123456789");
            (0..998).for_each(|_| pmu.frame(CONTINUATION, "0123456789"));
            pmu.frame(FIN | CONTINUATION, "0123456789");
            pmu.close(&status(1000, ""));
        };
        let outcome = run(serve, &["--stats"]);
        assert_eq!(outcome.stdout(), "0123456789".repeat(1000) + "\n");
        assert_eq!((&outcome.stats()[0]["frames"], &outcome.stats()[0]["on_message"]), (&1000.into(), &1.into()));
    }

    #[cfg(unix)]
    #[test]
    fn a_message_of_64_mebibytes_is_shown_whole() {
        let flood: Vec<u8> = "Le flot n° ∞ 🌊\n".bytes().cycle().take(64 << 20).collect();
        let expected = flood.clone();
        let (address, server) = server(move |mut pmu| {
            pmu.upgrade();
            pmu.frame(FIN | BINARY, flood);
            pmu.close(&status(1000, ""));
        });
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$@" > answer"#, "sh", CLIENT, "--server", &address.to_string(), "CMD_floodme"]);
        let outcome = Program::spawn({
            command.current_dir(&folder);
            command
        })
        .unwrap()
        .finish(2 * DEADLINE)
        .unwrap();
        assert_eq!((outcome.code(), outcome.stderr().as_str()), (0, ""));
        server.join().unwrap();
        let mut seen = std::fs::read(folder.path().join("answer")).unwrap();
        if !expected.ends_with(b"\n") {
            assert_eq!(seen.pop(), Some(b'\n'));
        }
        assert!(seen == expected, "{} of {} bytes", seen.len(), expected.len());
    }

    #[test]
    fn a_normal_end_is_a_close_frame_with_status_1000_or_1001_or_without_one() {
        for payload in [status(1000, ""), status(1000, "that was all"), status(1001, "good night"), Vec::new()] {
            let serve = move |mut pmu: Pmu| {
                pmu.upgrade();
                pmu.frame(FIN | TEXT, "This is PMU data 1");
                pmu.close(&payload);
            };
            check(serve, "This is PMU data 1\n");
        }
    }

    #[test]
    fn after_the_closing_handshake_a_server_may_leave_tcp_open_or_reset_it() {
        for ends in [|mut pmu: Pmu| pmu.wait_for_end(), Pmu::reset] {
            let serve = move |mut pmu: Pmu| {
                pmu.upgrade();
                pmu.frame(FIN | TEXT, "This is PMU data 1");
                pmu.close(&status(1000, ""));
                ends(pmu);
            };
            check(serve, "This is PMU data 1\n");
        }
    }

    #[test]
    fn what_follows_a_close_frame_is_not_shown() {
        let serve = |mut pmu: Pmu| {
            pmu.upgrade();
            pmu.frame(FIN | TEXT, "This is PMU data 1");
            pmu.send(&[frame(CLOSE, &status(1000, "")), frame(FIN | TEXT, b"This is PMU data 2")].concat());
            pmu.wait_for_end();
        };
        check(serve, "This is PMU data 1\n");
    }

    #[test]
    fn an_end_without_a_message_is_a_warning() {
        let serve = |mut pmu: Pmu| {
            pmu.upgrade();
            pmu.close(&status(1000, ""));
        };
        let outcome = run(serve, &[]);
        assert_eq!((outcome.code(), outcome.stdout().as_str()), (0, ""));
        assert!(outcome.stderr().starts_with("warning: ") && outcome.stderr().lines().count() == 1);
    }
}

mod abnormal_end {
    //! The answer breaks off: status 1, after what did arrive.

    use super::*;

    #[test]
    fn a_close_frame_with_any_other_status_is_shown_with_its_reason() {
        for code in [1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 4999] {
            check_broken_after_one(move |mut pmu| pmu.close(&status(code, "")), &code.to_string());
        }
        check_broken_after_one(
            |mut pmu| pmu.close(&status(1011, "out of \x1b[5m memory")),
            "1011 'out of \\x1b[5m memory'",
        );
    }

    #[test]
    fn a_close_frame_that_breaks_the_rfc() {
        // A status of one byte, reserved ones that no one may send, a reason that is not UTF-8, one that is too long.
        let not_utf8 = [&1000_u16.to_be_bytes()[..], b"\xff"].concat();
        for payload in
            [vec![3], status(999, ""), status(1005, ""), status(1006, ""), not_utf8, status(1000, &"x".repeat(124))]
        {
            let serve = move |mut pmu: Pmu| {
                pmu.frame(CLOSE, payload);
                // Whether the client answers it is its own affair.
                let _ = pmu.0.read(&mut [0; 200]);
            };
            check_broken_after_one(serve, "");
        }
    }

    #[test]
    fn tcp_closed_without_a_close_frame() {
        check_broken_after_one(drop, "without a close frame");
        check_broken(|mut pmu| drop(pmu.upgrade()), &[], "", "without a close frame");
    }

    #[test]
    fn a_connection_cut_in_the_middle_of_a_frame_says_where() {
        let cut = |bytes: &'static [u8]| move |mut pmu: Pmu| pmu.send(bytes);
        check_broken_after_one(cut(b"\x82\x14This is "), "8 bytes into a frame of 20");
        check_broken_after_one(cut(b"\x82\x7f\0\0\0\0\x40\0\0\0flood"), "5 bytes into a frame of 1073741824");
        check_broken_after_one(cut(b"\x82\x7e\x01"), "without a close frame");
        check_broken_after_one(cut(b"\x82"), "without a close frame");
        check_broken_after_one(cut(b"\x02\x08This is "), "without a close frame");
    }

    #[test]
    fn a_message_that_a_close_frame_leaves_unfinished() {
        let serve = |mut pmu: Pmu| {
            pmu.frame(TEXT, "This is PMU ");
            pmu.close(&status(1000, ""));
        };
        check_broken_after_one(serve, "");
    }

    #[test]
    fn a_reset_between_messages_and_in_the_middle_of_one() {
        let between = |mut pmu: Pmu| {
            pmu.sync();
            pmu.reset();
        };
        check_broken_after_one(between, "reset");
        let in_a_frame = |mut pmu: Pmu| {
            pmu.sync();
            pmu.send(b"\x82\x14This is ");
            pmu.reset();
        };
        check_broken_after_one(in_a_frame, "reset");
    }

    #[test]
    fn silence_with_timeout() {
        let silent = |mut pmu: Pmu| {
            pmu.upgrade();
            pmu.frame(FIN | TEXT, "This is PMU data 1");
            pmu.send(b"\x82\x14This is ");
            pmu.wait_for_end();
        };
        check_broken(silent, &["--timeout", "2"], "This is PMU data 1\n", "for 2.000 s");
    }

    #[test]
    fn statistics_come_after_the_error() {
        let serve = |mut pmu: Pmu| {
            pmu.upgrade();
            pmu.frame(FIN | TEXT, "This is PMU data 1");
            pmu.close(&status(1011, ""));
        };
        let outcome = run(serve, &["--stats"]);
        let [error, stats] = outcome.stderr().lines().map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
        assert!(error.starts_with("error: ") && stats.starts_with('{'), "{}", outcome.stderr());
        let stats = &outcome.stats()[0];
        assert_eq!((&stats["on_message"], &stats["frames"], &stats["messages"]), (&1.into(), &1.into(), &1.into()));
    }
}

mod too_long {
    //! `--max-message` bounds a message, however it comes.

    use super::*;

    fn check_too_long(serve: impl FnOnce(&mut Pmu) + Send + 'static) {
        let serve = |mut pmu: Pmu| {
            pmu.upgrade();
            pmu.frame(FIN | BINARY, [b'x'; 1000]);
            serve(&mut pmu);
            pmu.wait_for_end();
        };
        let longest = "x".repeat(1000) + "\n";
        check_broken(serve, &["--max-message", "1000"], &longest, "--max-message");
    }

    #[test]
    fn in_one_frame() {
        check_too_long(|pmu| pmu.frame(FIN | BINARY, [b'y'; 1001]));
    }

    #[test]
    fn in_fragments() {
        check_too_long(|pmu| {
            pmu.frame(TEXT, [b'y'; 600]);
            pmu.frame(FIN | CONTINUATION, [b'y'; 401]);
        });
    }

    #[test]
    fn in_fragments_without_an_end() {
        check_too_long(|pmu| {
            pmu.frame(BINARY, "");
            // Until the client leaves.
            while pmu.0.write_all(&frame(CONTINUATION, b"more")).is_ok() {}
        });
    }

    #[test]
    fn as_a_length_that_only_the_header_has() {
        check_too_long(|pmu| pmu.send(b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"));
    }

    #[test]
    fn also_without_the_option() {
        let serve = |mut pmu: Pmu| {
            pmu.upgrade();
            pmu.send(b"\x82\x7f\x00\x00\x00\x00\x40\x00\x00\x01");
            pmu.wait_for_end();
        };
        check_broken(serve, &[], "", "--max-message");
    }
}

mod broken_frames {
    //! What RFC 6455 forbids: the client fails the connection.

    use super::*;

    fn check_forbidden(frames: impl AsRef<[u8]> + Send + 'static, complaint: &str) {
        let serve = move |mut pmu: Pmu| {
            pmu.send(frames.as_ref());
            pmu.wait_for_end();
        };
        check_broken_after_one(serve, complaint);
    }

    #[test]
    fn a_masked_frame() {
        check_forbidden(b"\x81\x85\0\0\0\0hello", "broke the WebSocket protocol");
    }

    #[test]
    fn a_reserved_bit() {
        check_forbidden(b"\xc1\x05hello", "broke the WebSocket protocol");
        check_forbidden(b"\x91\x05hello", "broke the WebSocket protocol");
    }

    #[test]
    fn a_reserved_opcode() {
        check_forbidden(b"\x83\x05hello", "broke the WebSocket protocol");
        check_forbidden(b"\x8b\x05hello", "broke the WebSocket protocol");
    }

    #[test]
    fn a_continuation_of_nothing() {
        check_forbidden(b"\x80\x05hello", "broke the WebSocket protocol");
    }

    #[test]
    fn a_new_message_within_another() {
        check_forbidden(b"\x01\x05hello\x81\x05world", "broke the WebSocket protocol");
    }

    #[test]
    fn a_control_frame_that_is_fragmented_or_too_long() {
        check_forbidden(b"\x09\x05hello", "broke the WebSocket protocol");
        check_forbidden(frame(PING, &[b'x'; 126]), "broke the WebSocket protocol");
    }

    #[test]
    fn text_that_is_not_utf8() {
        check_forbidden(b"\x81\x05caf\xe9!", "not UTF-8");
        check_forbidden(b"\x81\x02\xf0\x9f", "not UTF-8");
        check_forbidden(b"\x01\x04caf\xc3\x80\x01!", "not UTF-8");
    }
}

mod no_upgrade {
    //! The server answers something else than an upgrade, or nothing.

    use super::*;

    fn check_answer(answer: &str, complaint: &str) {
        let answer = answer.to_owned();
        let serve = move |mut pmu: Pmu| {
            pmu.request();
            pmu.send(answer.as_bytes());
        };
        check_broken(serve, &[], "", complaint);
    }

    #[test]
    fn another_status_of_http_is_named() {
        for status in ["404 Not Found", "200 OK", "301 Moved Permanently", "426 Upgrade Required", "500 Oops"] {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
            check_answer(&answer, &format!("HTTP {}", &status[..3]));
        }
    }

    #[test]
    fn an_upgrade_that_does_not_fit_the_request() {
        check_answer(&switching_protocols("AAAAAAAAAAAAAAAAAAAAAAAAAAA="), "did not upgrade");
        check_answer("HTTP/1.1 101 Switching Protocols\r\n\r\n", "did not upgrade");
    }

    #[test]
    fn a_server_that_does_not_speak_http() {
        check_answer("SSH-2.0-OpenSSH_9.6\r\n", "HTTP");
        check_answer("This is PMU data 1This is PMU data 2", "HTTP");
        check_answer("\0\u{1}\u{2}\u{3}", "HTTP");
    }

    #[test]
    fn a_server_that_closes_at_once_or_within_its_answer() {
        check_answer("", "closed the connection");
        check_answer("HTTP/1.1 101 Switching Pro", "closed the connection");
        check_broken(Pmu::reset, &[], "", "");
    }

    #[test]
    fn a_server_that_never_answers_meets_connect_timeout() {
        for begin in ["", "HTTP/1.1 101 Switching Pro"] {
            let serve = |mut pmu: Pmu| {
                pmu.request();
                pmu.send(begin.as_bytes());
                pmu.wait_for_end();
            };
            check_broken(serve, &["--connect-timeout", "0.5"], "", "in time");
        }
    }

    #[test]
    fn a_server_that_answers_a_byte_at_a_time_for_ever_meets_connect_timeout() {
        let serve = |mut pmu: Pmu| {
            pmu.request();
            pmu.send(b"HTTP/1.1 101 Switching Protocols\r\nSlow: ");
            while pmu.0.write_all(b".").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        };
        check_broken(serve, &["--connect-timeout", "0.5"], "", "in time");
    }

    #[test]
    fn headers_without_end_are_given_up() {
        let serve = |mut pmu: Pmu| {
            pmu.request();
            pmu.send(b"HTTP/1.1 101 Switching Protocols\r\n");
            while pmu.0.write_all(format!("X: {}\r\n", "y".repeat(1000)).as_bytes()).is_ok() {}
        };
        check_broken(serve, &[], "", "did not upgrade");
    }
}
