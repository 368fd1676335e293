//! What a program said that has ended.

use lab_process::Outcome;

/// The lines of stderr that begin with `error: `.
pub fn errors(outcome: &Outcome) -> Vec<String> {
    outcome.stderr().lines().filter(|line| line.starts_with("error: ")).map(str::to_owned).collect()
}

/// The program ended with the status `code`, wrote nothing to stdout, and its stderr is an error, one line, and at most one
/// hint; each of `words` is in them.
#[track_caller]
pub fn check_error(outcome: &Outcome, code: i32, words: &[&str]) {
    let (command_line, stderr) = (&outcome.command_line, outcome.stderr());
    assert_eq!((outcome.code(), outcome.stdout()), (code, String::new()), "{command_line}: {stderr}");
    let mut lines = stderr.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("error: ")), "{command_line}: {stderr}");
    assert!(lines.next().is_none_or(|line| line.starts_with("hint: ")), "{command_line}: {stderr}");
    assert_eq!(lines.next(), None, "{command_line}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{command_line}: no '{word}' in {stderr}");
    }
}

/// The program ended with status 1 after `stdout`, and its one error has each of `words`. What it shows of its peer is escaped
/// and short.
#[track_caller]
pub fn check_failed(outcome: &Outcome, stdout: &str, words: &[&str]) {
    let (command_line, stderr) = (&outcome.command_line, outcome.stderr());
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (1, stdout), "{command_line}: {stderr}");
    let errors = errors(outcome);
    let [error] = &errors[..] else { panic!("{command_line}: {stderr}") };
    assert!(words.iter().all(|word| error.contains(word)), "{command_line}: {words:?}: {stderr}");
    assert!(!stderr.chars().any(|character| character.is_control() && character != '\n'), "{stderr:?}");
    assert!(stderr.len() < 1000, "{stderr}");
}
