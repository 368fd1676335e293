//! Servers that do not speak TLS, or do not finish the handshake.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use lab_test::{PATIENCE, accept, check_failed, finish, listen};
use mock_servers::{ServerSettings, pmu};
use socket2::SockRef;

use crate::files::Files;

/// Leaves with a reset instead of a FIN.
pub(crate) fn reset(tcp: &TcpStream) {
    SockRef::from(tcp).set_linger(Some(Duration::ZERO)).unwrap();
}

/// What the PDC makes of a server that does this instead of a handshake.
fn check_no_handshake(server: impl FnOnce(TcpStream), words: &[&str]) {
    let files = Files::new();
    let (listener, address) = listen();
    let pdc = files.start(address, "CMD_short:0");
    let tcp = accept(&listener);
    // It has begun: a reset before that would be a connection refused.
    assert_eq!(tcp.peek(&mut [0]).unwrap(), 1);
    server(tcp);
    check_failed(&finish(pdc), "", &[&[address.to_string().as_str()], words].concat());
}

/// All of the ClientHello, so that what follows is a FIN and no reset.
fn hear(tcp: &mut TcpStream) {
    let mut header = [0; 5];
    tcp.read_exact(&mut header).unwrap();
    let mut body = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    tcp.read_exact(&mut body).unwrap();
}

#[test]
fn a_server_that_does_not_speak_tls_is_named_as_such() {
    for text in [&b"This is PMU data 1"[..], b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\0\0\0", &[0xff; 100]] {
        check_no_handshake(|mut tcp| tcp.write_all(text).unwrap(), &["TLS"]);
    }
    let closes = |mut tcp: TcpStream| {
        hear(&mut tcp);
    };
    check_no_handshake(closes, &["closed", "TLS"]);
    // As a PMU of part 2 does that reads 1,024 bytes and closes, while more of the ClientHello waits.
    check_no_handshake(|tcp| reset(&tcp), &["TLS"]);
    check_no_handshake(|mut tcp| tcp.read_exact(&mut [0; 100]).unwrap(), &["TLS"]);
}

#[test]
fn the_pmu_of_part_2_is_named_as_no_tls() {
    let part2 = pmu::spawn(&pmu::Config { port: 0, ..pmu::Config::default() }, &ServerSettings::default()).unwrap();
    check_failed(&finish(Files::new().start(part2.address(), "CMD_short:0")), "", &["TLS"]);
}

#[test]
fn an_alert_or_a_version_of_the_past_is_translated() {
    let alert = |mut tcp: TcpStream| {
        hear(&mut tcp);
        tcp.write_all(&[21, 3, 3, 0, 2, 2, 40]).unwrap();
    };
    check_no_handshake(alert, &["refused the handshake", "handshake_failure"]);
    // A ServerHello of version 3.2: random, no session, a suite, no compression (RFC 4346, section 7.4.1.3).
    let tls_1_1 = |mut tcp: TcpStream| {
        hear(&mut tcp);
        let body = [&[3, 2][..], &[7; 32], &[0], &[0xc0, 0x14], &[0]].concat();
        let handshake = [&[2, 0, 0, body.len() as u8], &body[..]].concat();
        tcp.write_all(&[&[22, 3, 2, 0, handshake.len() as u8], &handshake[..]].concat()).unwrap();
        hear(&mut tcp);
    };
    check_no_handshake(tls_1_1, &["TLS version"]);
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let files = Files::new();
    let (listener, address) = listen();
    // The system accepts for it.
    let outcome = finish(files.start(address, "CMD_short:0 --connect-timeout 0.3"));
    check_failed(&outcome, "", &[&address.to_string(), "handshake", "in time"]);
    drop(accept(&listener));
    // A byte now and then is no answer either.
    let pdc = files.start(address, "CMD_short:0 --connect-timeout 1");
    let mut tcp = accept(&listener);
    tcp.write_all(&[22, 3, 3, 0x3f, 0xff]).unwrap();
    let begun = Instant::now();
    while tcp.write_all(&[0]).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "a handshake may take for ever");
        thread::sleep(Duration::from_millis(100));
    }
    check_failed(&finish(pdc), "", &["handshake", "in time"]);
}
