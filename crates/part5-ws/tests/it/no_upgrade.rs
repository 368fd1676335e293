//! The server answers something else than an upgrade, or nothing.

use std::{
    io::Write,
    thread::{self},
    time::Duration,
};

use crate::played::{Pmu, check_broken, switching_protocols};

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
