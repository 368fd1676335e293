//! What the programs show.

use std::net::{SocketAddr, TcpListener, TcpStream};

use lab_process::Outcome;

/// Whether a line is as expected, where `*` stands for anything.
pub(crate) fn fits(line: &str, expected: &str) -> bool {
    let Some((before, after)) = expected.split_once('*') else { return line == expected };
    let Some(rest) = line.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| fits(rest, after)))
}

/// A program that did what it should, without a word beside the note of where it listens.
pub(crate) fn check(outcome: &Outcome, expected: &[&str]) {
    let (command_line, stdout, stderr) = (&outcome.command_line, outcome.stdout(), outcome.stderr());
    let beside: Vec<_> = stderr.lines().filter(|line| !line.starts_with("note: listening on ")).collect();
    assert_eq!((outcome.code(), beside), (0, vec![]), "{command_line}");
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{command_line}: {stdout}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(fits(line, expected), "{command_line}: expected '{expected}' in place of '{line}'");
    }
    assert!(stdout.ends_with('\n'), "{command_line}");
}

/// A program that failed with one error, with each of these words in it.
pub(crate) fn check_error(outcome: &Outcome, code: i32, expected: &[&str]) {
    let (command_line, stderr) = (&outcome.command_line, outcome.stderr());
    assert_eq!(outcome.code(), code, "{command_line}: {stderr}");
    let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    let [error] = errors[..] else { panic!("{command_line}: {stderr}") };
    for word in expected {
        assert!(error.contains(word), "{command_line}: no '{word}' in {stderr}");
    }
    let is_known = |line: &str| ["error: ", "hint: ", "note: "].iter().any(|label| line.starts_with(label));
    assert!(stderr.lines().all(is_known), "{command_line}: {stderr}");
}

/// A program that failed before it did anything.
pub(crate) fn check_refused(outcome: &Outcome, code: i32, expected: &[&str]) {
    check_error(outcome, code, expected);
    assert_eq!(outcome.stdout(), "", "{}", outcome.command_line);
}

/// What stands behind a label, wherever it is found.
pub(crate) fn values(outcome: &Outcome, label: &str) -> Vec<String> {
    outcome.stdout().lines().filter_map(|line| line.trim_start().strip_prefix(label).map(str::to_owned)).collect()
}

/// An address where nobody listens, nor will while the stream is kept: the port of a connection's other end.
pub(crate) fn nobody() -> (TcpStream, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let address = taken.local_addr().unwrap();
    (taken, address)
}
