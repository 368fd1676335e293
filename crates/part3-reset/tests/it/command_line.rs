//! The command line: limits, statistics, signals, errors.

use std::{process::Command, time::Duration};

use lab_process::{Program, Stream};
use lab_test::{PATIENCE, finish, spawn};
use serde_json::{Value, json};

use crate::{
    CLOSED, PART3, PATIENT,
    played::{Pmu, mock_of_both_families},
    run,
    shown::{answer, check_failure, counted, stats},
    start,
};

#[test]
fn the_greatest_offset_is_the_one_that_was_asked_for() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, PATIENT, "--n", "5"]);
    let (request, client) = pmu.receive().unwrap();
    assert_eq!(request, b"RESET:5");
    pmu.send(client, "OFFSET=6");
    pmu.send(client, "OFFSET=5");
    assert_eq!(answer(finish(program).stdout().trim_end()).offset, 5);
}

#[test]
fn it_gives_up_when_it_was_told_to_and_the_default_round_is_the_handouts_second() {
    let [pmu, _] = Pmu::pair();
    let outcome = run(&["--server", &pmu.address, "--max-rounds=2"]);
    check_failure(&outcome, "acknowledged nothing in 2 rounds of 1.000 s", "mock-servers");
    assert_eq!(pmu.packets(), 2);
    assert!(outcome.elapsed >= Duration::from_secs(2), "{:?}", outcome.elapsed);
}

#[test]
fn what_was_answered_before_it_gave_up_is_shown() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, "--runs=3", "--timeout=0.1", "--max-rounds=30"]);
    pmu.send(pmu.request(), "OFFSET=7");
    let outcome = finish(program);
    assert_eq!((answer(outcome.stdout().trim_end()).offset, outcome.code()), (7, 1));
}

#[test]
fn the_statistics_are_one_object_at_the_end_of_stderr() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, "--server", CLOSED[1], PATIENT, "--stats"]);
    let client = pmu.request();
    pmu.send(client, "noise");
    pmu.send(client, "OFFSET:7");
    let outcome = finish(program);
    assert_eq!((outcome.stdout().lines().count(), outcome.stderr().lines().count()), (1, 2));
    let stats = stats(&outcome);
    let elapsed = stats["elapsed_s"].as_f64().unwrap();
    assert!((0.0..=outcome.elapsed.as_secs_f64()).contains(&elapsed), "{elapsed}");
    assert_eq!(counted(&outcome), [1; 3]);
    assert_eq!(["command", "family", "offset"].map(|key| &stats[key]), [&json!("RESET:20"), &json!("IPv4"), &json!(7)]);
}

#[test]
fn the_statistics_come_after_an_error_too() {
    for (server, expected) in [(CLOSED[1], [0, 1, 1]), ("nowhere.invalid", [0, 0, 0])] {
        let outcome = run(&["--server", server, "--connect-timeout=3", "--timeout=0.1", "--max-rounds=1", "--stats"]);
        assert_eq!((outcome.code(), counted(&outcome)), (1, expected), "{server}");
        let stats = stats(&outcome);
        assert_eq!(
            ["command", "family", "offset"].map(|key| &stats[key]),
            [&json!("RESET:20"), &Value::Null, &Value::Null]
        );
    }
}

#[test]
fn a_signal_ends_it_after_what_it_has() {
    for (signal, status) in [(Program::interrupt as fn(&mut Program), 130), (Program::terminate, 143)] {
        let [pmu, _] = Pmu::pair();
        let mut program = start(&["--server", &pmu.address, "--runs=60", PATIENT, "--stats"]);
        let first = pmu.request();
        pmu.send(first, "OFFSET=7");
        program.line_with("answer", PATIENCE, |line| line.stream == Stream::Stdout).unwrap();
        while pmu.request() == first {}
        signal(&mut program);
        let outcome = finish(program);
        assert_eq!(outcome.code(), status);
        assert_eq!(answer(outcome.stdout().trim_end()).offset, 7);
        // The last packet may have left just before it would have been counted.
        let (packets, [counted, ..]) = (pmu.packets(), counted(&outcome));
        assert!(counted == packets || counted == packets - 1, "{counted} of {packets}");
        assert_eq!(stats(&outcome)["offset"], 7);
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let pmu = mock_of_both_families();
    let script = r#"{ "$0" --server "$1" --runs 20; echo "status $?" >&2; } | head -1"#;
    let server = pmu.address().to_string();
    let outcome = finish(lab_test::start("sh", &["-c", script, PART3, &server]));
    assert_eq!(outcome.stderr(), "status 0\n");
    answer(outcome.stdout().trim_end());
}

#[test]
fn a_name_without_address_is_an_error_with_a_hint() {
    let outcome = run(&["--server", "nowhere.invalid", "--connect-timeout=3"]);
    check_failure(&outcome, "'nowhere.invalid'", "start `mock-servers`, then pass --server localhost");

    let mut command = Command::new(PART3);
    command.arg("--connect-timeout=3").env("LAB_SERVER", "elsewhere.invalid");
    check_failure(&finish(spawn(command)), "'elsewhere.invalid'", "--server localhost");
}

#[test]
fn a_wrong_command_line_is_status_2() {
    let wrong: [(&[&str], &str); 19] = [
        (&["localhost", "5004", "--server", "localhost"], "twice"),
        (&["--server=127.0.0.1", "--server=127.0.0.1:6004"], "127.0.0.1:6004"),
        (&["--server=localhost", "--server=[::1]:6004"], "[::1]:6004"),
        (&["--server=127.0.0.1", "--server=::1", "--server=::1"], "twice"),
        (&["localhost"], "SERVER PORT"),
        (&["localhost", "5004", "5005"], "SERVER PORT"),
        (&["localhost", "0"], "localhost 0"),
        (&["localhost", "65536"], "localhost 65536"),
        (&["--server=localhost:0"], "localhost:0"),
        (&["--server="], "--server"),
        (&["--runs=0"], "--runs"),
        (&["--runs=x"], "--runs"),
        (&["--n=-1"], "--n"),
        (&["--n=1.5"], "--n"),
        (&["--timeout=0"], "--timeout"),
        (&["--timeout=-1"], "--timeout"),
        (&["--timeout=NaN"], "--timeout"),
        (&["--max-rounds=0"], "--max-rounds"),
        (&["--round"], "--round"),
    ];
    for (arguments, named) in wrong {
        let outcome = run(arguments);
        let stderr = outcome.stderr();
        let (error, hint) = stderr.split_once('\n').unwrap();
        assert_eq!((outcome.code(), outcome.stdout().as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(error.starts_with("error: ") && error.contains(named), "{arguments:?}: {stderr}");
        assert!(hint.is_empty() || hint.starts_with("hint: ") && hint.lines().count() == 1, "{arguments:?}: {stderr}");
    }
}

#[test]
fn help_has_examples_and_the_version_is_one_line() {
    let help = run(&["--help"]);
    assert_eq!((help.code(), help.stderr().as_str()), (0, ""));
    for word in ["Examples:", "[SERVER PORT]", "--server", "--n ", "--runs", "--timeout", "--max-rounds", "--stats"] {
        assert!(help.stdout().contains(word), "{word}");
    }
    let version = run(&["--version"]);
    assert_eq!((version.stdout(), version.code()), (format!("part3-reset {}\n", env!("CARGO_PKG_VERSION")), 0));
}

#[test]
fn after_five_seconds_without_an_acknowledgement_it_says_what_it_waits_for() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    for timeout in ["1", "3"] {
        let mut pdc = start(&["--server", &address, "--timeout", timeout]);
        let note = pdc.line_with("say what it waits for", PATIENCE, |line| line.text.starts_with("note: ")).unwrap();
        assert!(note.at >= Duration::from_secs(5), "{note:?}");
        let what = format!("RESET:20 is sent every {timeout} s to {address}, no acknowledgement has come yet");
        assert_eq!(note.text, format!("note: waiting for 5 s: {what}"));
        pdc.interrupt();
        assert_eq!(finish(pdc).stdout(), "");
    }
}
