//! The command line, the beginning and the end.

use std::{
    net::{TcpListener, TcpStream},
    process::Command,
};

use lab_process::{Program, Stream};
use lab_test::{PATIENCE, finish, has_ipv6, skip, spawn};

use crate::{
    CLIENT, MESSAGE, PROTECTED, SERVER, STEPS,
    place::Place,
    shown::{check, check_error, check_refused, fits, nobody},
    words,
};

#[test]
fn the_server_is_named_in_any_of_three_ways() {
    let place = Place::new();
    for step in STEPS {
        let server = place.serve(&["--step", step]);
        let (port, address) = (server.port(), server.address);
        for at in [
            format!("127.0.0.1 {port}"),
            format!("localhost {port}"),
            format!("--server {address}"),
            format!("--server localhost:{port}"),
        ] {
            let outcome = place.run(CLIENT, &format!("{at} --quiet --step {step}"));
            check(&outcome, &[MESSAGE]);
        }
    }
}

#[test]
fn lab_server_is_a_host_and_the_command_line_overrides_it() {
    let place = Place::new();
    let server = place.serve(&["--step", "plain"]);
    let client = |host: &str, arguments: &str| {
        let mut command = Command::new(CLIENT);
        command.args(words(arguments)).current_dir(place.0.path()).env("LAB_SERVER", host);
        finish(spawn(command))
    };
    let at = format!("--quiet --step plain --server {}", server.address);
    check(&client("channel.invalid", &at), &[MESSAGE]);
    check(&client("channel.invalid", &format!("127.0.0.1 {} --quiet --step plain", server.port())), &[MESSAGE]);
    check_refused(&client("channel.invalid", "--step plain"), 1, &["'channel.invalid'"]);
    check_refused(&client("127.0.0.1:5010", "--step plain"), 2, &["LAB_SERVER"]);
    // Whether or not somebody has that port: it is not the port of a name server.
    let default = client("127.0.0.1", "--step plain --connect-timeout 5 --timeout 1");
    assert!(default.code() == 0 || default.stderr().contains("127.0.0.1:5010"), "{}", default.stderr());
}

#[test]
fn both_sides_speak_ipv6() {
    if !has_ipv6() {
        return skip("no IPv6 here");
    }
    let place = Place::new();
    for step in STEPS {
        let server = place.serve(&["--bind", "::1", "--step", step]);
        assert!(server.address.is_ipv6(), "{}", server.address);
        let port = server.port();
        // One that is there alone is found by the name of both.
        for at in [format!("::1 {port}"), format!("--server [::1]:{port}"), format!("localhost {port}")] {
            check(&place.run(CLIENT, &format!("{at} --quiet --step {step}")), &[MESSAGE]);
        }
    }
}

/// A wrong command line: status 2, one error and one hint, and nothing was done.
fn check_usage(place: &Place, program: &str, arguments: &[&str]) {
    let outcome = finish(place.start(program, arguments));
    check_refused(&outcome, 2, &[]);
    let stderr = outcome.stderr();
    assert!(stderr.lines().count() <= 2, "{}: {stderr}", outcome.command_line);
    assert_eq!(place.names(), [""; 0], "{}", outcome.command_line);
}

#[test]
fn a_wrong_command_line_is_status_2_one_error_and_one_hint() {
    let place = Place::empty();
    for arguments in [
        "--port 65536",
        "--port x",
        "--port",
        "--step nonsense",
        "--step",
        "--timeout 0",
        "--timeout -1",
        "--timeout x",
        "--bind localhost",
        "--message a --message-file b",
        "--message",
        "--nonsense",
        "extra",
        "127.0.0.1 5010",
    ] {
        check_usage(&place, SERVER, &words(arguments));
    }
    for arguments in [
        "127.0.0.1",
        "127.0.0.1 5010 extra",
        "127.0.0.1 0",
        "127.0.0.1 x",
        "127.0.0.1 65536",
        "127.0.0.1:5010 5010",
        "127.0.0.1 5010 --server 127.0.0.1",
        "127.0.0.1 5010 127.0.0.1 5011",
        "--server 127.0.0.1:0",
        "--server 127.0.0.1:x",
        "--step nonsense",
        "--suite nonsense",
        "--suite",
        "--timeout 0",
        "--connect-timeout 0",
        "--nonsense",
    ] {
        check_usage(&place, CLIENT, &words(arguments));
    }
    let outcome = place.run(CLIENT, "--suite aes128");
    assert!(outcome.stderr().contains("aes128-hmac, aes256-gcm"), "{}", outcome.stderr());
    let outcome = place.run(SERVER, "--nonsense");
    assert!(outcome.stderr().lines().nth(1).unwrap().starts_with("hint: "), "{}", outcome.stderr());
}

#[test]
fn a_port_where_nobody_listens_is_named_with_a_hint() {
    let place = Place::new();
    let (_taken, nobody) = nobody();
    for step in STEPS {
        let outcome = place.run(CLIENT, &format!("--step {step} --server {nobody}"));
        check_refused(&outcome, 1, &[&format!("cannot connect to {nobody}"), "refused"]);
        assert!(outcome.stderr().contains("\nhint: "), "{}", outcome.stderr());
    }
    let outcome = place.run(CLIENT, "--server channel.invalid");
    check_refused(&outcome, 1, &["'channel.invalid'"]);
}

#[test]
fn a_port_that_is_taken_is_named_with_a_hint() {
    let place = Place::new();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let outcome = place.run(SERVER, &format!("--port {}", address.port()));
    check_refused(&outcome, 1, &[&format!("cannot listen on TCP port {address}"), "in use"]);
    assert!(outcome.stderr().contains("\nhint: "), "{}", outcome.stderr());
    // An address of another machine (RFC 5737).
    check_refused(&place.run(SERVER, "--port 0 --bind 192.0.2.1"), 1, &["192.0.2.1"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_is_the_normal_end_of_a_server_but_not_of_one_whose_client_is_still_to_come() {
    let place = Place::new();
    for (end, code) in [(Program::interrupt as fn(&mut Program), 130), (Program::terminate, 143)] {
        for step in STEPS {
            for is_visited in [false, true] {
                for (options, code) in [(&[][..], 0), (&["--once"], code)] {
                    let mut server = place.serve(&[&["--step", step], options].concat());
                    let _silent = is_visited.then(|| {
                        let silent = TcpStream::connect(server.address).unwrap();
                        let is_seen = |line: &lab_process::Line| line.text.ends_with(" connected");
                        server.program.line_with("see the client", PATIENCE, is_seen).unwrap();
                        silent
                    });
                    end(&mut server.program);
                    let outcome = finish(server.program);
                    assert_eq!(outcome.code(), code, "{}: {}", outcome.command_line, outcome.stderr());
                }
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_client_as_the_signal_does_after_its_statistics() {
    let place = Place::new();
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = silent.local_addr().unwrap().to_string();
    for (end, code) in [(Program::interrupt as fn(&mut Program), 130), (Program::terminate, 143)] {
        for step in STEPS {
            let mut client = place.start(CLIENT, &["--server", &address, "--step", step, "--stats"]);
            let _server = silent.accept().unwrap();
            if step == "secure" {
                let is_waiting = |line: &lab_process::Line| line.text == "client hello sent";
                client.line_with("greet", PATIENCE, is_waiting).unwrap();
            }
            end(&mut client);
            let outcome = finish(client);
            assert_eq!((outcome.code(), outcome.stats().len()), (code, 1), "{step}: {}", outcome.stderr());
        }
    }
}

#[test]
fn help_has_examples_that_can_be_typed_and_version_the_version() {
    let place = Place::new();
    for (program, name) in [(SERVER, "channel-server"), (CLIENT, "channel-client")] {
        let help = place.run(program, "--help");
        assert_eq!((help.code(), help.stderr()), (0, String::new()));
        // What follows two spaces is a remark.
        let is_example = |line: &str| line.trim().split("  ").next()?.strip_prefix(name).map(str::to_owned);
        let examples: Vec<_> = help.stdout().lines().filter_map(is_example).collect();
        assert!(examples.len() >= 3, "{}", help.stdout());
        for arguments in &examples {
            // None is a wrong command line.
            if program == CLIENT {
                let outcome = place.run(CLIENT, &format!("{arguments} --connect-timeout 5 --timeout 1"));
                assert_ne!(outcome.code(), 2, "{arguments}: {}", outcome.stderr());
            } else {
                place.serve(&words(arguments));
            }
        }
        check(&place.run(program, "--version"), &[&format!("* {}", env!("CARGO_PKG_VERSION"))]);
    }
}

#[test]
fn each_program_calls_itself_by_its_name() {
    let place = Place::empty();
    for (program, name) in [(SERVER, "channel-server"), (CLIENT, "channel-client")] {
        check(&place.run(program, "--version"), &[&format!("{name} {}", env!("CARGO_PKG_VERSION"))]);
    }
}

#[test]
fn a_server_that_cannot_be_reached_comes_with_a_hint() {
    let place = Place::new();
    let (_taken, nobody) = nobody();
    for at in [nobody.to_string(), "channel.invalid".to_owned()] {
        let outcome = place.run(CLIENT, &format!("--server {at}"));
        check_refused(&outcome, 1, &[]);
        let stderr = outcome.stderr();
        assert!(stderr.contains("hint: "), "{stderr}");
    }
}

// What a server without --once does.

#[test]
fn a_server_without_once_serves_one_after_the_other_and_reports_who_did_not_acknowledge() {
    let (place, stranger) = (Place::new(), Place::of_another_ca());
    for step in PROTECTED {
        let mut server = place.serve(&["--step", step]);
        let at = format!("--step {step} --server {}", server.address);
        check_error(&stranger.run(CLIENT, &at), 1, &["CA"]);
        let is_report =
            |line: &lab_process::Line| line.stream == Stream::Stdout && line.text.starts_with("not acknowledged");
        let report = server.program.line_with("report", PATIENCE, is_report).unwrap().text;
        assert!(fits(&report, "not acknowledged: 127.0.0.1:* alert *"), "{report}");
        check(&place.run(CLIENT, &format!("{at} --quiet")), &[MESSAGE]);
        let is_verdict = |line: &lab_process::Line| line.text.ends_with("the client has the message");
        server.program.line_with("be acknowledged", PATIENCE, is_verdict).unwrap();
    }
}

#[test]
fn dir_may_be_given_from_the_root() {
    let (place, elsewhere) = (Place::new(), Place::empty());
    let certs = place.certs();
    let at = certs.to_str().unwrap();
    let (server, client) = elsewhere.session(&["--dir", at], &["--dir", at]);
    assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
    assert!(!elsewhere.certs().exists());
}
