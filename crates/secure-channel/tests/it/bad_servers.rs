//! Servers that are silent, rude or gone, or in another step.

use labnet::net::ClientStream;
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    thread,
    time::Instant,
};

use lab_process::Outcome;
use lab_test::{PATIENCE, finish, patient};
use labnet::{
    net::{ClientLimits, Connection},
    tls::Acceptor,
};
use secure_channel::{Channel, PartyIdentity, Trust, channel::ACKNOWLEDGEMENT, steps::Step};

use crate::{
    place::Place,
    served::{ABOUT_HALF_A_SECOND, ALERT, LONG, Leave, MESSAGE, SHORT, SILENT, Served, check_failed},
};

/// What a client of a step says to a server that does as `act` says, and what that saw.
fn against<T: Send + 'static>(
    place: &Place,
    step: Step,
    options: &[&str],
    act: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Outcome, Receiver<T>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let client = place.client(step, listener.local_addr().unwrap(), options);
    let (sender, seen) = mpsc::channel();
    thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        // The port is closed before anything is done: nobody else is let in.
        drop(listener);
        let _ = sender.send(act(patient(tcp)));
    });
    (finish(client), seen)
}

/// What a client says of a server that sends `bytes` and leaves, and what the server received.
fn check_server(place: &Place, step: Step, bytes: &'static [u8], leave: Leave, words: &[&str]) -> Vec<u8> {
    let options = ["--timeout", "0.5", "--connect-timeout", "0.5"];
    let patient = ["--timeout", "100", "--connect-timeout", "100"];
    let is_silent =
        leave == Leave::Not && words.iter().any(|word| word.contains("nothing") || word.contains("in time"));
    let (outcome, seen) = against(place, step, if is_silent { &options } else { &patient }, move |mut tcp| {
        tcp.write_all(bytes).unwrap();
        if leave == Leave::Reset {
            // The client has asked for something by then.
            let _ = tcp.read(&mut [0; 1]);
        }
        leave.from(tcp).0
    });
    check_failed(&outcome, words);
    if is_silent {
        assert!(ABOUT_HALF_A_SECOND.contains(&outcome.elapsed), "{:?}", outcome.elapsed);
    }
    seen.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn in_step_secure_a_server_that_stops_or_speaks_something_else_is_named() {
    let place = Place::new();
    for bytes in [&b""[..], b"\x02", b"\x02\x00\x25half of a hello"] {
        check_server(&place, Step::Secure, bytes, Leave::Not, SILENT);
        let gone = ["ended the connection where more (server hello) was due"];
        check_server(&place, Step::Secure, bytes, Leave::Fin, &gone);
        // What was not read turns closing into a reset.
        check_server(&place, Step::Secure, bytes, Leave::Close, &[gone[0], "cannot receive from ", "cannot send to "]);
        check_server(&place, Step::Secure, bytes, Leave::Reset, &["cannot receive from "]);
    }
    for (bytes, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "unknown kind 72"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "unknown kind 21"),
        (MESSAGE, "unknown kind 84"),
        (b"\x00", "ended the connection where more"),
        (&[0xff; 1000], "unknown kind 255"),
        (b"\x02\xff\xff", "(server hello) of 65535 bytes, and 255 are the most"),
        (b"\x02\x00\x00", "damaged message (server hello)"),
        (b"\x07\x00\x00", "(finished) where another (server hello) is due"),
        (b"\x21\x00\x00", "(end) where another (server hello) is due"),
    ] {
        let told = check_server(&place, Step::Secure, bytes, Leave::Fin, &[words]);
        // A client hello, and why it was the last word.
        assert_eq!(told[..2], [1, 0], "{words}: {}", told.escape_ascii());
        assert_eq!(told.ends_with(&ALERT), bytes != b"\x00", "{words}: {}", told.escape_ascii());
    }
    check_server(&place, Step::Secure, &ALERT, Leave::Fin, &["gave up: alert failure"]);
    check_server(&place, Step::Secure, b"\x10\x00\x01\x03", Leave::Fin, &["gave up: alert no_common_suite"]);
}

#[test]
fn in_step_tls_a_server_that_stops_or_speaks_something_else_is_named() {
    let place = Place::new();
    for bytes in [&b""[..], b"\x16", b"\x16\x03\x03\x01\x00half of a hello"] {
        check_server(&place, Step::Tls, bytes, Leave::Not, &["did not finish the TLS handshake in time"]);
        check_server(&place, Step::Tls, bytes, Leave::Fin, &["closed the connection within the TLS handshake"]);
        let gone = ["closed the connection within the TLS handshake", "reset the connection within the TLS handshake"];
        check_server(&place, Step::Tls, bytes, Leave::Close, &gone);
        check_server(&place, Step::Tls, bytes, Leave::Reset, &gone);
    }
    for bytes in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], MESSAGE, b"\x02\x00\x25 a hello of the channel", &[0xff; 1000]]
    {
        check_server(&place, Step::Tls, bytes, Leave::Fin, &["does not speak TLS"]);
    }
    check_server(&place, Step::Tls, b"\x15\x03\x03\x00\x02\x02\x28", Leave::Fin, &["alert handshake_failure"]);
}

#[test]
fn in_step_plain_a_server_that_says_nothing_or_breaks_off_is_named() {
    let place = Place::new();
    check_server(&place, Step::Plain, b"", Leave::Not, SILENT);
    let told = check_server(&place, Step::Plain, b"", Leave::Fin, &["ended the connection without a message"]);
    assert_eq!(told, b"");
    check_server(&place, Step::Plain, b"", Leave::Close, &["ended the connection without a message"]);
    let (outcome, _seen) = against(&place, Step::Plain, &LONG, |mut tcp| {
        tcp.write_all(b"The OTP").unwrap();
        Leave::Reset.from(tcp)
    });
    // The beginning may have been lost with the connection.
    check_failed(&outcome, &["cannot receive from ", "cannot send to ", "cannot connect to "]);
    assert!(!outcome.stdout().contains("The OTP"), "{}", outcome.stdout());
}

#[test]
fn in_step_plain_a_message_is_acknowledged_after_half_a_second_if_its_server_does_not_end_it() {
    let place = Place::new();
    for pieces in [vec![MESSAGE], vec![&MESSAGE[..10], &MESSAGE[10..]]] {
        let (outcome, seen) = against(&place, Step::Plain, &LONG, move |mut tcp| {
            let begun = Instant::now();
            pieces.iter().for_each(|piece| tcp.write_all(piece).unwrap());
            let mut answer = [0; 3];
            tcp.read_exact(&mut answer).unwrap();
            (answer, begun.elapsed(), Leave::Fin.from(tcp).0)
        });
        let (answer, waited, rest) = seen.recv_timeout(PATIENCE).unwrap();
        assert_eq!((&answer, rest), (b"ACK", vec![]));
        assert!(ABOUT_HALF_A_SECOND.contains(&waited), "{waited:?}");
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()));
        assert!(outcome.stdout.ends_with(&[MESSAGE, b"\n"].concat()), "{}", outcome.stdout());
    }
    // It may also leave in a hurry, or not at all.
    for leave in [Leave::Not, Leave::Close, Leave::Reset] {
        let (outcome, _seen) = against(&place, Step::Plain, &SHORT, move |mut tcp| {
            tcp.write_all(MESSAGE).unwrap();
            tcp.read_exact(&mut [0; 3]).unwrap();
            leave.from(tcp)
        });
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()), "{leave:?}");
        assert!(outcome.stdout.ends_with(&[MESSAGE, b"\n"].concat()), "{leave:?}: {}", outcome.stdout());
    }
}

#[test]
fn in_step_plain_a_message_may_come_a_byte_at_a_time() {
    let place = Place::new();
    let (outcome, seen) = against(&place, Step::Plain, &LONG, |mut tcp| {
        MESSAGE.iter().for_each(|byte| tcp.write_all(&[*byte]).unwrap());
        Leave::Fin.from(tcp).0
    });
    assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()));
    assert!(outcome.stdout.ends_with(&[MESSAGE, b"\n"].concat()), "{}", outcome.stdout());
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), ACKNOWLEDGEMENT);
}

#[test]
fn in_step_secure_a_server_that_stops_after_the_handshake_is_named_and_nothing_is_shown() {
    let place = Place::new();
    let (certificate, roots) = (place.credentials("server"), place.roots());
    let accept = move |tcp: TcpStream| {
        let peer = tcp.peer_addr().unwrap();
        let identity = PartyIdentity::new(&certificate).unwrap();
        let trust = Trust::in_client(roots.clone());
        let copy = tcp.try_clone().unwrap();
        let connection = Connection::new(tcp, peer);
        (Channel::accept(connection, &identity, &trust, &mut |_| ()).unwrap(), copy)
    };
    let silent = accept.clone();
    let (outcome, _seen) = against(&place, Step::Secure, &SHORT, move |tcp| {
        let (_channel, tcp) = silent(tcp);
        Leave::Not.from(tcp)
    });
    check_failed(&outcome, SILENT);
    assert!(outcome.stdout().lines().last().unwrap().starts_with("handshake complete: "), "{}", outcome.stdout());
    let leaves = accept.clone();
    let (outcome, _seen) = against(&place, Step::Secure, &LONG, move |tcp| drop(leaves(tcp)));
    check_failed(&outcome, &["ended the connection where more (data) was due"]);
    // What is no record of this channel is refused.
    let garbles = accept;
    let (outcome, seen) = against(&place, Step::Secure, &LONG, move |tcp| {
        let (_channel, mut tcp) = garbles(tcp);
        tcp.write_all(&[&[32, 0, 72][..], MESSAGE].concat()).unwrap();
        Leave::Fin.from(tcp).0
    });
    check_failed(&outcome, &["sent a record (number 0, data) that fails its check"]);
    assert!(!outcome.stdout().contains("OTP"), "{}", outcome.stdout());
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), ALERT);
}

#[test]
fn in_step_tls_a_server_that_stops_after_the_handshake_is_named_and_nothing_is_shown() {
    let place = Place::new();
    let acceptor = Acceptor::mutual(&place.credentials("server"), &place.roots(), "client").unwrap();
    for message in [&b""[..], MESSAGE] {
        for (options, is_silent, words) in [(SHORT, true, SILENT), (LONG, false, &["without close_notify"][..])] {
            let acceptor = acceptor.clone();
            let (outcome, _seen) = against(&place, Step::Tls, &options, move |tcp| {
                let peer = tcp.peer_addr().unwrap();
                let mut client = acceptor.accept(tcp, peer, &ClientLimits::default()).unwrap();
                client.write_all(message).unwrap();
                if is_silent {
                    client.set_patience(Some(PATIENCE)).unwrap();
                    let _ = client.read(&mut [0]);
                }
            });
            check_failed(&outcome, words);
            assert!(!outcome.stdout().contains("OTP"), "{}", outcome.stdout());
        }
    }
}

// Two steps.

#[test]
fn a_server_and_a_client_of_different_steps_both_say_so_and_end() {
    // Where both wait for the other, the client is the first to have had enough.
    let (waits, gone) = ("nothing received from ", ["ended the connection where more", "left within the handshake"]);
    for (server_step, client_step, of_client, of_server) in [
        (Step::Plain, Step::Secure, &["which is no ACK"][..], "unknown kind 84"),
        (Step::Plain, Step::Tls, &["which is no ACK"], "does not speak TLS"),
        (Step::Secure, Step::Plain, &gone, waits),
        (Step::Secure, Step::Tls, &["unknown kind 22"], "does not speak TLS"),
        (Step::Tls, Step::Plain, &gone, waits),
        (Step::Tls, Step::Secure, &["does not speak TLS"], "unknown kind 21"),
    ] {
        let served = Served::start(server_step, &[&["--once"], &LONG[..]].concat());
        let patience = if of_server == waits { SHORT } else { LONG };
        let client = finish(served.place.client(client_step, served.door.address, &patience));
        check_failed(&client, &[of_server]);
        check_failed(&finish(served.program), of_client);
    }
}

#[test]
fn a_plain_client_of_a_server_that_waits_for_a_hello_fails_whoever_is_the_first_to_have_had_enough() {
    for step in [Step::Secure, Step::Tls] {
        let served = Served::start(step, &[&["--once"], &SHORT[..]].concat());
        let client = finish(served.place.client(Step::Plain, served.door.address, &LONG));
        check_failed(&finish(served.program), &["nothing received from ", "was too slow in the handshake"]);
        check_failed(&client, &["ended the connection without a message; is its step plain as well?"]);
    }
}
