//! `run-lab` as its users see it: the parts run, a failure is told, and Ctrl-C leaves nothing running.

use std::{net::TcpStream, path::Path, time::Instant};

use lab_process::{Outcome, Program, executable};
use lab_test::{Folder, PATIENCE, finish, lacks_sibling, start};

use crate::RUN_LAB;

fn run(parts: &[&str]) -> Outcome {
    finish(start(RUN_LAB, parts))
}

#[test]
fn parts_that_do_what_they_should_end_in_a_table_and_status_0() {
    if lacks_sibling(RUN_LAB, "mock-servers") {
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
    let empty = Folder::new();
    let alone = empty.file("run-lab");
    executable::install(Path::new(RUN_LAB), &alone).unwrap();
    let outcome = finish(Program::start(&alone, &["part3"]).unwrap());
    assert_eq!(outcome.code(), 1);
    assert!(outcome.stdout().contains("FAILED: cannot start `mock-servers"), "{}", outcome.stdout());
    assert_eq!(outcome.stderr(), "error: 3 of 3 experiments failed\n");
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_nothing_running() {
    if lacks_sibling(RUN_LAB, "mock-servers") {
        return;
    }
    for (end, code) in [(Program::interrupt as fn(&mut Program), 130), (Program::terminate, 143)] {
        let mut lab = start(RUN_LAB, &["part2"]);
        // The second experiment, which takes nine seconds: its server listens.
        lab.line_with("begin", PATIENCE, |line| line.text.starts_with("--- CMD_short:1")).unwrap();
        let server = lab.line_with("listen", PATIENCE, |line| line.text.contains("listening pmu")).unwrap();
        let address = server.text.split(' ').next_back().unwrap().to_owned();
        lab.line_with("ask", PATIENCE, |line| line.text.starts_with("$ part2-pdc")).unwrap();
        end(&mut lab);
        assert_eq!(finish(lab).code(), code);
        let ended = Instant::now();
        while TcpStream::connect(&address).is_ok() {
            assert!(ended.elapsed() < PATIENCE, "{address} still listens");
        }
    }
}
