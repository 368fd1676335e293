//! Right programs have all points.

use std::fs;

use lab_test::sibling;

use crate::grading::{Grading, LAB_GRADE, PROGRAMS, lacks, python, submission};

#[test]
fn our_own_programs_have_full_marks() {
    if lacks(&[]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("Lab3_123456_654321");
    fs::create_dir(&folder).unwrap();
    for (ours, prefix, _) in PROGRAMS {
        // A hard link, so that no other test's fork holds the file open for writing.
        let (program, name) = (sibling(LAB_GRADE, ours), folder.join(format!("{prefix}_123456_654321")));
        if fs::hard_link(&program, &name).is_err() {
            fs::copy(&program, &name).unwrap();
        }
    }
    for file in ["123456_key.pem", "123456_cert.pem", "report.pdf"] {
        fs::write(folder.join(file), "").unwrap();
    }
    let grading = Grading::of(&[folder.to_str().unwrap()]);
    grading.check_passed();
    assert_eq!((&grading.submission()["score"], &grading.submission()["max_score"]), (&120.into(), &100.into()));
    assert_eq!(grading.submission()["notes"], serde_json::json!([]));
    assert!(grading.outcome.stdout().contains("100 of 100 points and 20 of 20 bonus points"));
}

#[test]
fn programs_in_python_have_full_marks() {
    if lacks(&["python3"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("Lab3_1_2");
    submission(&folder, &[]);
    let grading = Grading::of(&[folder.to_str().unwrap()]);
    grading.check_passed();
    assert_eq!(grading.submission()["score"], 120);
    assert_eq!(grading.submission()["identities"], serde_json::json!(["1", "2"]));
    // The programs themselves were not touched, nor was anything added.
    assert_eq!(fs::read_dir(&folder).unwrap().count(), PROGRAMS.len() + 3);
}

#[test]
fn the_handouts_own_programs_of_part_1_do() {
    if lacks(&["python3"]) {
        return;
    }
    for (part, file) in [("1a", "code_a.py"), ("1b", "code_b.py"), ("1c", "code_c.py"), ("1d", "code_d.py")] {
        Grading::of(&["--part", part, "--", "python3", python(file).to_str().unwrap()]).check_passed();
    }
}

#[test]
fn a_program_of_a_later_edition_is_found_out_to_be_one() {
    if lacks(&["python3"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let later = place.path().join("later.py");
    let text = fs::read_to_string(python("part2_pdc.py")).unwrap();
    let text = text.replace("command = sys.argv[1]", "host, port, command = sys.argv[1:4]");
    fs::write(&later, text.replace("(\"tcpip.epfl.ch\", 5003)", "(host, int(port))")).unwrap();
    let command = ["--only", "part2-at-once", "--part", "2", "--", "python3", later.to_str().unwrap()];
    Grading::of(&command).check_passed();
    let handout = Grading::of(&[&["--edition", "handout"][..], &command].concat());
    assert_eq!((handout.outcome.code(), handout.with_verdict("crashed").len()), (1, 1));
}

#[test]
fn a_prefix_is_a_remark_and_costs_nothing_and_what_is_allowed_does_not_either() {
    if lacks(&["python3"]) {
        return;
    }
    let text = fs::read_to_string(python("part2_pdc.py")).unwrap();
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join("pdc.py");
    let grade = |text: String, more: &[&str]| {
        fs::write(&program, text).unwrap();
        let part = ["--only", "part2-at-once", "--part", "2", "--", "python3", program.to_str().unwrap()];
        Grading::of(&[more, &part].concat())
    };
    let prefixed = grade(text.replace("print(", "print('Received:', "), &[]);
    prefixed.check_passed();
    assert_eq!(prefixed.case("part2-at-once")["findings"][0]["id"], "prefix");
    assert_eq!(prefixed.case("part2-at-once")["findings"][0]["severity"], "remark");

    let bytes = text.replace("message.decode()", "message").replace("whole.decode()", "whole");
    assert_eq!(grade(bytes.clone(), &[]).outcome.code(), 1);
    grade(bytes, &["--allow", "representation"]).check_passed();
}
