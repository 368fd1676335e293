//! Wrong programs: the cases that they fail, the name of what is wrong, and its story.

use std::fs;

use lab_test::lacks as lacks_program;

use crate::grading::{Grading, lacks, python, submission};

/// Grades one program in Python.
fn grade(arguments: &[&str], source: &str) -> Grading {
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join("program.py");
    fs::write(&program, source).unwrap();
    Grading::of(&[arguments, &["--", "python3", program.to_str().unwrap()]].concat())
}

/// The right program of a part, changed.
fn changed(file: &str, from: &str, to: &str) -> String {
    let text = fs::read_to_string(python(file)).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    text.replace(from, to)
}

#[track_caller]
fn check(grading: &Grading, case: &str, verdict: &str, finding: &str) {
    let result = grading.case(case);
    assert_eq!(result["verdict"], verdict, "{case}: {result:#}");
    assert_eq!(grading.outcome.code(), 1);
    let ids: Vec<&str> =
        result["findings"].as_array().unwrap().iter().map(|finding| finding["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&finding), "{case}: {ids:?}");
}

#[test]
fn a_number_that_is_cut_is_named_with_its_story_and_its_packets() {
    if lacks(&["python3"]) {
        return;
    }
    // Each number ends where the recv() does.
    let source = "import re, socket, sys\nlink = socket.create_connection((\"tcpip.epfl.ch\", 5003))\n\
                  link.sendall(sys.argv[1].encode())\nrest = ''\nwhile piece := link.recv(4096):\n  rest += piece.decode()\n  \
                  while found := re.match(r'(This is PMU data )?\\d+', rest):\n    print(found.group()); rest = rest[found.end():]\n";
    let grading = grade(&["--only", "part2-pieces", "--only", "part2-n-9", "--part", "2"], source);
    check(&grading, "part2-pieces", "failed", "number-cut");
    let schema = fs::read_to_string(grading.place.path().join("grades.schema.json")).unwrap();
    lab_test::check_schema(&grading.json, &serde_json::from_str(&schema).unwrap());
    assert_eq!(grading.case("part2-n-9")["verdict"], "passed");
    let case = grading.case("part2-pieces");
    assert_eq!(case["expected"], "line 10: This is PMU data 10\\n");
    assert_eq!(case["got"], "line 10: This is PMU data 1\\n");
    let story = case["story"].as_array().unwrap();
    let says = |words: &str| story.iter().any(|step| step.as_str().unwrap().contains(words));
    assert!(says("the client sent 11 bytes: CMD_short:0") && says("the program printed: 0"), "{story:#?}");
    assert!(says("the server sent 12 bytes") && says("ended with status 0"), "{story:#?}");
    assert!(grading.folder().join(case["capture"].as_str().unwrap()).is_file());
    let text = grading.outcome.stdout();
    assert!(text.contains("  finding   number-cut: ") && text.contains("  expected  line 10: "), "{text}");
}

#[test]
fn one_family_is_named() {
    if lacks(&["python3"]) {
        return;
    }
    let source =
        changed("part3_pdc.py", "for family in socket.AF_INET, socket.AF_INET6:", "for family in [socket.AF_INET]:");
    let grading = grade(&["--only", "part3-rounds-ipv6", "--only", "part3-rounds-ipv4", "--part", "3"], &source);
    check(&grading, "part3-rounds-ipv6", "failed", "one-family");
}

#[test]
fn another_time_than_a_second_is_named() {
    if lacks(&["python3"]) {
        return;
    }
    let source = changed("part3_pdc.py", "list(ways), [], [], 1)", "list(ways), [], [], 0.2)");
    let grading = grade(&["--only", "part3-rounds-ipv4", "--part", "3"], &source);
    check(&grading, "part3-rounds-ipv4", "failed", "wrong-timeout");
}

#[test]
fn a_receiver_that_does_not_join_is_named() {
    if lacks(&["python3"]) {
        return;
    }
    let join = "seat.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)";
    let grading = grade(&["--only", "part4-join", "--part", "4-receiver"], &changed("part4_receiver.py", join, ""));
    check(&grading, "part4-join", "failed", "not-joined");
}

#[test]
fn a_sender_without_identity_and_one_with_a_single_line_are_named() {
    if lacks(&["python3"]) {
        return;
    }
    let source = changed("part4_sender.py", "identity + line", "b'' + line");
    check(&grade(&["--part", "4-sender"], &source), "part4-sender-identity", "failed", "identity-missing");
    let source = changed("part4_sender.py", "for line in sys.stdin:", "for line in [sys.stdin.readline()]:");
    let grading = grade(&["--part", "4-sender"], &source);
    check(&grading, "part4-sender-lines", "failed", "one-line-only");
    assert_eq!(grading.case("part4-sender-identity")["verdict"], "passed");
}

#[test]
fn a_websocket_client_of_one_message_is_named() {
    if lacks(&["python3"]) {
        return;
    }
    let source = changed("part5_ws.py", "            message = b\"\"", "            break");
    let grading = grade(&["--only", "part5-at-once", "--only", "part5-n-1", "--part", "5"], &source);
    check(&grading, "part5-at-once", "failed", "first-message-only");
}

#[test]
fn a_pmu_that_serves_once_is_named() {
    if lacks(&["python3"]) {
        return;
    }
    let source = changed("part6_pmu.py", "while True:", "for _ in range(1):");
    let grading = grade(&["--only", "part6-next-client", "--only", "part6-messages", "--part", "6"], &source);
    check(&grading, "part6-next-client", "failed", "serves-once");
    assert_eq!(grading.case("part6-messages")["verdict"], "passed");
}

#[test]
fn a_crash_an_endless_loop_and_a_program_that_is_not_there_have_verdicts_of_their_own() {
    if lacks(&["python3"]) {
        return;
    }
    let only = ["--only", "part2-at-once", "--part", "2"];
    check(&grade(&only, "import sys\nprint(int('x'))"), "part2-at-once", "crashed", "crashed");
    let endless = changed("part2_pdc.py", "link.close()", "while True: pass");
    check(&grade(&only, &endless), "part2-at-once", "timed-out", "never-ended");
    let missing = Grading::of(&[&only[..], &["--", "./no-such-program"]].concat());
    check(&missing, "part2-at-once", "could-not-start", "could-not-start");
}

#[test]
fn on_a_slow_machine_a_program_is_waited_for_longer() {
    if lacks(&["python3"]) {
        return;
    }
    let endless = changed("part2_pdc.py", "link.close()", "while True: pass");
    let grading = grade(&["--slowness", "1.4", "--only", "part2-at-once", "--part", "2"], &endless);
    check(&grading, "part2-at-once", "timed-out", "never-ended");
    let story = grading.case("part2-at-once")["story"].to_string();
    assert!(story.contains("the program was ended, after 21 s"), "{story}");
    let stderr = grading.outcome.stderr();
    assert!(stderr.contains("note: deadlines are 1.4 times as long, for a slow machine"), "{stderr}");
}

#[test]
fn what_is_missing_costs_its_points_and_not_the_run() {
    if lacks(&["python3"]) || lacks_program("gcc") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("Lab3_1_2");
    submission(&folder, &[]);
    fs::remove_file(folder.join("Part3_1_2.py")).unwrap();
    fs::rename(folder.join("Part5_1_2.py"), folder.join("Part5_1_2.cobol")).unwrap();
    fs::remove_file(folder.join("Part4_Sender_1_2.py")).unwrap();
    fs::write(folder.join("Part4_Sender_1_2.c"), "int main(void) { return undefined }\n").unwrap();
    let only = ["--only", "part2-at-once", "--only", "part3", "--only", "part4-sender", "--only", "part5-at-once"];
    let grading = Grading::of(&[&only[..], &[folder.to_str().unwrap()]].concat());
    assert_eq!(grading.outcome.code(), 1);
    assert_eq!(grading.case("part2-at-once")["verdict"], "passed");
    assert_eq!(grading.case("part3-ipv4")["missing"], "Part3 is missing");
    assert_eq!(grading.case("part3-ipv4")["verdict"], "skipped");
    let missing = |case: &str| grading.case(case)["missing"].as_str().unwrap().to_owned();
    assert!(missing("part5-at-once").contains("nothing says how Part5_1_2.cobol is run"));
    assert_eq!(grading.case("part4-sender-lines")["verdict"], "could-not-start");
    assert!(missing("part4-sender-lines").starts_with("it does not compile: "));
    assert_eq!(grading.submission()["score"], 3);
}
