//! What stands out about a submission costs nothing, and every output has it.

use std::fs;

use lab_process::Program;
use lab_test::PATIENCE;

use crate::grading::{Grading, begin, lacks, submission};

#[test]
fn a_duplicate_a_late_submission_and_a_missing_report_are_noted_everywhere_and_cost_nothing() {
    if lacks(&["python3"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    for name in ["Lab3_1_2", "Lab3_2_3"] {
        submission(&place.path().join("class").join(name), &[]);
    }
    fs::remove_file(place.path().join("class/Lab3_1_2/report.pdf")).unwrap();
    let common =
        ["--only", "part2-at-once", "--class", "class", "--junit", "junit.xml", "--gradescope", "gradescope.json"];
    let common = [&common[..], &["--csv", "class.csv", "--html", "pages", "--due"]].concat();
    let outcome =
        begin(place.path(), &[&common[..], &["2001-01-01T00:00:00+01:00"]].concat()).finish(PATIENCE).unwrap();
    assert_eq!(outcome.code(), 0, "{}{}", outcome.stdout(), outcome.stderr());
    let read = |file: &str| fs::read_to_string(place.path().join(file)).unwrap();
    let all = [
        outcome.stdout(),
        read("grades.json"),
        read("junit.xml"),
        read("gradescope.json"),
        read("class.csv"),
        read("pages/index.html"),
        read("pages/submissions/Lab3_1_2.html"),
    ];
    for text in all {
        for note in [
            "2 is also in Lab3_2_3",
            "late: its newest file is of 2",
            "2000-12-31T23:00:00.000Z was due",
            "there is no report",
        ] {
            assert!(text.contains(note), "{note}: {text}");
        }
    }

    // A grading that goes on and is due later has other notes, and grades nothing again.
    let again = begin(place.path(), &[&common[..], &["2999-01-01T00:00:00Z"]].concat()).finish(PATIENCE).unwrap();
    assert!(again.code() == 0 && !again.stdout().contains("late") && again.stdout().contains("2 is also in"));
    let grading = Grading::in_place(place, again);
    let journal = fs::read_to_string(grading.folder().join("journal.jsonl")).unwrap();
    assert_eq!(journal.matches("\"what\":\"case\"").count(), 2, "{journal}");
    let wrong = Program::start(crate::grading::LAB_GRADE, &["--class", ".", "--due", "tomorrow"]).unwrap();
    let wrong = wrong.finish(PATIENCE).unwrap();
    assert!(wrong.code() == 2 && wrong.stderr().contains("expected a time with its zone"), "{}", wrong.stderr());
}
