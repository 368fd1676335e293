//! Part 2 with a PMU that means no good, or does none: when a line appears, wrong answers, silence, Ctrl-C, statistics.

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    time::Duration,
};

use lab_process::{Outcome, Program};
use lab_test::{PATIENCE, accept, check_failed, finish, listen, run, start};

use crate::{
    PDC, lines, message,
    played::{asked, await_line, called, hear, say},
};

/// What a PDC makes of an answer of short messages that fails, whole and cut after each byte.
fn check_bad(answer: &[u8], stdout: &str, words: &[&str]) {
    for recv_buffer in [65_536, 1] {
        let (pdc, mut pmu) = asked(&format!("--recv-buffer {recv_buffer} CMD_short:0"));
        say(&mut pmu, answer);
        drop(pmu);
        check_failed(&finish(pdc), stdout, words);
    }
}

// The moment at which a line appears.

#[test]
fn q10_each_message_is_shown_when_it_arrives_and_not_only_with_the_next() {
    for first in [0, 1] {
        let (mut pdc, mut pmu) = asked("CMD_short:1");
        for i in first..12 {
            say(&mut pmu, message(i));
            await_line(&mut pdc, &message(i));
        }
        drop(pmu);
        let outcome = finish(pdc);
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()));
        assert_eq!(outcome.stdout().lines().count() as u64, 12 - first);
    }
}

#[test]
fn a_message_is_shown_before_the_rest_of_the_next_and_before_its_separator() {
    let (mut pdc, mut pmu) = asked("CMD_short:1");
    for (piece, line) in [
        ("This is PMU data 1Th", "This is PMU data 1"),
        ("is is PMU data 2This is PMU data ", "This is PMU data 2"),
        ("3", "This is PMU data 3"),
        ("\r\nThis is PMU data 4", "This is PMU data 4"),
        // Not the expected number: the next byte that is no digit completes it.
        ("This is PMU data 77T", "This is PMU data 77"),
    ] {
        say(&mut pmu, piece);
        await_line(&mut pdc, line);
    }
    say(&mut pmu, "his is PMU data 78\n");
    drop(pmu);
    await_line(&mut pdc, "This is PMU data 78");
    let outcome = finish(pdc);
    assert_eq!(outcome.code(), 0);
    assert!(outcome.stderr().starts_with("warning: message 77 "), "{}", outcome.stderr());
    assert_eq!(outcome.stderr().lines().count(), 1, "{}", outcome.stderr());
}

#[test]
fn q13_a_stream_that_is_cut_anywhere_gives_the_same_lines() {
    let answer: String = (1..=12).map(message).collect();
    let lines = lines(1..=12);
    for len in (1..=20).chain([179, 180, 181]) {
        let (pdc, mut pmu) = asked("CMD_short:0");
        answer.as_bytes().chunks(len).for_each(|piece| say(&mut pmu, piece));
        drop(pmu);
        let outcome = finish(pdc);
        assert_eq!((outcome.stdout(), outcome.stderr(), outcome.code()), (lines.clone(), String::new(), 0), "{len}");
    }
}

#[test]
fn a_flood_is_shown_as_it_arrives() {
    let (mut pdc, mut pmu) = asked("CMD_floodme");
    for text in ["This is PMU data 1", "", "一二三"] {
        say(&mut pmu, format!("{text}\n"));
        await_line(&mut pdc, text);
    }
    drop(pmu);
    assert_eq!(finish(pdc).stdout(), "This is PMU data 1\n\n一二三\n");
}

#[test]
fn each_command_has_a_connection_of_its_own_and_the_next_follows_the_close() {
    let (listener, address) = listen();
    let commands = ["CMD_short:0", "CMD_floodme", "CMD_short:007.50"];
    let mut pdc = start(PDC, &[&["--server", &address.to_string()], &commands[..]].concat());
    for command in commands {
        let mut pmu = accept(&listener);
        hear(&mut pmu, command);
        say(&mut pmu, message(1));
        if command != "CMD_floodme" {
            await_line(&mut pdc, &message(1));
        }
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "a second connection while {command} is being answered");
        listener.set_nonblocking(false).unwrap();
    }
    assert_eq!(finish(pdc).stdout(), "This is PMU data 1\n".repeat(3));
}

// Answers that are wrong.

#[test]
fn the_first_byte_that_belongs_to_no_message_is_an_error_that_shows_the_bytes() {
    check_bad(b"HTTP/1.1 400 Bad Request\r\n", "", &["'H"]);
    check_bad(b"This is PMU data 1This is PMU data 2 and more", "This is PMU data 1\nThis is PMU data 2\n", &["'a"]);
    check_bad(b"This is PMU data 1\xff\x1b[2J\x07", "This is PMU data 1\n", &["'\\xff"]);
    check_bad(b"This is PMU data 1This is PMX data 2", "This is PMU data 1\n", &["'This is PMX"]);
    check_bad(b"This is PMU data 1This is PMU data -2", "This is PMU data 1\n", &["'This is PMU data -"]);
    check_bad(b"\0This is PMU data 1", "", &["'\\x00"]);
    check_bad("This is PMU data \u{661}".as_bytes(), "", &["'This is PMU data "]);
    check_bad(b"This is PMU data x", "", &["'This is PMU data x"]);
}

#[test]
fn garbage_is_shown_escaped_and_abridged() {
    let (pdc, mut pmu) = asked("CMD_short:0");
    say(&mut pmu, [b"This is PMU data 1caf\xe9\x1b]0;x\x07\n".as_slice(), &[b'y'; 1000]].concat());
    drop(pmu);
    check_failed(&finish(pdc), "This is PMU data 1\n", &["caf\\xe9\\x1b]0;x\\x07\\nyyy"]);
}

#[test]
fn a_number_without_end_is_garbage() {
    let (pdc, mut pmu) = asked("CMD_short:0");
    say(&mut pmu, "This is PMU data 1This is PMU data ");
    // The PDC leaves when it has seen enough.
    while pmu.write_all(&[b'9'; 4096]).is_ok() {}
    check_failed(&finish(pdc), "This is PMU data 1\n", &["'This is PMU data 999"]);
}

#[test]
fn an_answer_that_ends_within_a_message_is_an_error() {
    for tail in ["T", "This is P", "This is PMU data", "This is PMU data "] {
        let answer = message(1) + &message(2) + tail;
        check_bad(answer.as_bytes(), "This is PMU data 1\nThis is PMU data 2\n", &[&format!("'{tail}'")]);
        check_bad(tail.as_bytes(), "", &[&format!("'{tail}'")]);
    }
}

#[test]
fn a_connection_that_is_reset_is_an_error_after_the_messages_before_it() {
    for tail in ["", "This is P"] {
        let (mut pdc, mut pmu) = called("CMD_short:0");
        say(&mut pmu, message(1) + &message(2) + tail);
        await_line(&mut pdc, &message(1));
        await_line(&mut pdc, &message(2));
        let address = pmu.local_addr().unwrap().to_string();
        drop(pmu);
        check_failed(&finish(pdc), "This is PMU data 1\nThis is PMU data 2\n", &[&address, "reset"]);
    }
}

#[test]
fn a_reset_instead_of_an_answer_is_an_error() {
    for command in ["CMD_short:0", "CMD_floodme"] {
        let (pdc, pmu) = called(command);
        let address = pmu.local_addr().unwrap().to_string();
        drop(pmu);
        check_failed(&finish(pdc), "", &[&address, "reset"]);
    }
}

#[test]
fn a_flood_that_is_reset_is_an_error_after_what_came() {
    let (mut pdc, mut pmu) = called("CMD_floodme");
    say(&mut pmu, "one\n");
    await_line(&mut pdc, "one");
    drop(pmu);
    check_failed(&finish(pdc), "one\n", &["reset"]);
}

// Servers that keep one waiting.

#[test]
fn a_pmu_that_is_silent_for_longer_than_the_timeout_is_an_error() {
    // Two seconds in which to say something: enough on any machine.
    for (seconds, said, shown) in [(0.25, "", ""), (2.0, "This is PMU data 1", "This is PMU data 1\n")] {
        let (pdc, mut pmu) = asked(&format!("--timeout {seconds} CMD_short:0"));
        say(&mut pmu, said);
        let outcome = finish(pdc);
        let address = pmu.local_addr().unwrap().to_string();
        check_failed(&outcome, shown, &[&address, "nothing received", &format!("{seconds:.3} s")]);
        assert!(outcome.elapsed >= Duration::from_secs_f64(seconds), "{:?}", outcome.elapsed);
    }
}

/// A server that is too busy to accept: Linux then ignores those who knock.
#[cfg(target_os = "linux")]
#[test]
fn a_server_that_does_not_accept_is_given_up_after_the_connect_timeout() {
    let (_listener, address) = listen();
    let mut waiting = Vec::new();
    while let Ok(client) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(client);
        assert!(waiting.len() < 10_000, "everyone is let in");
    }
    let server = address.to_string();
    let arguments = ["--server", &server, "--connect-timeout", "0.3", "CMD_short:0"];
    let outcome = run(PDC, &arguments);
    check_failed(&outcome, "", &[&format!("cannot connect to {server}"), "timed out"]);
    assert!(outcome.elapsed >= Duration::from_millis(300), "{:?}", outcome.elapsed);
}

// Ctrl-C.

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_pdc_as_the_signal_does_after_what_it_has() {
    for (signal, code) in [(Program::interrupt as fn(&mut Program), 130), (Program::terminate, 143)] {
        let (mut pdc, mut pmu) = asked("--stats CMD_short:1");
        for i in 1..=3 {
            say(&mut pmu, message(i));
            await_line(&mut pdc, &message(i));
        }
        signal(&mut pdc);
        let outcome = finish(pdc);
        assert_eq!(outcome.code(), code);
        assert_eq!(outcome.stdout(), "This is PMU data 1\nThis is PMU data 2\nThis is PMU data 3\n");
        let stats = outcome.stats();
        assert_eq!((stats.len(), outcome.stderr().lines().count()), (1, 1), "{}", outcome.stderr());
        // The third may be shown and not yet counted.
        assert!(stats[0]["messages"].as_u64().is_some_and(|messages| (2..=3).contains(&messages)), "{}", stats[0]);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_pdc_whose_pmu_says_nothing() {
    let (mut pdc, _pmu) = asked("CMD_floodme");
    pdc.interrupt();
    let outcome = finish(pdc);
    assert_eq!((outcome.code(), outcome.stdout(), outcome.stderr()), (130, String::new(), String::new()));
}

// Statistics.

#[test]
fn q15_recv_calls_count_each_recv_and_the_last_empty_one() {
    for command in ["CMD_short:1", "CMD_floodme"] {
        let (mut pdc, mut pmu) = asked(&format!("--stats {command}"));
        for i in 1..=3 {
            say(&mut pmu, message(i) + "\n");
            await_line(&mut pdc, &message(i));
        }
        drop(pmu);
        let outcome = finish(pdc);
        let [stats] = &outcome.stats()[..] else { panic!("{}", outcome.stderr()) };
        assert_eq!(stats["command"], command);
        assert_eq!(stats["messages"], if command == "CMD_floodme" { 1 } else { 3 });
        assert_eq!(stats["bytes"], 3 * "This is PMU data 1\n".len());
        assert_eq!(stats["recv_calls"], 4);
        if cfg!(target_os = "linux") {
            assert_eq!(stats["data_segments_in"], 3);
        }
    }
}

#[test]
fn stats_are_printed_after_an_error_too() {
    let (pdc, mut pmu) = asked("--stats CMD_short:0");
    say(&mut pmu, "This is PMU data 1oops");
    drop(pmu);
    let outcome = finish(pdc);
    check_failed(&outcome, "This is PMU data 1\n", &["'oops'"]);
    check_stats_last(&outcome, &[1]);

    let (pdc, pmu) = called("--stats CMD_short:0");
    drop(pmu);
    let outcome = finish(pdc);
    check_failed(&outcome, "", &["reset"]);
    check_stats_last(&outcome, &[0]);

    let (listener, address) = listen();
    let server = address.to_string();
    let arguments = ["--server", &server, "--stats", "CMD_short:0", "CMD_short:0"];
    let pdc = start(PDC, &arguments);
    let mut pmu = accept(&listener);
    hear(&mut pmu, "CMD_short:0");
    // The second command finds the port closed, and nobody else can have it: its error has a hint.
    socket2::SockRef::from(&listener).shutdown(Shutdown::Both).unwrap();
    say(&mut pmu, message(1));
    drop(pmu);
    let outcome = finish(pdc);
    check_failed(&outcome, "This is PMU data 1\n", &["cannot connect", &server]);
    check_stats_last(&outcome, &[1, 0]);
}

/// The last lines of stderr are an object for each command, with these numbers of messages.
fn check_stats_last(outcome: &Outcome, messages: &[u64]) {
    let counted: Vec<_> = outcome.stats().iter().map(|stats| stats["messages"].as_u64().unwrap()).collect();
    assert_eq!(counted, messages, "{}", outcome.stderr());
}

// What it waits for.

#[test]
fn after_five_seconds_of_silence_it_says_what_it_waits_for() {
    let asked_since = std::time::Instant::now();
    let (mut pdc, mut pmu) = asked("CMD_short:0");
    let address = pmu.local_addr().unwrap();
    let await_note = |pdc: &mut Program| {
        pdc.line_with("say what it waits for", PATIENCE, |line| line.text.starts_with("note: ")).unwrap().text
    };
    let note = await_note(&mut pdc);
    assert!(asked_since.elapsed() >= Duration::from_secs(5));
    let expected =
        format!("note: waiting for 5 s: connected to {address}, CMD_short:0 is sent, no message has come yet");
    assert_eq!(note, expected);
    // A PMU that does not end its answer: the handout's client waits, too (Q13).
    say(&mut pmu, "This is PMU data 1");
    assert!(await_note(&mut pdc).contains("neither a further one nor the end"));
    drop(pmu);
    let outcome = finish(pdc);
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (0, "This is PMU data 1\n"));
}
