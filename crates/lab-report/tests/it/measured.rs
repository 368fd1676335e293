//! Answers that follow what is measured when servers, paths and buffers change.

use crate::report::{Report, lacks, part};

#[test]
fn q10_q23_q28_count_what_came_also_when_it_is_seventeen_messages_from_0() {
    if lacks("q10_q23_q28_count_what_came_also_when_it_is_seventeen_messages_from_0", &[]) {
        return;
    }
    let only = ["--only", "part2-short-0", "--only", "part5-short", "--only", "part6"];
    let report = Report::of(&[&["--first", "0", "--messages", "17"], &only[..]].concat());
    report.succeeded();
    report.says("Q10", &["d = 0", "17 messages, numbered 0 to 16"]);
    report.says("Q11", &["d = 0", "for 17 messages"]);
    report.says("Q23", &["on_message", "17 times"]);
    for version in ["TLS 1.2", "TLS 1.3"] {
        report.says("Q28", &[version, "17 records from the PMU"]);
    }
    let changes = &report.sheet["run"]["changes"];
    assert_eq!(changes.as_array().unwrap().len(), 2, "{changes}");
    assert_eq!(report.sheet["run"]["is_complete"], true);
    assert!(report.answer("Q10")["missing"].as_str().unwrap().contains("not run"));
}

#[test]
fn q17_finds_the_loss_that_the_pmu_has() {
    if lacks("q17_finds_the_loss_that_the_pmu_has", &[]) {
        return;
    }
    let report = Report::of(&["--loss", "0.2", "--only", "part3-series-ipv4"]);
    report.succeeded();
    report.says("Q17", &["PMU on IPv4", "The interval holds the 0.2"]);
    assert!(!report.items("Q17").iter().any(|item| item.contains("0.6 ")), "{:?}", report.items("Q17"));
}

#[test]
fn what_the_path_loses_is_sent_again_and_accounted_for() {
    if lacks("what_the_path_loses_is_sent_again_and_accounted_for", &[]) {
        return;
    }
    let report = Report::of(&["--path", "delay=10ms,loss=0.15", "--only", "part2-flood"]);
    report.succeeded();
    let lost = report.entry("part2-flood", "the path")["segments"].as_u64().unwrap();
    let sent = report.entry("part2-flood", "the kernel at the server")["segments"].as_u64().unwrap();
    let seen = report.entry("part2-flood", "the capture at the client")["segments"].as_u64().unwrap();
    assert!(lost > 0 && sent > seen && seen >= 46, "{sent} sent, {lost} lost, {seen} seen");
    let note = report.entry("part2-flood", "the kernel at the server")["note"].as_str().unwrap();
    assert!(!note.contains("no segments sent again"), "{note}");
}

#[test]
fn what_the_path_doubles_is_accounted_for_or_the_report_fails() {
    if lacks("what_the_path_doubles_is_accounted_for_or_the_report_fails", &[]) {
        return;
    }
    let only = ["--only", "part2-short-0", "--only", "part2-flood", "--only", "part5-short"];
    let report = Report::of(&[&["--path", "delay=5ms,duplicate=0.3"], &only[..]].concat());
    assert_eq!(report.sheet["run"]["path"], "delay 5ms each way, duplication 0.3", "{}", report.outcome.stderr());
    for name in ["part2-short-0", "part2-flood", "part5-short-0"] {
        assert_eq!(report.state(name), "done", "{}", report.trouble(name));
    }
    let failed = report.failed_checks();
    assert_eq!(report.outcome.code(), i32::from(!failed.is_empty()), "{failed:#?}");
    assert_eq!(report.outcome.stderr().contains("is not accounted for"), !failed.is_empty(), "{failed:#?}");
    report.says("Q10", &["10 messages, numbered 1 to 10"]);
}

#[test]
fn q6_follows_the_buffer_and_q7_the_client_that_does_not_hold() {
    if lacks("q6_follows_the_buffer_and_q7_the_client_that_does_not_hold", &[]) {
        return;
    }
    let primer = part("part1-primer");
    let (server, client) = (format!("{primer} echo-server --recv-buffer 4"), format!("{primer} echo-client --no-hold"));
    let report = Report::of(&["--only", "part1-echo", "--code-c", &server, "--code-d", &client]);
    report.succeeded();
    // 41 bytes, 4 at a time.
    report.says("Q6", &["server", "11 lines"]);
    report.says("Q5", &["1 line before, 2 lines now"]);
    report.says("Q5", &["line 2", "TIME_WAIT"]);
    report.says("Q7", &["Yes"]);
    report.says("Q9", &["It had done so before"]);
}

#[test]
fn q15_a_buffer_of_one_byte_takes_a_call_for_each() {
    if lacks("q15_a_buffer_of_one_byte_takes_a_call_for_each", &[]) {
        return;
    }
    let pdc = format!("{} --stats --recv-buffer 1", part("part2-pdc"));
    let report = Report::of(&["--only", "part2-flood", "--part2", &pdc]);
    report.succeeded();
    assert_eq!(report.measured("Q15", "calls of recv() with the program's own buffer"), "65,537");
    assert_eq!(report.entry("part2-flood", "the client's program")["calls"], 65_537);
}

#[test]
fn q15_what_a_program_does_not_count_is_not_made_up() {
    if lacks("q15_what_a_program_does_not_count_is_not_made_up", &[]) {
        return;
    }
    let report = Report::of(&[
        "--only",
        "part2-flood",
        "--only",
        "part5",
        "--part2",
        &part("part2-pdc"),
        "--part5",
        &part("part5-ws"),
    ]);
    report.succeeded();
    assert!(report.answer("Q15")["missing"].as_str().unwrap().contains("does not count its recv() calls"));
    assert!(report.answer("Q24")["missing"].as_str().unwrap().contains("does not count how often on_message"));
    assert!(!report.items("Q24").iter().any(|item| item.starts_with("on_message")));
    let measured = report.answer("Q15")["measured"].to_string();
    assert!(!measured.contains("calls of recv()"), "{measured}");
    let entry = report.entry("part2-flood", "the client's program");
    assert!(entry["calls"].is_null() && entry["bytes"].is_null(), "{entry}");
}
