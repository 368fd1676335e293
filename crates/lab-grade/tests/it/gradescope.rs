//! What Gradescope's machines run, in a folder laid out as theirs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use lab_process::{Outcome, Program};
use lab_test::PATIENCE;
use serde_json::Value;

use crate::grading::{LAB_GRADE, lacks, submission};

/// A folder laid out as `/autograder`, with the archive unpacked; `None` if what packs it is not built.
fn autograder(place: &Path, options: &[&str]) -> Option<PathBuf> {
    let pack = lab_test::sibling(LAB_GRADE, "package-gradescope");
    if !pack.exists() {
        lab_test::skip("package-gradescope is not built (cargo build --workspace builds it)");
        return None;
    }
    let mut command = Command::new(pack);
    command.args(["--programs", Path::new(LAB_GRADE).parent().unwrap().to_str().unwrap(), "--workspace"]);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).args(["--out", "autograder.zip", "--"]);
    let outcome = {
        command.args(options).current_dir(place);
        Program::spawn(command)
    }
    .unwrap()
    .finish(PATIENCE)
    .unwrap();
    assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
    let top = place.join("autograder");
    let archive = fs::File::open(place.join("autograder.zip")).unwrap();
    zip::ZipArchive::new(archive).unwrap().extract(top.join("source")).unwrap();
    // Gradescope copies it there.
    fs::copy(top.join("source/run_autograder"), top.join("run_autograder")).unwrap();
    fs::write(top.join("submission_metadata.json"), "{}").unwrap();
    let checked = Command::new("sh").arg("-n").arg(top.join("source/setup.sh")).status().unwrap();
    assert!(checked.success());
    Some(top)
}

fn run(top: &Path, seconds: &str) -> Outcome {
    let mut command = Command::new(top.join("run_autograder"));
    command.env("AUTOGRADER", top).env("LAB_GRADE_SECONDS", seconds).current_dir(top).env_remove("LAB_SERVER");
    Program::spawn(command).unwrap().finish(PATIENCE).unwrap()
}

fn results(top: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(top.join("results/results.json")).unwrap()).unwrap()
}

#[test]
fn a_submission_is_graded_as_gradescope_has_it_whole_or_until_the_time_is_up() {
    if lacks(&["python3", "timeout"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let Some(top) = autograder(place.path(), &["--only", "part2-at-once", "--only", "part2-paced"]) else { return };
    submission(&top.join("submission/Lab3_1_2"), &[]);
    // The paced case alone takes nine seconds.
    let early = run(&top, "5");
    assert_eq!(early.code(), 0, "{}", early.stderr());
    assert!(early.stdout().contains("The time was up"), "{}", early.stdout());
    assert!(results(&top)["output"].as_str().unwrap().contains("not all cases are decided"), "{}", results(&top));

    let outcome = run(&top, "100");
    assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
    let results = results(&top);
    assert_eq!(results["score"], 6, "{results:#}");
    assert_eq!(results["tests"].as_array().unwrap().len(), 2);
    assert_eq!(results["tests"][0]["status"], "passed");
    assert_eq!(results["output"], "");
}

#[test]
fn a_grader_that_cannot_work_leaves_no_results_and_so_no_points_of_0() {
    if lacks(&[]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let Some(top) = autograder(place.path(), &["--seed", "1"]) else { return };
    fs::create_dir_all(top.join("results")).unwrap();
    fs::create_dir_all(top.join("submission")).unwrap();
    fs::write(top.join("results/results.json"), "{}").unwrap();
    fs::write(top.join("source/options"), "--runners\nno-such-file\n").unwrap();
    assert_eq!(run(&top, "100").code(), 1);
    assert!(!top.join("results/results.json").exists());
}
