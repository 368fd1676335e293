//! Wrong command lines, and folders that are somebody else's.

use std::fs;

use crate::grading::Grading;

#[track_caller]
fn check(arguments: &[&str], words: &str) {
    let outcome = Grading::of(arguments).outcome;
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (2, ""), "{}", outcome.stderr());
    assert!(outcome.stderr().contains(words), "{}", outcome.stderr());
}

#[test]
fn a_wrong_command_line_has_status_2_and_says_what_is_expected() {
    check(&[], "name a submission, or a part and its program");
    check(&["no-such-folder"], "there is no no-such-folder");
    check(&["--part", "7", "--", "true"], "expected 1a, 1b");
    check(&["--part", "4", "--", "true"], "4-receiver and 4-sender");
    check(&["--part", "2"], "COMMAND");
    check(&["--allow", "sloppiness", "."], "there is no finding 'sloppiness'");
    check(&["--only", "part9", "."], "there are part1-code-a");
    check(&["--slowness", "0.5", "."], "expected a number from 1 to 4");
    check(&["--class", ".", "--shard", "3/2"], "expected I/N");
    let merge = lab_test::run(crate::grading::LAB_GRADE, &["merge", "no-such-folder"]);
    assert_eq!(merge.code(), 2);
    assert!(merge.stderr().contains("has no results of lab-grade"), "{}", merge.stderr());
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    if crate::grading::lacks(&[]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("out")).unwrap();
    fs::write(place.path().join("out/thesis.tex"), "").unwrap();
    let outcome =
        crate::grading::begin(place.path(), &["--part", "1a", "--", "true"]).finish(lab_test::PATIENCE).unwrap();
    assert_eq!(outcome.code(), 2);
    assert!(outcome.stderr().contains("out has files in it that are of no grading"), "{}", outcome.stderr());
}
