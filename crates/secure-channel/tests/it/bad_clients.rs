//! Clients that are silent, rude or gone: the server gives up within its patience, and says what happened.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use lab_test::{PATIENCE, finish};
use labnet::{
    net::{self, Connection, Deadline},
    tls::{self, ClientOptions},
};
use secure_channel::{
    Channel, ChannelSuite, PartyIdentity, Trust,
    channel::{self, ACKNOWLEDGEMENT},
    steps::Step,
};

use crate::served::{
    ABOUT_HALF_A_SECOND, ALERT, HTTP, LONG, Leave, MESSAGE, Pair, SHORT, SILENT, SLOW, STEPS, Served, TLS_HELLO,
    check_failed, client_hello,
};

/// What the server of a step says of a client that sends `bytes` and leaves; the next client is served. What the
/// client received.
fn check_client(servers: &mut Pair, bytes: &[u8], leave: Leave, words: &[&str]) -> Vec<u8> {
    let is_silent = leave == Leave::Not && (words == SILENT || words == SLOW);
    let served = if is_silent { &mut servers.hasty } else { &mut servers.patient };
    let begun = Instant::now();
    let mut tcp = served.door.tcp();
    let peer = tcp.local_addr().unwrap();
    tcp.write_all(bytes).unwrap();
    let (received, mut kept) = leave.from(tcp);
    if !is_silent {
        // It would only be waited for.
        kept = None;
    }
    served.check_report(peer, words);
    if is_silent {
        assert!(ABOUT_HALF_A_SECOND.contains(&begun.elapsed()), "{}: {:?}", bytes.escape_ascii(), begun.elapsed());
    }
    drop(kept);
    served.door.check_serves();
    received
}

#[test]
fn in_step_secure_a_client_that_stops_before_its_hello_is_whole_is_given_up() {
    let mut servers = Pair::start(Step::Secure);
    let hello = client_hello();
    for bytes in [&b""[..], b"\x01", b"\x01\x00", &hello[..20], &hello[..hello.len() - 1]] {
        assert_eq!(check_client(&mut servers, bytes, Leave::Not, SILENT), b"");
        let gone = ["ended the connection where more (client hello) was due"];
        assert_eq!(check_client(&mut servers, bytes, Leave::Fin, &gone), b"");
        check_client(&mut servers, bytes, Leave::Close, &gone);
        check_client(&mut servers, bytes, Leave::Reset, &["cannot receive from "]);
    }
}

#[test]
fn in_step_secure_a_client_that_stops_after_its_hello_is_given_up() {
    let mut servers = Pair::start(Step::Secure);
    let hello = client_hello();
    let mut stops = |more: &[u8]| {
        let bytes = [&hello, more].concat();
        let flight = check_client(&mut servers, &bytes, Leave::Not, SILENT);
        // Server hello, certificate, and an empty certificate request at its end.
        assert_eq!((flight[0], &flight[flight.len() - 3..]), (2, &[4, 0, 0][..]));
        check_client(&mut servers, &bytes, Leave::Fin, &["ended the connection where more (certificate) was due"]);
        // What was not read turns closing into a reset.
        check_client(&mut servers, &bytes, Leave::Close, &["more (certificate) was due", "cannot receive from "]);
        check_client(&mut servers, &bytes, Leave::Reset, &["cannot receive from "]);
    };
    stops(b"");
    stops(b"\x03\x04\x00half of a certificate");
}

#[test]
fn in_step_secure_a_client_that_speaks_something_else_is_told_and_named() {
    let mut servers = Pair::start(Step::Secure);
    let hello = client_hello();
    let mut other_version = hello.clone();
    other_version[4] = 2;
    let mut no_suite = hello.clone();
    let end = no_suite.len();
    no_suite[end - 4..].copy_from_slice(&[0, 0, 0xff, 0xff]);
    let twice = [&hello[..], &hello].concat();
    for (bytes, alert, words) in [
        (HTTP, 1, "unknown kind 71"),
        (TLS_HELLO, 1, "unknown kind 22"),
        (b"ACK", 1, "unknown kind 65"),
        (&[0xff; 1000], 1, "unknown kind 255"),
        (&[0; 1000], 1, "unknown kind 0"),
        (b"\x01\xff\xff", 1, "(client hello) of 65535 bytes, and 255 are the most"),
        (b"\x10\x00\x02", 1, "(alert) of 2 bytes, and 1 are the most"),
        (b"\x20\xff\xff", 1, "(data) of 65535 bytes"),
        (b"\x01\x00\x00", 1, "damaged message (client hello)"),
        (b"\x07\x00\x00", 1, "(finished) where another (client hello) is due"),
        (b"\x22\x00\x03ACK", 1, "(acknowledgement) where another (client hello) is due"),
        (&twice, 1, "(client hello) where another (certificate) is due"),
        (&other_version, 2, "version 2"),
        (&no_suite, 3, "no cipher suite"),
    ] {
        let told = check_client(&mut servers, bytes, Leave::Not, &[words]);
        assert!(told.ends_with(&[16, 0, 1, alert]), "{words}: {}", told.escape_ascii());
    }
    // Who gives up is not told to give up.
    for (bytes, why) in [(&ALERT, "alert failure"), (&[16, 0, 1, 3], "alert no_common_suite")] {
        assert_eq!(check_client(&mut servers, bytes, Leave::Not, &[why]), b"");
    }
}

#[test]
fn in_step_plain_every_answer_but_ack_is_named() {
    let mut servers = Pair::start(Step::Plain);
    for (bytes, leave, words) in [
        (&b""[..], Leave::Not, SILENT),
        (b"AC", Leave::Not, SILENT),
        (b"", Leave::Fin, &["left without an acknowledgement"]),
        (b"", Leave::Reset, &["cannot receive from ", "cannot send to "]),
        (b"AC", Leave::Fin, &["answered 'AC', which is no ACK"]),
        (b"ack", Leave::Not, &["answered 'ack', which is no ACK"]),
        (b"NOPE", Leave::Not, &["answered 'NOPE', which is no ACK"]),
        (b"ACKNOWLEDGED", Leave::Not, &["answered 'ACKNOWLEDGED', which is no ACK"]),
        (b"\x1b[2J", Leave::Not, &["answered '\\x1b[2J', which is no ACK"]),
        (HTTP, Leave::Not, &["answered 'GET / HTTP/1.1"]),
        (TLS_HELLO, Leave::Not, &["which is no ACK"]),
        (&client_hello(), Leave::Not, &["which is no ACK"]),
        (&[b'x'; 100_000], Leave::Not, &["which is no ACK"]),
    ] {
        let received = check_client(&mut servers, bytes, leave, words);
        assert!(received == MESSAGE || leave == Leave::Reset, "{}", received.escape_ascii());
    }
}

#[test]
fn in_step_plain_an_ack_may_come_in_pieces_and_with_the_newline_of_who_types_it() {
    let mut served = Served::start(Step::Plain, &LONG);
    for pieces in [&[&b"ACK"[..]][..], &[b"A", b"C", b"K"], &[b"ACK\n"], &[b"ACK\r\n"]] {
        let mut tcp = served.door.tcp();
        let mut message = Vec::new();
        tcp.read_to_end(&mut message).unwrap();
        assert_eq!(message, MESSAGE);
        pieces.iter().for_each(|piece| tcp.write_all(piece).unwrap());
        drop(tcp);
        served.await_verdicts(1);
    }
}

#[test]
fn in_step_tls_a_client_that_stops_or_speaks_something_else_is_named() {
    let mut servers = Pair::start(Step::Tls);
    for bytes in [&b""[..], b"\x16", TLS_HELLO.split_last().unwrap().1] {
        check_client(&mut servers, bytes, Leave::Not, SLOW);
        check_client(&mut servers, bytes, Leave::Fin, &["left within the handshake"]);
        check_client(&mut servers, bytes, Leave::Close, &["left within the handshake"]);
        check_client(&mut servers, bytes, Leave::Reset, &["cannot receive from "]);
    }
    for bytes in [HTTP, b"ACK and so on", &client_hello(), &[0xff; 1000]] {
        let told = check_client(&mut servers, bytes, Leave::Not, &["does not speak TLS"]);
        // An alert is a record of type 21 (RFC 8446, section 5.1).
        assert_eq!(told.first(), Some(&21), "{}", told.escape_ascii());
    }
}

/// A channel with the server, after the handshake.
fn connected(served: &Served) -> (Channel<Connection>, SocketAddr) {
    let tcp = served.door.tcp();
    let peer = tcp.local_addr().unwrap();
    let identity = PartyIdentity::new(&served.place.credentials("client")).unwrap();
    let trust = Trust::in_server(served.place.roots());
    let connection = Connection::new(tcp, served.door.address);
    (Channel::connect(connection, &ChannelSuite::ALL, &identity, &trust, &mut |_| ()).unwrap(), peer)
}

#[test]
fn in_step_secure_a_client_that_stops_after_the_handshake_is_given_up() {
    let Pair { mut hasty, patient: mut served } = Pair::start(Step::Secure);
    // Takes nothing, or all, and does not answer.
    for takes in [false, true] {
        let begun = Instant::now();
        let (mut channel, peer) = connected(&hasty);
        if takes {
            assert_eq!(channel.receive().unwrap().text, MESSAGE);
        }
        hasty.check_report(peer, SILENT);
        assert!(ABOUT_HALF_A_SECOND.contains(&begun.elapsed()), "{:?}", begun.elapsed());
        drop(channel);
        hasty.door.check_serves();
    }
    // Takes all, and leaves.
    let (mut channel, peer) = connected(&served);
    channel.receive().unwrap();
    drop(channel);
    served.check_report(peer, &["ended the connection where more (acknowledgement) was due"]);
    // Leaves with what it was sent still on its way.
    let (channel, peer) = connected(&served);
    drop(channel);
    served.check_report(peer, &["more (acknowledgement) was due", "cannot receive from ", "cannot send to "]);
    served.door.check_serves();
}

#[test]
fn in_step_secure_a_client_that_sends_a_message_instead_of_an_acknowledgement_is_refused() {
    let mut served = Served::start(Step::Secure, &LONG);
    let (mut channel, peer) = connected(&served);
    assert_eq!(channel.receive().unwrap().text, MESSAGE);
    channel.send(ACKNOWLEDGEMENT).unwrap();
    let told = channel.receive().unwrap_err();
    assert!(told.to_string().contains("alert failure") || matches!(told, channel::Error::Io(_)), "{told}");
    drop(channel);
    served.check_report(peer, &["(data) where another (acknowledgement) is due"]);
    served.door.check_serves();
}

/// A client of TLS after its handshake.
fn connected_over_tls(served: &Served) -> tls::Client {
    let options = ClientOptions {
        name: Some("server".to_owned()),
        connect: Deadline::after(PATIENCE),
        silence: Some(PATIENCE),
        credentials: Some(served.place.credentials("client")),
        ..ClientOptions::trusting(served.place.roots())
    };
    let server = net::Server::new(served.door.address.ip().to_string(), served.door.address.port());
    tls::Client::connect(&server, &options).unwrap()
}

#[test]
fn in_step_tls_every_answer_but_ack_is_named() {
    let mut servers = Pair::start(Step::Tls);
    for (answer, leaves, words) in [
        (&b""[..], false, SILENT),
        (b"AC", false, SILENT),
        (b"", true, &["ended the connection where more was due"]),
        (b"AC", true, &["ended the connection where more was due"]),
        (b"NAK", false, &["answered with something other than an acknowledgement"]),
    ] {
        let served = if words == SILENT { &mut servers.hasty } else { &mut servers.patient };
        let begun = Instant::now();
        let mut client = connected_over_tls(served);
        let mut buffer = [0; 1000];
        assert_eq!(client.recv(&mut buffer).unwrap(), MESSAGE);
        client.send(answer).unwrap();
        let mut client = Some(client);
        if leaves {
            client = None;
        }
        served.check_next_report(words);
        assert!(words != SILENT || ABOUT_HALF_A_SECOND.contains(&begun.elapsed()), "{:?}", begun.elapsed());
        drop(client);
        served.door.check_serves();
        served.await_verdicts(1);
    }
}

/// More than the buffers of two sockets hold.
const FLOOD_LEN: usize = 8 << 20;

/// A client that connects, makes the handshake of its step, and does no more as long as it is kept.
fn connected_in(step: Step, served: &Served) -> Box<dyn std::any::Any> {
    match step {
        Step::Plain => Box::new(served.door.tcp()),
        Step::Secure => Box::new(connected(served)),
        Step::Tls => Box::new(connected_over_tls(served)),
    }
}

#[test]
fn a_client_that_takes_nothing_of_a_long_message_is_given_up() {
    let check = |step: Step| {
        let mut served = Served::with_message(step, FLOOD_LEN, &SHORT);
        let begun = Instant::now();
        let stays = connected_in(step, &served);
        let report = served.await_line("report the client", |line| line.starts_with("not acknowledged: "));
        assert!(report.contains("127.0.0.1:") && !report.contains("acknowledgement"), "{report}");
        // Twice its patience, as what the system has room for counts as taken, and a second of farewell.
        assert!((500..30_000).contains(&begun.elapsed().as_millis()), "{step}: {:?}", begun.elapsed());
        drop(stays);
        assert_eq!(served.door.persist().len(), FLOOD_LEN);
    };
    thread::scope(|scope| STEPS.iter().for_each(|step| drop(scope.spawn(move || check(*step)))));
}

#[test]
fn a_client_that_leaves_within_a_long_message_is_noticed() {
    for step in STEPS {
        let mut served = Served::with_message(step, FLOOD_LEN, &LONG);
        match step {
            Step::Plain => {
                let mut tcp = served.door.tcp();
                tcp.read_exact(&mut [0; 10_000]).unwrap();
            }
            Step::Secure => drop(connected(&served)),
            Step::Tls => {
                let mut client = connected_over_tls(&served);
                client.recv(&mut [0; 1000]).unwrap();
            }
        }
        served.await_line("report the client", |line| {
            line.starts_with("not acknowledged: ") && line.contains("127.0.0.1:")
        });
        assert_eq!(served.door.fetch().unwrap().len(), FLOOD_LEN);
    }
}

/// A stream that sends in pieces, with a pause before each.
struct Dawdling(Connection);

impl Dawdling {
    const PAUSE: Duration = Duration::from_secs(1);
    /// A hello and an acknowledgement are one piece, certificate and key exchange several.
    const PIECE_LEN: usize = 600;
}

impl Read for Dawdling {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Dawdling {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        thread::sleep(Self::PAUSE);
        self.0.write(&bytes[..bytes.len().min(Self::PIECE_LEN)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl channel::Stream for Dawdling {
    fn end(&mut self) -> std::io::Result<()> {
        channel::Stream::end(&mut self.0)
    }

    fn set_patience(&mut self, patience: Duration) -> std::io::Result<()> {
        channel::Stream::set_patience(&mut self.0, patience)
    }
}

#[test]
fn a_client_may_take_longer_than_the_servers_patience_as_long_as_it_is_never_silent_for_so_long() {
    let mut served = Served::start(Step::Secure, &["--timeout", "4"]);
    let begun = Instant::now();
    let identity = PartyIdentity::new(&served.place.credentials("client")).unwrap();
    let trust = Trust::in_server(served.place.roots());
    let stream = Dawdling(Connection::new(served.door.tcp(), served.door.address));
    let mut channel = Channel::connect(stream, &ChannelSuite::ALL, &identity, &trust, &mut |_| ()).unwrap();
    assert_eq!(channel.receive().unwrap().text, MESSAGE);
    channel.acknowledge().unwrap();
    served.await_verdicts(1);
    assert!(begun.elapsed() > Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn a_server_with_once_fails_with_what_its_only_client_did() {
    let closes: &[&str] = &["(client hello) was due", "left within the handshake", "left without an acknowledgement"];
    let speaks_http: &[&str] = &["unknown kind 71", "does not speak TLS", "'GET / HTTP/1.1"];
    let silent: &[&str] = &["nothing received from ", "was too slow in the handshake"];
    let check = |step: Step, (bytes, leave, words, options): (&[u8], Leave, &[&str], &[&str])| {
        let served = Served::start(step, &[&["--once"], options].concat());
        let mut tcp = served.door.tcp();
        tcp.write_all(bytes).unwrap();
        let _kept = leave.from(tcp);
        check_failed(&finish(served.program), words);
    };
    thread::scope(|scope| {
        for step in STEPS {
            for case in [
                (&b""[..], Leave::Fin, closes, &LONG[..]),
                (HTTP, Leave::Not, speaks_http, &LONG),
                (b"", Leave::Not, silent, &SHORT),
            ] {
                scope.spawn(move || check(step, case));
            }
        }
    });
}
