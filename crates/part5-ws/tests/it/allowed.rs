//! What a server may do: the answer is whole.

use std::{
    process::Command,
    thread::{self},
    time::Duration,
};

use lab_process::Program;
use lab_test::PATIENCE;
use tungstenite::handshake::derive_accept_key;

use crate::{
    CLIENT,
    played::{
        BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, Pmu, TEXT, check, frame, header, run, server, status,
        switching_protocols,
    },
};

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
    .finish(2 * PATIENCE)
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
