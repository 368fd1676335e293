//! Programs that end a connection as they may: what they leave unread is explained.

use std::process::Command;

use crate::report::{
    Need::{Java, Node, OpenSsl, Python},
    Report, java, lacks, other, side_by_side, source,
};

/// Both sessions of part 6 against a PMU of somebody else.
fn pmu(command: &str) -> Report {
    let report = Report::of(&["--only", "part6", "--part6", command]);
    report.has_no_fault();
    report
}

#[test]
fn a_pmu_that_closes_at_once_owes_nothing() {
    if lacks("a_pmu_that_closes_at_once_owes_nothing", &[Python]) {
        return;
    }
    side_by_side(&["close", "shutdown", "with", "notify", "later", "unread"], |ending| {
        let report = pmu(&format!("{} {ending}", other("part6_ends")));
        report.says("Q28", &["TLS 1.3", "10 records from the PMU"]);
    });
}

#[test]
fn a_pmu_in_java_that_closes_at_once_owes_nothing() {
    if !lacks("a_pmu_in_java_that_closes_at_once_owes_nothing", &[Java]) {
        let folder = tempfile::tempdir().unwrap();
        pmu(&java(folder.path(), "Part6Ends"));
    }
}

#[test]
fn a_pmu_in_node_that_ends_or_is_destroyed_owes_nothing() {
    if !lacks("a_pmu_in_node_that_ends_or_is_destroyed_owes_nothing", &[Node]) {
        for ending in ["end", "destroy"] {
            pmu(&format!("node {} {ending}", source("part6_ends.js")));
        }
    }
}

#[test]
fn a_pmu_in_c_that_does_not_wait_for_close_notify_owes_nothing() {
    if lacks("a_pmu_in_c_that_does_not_wait_for_close_notify_owes_nothing", &[OpenSsl]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("pmu").display().to_string();
    let compiled = Command::new("cc").args(["-o", &program, &source("part6_ends.c"), "-lssl", "-lcrypto"]).output();
    let compiled = compiled.unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    pmu(&program);
}

#[test]
fn a_pmu_that_separates_its_messages_balances() {
    if lacks("a_pmu_that_separates_its_messages_balances", &[Python]) {
        return;
    }
    let report = pmu(&format!("{} newline", other("part6_ends")));
    let note = report.entry("part6-tls-1.3", "the server's program")["note"].to_string();
    assert!(note.contains("messages: 181, white space between them: 10"), "{note}");
}

#[test]
fn a_client_that_closes_with_a_reset_or_opens_a_second_connection_balances() {
    if lacks("a_client_that_closes_with_a_reset_or_opens_a_second_connection_balances", &[Python]) {
        return;
    }
    for (name, findings) in [("part2_linger", &["part2: closed-with-reset"][..]), ("part2_unused", &[])] {
        let report = Report::of(&["--only", "part2-short-0", "--part2", &other(name)]);
        assert_eq!((report.outcome.code(), report.failed_checks()), (0, Vec::new()), "{name}");
        assert_eq!(report.findings(), findings, "{name}");
        report.says("Q11", &["d = 0", "2 packets"]);
        assert_eq!(report.entry("part2-short-0", "the kernel at the server")["segments"], 2, "{name}");
    }
}

#[test]
fn a_client_that_does_not_wait_for_the_close_frame_balances() {
    if lacks("a_client_that_does_not_wait_for_the_close_frame_balances", &[Python]) {
        return;
    }
    let report = Report::of(&["--only", "part5-short", "--part5", &other("part5_leaves")]);
    assert_eq!(report.failed_checks(), Vec::<String>::new());
    assert_eq!(report.outcome.code(), 0, "{}", report.outcome.stderr());
}

#[test]
fn a_command_of_the_same_length_does_not_balance() {
    if lacks("a_command_of_the_same_length_does_not_balance", &[Python]) {
        return;
    }
    let report = Report::of(&["--only", "part2-short", "--part2", &other("part2_other_command")]);
    assert_eq!(report.outcome.code(), 1);
    let failed = report.failed_checks();
    let is_named = |check: &String| check.starts_with("\"part2-short-1\"") && check.contains("not `CMD_short:1`");
    assert!(failed.len() == 1 && failed.iter().all(is_named), "{failed:?}");
}
