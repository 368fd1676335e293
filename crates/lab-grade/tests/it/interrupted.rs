//! A grading that is killed leaves valid files with what was done, nothing that runs, and is gone on with.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use lab_process::Program;
use lab_test::PATIENCE;
use serde_json::Value;

use crate::grading::{Grading, begin, lacks, submission};

/// The command lines of all processes that name a path.
fn processes_with(path: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(path.to_str().unwrap())).collect()
}

/// Waits until something is the case.
#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn kill(program: &Program) {
    let id = program.id().to_string();
    assert!(std::process::Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
}

#[test]
fn after_kill_9_the_files_are_valid_nothing_runs_and_a_class_is_gone_on_with() {
    if lacks(&["python3"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let class = place.path().join("class");
    for name in ["Lab3_1_2", "Lab3_3_4"] {
        submission(&class.join(name), &[]);
    }
    let csv = place.path().join("grades.csv");
    let arguments = ["--only", "part2-at-once", "--only", "part2-paced", "--only", "part2-n-", "--class", "class"];
    let arguments = [&arguments[..], &["--csv", "grades.csv"]].concat();
    let json = place.path().join("grades.json");
    let cases = || -> usize {
        let grades: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap_or_default()).unwrap_or_default();
        let submissions = grades["submissions"].as_array().cloned().unwrap_or_default();
        submissions.iter().map(|one| one["cases"].as_array().unwrap().len()).sum()
    };
    // At the beginning, when some cases are known, and when more are.
    for known in [0, 1, 4] {
        let grading = begin(place.path(), &arguments);
        wait_until("cases are decided", || json.exists() && cases() >= known);
        kill(&grading);
        drop(grading);
        wait_until("no process is left", || {
            processes_with(&class).is_empty() && processes_with(&place.path().join("out")).is_empty()
        });
        assert!(cases() >= known, "the JSON is whole");
        let lines = fs::read_to_string(&csv).unwrap();
        assert!(lines.starts_with("submission,case,") && lines.ends_with('\n'), "{lines}");
    }
    let outcome = begin(place.path(), &arguments).finish(PATIENCE).unwrap();
    assert_eq!(outcome.code(), 0, "{}", outcome.stdout());
    let grading = Grading::in_place(place, outcome);
    assert!(grading.json["submissions"].as_array().unwrap().iter().all(|one| one["is_complete"] == true));

    // Nothing is graded twice: the second grading finds all of it done.
    let begun = Instant::now();
    let before = fs::read(&csv).unwrap();
    let again = begin(grading.place.path(), &arguments).finish(PATIENCE).unwrap();
    assert_eq!((again.code(), fs::read(&csv).unwrap()), (0, before));
    // The paced case alone takes nine seconds.
    assert!(begun.elapsed() < Duration::from_secs(9));
}

#[test]
fn after_ctrl_c_no_program_counts_as_failed_that_was_still_running() {
    if lacks(&["python3"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    submission(&place.path().join("Lab3_1_2"), &[]);
    let mut grading = begin(place.path(), &["--only", "part2-paced", "--only", "part2-n-1", "Lab3_1_2"]);
    let json = place.path().join("grades.json");
    wait_until("a case is decided", || fs::read_to_string(&json).is_ok_and(|text| text.contains("part2-n-1")));
    grading.interrupt();
    let outcome = grading.finish(PATIENCE).unwrap();
    assert_eq!(outcome.code(), 130, "{}", outcome.stderr());
    assert!(outcome.stderr().contains("note: interrupted: out has what was done"), "{}", outcome.stderr());
    let grading = Grading::in_place(place, outcome);
    let cases = grading.submission()["cases"].as_array().unwrap();
    assert!(cases.iter().all(|case| case["verdict"] == "passed"), "{cases:#?}");
    assert_eq!(grading.submission()["is_complete"], false);
}
