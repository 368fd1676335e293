//! The journal of a grading: a line of JSON for each thing that became known, only ever added to.
//!
//! A kill leaves a journal that is whole but for its last line. All other files are made from it.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use lab_packets::diagram::Diagram;
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    cases::CASES,
    results::{CaseResult, Grades, SCHEMA, SubmissionResult},
};

/// The file name of the journal in the folder of a grading.
pub const JOURNAL: &str = "journal.jsonl";

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Entry {
    /// A grading begins, or goes on.
    Begin {
        /// The version of the JSON.
        schema: u32,
        /// The seed that fixes every case.
        seed: u64,
    },
    /// A submission is looked at. If the journal has it already, that was another version of it.
    Submission {
        /// Its name.
        name: String,
        /// The identities in its name.
        identities: Vec<String>,
        /// What stands out.
        notes: Vec<String>,
        /// What its files and the rules are, in a number.
        fingerprint: u64,
    },
    /// What stands out about a submission changed, but nothing else.
    Notes {
        /// Its name.
        name: String,
        /// What stands out now.
        notes: Vec<String>,
    },
    /// A case is decided.
    Case {
        /// The name of the submission.
        submission: String,
        /// The result.
        result: Box<CaseResult>,
        /// Its sequence diagrams.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        diagrams: Vec<Diagram>,
    },
    /// All cases of a submission are.
    Done {
        /// The name of the submission.
        name: String,
    },
}

impl Entry {
    /// A case of a submission is decided.
    pub fn case(submission: &str, mut result: CaseResult) -> Self {
        let diagrams = std::mem::take(&mut result.diagrams);
        Self::Case { submission: submission.to_owned(), result: Box::new(result), diagrams }
    }
}

/// The journal: what is in it, and the file for more.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    entries: Vec<Entry>,
}

impl Journal {
    /// Opens the journal of a folder, and makes it if need be. Without `resume` it begins anew. A line that was not written
    /// to its end is removed.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Content`] for a journal of another version or seed, [`Error::Occupied`] for a folder with
    /// files of somebody else's.
    pub fn open(folder: &Path, seed: u64, resume: bool) -> Result<Self, Error> {
        check(folder)?;
        fs::create_dir_all(folder).map_err(Error::file("make the folder", folder))?;
        let path = folder.join(JOURNAL);
        let mut entries = if resume { read(folder)? } else { Vec::new() };
        let begins = |entry: &Entry| matches!(entry, Entry::Begin { .. });
        if let Some(Entry::Begin { schema, seed: known }) = entries.iter().find(|entry| begins(entry))
            && (*schema, *known) != (SCHEMA, seed)
        {
            return Err(Error::content(path, format!("it is of a grading with --seed {known}; name another --out")));
        }
        if entries.is_empty() {
            entries.push(Entry::Begin { schema: SCHEMA, seed });
        }
        // Written anew as a whole: a line that was cut off does not spoil the next one.
        let text = entries.iter().map(line).collect::<Result<Vec<_>, _>>()?.concat();
        labnet::file::replace(&path, text.as_bytes(), labnet::file::Permissions::Owner)
            .map_err(Error::file("write", &path))?;
        let file = File::options().append(true).open(&path).map_err(Error::file("write", &path))?;
        Ok(Self { path, file, entries })
    }

    /// Adds entries.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn add(&mut self, entries: Vec<Entry>) -> Result<(), Error> {
        let text = entries.iter().map(line).collect::<Result<Vec<_>, _>>()?.concat();
        self.file.write_all(text.as_bytes()).map_err(Error::file("write", &self.path))?;
        self.entries.extend(entries);
        Ok(())
    }

    /// What it has of a submission with these files: its cases, and whether that is all. Nothing if its files are others.
    pub fn known(&self, name: &str, fingerprint: u64) -> Option<SubmissionResult> {
        let last = self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Submission { name: known, fingerprint, .. } if known == name => Some(*fingerprint),
            _ => None,
        })?;
        (last == fingerprint)
            .then(|| grades(&self.entries).submissions.into_iter().find(|one| one.name == name))
            .flatten()
    }

    /// The results so far.
    pub fn grades(&self) -> Grades {
        grades(&self.entries)
    }
}

fn line(entry: &Entry) -> Result<String, Error> {
    let json = serde_json::to_string(entry);
    json.map(|json| json + "\n").map_err(|error| Error::Format { format: "JSON", reason: error.to_string() })
}

/// The entries of the journal in a folder; none if there is none. A last line that was cut off is left out.
///
/// # Errors
/// [`Error::File`]; [`Error::Content`] for a line before the last that is no entry.
pub fn read(folder: &Path) -> Result<Vec<Entry>, Error> {
    let path = folder.join(JOURNAL);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("read", &path)(error)),
    };
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let entry = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| Error::content(&path, format!("line {}: {error}", number + 1)))
    };
    whole.lines().enumerate().map(entry).collect()
}

/// The same, for a folder that must have a journal.
///
/// # Errors
/// Those of [`read`]; [`Error::Content`] for a folder without one.
pub fn read_existing(folder: &Path) -> Result<Vec<Entry>, Error> {
    let entries = read(folder)?;
    if entries.is_empty() { Err(Error::content(folder, "it has no results of lab-grade")) } else { Ok(entries) }
}

/// The results of several journals: of one seed, and the submissions by name.
///
/// # Errors
/// [`Error::Lab`] for journals with different seeds.
pub fn merged(entries: &[Entry]) -> Result<Grades, Error> {
    let seeds = entries.iter().filter_map(|entry| match entry {
        Entry::Begin { seed, .. } => Some(*seed),
        _ => None,
    });
    let seeds: std::collections::BTreeSet<u64> = seeds.collect();
    if seeds.len() > 1 {
        return Err(labnet::Error::Usage(format!("the gradings have different seeds: {seeds:?}")).into());
    }
    Ok(grades(entries))
}

/// The results that entries tell of: submissions by name, cases in the order of the table.
pub fn grades(entries: &[Entry]) -> Grades {
    let mut grades = Grades { schema: SCHEMA, ..Grades::default() };
    for entry in entries {
        match entry {
            Entry::Begin { seed, .. } => grades.seed = *seed,
            Entry::Submission { name, identities, notes, .. } => {
                let (name, identities, notes) = (name.clone(), identities.clone(), notes.clone());
                let fresh = SubmissionResult { name, identities, notes, ..SubmissionResult::default() };
                match grades.submissions.iter_mut().find(|known| known.name == fresh.name) {
                    Some(known) => *known = fresh,
                    None => grades.submissions.push(fresh),
                }
            }
            Entry::Notes { name, notes } => {
                let known = grades.submissions.iter_mut().filter(|known| known.name == *name);
                known.for_each(|known| known.notes.clone_from(notes));
            }
            Entry::Case { submission, result, diagrams } => {
                if let Some(known) = grades.submissions.iter_mut().find(|known| known.name == *submission) {
                    known.cases.retain(|case| case.name != result.name);
                    known.cases.push(CaseResult { diagrams: diagrams.clone(), ..(**result).clone() });
                }
            }
            Entry::Done { name } => {
                let known = grades.submissions.iter_mut().filter(|known| known.name == *name);
                known.for_each(|known| known.is_complete = true);
            }
        }
    }
    // Not in the order in which they happened to be done.
    grades.submissions.sort_by(|one, next| one.name.cmp(&next.name));
    for submission in &mut grades.submissions {
        submission.cases.sort_by_key(|result| CASES.iter().position(|case| case.name == result.name));
        submission.sum_up();
    }
    grades
}

/// Whether results may be written into a folder: one that is missing, empty, or has a grading in it.
fn check(folder: &Path) -> Result<(), Error> {
    let Ok(mut entries) = fs::read_dir(folder) else { return Ok(()) };
    if folder.join(JOURNAL).is_file() || entries.next().is_none() {
        return Ok(());
    }
    Err(Error::Occupied { path: folder.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Verdict;

    fn case(submission: &str, at: usize, verdict: Verdict) -> Entry {
        Entry::case(submission, CaseResult { verdict, ..CaseResult::of(&CASES[at]) })
    }

    fn submission(name: &str, fingerprint: u64) -> Entry {
        Entry::Submission { name: name.to_owned(), identities: Vec::new(), notes: Vec::new(), fingerprint }
    }

    #[test]
    fn a_line_that_was_cut_off_is_left_out_and_what_follows_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), 7, true).unwrap();
        journal.add(vec![submission("a", 1), case("a", 6, Verdict::Passed), case("a", 5, Verdict::Failed)]).unwrap();
        let path = folder.path().join(JOURNAL);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}{{\"what\":\"ca")).unwrap();

        let mut journal = Journal::open(folder.path(), 7, true).unwrap();
        journal.add(vec![Entry::Done { name: "a".to_owned() }]).unwrap();
        let grades = grades(&read(folder.path()).unwrap());
        let names: Vec<_> = grades.cases().map(|case| case.name.as_str()).collect();
        assert_eq!(names, [CASES[5].name, CASES[6].name], "in the order of the table");
        assert!(grades.submissions[0].is_complete);
        assert_eq!(grades.submissions[0].score, CASES[6].points);
    }

    #[test]
    fn a_submission_with_other_files_is_not_known() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), 7, true).unwrap();
        journal.add(vec![submission("a", 1), case("a", 6, Verdict::Passed)]).unwrap();
        assert_eq!(journal.known("a", 1).unwrap().cases.len(), 1);
        assert!(journal.known("a", 2).is_none() && journal.known("b", 1).is_none());
        journal.add(vec![submission("a", 2)]).unwrap();
        assert!(journal.known("a", 2).unwrap().cases.is_empty());
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone_and_another_seed_is_another_grading() {
        let folder = tempfile::tempdir().unwrap();
        Journal::open(folder.path(), 7, true).unwrap();
        assert!(matches!(Journal::open(folder.path(), 8, true), Err(Error::Content { .. })));
        Journal::open(folder.path(), 8, false).unwrap();
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("thesis.tex"), "").unwrap();
        assert!(matches!(Journal::open(other.path(), 7, false), Err(Error::Occupied { .. })));
    }
}
