//! The server answers something else than an upgrade, or nothing.

use std::{
    io::{Read, Write},
    thread::{self},
    time::Duration,
};

use lab_test::PATIENCE;
use tungstenite::handshake::derive_accept_key;

use crate::{
    CLIENT,
    played::{FIN, Pmu, TEXT, check, check_broken, header, status, switching_protocols},
};

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

/// An upgrade with further headers, then one message and a normal end.
fn upgrade_with(before: &'static str, headers: &'static str) -> impl FnOnce(Pmu) + Send + 'static {
    move |mut pmu: Pmu| {
        let accept = derive_accept_key(header(&pmu.request(), "Sec-WebSocket-Key").as_bytes());
        pmu.send(
            format!("{before}HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n{headers}\r\n")
                .as_bytes(),
        );
        // The client may have refused it by now.
        if pmu.0.read(&mut [0; 200]).is_ok_and(|len| len > 0) {
            pmu.frame(FIN | TEXT, "This is PMU data 1");
            pmu.close(&status(1000, ""));
        }
    }
}

#[test]
fn connection_and_upgrade_are_lists_of_tokens_over_one_or_several_lines() {
    for headers in [
        "upgrade: WEBSOCKET\r\nconnection: keep-alive, Upgrade\r\n",
        "Connection: keep-alive\r\nUpgrade: h2c, websocket\r\nConnection: x ,upgrade\r\n",
        "Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    ] {
        check(upgrade_with("", headers), "This is PMU data 1\n");
    }
    let not_in_the_list = "Upgrade: websocket\r\nConnection: keep-alive, upgraded\r\n";
    check_broken(upgrade_with("", not_in_the_list), &[], "", "has no 'Connection: Upgrade'");
}

#[test]
fn answers_that_precede_the_upgrade_are_passed_over_unless_they_never_end() {
    const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    let early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </pmu>\r\n\r\n";
    check(upgrade_with(early, UPGRADE), "This is PMU data 1\n");
    let endless = |mut pmu: Pmu| {
        pmu.request();
        while pmu.0.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok() {}
    };
    check_broken(endless, &[], "", "did not upgrade to WebSocket");
}

#[test]
fn what_was_not_offered_is_refused_by_name() {
    for (chosen, complaint) in [
        (
            "Sec-WebSocket-Extensions: permessage-deflate\r\n",
            "the extension 'permessage-deflate', which was not offered",
        ),
        ("Sec-WebSocket-Extensions: x-\u{1b}[5m\r\n", "HTTP"),
        ("Sec-WebSocket-Protocol: mqtt\r\n", "the subprotocol 'mqtt', which was not offered"),
    ] {
        let headers = format!("Upgrade: websocket\r\nConnection: Upgrade\r\n{chosen}");
        check_broken(upgrade_with("", headers.leak()), &[], "", complaint);
    }
}

#[test]
fn after_five_seconds_of_silence_the_client_says_what_it_waits_for() {
    let (listener, address) = lab_test::listen();
    let mut client = lab_test::start(CLIENT, &["--server", &address.to_string(), "CMD_short:0"]);
    let mut await_note =
        || client.line_with("say what it waits for", PATIENCE, |line| line.text.starts_with("note: ")).unwrap().text;
    let mut pmu = Pmu(lab_test::accept(&listener));
    let request = pmu.request();
    assert_eq!(
        await_note(),
        format!("note: waiting for 5 s: not connected to ws://{address}/ yet, or the upgrade is not answered")
    );
    pmu.agree(&request);
    pmu.receive();
    let what = format!("connected to ws://{address}/, CMD_short:0 is sent, no message has come yet");
    assert_eq!(await_note(), format!("note: waiting for 5 s: {what}"));
}
