//! `--max-message` bounds a message, however it comes.

use std::io::Write;

use crate::played::{BINARY, CONTINUATION, FIN, Pmu, TEXT, check_broken, frame};

fn check_too_long(serve: impl FnOnce(&mut Pmu) + Send + 'static) {
    let serve = |mut pmu: Pmu| {
        pmu.upgrade();
        pmu.frame(FIN | BINARY, [b'x'; 1000]);
        serve(&mut pmu);
        pmu.wait_for_end();
    };
    let longest = "x".repeat(1000) + "\n";
    check_broken(serve, &["--max-message", "1000"], &longest, "--max-message");
}

#[test]
fn in_one_frame() {
    check_too_long(|pmu| {
        pmu.frame(FIN | BINARY, [b'y'; 1001]);
        pmu.expect_close(1009);
    });
}

#[test]
fn in_fragments() {
    check_too_long(|pmu| {
        pmu.frame(TEXT, [b'y'; 600]);
        pmu.frame(FIN | CONTINUATION, [b'y'; 401]);
    });
}

#[test]
fn in_fragments_without_an_end() {
    check_too_long(|pmu| {
        pmu.frame(BINARY, "");
        // Until the client leaves.
        while pmu.0.write_all(&frame(CONTINUATION, b"more")).is_ok() {}
    });
}

#[test]
fn as_a_length_that_only_the_header_has() {
    check_too_long(|pmu| {
        pmu.send(b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff");
        pmu.expect_close(1009);
    });
}

#[test]
fn also_without_the_option() {
    let serve = |mut pmu: Pmu| {
        pmu.upgrade();
        pmu.send(b"\x82\x7f\x00\x00\x00\x00\x40\x00\x00\x01");
        pmu.wait_for_end();
    };
    check_broken(serve, &[], "", "--max-message");
}
