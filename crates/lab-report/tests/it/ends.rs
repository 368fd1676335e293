//! Interrupted reports, and wrong command lines.

use std::{fs, path::Path, process::Command};

use lab_process::{Outcome, Program};
use lab_test::PATIENCE;

use crate::report::{LAB_REPORT, Report, lacks, part};

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
        |arguments: &[&str]| -> Outcome { Program::start(LAB_REPORT, arguments).unwrap().finish(PATIENCE).unwrap() };
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
