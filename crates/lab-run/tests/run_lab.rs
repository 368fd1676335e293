//! `run-lab` as its users see it: the parts run, a failure is told, and Ctrl-C leaves nothing running.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    fs,
    io::{self, Write},
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

use lab_process::{Outcome, Program};

const RUN_LAB: &str = env!("CARGO_BIN_EXE_run-lab");
const DEADLINE: Duration = Duration::from_secs(120);

/// Whether the lab's programs were not built together with this test; then it says so.
fn lacks_programs(test: &str) -> bool {
    let servers = Path::new(RUN_LAB).with_file_name(format!("mock-servers{}", std::env::consts::EXE_SUFFIX));
    let lacks = !servers.exists();
    if lacks {
        // Past the harness, which shows nothing of a test that passes.
        let skipped =
            format!("skipped: {test}: the lab's programs are not built (cargo test --workspace builds them)\n");
        io::stderr().write_all(skipped.as_bytes()).unwrap();
    }
    lacks
}

fn run(parts: &[&str]) -> Outcome {
    Program::start(RUN_LAB, parts).unwrap().finish(DEADLINE).unwrap()
}

#[test]
fn parts_that_do_what_they_should_end_in_a_table_and_status_0() {
    if lacks_programs("parts_that_do_what_they_should_end_in_a_table_and_status_0") {
        return;
    }
    let outcome = run(&["part1", "part5"]);
    let stdout = outcome.stdout();
    assert_eq!(outcome.code(), 0, "{stdout}");
    assert!(stdout.contains("$ part1-primer udp-client --server 127.0.0.1:"), "{stdout}");
    assert!(stdout.contains("ok      part5"), "{stdout}");
    assert!(stdout.lines().last().unwrap().starts_with("5 passed, 0 failed, in "), "{stdout}");
}

#[test]
fn a_program_that_cannot_be_run_is_a_failure_in_the_table_and_status_1() {
    let empty = tempfile::tempdir().unwrap();
    let alone = empty.path().join("run-lab");
    fs::copy(RUN_LAB, &alone).unwrap();
    let outcome = Program::start(&alone, &["part3"]).unwrap().finish(DEADLINE).unwrap();
    assert_eq!(outcome.code(), 1);
    assert!(outcome.stdout().contains("FAILED: cannot start `mock-servers"), "{}", outcome.stdout());
    assert_eq!(outcome.stderr(), "error: 3 of 3 experiments failed\n");
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_nothing_running() {
    if lacks_programs("ctrl_c_leaves_nothing_running") {
        return;
    }
    for (end, code) in [(Program::interrupt as fn(&mut Program), 130), (Program::terminate, 143)] {
        let mut lab = Program::start(RUN_LAB, &["part2"]).unwrap();
        // The second experiment, which takes nine seconds: its server listens.
        lab.line_with("begin", DEADLINE, |line| line.text.starts_with("--- CMD_short:1")).unwrap();
        let server = lab.line_with("listen", DEADLINE, |line| line.text.contains("listening pmu")).unwrap();
        let address = server.text.split(' ').next_back().unwrap().to_owned();
        lab.line_with("ask", DEADLINE, |line| line.text.starts_with("$ part2-pdc")).unwrap();
        end(&mut lab);
        assert_eq!(lab.finish(DEADLINE).unwrap().code(), code);
        let ended = Instant::now();
        while TcpStream::connect(&address).is_ok() {
            assert!(ended.elapsed() < DEADLINE, "{address} still listens");
        }
    }
}
