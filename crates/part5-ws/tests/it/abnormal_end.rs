//! The answer breaks off: status 1, after what did arrive.

use crate::played::{CLOSE, FIN, Pmu, TEXT, check_broken, check_broken_after_one, frame, run, status};

#[test]
fn a_close_frame_with_any_other_status_is_shown_with_its_reason() {
    for code in [1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999] {
        check_broken_after_one(move |mut pmu| pmu.close(&status(code, "")), &code.to_string());
    }
    check_broken_after_one(
        |mut pmu| pmu.close(&status(1011, "out of \x1b[5m memory")),
        "1011 'out of \\x1b[5m memory'",
    );
}

#[test]
fn a_close_frame_that_breaks_the_rfc() {
    let not_utf8 = [&1000_u16.to_be_bytes()[..], b"\xff"].concat();
    // A status of one byte, ones that no one may send, a reason that is not UTF-8, one that is too long.
    for (payload, answer, complaint) in [
        (vec![3], 1002, "a close frame has one byte"),
        (status(999, ""), 1002, "closed the connection with status 999, which nobody may send"),
        (status(1004, ""), 1002, "status 1004"),
        (status(1005, ""), 1002, "status 1005"),
        (status(1006, ""), 1002, "status 1006"),
        (status(1015, ""), 1002, "status 1015"),
        (status(2999, ""), 1002, "status 2999"),
        (status(5000, ""), 1002, "status 5000"),
        (not_utf8, 1007, "closed the connection with a reason that is not UTF-8"),
        (status(1000, &"x".repeat(124)), 1002, "a control frame has 126 bytes, more than 125"),
    ] {
        let serve = move |mut pmu: Pmu| {
            pmu.send(&frame(CLOSE, &payload));
            pmu.expect_close(answer);
            pmu.wait_for_end();
        };
        check_broken_after_one(serve, complaint);
    }
}

#[test]
fn tcp_closed_without_a_close_frame() {
    check_broken_after_one(drop, "without a close frame");
    check_broken(|mut pmu| drop(pmu.upgrade()), &[], "", "without a close frame");
}

#[test]
fn a_connection_cut_in_the_middle_of_a_frame_says_where() {
    let cut = |bytes: &'static [u8]| move |mut pmu: Pmu| pmu.send(bytes);
    check_broken_after_one(cut(b"\x82\x14This is "), "8 bytes into a frame of 20");
    check_broken_after_one(cut(b"\x82\x7f\0\0\0\0\x40\0\0\0flood"), "5 bytes into a frame of 1073741824");
    check_broken_after_one(cut(b"\x82\x7e\x01"), "without a close frame");
    check_broken_after_one(cut(b"\x82"), "without a close frame");
    check_broken_after_one(cut(b"\x02\x08This is "), "without a close frame");
}

#[test]
fn a_message_that_a_close_frame_leaves_unfinished() {
    let serve = |mut pmu: Pmu| {
        pmu.frame(TEXT, "This is PMU ");
        pmu.close(&status(1000, ""));
    };
    check_broken_after_one(serve, "");
}

#[test]
fn a_reset_between_messages_and_in_the_middle_of_one() {
    let between = |mut pmu: Pmu| {
        pmu.sync();
        pmu.reset();
    };
    check_broken_after_one(between, "reset");
    let in_a_frame = |mut pmu: Pmu| {
        pmu.sync();
        pmu.send(b"\x82\x14This is ");
        pmu.reset();
    };
    check_broken_after_one(in_a_frame, "reset");
}

#[test]
fn silence_with_timeout() {
    let silent = |mut pmu: Pmu| {
        pmu.upgrade();
        pmu.frame(FIN | TEXT, "This is PMU data 1");
        pmu.send(b"\x82\x14This is ");
        pmu.wait_for_end();
    };
    check_broken(silent, &["--timeout", "2"], "This is PMU data 1\n", "for 2.000 s");
}

#[test]
fn statistics_come_after_the_error() {
    let serve = |mut pmu: Pmu| {
        pmu.upgrade();
        pmu.frame(FIN | TEXT, "This is PMU data 1");
        pmu.close(&status(1011, ""));
    };
    let outcome = run(serve, &["--stats"]);
    let [error, stats] = outcome.stderr().lines().map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
    assert!(error.starts_with("error: ") && stats.starts_with('{'), "{}", outcome.stderr());
    let stats = &outcome.stats()[0];
    assert_eq!((&stats["on_message"], &stats["frames"], &stats["messages"]), (&1.into(), &1.into(), &1.into()));
}
