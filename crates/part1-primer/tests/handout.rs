//! Part 1 as a student sees it: Code A with Code B, Code C with Code D (handout, section 1; Q2 to Q9).

#![allow(clippy::panic, clippy::unwrap_used)]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::Command,
    time::Duration,
};

use lab_process::{Line, Program, Stream};
use lab_test::{Listening, PATIENCE, check_error, connect, finish, spawn, stop, uninterrupted};

const LINE: &str = "O Romeo, Romeo! wherefore art thou Romeo?";

fn primer(arguments: &str) -> Program {
    primer_in(&[], arguments)
}

fn primer_in(environment: &[(&str, &str)], arguments: &str) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_part1-primer"));
    command.args(arguments.split_whitespace()).env_remove("LAB_SERVER").envs(environment.iter().copied());
    spawn(command)
}

/// A server on a free port, and its address.
fn server(arguments: &str) -> (Program, SocketAddr) {
    let server = Listening::of(primer(arguments));
    (server.program, server.address)
}

fn await_line(program: &mut Program, stream: Stream, beginning: &str) -> Line {
    let is_wanted = |line: &Line| line.stream == stream && line.text.starts_with(beginning);
    let awaited = format!("print '{beginning}…'");
    program.line_with(&awaited, PATIENCE, is_wanted).unwrap_or_else(|failure| panic!("{failure}"))
}

/// Sends `bytes` to an echo server and reads them again.
fn echo(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    let mut echo = vec![0; bytes.len()];
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(echo, bytes);
}

/// `text` as a program shows it that receives `len` bytes at a time.
fn received(text: &str, len: usize) -> String {
    text.as_bytes().chunks(len).map(|part| format!("received: {}\n", str::from_utf8(part).unwrap())).collect()
}

// Section 1.1: Code A and Code B.

#[test]
fn q2_code_a_prints_that_its_message_is_sent_and_code_b_what_it_received_from_where() {
    let (mut code_b, address) = server("udp-server --port 0");
    let code_a = finish(primer(&format!("udp-client --server {address}")));
    assert_eq!((code_a.code(), code_a.stdout(), code_a.stderr()), (0, "Message sent\n".into(), String::new()));

    let from = await_line(&mut code_b, Stream::Stdout, "From Address: 127.0.0.1:").text;
    assert_eq!(stop(code_b).stdout(), format!("Received data: Hello, Romeo \n{from}\n"));
}

#[test]
fn q2_code_a_sends_one_datagram() {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let code_a = primer(&format!("udp-client --server {}", socket.local_addr().unwrap()));
    let mut buffer = [0; 100];
    let (n, _) = uninterrupted(|| socket.recv_from(&mut buffer)).unwrap();
    assert_eq!(buffer[..n].escape_ascii().to_string(), "Hello, Romeo ");
    assert_eq!(finish(code_a).code(), 0);
    socket.set_nonblocking(true).unwrap();
    assert!(uninterrupted(|| socket.recv_from(&mut buffer)).is_err(), "a second datagram");
}

#[test]
fn code_b_shows_text_as_received() {
    let (mut code_b, address) = server("udp-server --port 0 --bind 127.0.0.1");
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let from = format!("From Address: {}", socket.local_addr().unwrap());
    let longest = [b'x'; 1024];
    let mut expected = Vec::new();
    for text in ["Ô Roméo 🌹".as_bytes(), b"caf\xe9 \0\x1b[1m\r", b"", b"two\nlines", &longest] {
        socket.send_to(text, address).unwrap();
        await_line(&mut code_b, Stream::Stdout, &from);
        expected.extend([b"Received data: ", text, b"\n", from.as_bytes(), b"\n"].concat());
    }
    assert_eq!(stop(code_b).stdout.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

// Section 1.2: Code C and Code D.

#[test]
fn q6_the_number_of_lines_follows_from_the_receive_buffers() {
    // The client's divides the server's, so that it does not matter how the echoes arrive.
    for (server_buffer, client_buffer, server_lines, client_lines) in
        [("", "", 3, 6), ("8", "4", 6, 11), ("1", "1", 41, 41), ("64", "64", 1, 1)]
    {
        let option = |bytes: &str| if bytes.is_empty() { String::new() } else { format!("--recv-buffer {bytes}") };
        let (mut code_c, address) = server(&format!("echo-server --port 0 {}", option(server_buffer)));
        let code_d = primer(&format!("echo-client --no-hold --server {address} {}", option(client_buffer)));

        let client = finish(code_d);
        assert_eq!((client.code(), client.stderr()), (0, String::new()));
        let expected = received(LINE, client_buffer.parse().unwrap_or(8));
        assert_eq!(client.stdout(), format!("sending: {LINE}\n{expected}"));
        assert_eq!(expected.lines().count(), client_lines);

        let end = await_line(&mut code_c, Stream::Stdout, "No more data from 127.0.0.1:").text;
        let expected = received(LINE, server_buffer.parse().unwrap_or(16));
        assert_eq!(stop(code_c).stdout(), format!("{expected}{end}\n"));
        assert_eq!(expected.lines().count(), server_lines);
    }
}

#[test]
fn q7_q9_no_more_data_appears_when_ctrl_c_ends_the_client_and_not_before() {
    let (mut code_c, address) = server("echo-server --port 0");
    let mut code_d = primer(&format!("echo-client --server {address}"));
    await_line(&mut code_d, Stream::Stdout, "received: ?");
    let shown: String = code_c.lines().iter().map(|line| format!("{line}\n")).collect();
    assert!(!shown.contains("No more data"), "{shown}");

    // Had the client ended by itself, this could not be the cause of its end.
    code_d.interrupt();
    let client = finish(code_d);
    assert_eq!((client.code(), client.stderr()), (130, String::new()));
    assert_eq!(client.stdout(), format!("sending: {LINE}\n{}", received(LINE, 8)));

    let end = await_line(&mut code_c, Stream::Stdout, "No more data from 127.0.0.1:").text;
    assert_eq!(stop(code_c).stdout(), format!("{}{end}\n", received(LINE, 16)));
}

#[test]
fn q9_no_more_data_names_the_client_that_closed() {
    let (mut code_c, address) = server("echo-server --port 0");
    for text in ["first", "second"] {
        let mut client = connect(address);
        echo(&mut client, text.as_bytes());
        let end = format!("No more data from {}", client.local_addr().unwrap());
        drop(client);
        assert_eq!(await_line(&mut code_c, Stream::Stdout, "No more").text, end);
    }
    stop(code_c);
}

#[test]
fn code_c_echoes_and_shows_bytes_as_received() {
    let (mut code_c, address) = server("echo-server --port 0 --recv-buffer 1000");
    let mut client = connect(address);
    let texts = ["Ô Roméo 🌹".as_bytes(), b"caf\xe9 \0\xff\x1b[1m", b"\n"];
    for text in texts {
        echo(&mut client, text);
    }
    drop(client);
    let end = await_line(&mut code_c, Stream::Stdout, "No more data").text;
    let mut expected: Vec<u8> = texts.iter().flat_map(|text| [b"received: ", *text, b"\n"].concat()).collect();
    expected.extend(format!("{end}\n").bytes());
    assert_eq!(stop(code_c).stdout.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn q8_code_c_serves_one_client_after_the_other() {
    let (mut code_c, address) = server("echo-server --port 0");
    let mut first = connect(address);
    echo(&mut first, b"first");
    let mut second = connect(address);
    second.write_all(b"second").unwrap();
    echo(&mut first, b"still first");
    drop(first);
    second.read_exact(&mut [0; 6]).unwrap();
    drop(second);
    await_line(&mut code_c, Stream::Stdout, "received: second");
    await_line(&mut code_c, Stream::Stdout, "No more data");
    let shown: Vec<_> = stop(code_c).stdout().lines().map(|line| line[..9].to_owned()).collect();
    assert_eq!(shown, ["received:", "received:", "No more d", "received:", "No more d"]);
}

#[test]
fn code_c_survives_a_client_that_resets_its_connection() {
    let (mut code_c, address) = server("echo-server --port 0");
    let mut rude = connect(address);
    rude.write_all(b"bye").unwrap();
    rude.peek(&mut [0]).unwrap();
    let from = rude.local_addr().unwrap();
    // An echo that is left unread makes this close a reset.
    drop(rude);
    await_line(&mut code_c, Stream::Stderr, &format!("warning: cannot receive from {from}: "));
    echo(&mut connect(address), b"next");
    stop(code_c);
}

#[cfg(unix)]
#[test]
fn code_c_restarts_at_once_on_its_port_and_without_the_option_meets_time_wait() {
    let (code_c, address) = server("echo-server --port 0");
    let mut client = connect(address);
    echo(&mut client, b"x");
    // The side that closes first is the one that goes to TIME_WAIT: the server.
    stop(code_c);
    assert_eq!(uninterrupted(|| client.read(&mut [0])).unwrap(), 0);
    drop(client);

    let again = format!("echo-server --port {}", address.port());
    check_error(
        &finish(primer(&format!("{again} --no-reuse-address"))),
        1,
        &[&address.to_string(), "in use", "TIME_WAIT"],
    );
    let (code_c, same_address) = server(&again);
    assert_eq!(same_address, address);
    echo(&mut connect(address), b"y");
    stop(code_c);
}

#[test]
fn a_port_that_another_program_has_is_named_in_the_error() {
    let tcp = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = tcp.local_addr().unwrap();
    check_error(
        &finish(primer(&format!("echo-server --port {}", address.port()))),
        1,
        &[&address.to_string(), "in use"],
    );

    let udp = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let address = udp.local_addr().unwrap();
    let server = primer(&format!("udp-server --bind 127.0.0.1 --port {}", address.port()));
    check_error(&finish(server), 1, &[&address.to_string(), "in use"]);
}

#[test]
fn ctrl_c_and_sigterm_end_a_server_with_status_0() {
    for arguments in ["udp-server --port 0", "echo-server --port 0"] {
        for end in [Program::interrupt, Program::terminate] {
            let (mut server, _) = server(arguments);
            end(&mut server);
            let outcome = finish(server);
            assert_eq!((outcome.code(), outcome.stdout()), (0, String::new()), "{}", outcome.command_line);
            assert!(!outcome.stderr().contains("error"), "{}", outcome.stderr());
        }
    }
}

#[test]
fn sigterm_ends_a_client_as_the_signal_does() {
    let (_code_c, address) = server("echo-server --port 0");
    let mut code_d = primer(&format!("echo-client --server {address}"));
    await_line(&mut code_d, Stream::Stdout, "received: ?");
    code_d.terminate();
    assert_eq!(finish(code_d).code(), 143);
}

#[test]
fn a_server_that_ends_before_the_echo_does_is_an_error() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut code_d = primer(&format!("echo-client --server {address}"));
    await_line(&mut code_d, Stream::Stdout, "sending: ");
    let (mut connection, _) = listener.accept().unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection.read_exact(&mut [0; LINE.len()]).unwrap();
    connection.write_all(b"O Romeo,").unwrap();
    drop(connection);

    let client = finish(code_d);
    assert_eq!(client.code(), 1);
    assert_eq!(client.stdout(), format!("sending: {LINE}\nreceived: O Romeo,\n"));
    let error = format!("error: cannot receive from {address}: ");
    assert!(client.stderr().starts_with(&error), "{}", client.stderr());
}

#[test]
fn a_server_that_is_silent_for_longer_than_the_timeout_is_an_error() {
    // The system accepts for it; nobody answers.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let client = finish(primer(&format!("echo-client --timeout 0.2 --server {address}")));
    assert_eq!((client.code(), client.stdout()), (1, format!("sending: {LINE}\n")));
    assert_eq!(client.stderr(), format!("error: nothing received from {address} for 0.200 s\n"));
    assert!(client.elapsed >= Duration::from_millis(200));
}

// The command line.

#[test]
fn a_server_that_cannot_be_reached_is_named_in_the_error() {
    // The port of a connection's other end: taken, and nobody listens on it.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = connect(listener.local_addr().unwrap());
    let address = taken.local_addr().unwrap().to_string();
    check_error(&finish(primer(&format!("echo-client --server {address}"))), 1, &[&address, "refused", "hint: "]);
    for client in ["echo-client", "udp-client"] {
        check_error(&finish(primer(&format!("{client} --server ::1"))), 1, &["'::1'", "IPv4", "--server 127.0.0.1"]);
    }
}

#[test]
fn lab_server_is_the_default_host_and_an_option_overrides_it() {
    for client in ["echo-client", "udp-client"] {
        let unknown = primer_in(&[("LAB_SERVER", "romeo.invalid")], client);
        check_error(&finish(unknown), 1, &["'romeo.invalid'", "mock-servers", "--server localhost"]);
        let no_host = primer_in(&[("LAB_SERVER", "127.0.0.1:5002")], client);
        check_error(&finish(no_host), 2, &["LAB_SERVER", "127.0.0.1:5002"]);
    }
    let (_code_c, address) = server("echo-server --port 0");
    let client = primer_in(
        &[("LAB_SERVER", "romeo.invalid")],
        &format!("echo-client --no-hold --server localhost:{}", address.port()),
    );
    assert_eq!(finish(client).code(), 0);
}

#[test]
fn a_wrong_command_line_is_status_2_with_an_error_and_a_hint_at_most() {
    for arguments in [
        "",
        "code-e",
        "echo-server --port 65536",
        "echo-server --port x",
        "echo-server --recv-buffer 0",
        "echo-server --bind ::1",
        "echo-server 5002",
        "udp-server --recv-buffer 16",
        "echo-client --recv-buffer -1",
        "echo-client --timeout 0",
        "echo-client --server 127.0.0.1:0",
        "udp-client --no-hold",
    ] {
        check_error(&finish(primer(arguments)), 2, &[]);
    }
}

#[test]
fn help_has_examples_and_version_the_version() {
    let help = finish(primer("--help"));
    assert_eq!((help.code(), help.stderr()), (0, String::new()));
    assert!(help.stdout().contains("Examples"), "{}", help.stdout());
    let version = finish(primer("--version"));
    assert_eq!((version.code(), version.stderr()), (0, String::new()));
    assert_eq!(version.stdout(), concat!("part1-primer ", env!("CARGO_PKG_VERSION"), "\n"));
}
