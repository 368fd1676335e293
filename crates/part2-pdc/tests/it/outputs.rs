//! Where the answer of part 2 goes: to a reader that leaves, to a full disk, and through constant memory.

#![cfg(unix)]

use std::{io::Write, net::TcpStream};

use lab_process::Program;
use lab_test::{accept, check_failed, finish, listen, start};

use crate::{
    PDC, message,
    played::{hear, say},
};

/// The PDC in a shell's command line, in which it is `"$@"`.
fn in_shell(script: &str, command: &str) -> (Program, TcpStream) {
    let (listener, address) = listen();
    let address = address.to_string();
    let pdc = start("/bin/sh", &["-c", script, "sh", PDC, "--server", &address, "--stats", command]);
    let mut pmu = accept(&listener);
    hear(&mut pmu, command);
    (pdc, pmu)
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for (command, reader) in [("CMD_short:0", "head -n 1"), ("CMD_floodme", "head -c 1"), ("CMD_floodme", "true")] {
        let (pdc, mut pmu) = in_shell(&format!("{{ \"$@\"; echo \"status $?\" >&2; }} | {reader}"), command);
        // The PDC leaves when it has heard that nobody reads.
        assert!((1..).map(message).any(|message| pmu.write_all(message.as_bytes()).is_err()));
        let outcome = finish(pdc);
        let stderr = outcome.stderr();
        let lines: Vec<_> = stderr.lines().collect();
        assert!(matches!(lines[..], [stats, "status 0"] if stats.starts_with('{')), "{command} | {reader}: {stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_stored_is_an_error() {
    for command in ["CMD_short:0", "CMD_floodme"] {
        let (pdc, mut pmu) = in_shell("exec \"$@\" > /dev/full", command);
        say(&mut pmu, message(1));
        let outcome = finish(pdc);
        check_failed(&outcome, "", &["standard output", "No space left on device"]);
        assert_eq!(outcome.stats().len(), 1, "{}", outcome.stderr());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_flood_of_any_length_takes_constant_memory() {
    const MIB: usize = 1 << 20;
    const LEN: usize = 256 * MIB;
    let (pdc, mut pmu) = in_shell("exec \"$@\" > /dev/null", "CMD_floodme");
    for _ in 0..LEN / MIB {
        say(&mut pmu, vec![b'x'; MIB]);
    }
    // All but what the sockets hold has passed through a program that still runs.
    let memory = pdc.peak_memory().unwrap();
    assert!(memory < 16 * MIB as u64, "{memory}");
    drop(pmu);
    let outcome = finish(pdc);
    assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
    assert_eq!(outcome.stats()[0]["bytes"], LEN);
}
