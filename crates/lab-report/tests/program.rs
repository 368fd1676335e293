//! `lab-report` as its users see it: with our programs and somebody else's, whole, broken and interrupted.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod program {
    pub(super) mod report;
}

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, sync::OnceLock};

use lab_process::{Outcome, Program};
use program::report::{
    self, DEADLINE, LAB_REPORT,
    Need::{Python, Root, Tshark},
    Report, lacks, other, part,
};
use serde_json::Value;

/// Two whole reports with the same seed, made at the same time.
fn twins() -> &'static [Report; 2] {
    static TWINS: OnceLock<[Report; 2]> = OnceLock::new();
    TWINS.get_or_init(|| [(); 2].map(|()| Report::begin(&["--seed", "1"])).map(report::Begun::end))
}

/// What the handout's solutions say, in words that an answer must have.
const SOLUTIONS: &[(&str, &[&str])] = &[
    ("Q1", &["A1.a", "client"]),
    ("Q1", &["A1.b", "UDP"]),
    ("Q2", &["A2.a", "Message sent"]),
    ("Q2", &["A2.b", "Hello, Romeo", "127.0.0.1"]),
    ("Q3", &["TCP", "IPv4"]),
    ("Q4", &["LISTEN", "5002"]),
    ("Q5", &["1 line before, 3 lines now"]),
    ("Q5", &["line 1", "LISTEN"]),
    ("Q5", &["line 2", "ESTABLISHED", "server's end"]),
    ("Q5", &["line 3", "ESTABLISHED", "client's end"]),
    ("Q6", &["server", "3 lines"]),
    ("Q6", &["client", "6 lines"]),
    ("Q7", &["No."]),
    ("Q8", &["No.", "accept()"]),
    ("Q9", &["Yes."]),
    ("Q10", &["d = 0", "10 messages, numbered 1 to 10"]),
    ("Q10", &["d = 1", "10 messages, numbered 1 to 10"]),
    ("Q11", &["d = 0: 2 packets"]),
    ("Q11", &["d = 1: 10 packets"]),
    ("Q12", &["several messages into one packet"]),
    ("Q13", &["recv()", "no bytes"]),
    ("Q14", &["46 packets", "65,536 bytes"]),
    ("Q15", &["calls", "at least 2 calls"]),
    ("Q15", &["the same?", "No."]),
    ("Q15", &["factors", "size of the buffer"]),
    ("Q16", &["A16.b, PMU on IPv4: Over IPv4", "OFFSET="]),
    ("Q16", &["A16.b, PMU on IPv6: Over IPv6", "OFFSET="]),
    ("Q17", &["A17.a, PMU on IPv4", "packets on average, over 60 runs"]),
    ("Q17", &["A17.b, PMU on IPv4", "interval holds the 0.6"]),
    ("Q17", &["A17.b, PMU on IPv6", "interval holds the 0.6"]),
    ("Q18", &["swcmTV: ROMEO AND JULIET"]),
    ("Q19", &["Yes", "IP_ADD_MEMBERSHIP"]),
    ("Q20", &["No."]),
    ("Q21", &["123456: ", "123456, you have sent 323 characters"]),
    ("Q21", &["654321: ", "654321, you have sent 320 characters"]),
    ("Q22", &["packets", "10 packets carried 10 messages"]),
    ("Q22", &["the same?", "more than the 2"]),
    ("Q23", &["on_message", "10 times"]),
    ("Q23", &["more to do", "part 2"]),
    ("Q24", &["packets", "46 packets"]),
    ("Q24", &["on_message", "Once."]),
    ("Q25", &["TLS 1.2", "4 packets with payload"]),
    ("Q25", &["TLS 1.2", "ServerHello, Certificate, ServerKeyExchange and ServerHelloDone"]),
    ("Q26", &["TLS 1.2", "proposed 9 cipher suites"]),
    ("Q26", &["TLS 1.2", "ECDHE-RSA-AES256-GCM-SHA384"]),
    ("Q26", &["TLS 1.2", "ServerHello"]),
    ("Q27", &["TLS 1.2", "Yes, in the handshake"]),
    ("Q28", &["TLS 1.2", "Yes, for all data after the handshake"]),
];

#[test]
fn all_experiments_are_made_and_the_answers_agree_with_the_handouts_solutions() {
    if lacks("all_experiments_are_made_and_the_answers_agree_with_the_handouts_solutions", &[]) {
        return;
    }
    let [report, _] = twins();
    report.succeeded();
    let states: Vec<&str> = report.list("experiments").iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["done"; 14]);
    let questions: Vec<String> = report.list("answers").iter().map(|one| one["question"].to_string()).collect();
    assert_eq!(questions, (1..=28).map(|number| format!("\"Q{number}\"")).collect::<Vec<_>>());
    assert!(report.list("answers").iter().all(|answer| answer["missing"].is_null()));
    assert_eq!(report.list("accounts").len(), 10);
    assert_eq!(report.sheet["run"]["is_complete"], true);
    for (question, words) in SOLUTIONS {
        report.says(question, words);
    }
    let lines = report.outcome.stdout();
    let summary = "14 of 14 experiments made, 28 of 28 questions answered, 10 of 10 connections accounted for";
    assert!(lines.starts_with(summary), "{lines}");
    let page = report.folder().join("index.html");
    assert_eq!(lines.lines().last(), Some(format!("report: {}", page.display()).as_str()));
}

#[test]
fn every_file_and_place_that_the_report_names_is_there() {
    if lacks("every_file_and_place_that_the_report_names_is_there", &[]) {
        return;
    }
    let [report, _] = twins();
    for experiment in report.list("experiments") {
        for kind in ["capture", "output"] {
            let file = report.folder().join(experiment[kind].as_str().unwrap());
            assert!(fs::metadata(&file).is_ok_and(|file| file.len() > 0), "{}", file.display());
        }
    }
    let schema: Value =
        serde_json::from_slice(&fs::read(report.folder().join("answers.schema.json")).unwrap()).unwrap();
    assert_eq!(schema["title"], "Sheet");

    let page = report.page();
    let links: Vec<&str> = page.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.len() > 28 * 2, "{links:?}");
    for link in links {
        match link.strip_prefix('#') {
            Some(place) => assert!(page.contains(&format!(" id=\"{place}\"")), "{link}"),
            None => assert!(report.folder().join(link.split('#').next().unwrap()).is_file(), "{link}"),
        }
    }
}

/// What must be the same in two runs with the same seed.
fn constant(report: &Report) -> Vec<Value> {
    let mut answers = report.list("answers").to_vec();
    for answer in &mut answers {
        answer["measured"].as_array_mut().unwrap().retain(|value| value["varies"] == false);
    }
    answers
}

#[test]
fn two_runs_at_the_same_time_with_the_same_seed_have_the_same_answers() {
    if lacks("two_runs_at_the_same_time_with_the_same_seed_have_the_same_answers", &[]) {
        return;
    }
    let [one, other] = twins();
    other.succeeded();
    for (one, other) in constant(one).iter().zip(&constant(other)) {
        assert_eq!(one, other);
    }
}

#[test]
fn another_seed_brings_other_luck() {
    if lacks("another_seed_brings_other_luck", &[]) {
        return;
    }
    let other = Report::of(&["--seed", "2", "--only", "part3-reset"]);
    other.succeeded();
    assert_eq!(other.sheet["run"]["seed"], 2);
    assert_ne!(other.items("Q16"), twins()[0].items("Q16"));
}

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
    assert_eq!(report.sheet["run"]["is_complete"], false);
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

#[test]
fn programs_of_somebody_else_play_every_part_with_the_names_they_have_in_them() {
    if lacks("programs_of_somebody_else_play_every_part_with_the_names_they_have_in_them", &[Python]) {
        return;
    }
    let programs = [
        ("--code-a", "code_a"),
        ("--code-b", "code_b"),
        ("--code-c", "code_c"),
        ("--code-d", "code_d"),
        ("--part2", "part2_pdc"),
        ("--part3", "part3_pdc"),
        ("--part4-receiver", "part4_receiver"),
        ("--part4-sender", "part4_sender"),
        ("--part5", "part5_ws"),
    ];
    let programs: Vec<(&str, String)> = programs.iter().map(|&(option, name)| (option, other(name))).collect();
    let mut arguments = vec!["--runs", "6"];
    for only in ["part1", "part2-short-0", "part2-flood", "part3-reset", "part3-series-ipv6", "part4", "part5"] {
        arguments.extend(["--only", only]);
    }
    programs.iter().for_each(|(option, command)| arguments.extend([option, command.as_str()]));
    let report = Report::of(&arguments);
    report.succeeded();
    assert_eq!(report.sheet["run"]["others_programs"].as_array().unwrap().len(), 9);
    for name in ["part1-udp", "part1-echo", "part2-short-0", "part3-reset-ipv6", "part4-multicast", "part5-short-0"] {
        let commands = report.experiment(name)["commands"].as_array().unwrap();
        assert!(commands.iter().all(|command| command.as_str().unwrap().contains("$ python3 ")), "{commands:?}");
    }

    for (question, words) in [
        ("Q2", &["A2.b", "Hello, Romeo", "'127.0.0.1', PORT"][..]),
        ("Q3", &["TCP", "IPv4"]),
        ("Q5", &["1 line before, 3 lines now"]),
        ("Q6", &["server", "3 lines"]),
        ("Q6", &["client", "6 lines"]),
        ("Q7", &["No."]),
        ("Q9", &["Yes."]),
        ("Q10", &["d = 0", "10 messages, numbered 1 to 10"]),
        ("Q11", &["d = 0", "2 packets"]),
        ("Q14", &["46 packets", "65,536 bytes"]),
        ("Q16", &["PMU on IPv4", "Over IPv4", "OFFSET="]),
        ("Q16", &["PMU on IPv6", "Over IPv6", "OFFSET="]),
        ("Q17", &["PMU on IPv6", "packets on average, over 6 runs"]),
        ("Q18", &["swcmTV says: ROMEO AND JULIET"]),
        ("Q19", &["IP_ADD_MEMBERSHIP"]),
        ("Q20", &["No."]),
        ("Q21", &["123456", "323 characters"]),
        ("Q21", &["654321", "320 characters"]),
        ("Q22", &["10 packets carried 10 messages"]),
        ("Q24", &["46 packets"]),
    ] {
        report.says(question, words);
    }
    for (question, what) in [("Q15", "recv() calls"), ("Q23", "on_message"), ("Q24", "on_message")] {
        let missing = report.answer(question)["missing"].as_str().unwrap();
        assert!(missing.contains(what) && missing.contains("does not count"), "{question}: {missing}");
    }
    // Its own second is the handout's; the first packet of all waits for the neighbour's address.
    let pause = report.measured("Q17", "PMU on IPv6: shortest time between two sends of a run");
    let pause: f64 = pause.trim_end_matches(" s").parse().unwrap();
    assert!((0.5..1.5).contains(&pause), "{pause}");
}

#[test]
fn a_pmu_of_somebody_else_listens_where_it_wants() {
    if lacks("a_pmu_of_somebody_else_listens_where_it_wants", &[Python]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/part6_pmu.py");
    let source = fs::read_to_string(source).unwrap();
    let pmu = folder.path().join("pmu.py");
    for (host, server, seen_by) in [("localhost", "127.0.0.1:5003", "server$ "), ("", "10.9.0.43:5003", "client$ ")] {
        let host = format!("HOST = \"{host}\"");
        fs::write(&pmu, source.replace("HOST = \"localhost\"", &host)).unwrap();
        // Its author wants the certificate and the key alone: a shell leaves the port out.
        let command = format!("sh -c 'exec python3 {} \"$2\" \"$3\"' pmu", pmu.display());
        let report = Report::of(&["--only", "part6", "--part6", &command]);
        report.succeeded();
        let commands = report.experiment("part6-tls-1.2")["commands"].to_string();
        assert!(commands.contains(&format!("{seen_by}part6-pdc")) && commands.contains(server), "{commands}");
        report.says("Q26", &["TLS 1.2", "ECDHE-RSA-AES256-GCM-SHA384"]);
        report.says("Q26", &["TLS 1.3", "TLS_AES_256_GCM_SHA384"]);
        report.says("Q25", &["TLS 1.2", "ServerHello, Certificate, ServerKeyExchange and ServerHelloDone"]);
        report.says("Q28", &["TLS 1.2", "10 records from the PMU"]);
    }
}

#[test]
fn q10_a_program_that_cuts_messages_is_seen_through() {
    if lacks("q10_a_program_that_cuts_messages_is_seen_through", &[Python]) {
        return;
    }
    let only = ["--only", "part2-short-0", "--messages", "12"];
    let report = Report::of(&[&only[..], &["--part2", &other("part2_no_carry_over")]].concat());
    assert_eq!(report.state("part2-short-0"), "done");
    report.says("Q10", &["d = 0", "no message of the PMU"]);
    // Which says nothing against the packets.
    report.says("Q11", &["d = 0", "2 packets"]);
}

#[test]
fn a_connection_is_counted_by_itself_when_another_family_was_tried_first() {
    if lacks("a_connection_is_counted_by_itself_when_another_family_was_tried_first", &[Python]) {
        return;
    }
    let report = Report::of(&["--only", "part2-short-0", "--part2", &other("part2_either_family")]);
    report.succeeded();
    report.says("Q10", &["d = 0", "10 messages"]);
    assert_eq!(report.entry("part2-short-0", "the kernel at the client")["bytes"], 181);
}

#[test]
fn a_program_that_fails_is_named_in_a_sentence_and_stops_no_other() {
    if lacks("a_program_that_fails_is_named_in_a_sentence_and_stops_no_other", &[Python]) {
        return;
    }
    let (crash, nobody) = (other("part2_crash"), "part5-of-nobody");
    let only = ["--only", "part1", "--only", "part2-short-0", "--only", "part5-short", "--only", "part6-tls-1.3"];
    let others = ["--code-a", "false", "--part2", &crash, "--part5", nobody, "--part6", "false"];
    let report = Report::of(&[&only[..], &others].concat());
    assert_eq!(report.outcome.code(), 1);
    assert_eq!(report.state("part1-echo"), "done");
    report.says("Q3", &["TCP"]);

    let no_connection = "there was no connection to TCP port";
    for (name, sentence) in [
        (
            "part2-short-0",
            format!("{no_connection} 5003; the program ended with status 1 (IndexError: list index out of range)"),
        ),
        ("part5-short-0", format!("{no_connection} 5006; the program ended with status 127 ")),
        ("part1-udp", "Code A ended with status 1".to_owned()),
        ("part6-tls-1.3", "`false 5003 ".to_owned()),
    ] {
        assert_eq!(report.state(name), "failed");
        let trouble = report.trouble(name);
        assert!(trouble.starts_with(&sentence) && !trouble.contains('\n'), "{name}: {trouble}");
        let warning = format!("warning: {name}: {trouble}\n");
        assert!(report.outcome.stderr().contains(&warning), "{}", report.outcome.stderr());
        assert!(report.output(name).contains(trouble), "{}", report.output(name));
        assert!(report.page().contains(trouble), "{trouble}");
    }
    assert!(report.trouble("part6-tls-1.3").ends_with("ended and did not open a TCP port"));
    assert!(report.outcome.stderr().ends_with("error: 4 of 14 experiments failed\n"), "{}", report.outcome.stderr());
    // The whole complaint is kept, as is the command that its author typed.
    let output = report.output("part2-short-0");
    assert!(output.contains("Traceback") && output.contains(&format!("$ {crash} CMD_short:0")), "{output}");
}

#[test]
fn a_pmu_without_tls_is_told_and_not_answered_about() {
    if lacks("a_pmu_without_tls_is_told_and_not_answered_about", &[Python]) {
        return;
    }
    let report = Report::of(&["--only", "part6-tls-1.2", "--part6", &other("part6_plain")]);
    let sentence = "no TLS session came about; the PDC ended with status 1 (error: 10.9.0.43:5003 does not speak TLS)";
    assert_eq!((report.outcome.code(), report.trouble("part6-tls-1.2")), (1, sentence));
    assert_eq!(report.items("Q26"), Vec::<String>::new());
    // What did pass can be looked at.
    assert!(report.capture("part6-tls-1.2").is_file());
}

#[test]
fn a_program_that_never_ends_is_ended_at_the_deadline() {
    if lacks("a_program_that_never_ends_is_ended_at_the_deadline", &[Python]) {
        return;
    }
    let endless = other("part2_endless");
    let report = Report::of(&["--only", "part2-short-0", "--deadline", "5", "--part2", &endless]);
    assert_eq!((report.outcome.code(), report.state("part2-short-0")), (1, "failed"));
    assert_eq!(report.trouble("part2-short-0"), format!("`{endless} CMD_short:0` did not end within 5.0 s"));
    let output = report.output("part2-short-0");
    assert!(output.contains("This is PMU data 10"), "{output}");
}

#[test]
fn an_interrupted_report_has_what_was_done_and_leaves_nothing_running() {
    if lacks("an_interrupted_report_has_what_was_done_and_leaves_nothing_running", &[]) {
        return;
    }
    // As `kill` does it, and as a terminal: to every process of the group.
    let to_group = |program: &mut Program| {
        let group = format!("-{}", program.id());
        assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    };
    let ends = [(Program::interrupt as fn(&mut Program), 130), (to_group, 130), (Program::terminate, 143)];
    let folder = tempfile::tempdir().unwrap();
    let pdc = folder.path().join("pdc-to-be-interrupted");
    std::os::unix::fs::symlink(part("part2-pdc"), &pdc).unwrap();
    for (end, code) in ends {
        let only = ["--only", "part1", "--only", "part2-short-1", "--part2", pdc.to_str().unwrap()];
        let mut begun = Report::begin(&only);
        // The other one takes nine seconds.
        begun.wait_for("output/part1-echo.txt");
        end(&mut begun.program);
        let report = begun.end();

        let page = report.folder().join("index.html");
        let note = format!("note: interrupted: {} has what was done\n", page.display());
        assert_eq!((report.outcome.code(), report.outcome.stderr()), (code, note));
        assert!(page.is_file());
        assert_eq!(report.sheet["run"]["is_complete"], false);
        assert_eq!((report.state("part1-udp"), report.state("part2-short-1")), ("done", "not run"));
        report.says("Q1", &["client"]);
        assert_eq!(report.items("Q12"), Vec::<String>::new());
        for trace in [report.folder(), &pdc] {
            assert_eq!(processes_with(trace), Vec::<String>::new());
        }
    }
}

/// The command lines of all processes that name a path.
fn processes_with(path: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(path.to_str().unwrap())).collect()
}

#[test]
fn a_wrong_command_line_is_told_before_anything_begins() {
    let run =
        |arguments: &[&str]| -> Outcome { Program::start(LAB_REPORT, arguments).unwrap().finish(DEADLINE).unwrap() };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    let out = out.to_str().unwrap();
    for (arguments, words) in [
        (
            &["--only", "part7"][..],
            "no experiment's name begins with part7; there are part1-udp, part1-echo, part2-short-0",
        ),
        (&["--first", "2"], "--first"),
        (&["--messages", "0"], "--messages"),
        (&["--loss", "1"], "expected a probability from 0 to 0.9"),
        (&["--runs", "0"], "--runs"),
        (&["--deadline", "0"], "--deadline"),
        (&["--path", "delay=fast"], "--path"),
        (&["--part7", "true"], "--part7"),
    ] {
        let outcome = run(&[&["--out", out], arguments].concat());
        let stderr = outcome.stderr();
        assert_eq!((outcome.code(), outcome.stdout().as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(words), "{stderr}");
    }
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let outcome = run(&["--out", file.to_str().unwrap(), "--only", "part1-udp"]);
    let error = format!("error: cannot make the folder {}: ", file.display());
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (1, ""));
    assert!(outcome.stderr().starts_with(&error), "{}", outcome.stderr());
    assert_eq!(fs::read_to_string(&file).unwrap(), "not a folder");
}

/// The fields of those packets that a filter selects, by tshark.
fn tshark(file: &Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let file = file.to_str().unwrap();
    let mut arguments = vec!["-n", "-r", file, "-d", "tcp.port==5003,tls", "-Y", filter, "-T", "fields"];
    arguments.extend(["-E", "separator=;"]);
    fields.iter().for_each(|field| arguments.extend(["-e", field]));
    let outcome = Program::start("tshark", &arguments).unwrap().finish(DEADLINE).unwrap();
    assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
    outcome.stdout().lines().map(|line| line.split(';').map(str::to_owned).collect()).collect()
}

#[test]
fn tshark_reads_the_captures_counts_the_same_packets_and_decrypts_them() {
    if lacks("tshark_reads_the_captures_counts_the_same_packets_and_decrypts_them", &[Tshark]) {
        return;
    }
    let [report, _] = twins();
    for experiment in report.list("experiments") {
        let name = experiment["name"].as_str().unwrap();
        let fields = ["_ws.malformed", "tcp.srcport", "tcp.len", "data.data"];
        let packets = tshark(&report.capture(name), "frame", &fields);
        let malformed = packets.iter().filter(|packet| !packet[0].is_empty()).count();
        assert!(!packets.is_empty() && malformed == 0, "{name}: {} packets, {malformed} malformed", packets.len());
        let port = match name.split('-').next() {
            Some("part2" | "part6") => "5003",
            Some("part5") => "5006",
            _ => continue,
        };
        let with_payload = || packets.iter().filter(|packet| !matches!(packet[2].as_str(), "" | "0"));
        let from_pmu = with_payload().filter(|packet| packet[1] == port).count();
        let from_pdc = with_payload().count() - from_pmu;
        let counted = ["the capture at the client", "way back: the capture at the client"];
        let counted = counted.map(|who| report.entry(name, who)["segments"].as_u64().unwrap());
        assert_eq!(counted, [from_pmu as u64, from_pdc as u64], "{name}");
        if name.starts_with("part6") {
            let hex: String = b"This is PMU data 1".iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(packets.iter().filter(|packet| packet[3] == hex).count(), 1, "{name}: {packets:?}");
        }
    }
}

#[test]
fn an_ordinary_user_makes_the_same_report_as_root() {
    if lacks("an_ordinary_user_makes_the_same_report_as_root", &[Root]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for program in [LAB_REPORT, &part("part1-primer")] {
        fs::copy(program, folder.path().join(Path::new(program).file_name().unwrap())).unwrap();
    }
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o777)).unwrap();
    let user = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
    let (program, out_text) = (folder.path().join("lab-report"), out.to_str().unwrap());
    let command = [program.to_str().unwrap(), "--out", out_text, "--only", "part1"];
    let outcome = Program::start("setpriv", &[&user[..], &command].concat()).unwrap().finish(DEADLINE).unwrap();
    assert_eq!((outcome.code(), outcome.stderr().as_str()), (0, ""), "{}", outcome.stdout());
    let sheet: Value = serde_json::from_slice(&fs::read(out.join("answers.json")).unwrap()).unwrap();
    let root = constant(&twins()[0]);
    // Part 1 is Q1 to Q9.
    for (number, (user, root)) in sheet["answers"].as_array().unwrap().iter().zip(&root).enumerate().take(9) {
        assert_eq!((&user["items"], &user["why"]), (&root["items"], &root["why"]), "Q{}", number + 1);
    }
}
