//! Several at once.

use lab_process::Outcome;
use lab_test::{check_error, finish};

use crate::place::Place;

#[test]
fn of_several_who_issue_the_same_name_at_once_one_does() {
    let place = Place::with_ca();
    for round in 0..5 {
        let name = format!("round{round}");
        let issue = ["issue", &name, "--key", "p-256"];
        let programs: Vec<_> = (0..4).map(|_| place.start(env!("CARGO_BIN_EXE_ttp"), &issue)).collect();
        let outcomes: Vec<_> = programs.into_iter().map(finish).collect();
        let (done, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|outcome| outcome.code() == 0);
        assert_eq!(done.len(), 1, "{:?}", failed.iter().map(Outcome::stderr).collect::<Vec<_>>());
        failed.iter().for_each(|outcome| check_error(outcome, 1, &["exists already"]));
        place.vouches_for(&name).unwrap();
    }
    check_whole(&place, 5);
}

#[test]
fn of_several_who_issue_with_force_at_once_each_does() {
    let place = Place::with_ca();
    for round in 0..5 {
        let name = format!("round{round}");
        let issue = ["issue", &name, "--key", "p-256", "--force"];
        let programs: Vec<_> = (0..4).map(|_| place.start(env!("CARGO_BIN_EXE_ttp"), &issue)).collect();
        for outcome in programs.into_iter().map(finish) {
            assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()));
        }
        place.vouches_for(&name).unwrap();
    }
    check_whole(&place, 5);
}

#[test]
fn many_who_issue_different_names_at_once_are_all_served() {
    let place = Place::with_ca();
    let issue = |i: usize| place.start(env!("CARGO_BIN_EXE_ttp"), &["issue", &format!("student{i}"), "--key", "p-256"]);
    for outcome in (0..16).map(issue).collect::<Vec<_>>().into_iter().map(finish) {
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()));
    }
    (0..16).for_each(|i| place.vouches_for(&format!("student{i}")).unwrap());
    check_whole(&place, 16);
}

#[test]
fn of_several_who_make_a_ca_at_once_one_does() {
    for _ in 0..5 {
        let place = Place::new();
        let init = ["init", "--key", "p-256"];
        let programs: Vec<_> = (0..4).map(|_| place.start(env!("CARGO_BIN_EXE_ttp"), &init)).collect();
        let outcomes: Vec<_> = programs.into_iter().map(finish).collect();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.code() == 0).count(), 1);
        place.done("issue localhost --key p-256");
        place.vouches_for("localhost").unwrap();
        check_whole(&place, 1);
    }
}

/// The CA, and three whole files for each owner: nothing else.
fn check_whole(place: &Place, owners: usize) {
    let files = place.files();
    assert_eq!(files.len(), 2 + 3 * owners, "{:?}", files.keys());
    for (file, bytes) in files {
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches("-----BEGIN ").count(), 1, "{file}");
        assert!(text.starts_with("-----BEGIN ") && text.ends_with("-----\n"), "{file}: {text}");
    }
}
