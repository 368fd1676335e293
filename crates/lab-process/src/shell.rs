//! Command lines as a person types them into a POSIX shell.

use std::{borrow::Cow, ffi::OsStr};

/// A word as a shell needs it: as it is where every character stands for itself, else in single quotes. Bytes that are
/// not UTF-8 are replaced.
pub fn quote(word: &OsStr) -> Cow<'_, str> {
    let word = word.to_string_lossy();
    let is_plain = |character: char| character.is_alphanumeric() || "-_./:=%@,+".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', "'\\''")).into()
    }
}

/// The words of a command, each [quoted](quote), with spaces between.
pub fn command_line<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> String {
    words.into_iter().map(|word| quote(word.as_ref()).into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_only_where_it_must_be() {
        let check = |word: &str, expected: &str| assert_eq!(quote(OsStr::new(word)), expected);
        check("--server=10.9.0.43:5003", "--server=10.9.0.43:5003");
        check("Roméo", "Roméo");
        check("", "''");
        check("a b", "'a b'");
        check("it's", r"'it'\''s'");
        check("[::1]:5003", "'[::1]:5003'");
        check("$HOME", "'$HOME'");
    }

    /// A shell is asked, so that nothing depends on our own idea of its rules.
    #[cfg(unix)]
    #[test]
    fn a_shell_takes_a_command_line_apart_into_its_words() {
        let words =
            ["plain", "", "a b", "it's", "'", "\"$HOME\" `id` \\", "*[a-z]?", "~", "#", "two\nlines", "-n;&|<>(){}!"];
        let script = format!("printf '%s\\0' {}", command_line(words));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        let apart: Vec<_> = output.stdout.split(|&byte| byte == 0).map(String::from_utf8_lossy).collect();
        assert_eq!(apart, [&words[..], &[""]].concat());
    }
}
