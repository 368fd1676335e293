//! Outputs that nobody reads, or that cannot be stored.

use lab_process::Program;
use lab_test::{Listening, PATIENCE, finish};

use crate::{CLIENT, MESSAGE, SERVER, STEPS, place::Place, shown::check_refused, words};

/// Runs a program whose output nobody reads.
#[cfg(unix)]
fn unread(place: &Place, program: &str, arguments: &str) -> Program {
    // A pipe whose only reader is gone before the program begins.
    let script = "rm -f gone; mkfifo gone && exec 3<>gone 4>gone 3<&- && exec \"$0\" \"$@\" >&4 4>&-";
    place.start("sh", &[&["-c", script, program], &words(arguments)[..]].concat())
}

#[cfg(unix)]
#[test]
fn a_client_whose_output_nobody_reads_verifies_and_acknowledges_and_ends_quietly() {
    let place = Place::new();
    // One who reads the first line alone.
    let script = "{ \"$0\" \"$@\"; echo \"status $?\" >&2; } | head -1";
    for step in STEPS {
        for quiet in ["", "--quiet"] {
            let server = place.serve(&["--once", "--step", step]);
            let client = finish(unread(&place, CLIENT, &format!("{quiet} --step {step} --server {}", server.address)));
            assert_eq!((client.code(), client.stderr()), (0, String::new()), "{step} {quiet}");
            assert_eq!(finish(server.program).code(), 0, "{step} {quiet}");

            let server = place.serve(&["--once", "--step", step]);
            let at = format!("{quiet} --step {step} --server {}", server.address);
            let piped = finish(place.start("sh", &[&["-c", script, CLIENT], &words(&at)[..]].concat()));
            assert_eq!(piped.stderr(), "status 0\n", "{step} {quiet}");
            assert_eq!(piped.stdout().lines().count(), 1, "{step} {quiet}");
            assert_eq!(finish(server.program).code(), 0, "{step} {quiet}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_server_whose_output_nobody_reads_ends_quietly() {
    let place = Place::new();
    for step in STEPS {
        let outcome = finish(unread(&place, SERVER, &format!("--port 0 --step {step}")));
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()), "{}", outcome.command_line);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_stored_is_an_error() {
    let place = Place::new();
    for step in STEPS {
        for quiet in ["", "--quiet"] {
            let server = place.serve(&["--step", step]);
            let arguments = format!("{quiet} --step {step} --server {}", server.address);
            let script = "exec \"$0\" \"$@\" > /dev/full";
            let client = finish(place.start("sh", &[&["-c", script, CLIENT], &words(&arguments)[..]].concat()));
            check_refused(&client, 1, &["cannot write the answer", "No space"]);
        }
    }
}

/// A server whose first line is read, and no other; it tells its status in the end.
#[cfg(unix)]
fn read_no_further(place: &Place, arguments: &[&str]) -> Listening {
    let script = "mkfifo lines; (head -1 <lines >&2; echo gone >&2) & exec 3>lines; \
                  \"$0\" \"$@\" >&3 3>&-; echo \"status $?\" >&2";
    let program = place.start("sh", &[&["-c", script, SERVER, "--port", "0"], arguments].concat());
    let mut server = Listening::of(program);
    let is_gone = |line: &lab_process::Line| line.text == "gone";
    if !server.program.lines().iter().any(is_gone) {
        server.program.line_with("be left", PATIENCE, is_gone).unwrap();
    }
    server
}

#[cfg(unix)]
#[test]
fn a_server_with_once_whose_output_nobody_reads_any_more_does_not_claim_an_acknowledgement() {
    let place = Place::new();
    for step in STEPS {
        let server = read_no_further(&place, &["--once", "--step", step]);
        let client = place.run(CLIENT, &format!("--quiet --step {step} --server {}", server.address));
        let outcome = finish(server.program);
        let claims = outcome.stderr().contains("\nstatus 0\n");
        assert_eq!(claims, client.stdout() == format!("{MESSAGE}\n"), "{step}: {}", outcome.stderr());
    }
}

#[cfg(unix)]
#[test]
fn a_server_whose_output_nobody_reads_any_more_serves_on_or_ends() {
    let place = Place::new();
    for step in STEPS {
        let server = read_no_further(&place, &["--step", step]);
        for _ in 0..3 {
            let client = place.run(CLIENT, &format!("--quiet --step {step} --server {}", server.address));
            let is_served = client.stdout() == format!("{MESSAGE}\n");
            assert!(is_served || client.stderr().contains("refused"), "{step}: {}", client.stderr());
        }
    }
}
