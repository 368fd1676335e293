//! Programs of somebody else: whole, broken, endless.

use std::{fs, path::Path};

use crate::report::{Need::Python, Report, lacks, other};

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
    // Its own second is the handout's.
    let pause =
        report.measured("Q17", "PMU on IPv6: shortest time between two sends of a run, from its second packet on");
    let pause: f64 = pause.trim_end_matches(" s").parse().unwrap();
    assert!((0.9..1.5).contains(&pause), "{pause}");
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
        report.has_no_fault();
        let commands = report.experiment("part6-tls-1.2")["commands"].to_string();
        assert!(commands.contains(&format!("{seen_by}part6-pdc")) && commands.contains(server), "{commands}");
        report.says("Q26", &["TLS 1.2", "ECDHE-RSA-AES256-GCM-SHA384"]);
        report.says("Q26", &["TLS 1.3", "TLS_AES_256_GCM_SHA384"]);
        report.says("Q25", &["TLS 1.2", "ServerHello, Certificate, ServerKeyExchange and ServerHelloDone"]);
        report.says("Q28", &["TLS 1.2", "10 records from the PMU"]);
    }
}

#[test]
fn a_program_that_cuts_messages_is_seen_through() {
    if lacks("a_program_that_cuts_messages_is_seen_through", &[Python]) {
        return;
    }
    let only = ["--only", "part2-short-0", "--messages", "12"];
    let report = Report::of(&[&only[..], &["--part2", &other("part2_no_carry_over")]].concat());
    assert_eq!(report.state("part2-short-0"), "done");
    assert_eq!(report.findings(), ["part2: fixed-size-recv"]);
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
        ("part1-udp", "no UDP packet to port 5001 was captured; Code A ended with status 1".to_owned()),
        ("part6-tls-1.3", "`false 5003 ".to_owned()),
    ] {
        assert_eq!(report.state(name), "failed");
        let trouble = report.trouble(name);
        assert!(trouble.starts_with(&sentence) && !trouble.contains('\n'), "{name}: {trouble}");
        assert!(report.output(name).contains(trouble), "{}", report.output(name));
        assert!(report.page().contains(trouble), "{trouble}");
    }
    assert!(report.trouble("part6-tls-1.3").ends_with("ended and did not open a TCP port"));
    let stderr = report.outcome.stderr();
    for warning in [
        "warning: code-a: crashed: The program ended with an error. Seen in part1-udp: status 1.\n".to_owned(),
        "warning: part2: crashed: The program ended with an error. Seen in part2-short-0: status 1; it said `IndexError: \
         list index out of range`; 0 of 10 shown.\n"
            .to_owned(),
        "warning: part5: could-not-start: ".to_owned(),
        "warning: part6: crashed: ".to_owned(),
    ] {
        assert!(stderr.contains(&warning), "{stderr}");
    }
    assert!(stderr.ends_with("error: 4 faults in the programs\n"), "{stderr}");
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
