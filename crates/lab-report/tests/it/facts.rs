//! `lab-report --from facts.json`: the report of an earlier run, which is equal to the run's own.

use std::{fs, path::Path};

use lab_process::Program;
use lab_test::PATIENCE;
use serde_json::Value;

use crate::report::{LAB_REPORT, Report, lacks};

/// The end of `lab-report` with these arguments.
fn render(arguments: &[&str]) -> lab_process::Outcome {
    Program::start(LAB_REPORT, arguments).unwrap().finish(PATIENCE).unwrap()
}

/// Every file below a folder: its path from there, and its bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for name in ["index.html", "answers.json", "answers.schema.json", "facts.json"] {
        files.push((name.to_owned(), fs::read(folder.join(name)).unwrap()));
    }
    for below in ["captures", "output"] {
        let mut names: Vec<_> = fs::read_dir(folder.join(below)).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let relative = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
        files.extend(names.iter().map(|path| (relative(path), fs::read(path).unwrap())));
    }
    files
}

#[test]
fn a_report_from_facts_is_the_report_of_the_run_byte_for_byte() {
    if lacks("a_report_from_facts_is_the_report_of_the_run_byte_for_byte", &[]) {
        return;
    }
    // One that failed is among them: its reason is part of the facts, too.
    let programs = ["--part5", "false", "--part6", "false", "--runs", "3"];
    let run = Report::of(&programs);
    let folder = tempfile::tempdir().unwrap();
    let (facts, out) = (run.folder().join("facts.json"), folder.path().join("again"));
    let again = render(&["--from", facts.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    let (whole, made) = (files(run.folder()), files(&out));
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&whole), names(&made));
    for ((name, run), (_, again)) in whole.iter().zip(&made) {
        assert!(run == again, "{name} differs");
    }
    assert_eq!(again.code(), run.outcome.code());
    let without_page =
        |text: String| text.lines().filter(|line| !line.starts_with("report: ")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_page(again.stdout()), without_page(run.outcome.stdout()));
    assert_eq!(again.stderr(), run.outcome.stderr());
}

#[test]
fn a_report_from_facts_says_what_the_facts_say() {
    if lacks("a_report_from_facts_says_what_the_facts_say", &[]) {
        return;
    }
    let run = Report::of(&["--only", "part2-short-0"]);
    let path = run.folder().join("facts.json");
    let mut facts: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    facts["measured"]["short_at_once"]["measured"]["client"]["lines"].as_array_mut().unwrap().pop();
    fs::write(&path, facts.to_string()).unwrap();
    // Into the folder of the facts, where no other is named.
    render(&["--from", path.to_str().unwrap()]);
    let answers: Value = serde_json::from_slice(&fs::read(run.folder().join("answers.json")).unwrap()).unwrap();
    let q10 = answers["answers"].as_array().unwrap().iter().find(|answer| answer["question"] == "Q10").unwrap();
    assert!(q10["missing"].to_string().contains("9 of the 10 messages"), "{q10}");
    assert!(run.items("Q10").iter().any(|item| item.contains("10 messages")));
    // Facts of another version are not read as if they were of this one.
    facts["schema"] = 2.into();
    fs::write(&path, facts.to_string()).unwrap();
    let refused = render(&["--from", path.to_str().unwrap()]);
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr().contains("its facts have version 2"), "{}", refused.stderr());
}

#[test]
fn what_holds_no_facts_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(folder.path().join("text"), "no JSON").unwrap();
    fs::write(folder.path().join("other"), r#"{"schema":1,"run":{}}"#).unwrap();
    for (name, complaint) in
        [("text", "not the facts of a run"), ("other", "not the facts of a run"), ("none", "cannot read")]
    {
        let outcome = render(&["--from", &path(name)]);
        let stderr = outcome.stderr();
        assert_eq!((outcome.code(), outcome.stdout().as_str()), (1, ""), "{stderr}");
        assert!(
            stderr.starts_with("error: ") && stderr.contains(&path(name)) && stderr.contains(complaint),
            "{stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    assert!(!folder.path().join("index.html").exists());
}
