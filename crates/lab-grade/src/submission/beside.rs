//! A submission beside others: names that are its own, identities that are not, and the time when all were due.

use std::{collections::BTreeMap, time::Duration};

use super::Submission;

/// The longest file name that is made of a name (ours: a file system takes 255 bytes, with an ending).
const MAX_NAME: usize = 80;

/// A file name for a submission: its name, without what a path, an address or a terminal takes for its own. Two names have
/// two file names.
pub fn file_name(name: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    if name.len() <= MAX_NAME && name.chars().all(is_plain) && !name.is_empty() && !name.starts_with('.') {
        return name.to_owned();
    }
    let plain = name.chars().take(MAX_NAME).map(|character| if is_plain(character) { character } else { '_' });
    let plain: String = plain.collect();
    format!("{}-{:016x}", plain.trim_start_matches('.'), labnet::seed::named(0, name))
}

/// Gives each submission a name of its own: a folder and its zip, say, have the same.
pub fn name_apart(submissions: &mut [Submission]) {
    let mut known = BTreeMap::<String, u32>::new();
    for submission in submissions {
        let times = known.entry(submission.name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            submission.name = format!("{} ({times})", submission.name);
        }
    }
}

/// Notes the identities that are in the names of several submissions.
pub fn note_duplicates(submissions: &mut [Submission]) {
    let mut known = BTreeMap::<String, Vec<String>>::new();
    for submission in submissions.iter() {
        for identity in &submission.identities {
            known.entry(identity.clone()).or_default().push(submission.name.clone());
        }
    }
    for submission in submissions {
        for identity in &submission.identities {
            let others = known.get(identity).into_iter().flatten().filter(|name| **name != submission.name);
            let others: Vec<&str> = others.map(String::as_str).collect();
            if !others.is_empty() {
                submission.notes.push(format!("{identity} is also in {}", others.join(", ")));
            }
        }
    }
}

/// What is noted of a submission that is late: one whose newest file was changed after it was due. Both are times since the
/// Unix epoch.
pub fn late(due: Option<Duration>, newest: Option<Duration>) -> Option<String> {
    let (due, newest) = (due?, newest?);
    let time = |time: Duration| labnet::cli::utc(Duration::from_secs(time.as_secs()));
    (newest > due).then(|| format!("late: its newest file is of {}, and {} was due", time(newest), time(due)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_identity_in_two_submissions_is_noted_with_both() {
        let mut all = ["Lab3_1_2", "Lab3_2_3", "Lab3_4_5", "Lab3_2_3.zip"].map(|name| Submission::new(Path::new(name)));
        name_apart(&mut all);
        note_duplicates(&mut all);
        let notes = all.map(|one| one.notes);
        assert_eq!(notes[0], ["2 is also in Lab3_2_3, Lab3_2_3 (2)"]);
        assert_eq!(notes[1], ["2 is also in Lab3_1_2, Lab3_2_3 (2)", "3 is also in Lab3_2_3 (2)"]);
        assert_eq!(notes[2], Vec::<String>::new());
    }

    #[test]
    fn a_submission_is_late_when_its_newest_file_is_newer_than_what_was_due() {
        let at = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(late(at(100), at(100)), None);
        assert_eq!(late(None, at(100)), None);
        assert_eq!(late(at(100), None), None);
        let note = late(at(0), at(60)).unwrap();
        assert_eq!(note, "late: its newest file is of 1970-01-01T00:01:00.000Z, and 1970-01-01T00:00:00.000Z was due");
    }

    #[test]
    fn two_names_have_two_file_names_without_any_special_character() {
        assert_eq!(file_name("Lab3_1_2"), "Lab3_1_2");
        let names = ["a b", "a_b", "a/b", "..", ".", "", "python3 x.py", &"x".repeat(300)].map(file_name);
        let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
        for name in &names {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
            assert!(name.len() < 120 && !name.starts_with('.') && name.bytes().all(is_plain), "{name}");
        }
    }
}
