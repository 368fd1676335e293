//! What rude visitors of the TLS server cost, and many at once.

use std::{
    fs,
    io::{self, Read, Write},
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use lab_test::finish;
use rustls::version::TLS13;

use crate::{
    server::row,
    site::{Files, PAGE, connect},
};

#[test]
fn a_file_that_shrinks_within_an_answer_is_cut_off_without_close_notify() {
    let files = Files::new();
    fs::write(files.path("big"), vec![7; 64 << 20]).unwrap();
    let mut server = files.server("--file big");
    let mut client = connect(server.address, "localhost", &server.default_config());
    client.write_all(b"GET /download HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    client.read_exact(&mut [0; 1000]).unwrap();
    fs::File::options().write(true).open(files.path("big")).unwrap().set_len(1000).unwrap();
    let error = client.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    server.report("(the file ends early)");
    fs::remove_file(files.path("big")).unwrap();
    assert!(server.get("GET /download HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 500 "));
}

#[test]
fn what_a_visitor_sends_is_shown_escaped_on_one_line() {
    let files = Files::new();
    let mut server = files.server("");
    server.get("GET /\x1b[2J\"<script> HTTP/1.1\r\nHost: a\r\n\r\n");
    let report = server.report("script");
    assert!(report.contains("\"GET /\\x1b[2J\\\"<script> HTTP/1.1\" 400 "), "{report}");
    let config = server.config(&[&TLS13], &["<b>\u{1b}"]);
    assert!(server.exchange("localhost", &config, PAGE).is_err());
    server.report("127.0.0.1");
}

#[test]
fn the_page_escapes_the_protocol_that_was_agreed_on() {
    let files = Files::new();
    let server = files.server("--alpn <b>&");
    let page = server.exchange("localhost", &server.config(&[&TLS13], &["<b>&"]), PAGE).unwrap();
    assert_eq!(row(&String::from_utf8(page).unwrap(), "Application protocol (ALPN)"), "&lt;b&gt;&amp;");
}

#[test]
fn a_rude_visitor_costs_a_deadline_and_the_next_one_is_served() {
    let files = Files::new();
    let mut server = files.server("--timeout 2");
    let mut plain = server.tcp();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"", "plain HTTP is answered by closing");
    server.report("spoke plain HTTP");

    let mut garbage = server.tcp();
    garbage.write_all(b"\x00\x01garbage\r\n\r\n").unwrap();
    garbage.read_to_end(&mut Vec::new()).unwrap();
    server.report("does not speak TLS");

    drop(server.tcp());
    server.report("left within the handshake");

    let begun = Instant::now();
    let silent = server.tcp();
    let mut half = server.tcp();
    half.write_all(b"\x16\x03\x01").unwrap();
    let mut quiet = connect(server.address, "localhost", &server.default_config());
    quiet.conn.complete_io(&mut quiet.sock).unwrap();
    let mut slow = connect(server.address, "localhost", &server.default_config());
    slow.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    server.reports(&[("too slow in the handshake", 2), ("too slow with its request", 2)]);
    drop((silent, half, quiet, slow));
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());

    let mut gone = connect(server.address, "localhost", &server.default_config());
    gone.write_all(b"GET / HT").unwrap();
    drop(gone);
    server.report("left within a request");

    assert!(server.get(PAGE).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_visitor_that_takes_nothing_of_its_answer_is_given_up() {
    let files = Files::new();
    let mut server = files.server("--timeout 1");
    let mut greedy = connect(server.address, "localhost", &server.default_config());
    greedy.write_all(b"GET /bytes/1000000000 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let begun = Instant::now();
    let report = server.report("/bytes/1000000000");
    assert!(report.contains("(gone: it did not take what it was sent within 1 s)"), "{report}");
    // Once: the alert that follows waits for nobody.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn a_hundred_and_twenty_visitors_are_served_at_once() {
    const VISITORS: usize = 120;
    let files = Files::new();
    let mut server = files.server("--timeout 60");
    let (address, config) = (server.address, server.default_config());
    let together = Arc::new(Barrier::new(VISITORS));
    let visitors: Vec<_> = (0..VISITORS)
        .map(|i| {
            let (config, together) = (Arc::clone(&config), Arc::clone(&together));
            thread::spawn(move || {
                let mut client = connect(address, "localhost", &config);
                client.conn.complete_io(&mut client.sock).unwrap();
                // Nobody asks before all are connected.
                together.wait();
                let request = format!("GET /bytes/{i} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                client.write_all(request.as_bytes()).unwrap();
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).unwrap();
                assert!(answer.ends_with(format!("\r\n\r\n{}", "\0".repeat(i)).as_bytes()));
            })
        })
        .collect();
    for visitor in visitors {
        visitor.join().unwrap();
    }
    server.program.terminate();
    let outcome = finish(server.program);
    assert_eq!(outcome.code(), 0);
    assert_eq!(outcome.stdout().matches(" 200 ").count(), VISITORS);
}
