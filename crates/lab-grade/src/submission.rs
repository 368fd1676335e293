//! What is handed in: a folder `Lab3_ID1_ID2`, its programs by the handout's names, and what stands out about it.

mod beside;

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    time::Duration,
};

use lab_testbed::programs::ProgramRole;

use crate::{
    Error,
    archive::{self, Unpacked},
    runners,
};

pub use beside::{file_name, late, name_apart, note_duplicates};

/// The programs that are handed in, by the begin of the file name (handout, sections 2 to 6).
pub const PROGRAMS: [(&str, ProgramRole); 6] = [
    ("Part2", ProgramRole::Part2),
    ("Part3", ProgramRole::Part3),
    ("Part4_Receiver", ProgramRole::Part4Receiver),
    ("Part4_Sender", ProgramRole::Part4Sender),
    ("Part5", ProgramRole::Part5),
    ("Part6_PMU", ProgramRole::Part6Pmu),
];

/// The endings of a report.
const REPORTS: [&str; 6] = ["pdf", "doc", "docx", "odt", "md", "txt"];

/// The endings of what is no program, whatever its name.
const NO_PROGRAMS: [&str; 12] =
    ["pdf", "doc", "docx", "odt", "md", "txt", "pem", "csr", "class", "pcap", "pcapng", "png"];

/// The maximum of folders within folders that are looked into (ours).
const MAX_DEPTH: usize = 3;

/// A submission as it was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Where it is: a folder or a zip.
    pub path: PathBuf,
    /// Its name, without `.zip`.
    pub name: String,
    /// The identities in the name.
    pub identities: Vec<String>,
    /// What stands out beside other submissions.
    pub notes: Vec<String>,
}

/// The files of a submission, in a folder of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Each program that was found.
    pub programs: Vec<(ProgramRole, PathBuf)>,
    /// What stands out.
    pub notes: Vec<String>,
    /// A number that changes with any file.
    pub fingerprint: u64,
    /// When the newest of them was changed, since the Unix epoch, as the folder or the zip has it.
    pub newest: Option<Duration>,
}

impl Submission {
    /// A submission by its path.
    pub fn new(path: &Path) -> Self {
        let absolute = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let file_name = absolute.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_zip = file_name.to_lowercase().ends_with(".zip");
        let name = if is_zip { file_name.get(..file_name.len() - 4).unwrap_or_default() } else { &file_name };
        Self { identities: identities(name), name: name.to_owned(), path: absolute, notes: Vec::new() }
    }

    /// The submissions in a folder: all folders and zips, by name.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn all_in(folder: &Path) -> Result<Vec<Self>, Error> {
        let entries = fs::read_dir(folder).map_err(Error::file("read", folder))?;
        let is_wanted = |path: &PathBuf| {
            let is_zip = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"));
            let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            !is_hidden && (path.is_dir() || (is_zip && path.is_file()))
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_wanted).collect();
        paths.sort();
        Ok(paths.iter().map(|path| Self::new(path)).collect())
    }

    /// Puts the files into `target`, an empty folder, and finds the programs among them.
    ///
    /// # Errors
    /// [`Error::Content`] for what is refused; [`Error::File`].
    pub fn open(&self, target: &Path) -> Result<Files, Error> {
        let Unpacked { left_out: mut notes, newest } = archive::unpack(&self.path, target)?;
        let mut files = Vec::new();
        collect(&archive::top(target), 0, &mut files);
        files.sort();
        let group = self.identities.join("_");
        if self.identities.is_empty() {
            notes.push("its name is not Lab3_ID1_ID2".to_owned());
        }
        let mut programs = Vec::new();
        for (prefix, role) in PROGRAMS {
            let found: Vec<&PathBuf> = files.iter().filter(|file| is_program(file, prefix)).collect();
            let Some(file) = best(&found) else {
                notes.push(format!("{prefix} is missing"));
                continue;
            };
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            if !group.is_empty() && stem != format!("{prefix}_{group}") {
                notes.push(format!("{stem} should be {prefix}_{group}"));
            }
            for other in found.iter().filter(|other| **other != file) {
                let other = other.file_name().unwrap_or_default().display();
                notes.push(format!("{other} is a second {prefix}, and is not graded"));
            }
            programs.push((role, file.clone()));
        }
        notes.extend(notes_on(&files, &programs));
        Ok(Files { programs, notes, fingerprint: fingerprint(&files), newest })
    }
}

/// The identities in `Lab3_123456_654321`; none in another name.
fn identities(name: &str) -> Vec<String> {
    let mut words = name.split('_');
    let is_lab = words.next().is_some_and(|word| word.eq_ignore_ascii_case("lab3"));
    let is_identity = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_lab { words.take_while(is_identity).take(2).map(str::to_owned).collect() } else { Vec::new() }
}

/// All files of a folder and the folders in it.
fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && depth < MAX_DEPTH && name != "__MACOSX" {
            collect(&path, depth + 1, files);
        } else if path.is_file() {
            files.push(path);
        }
    }
}

/// Whether a file is the program with a name: `Part2_123456_654321.py`, also in another case or with other separators.
fn is_program(file: &Path, prefix: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['-', ' ', '_', '.'], "");
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let ending = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if name.starts_with('.') || NO_PROGRAMS.contains(&ending.as_str()) {
        return false;
    }
    plain(&name).starts_with(&plain(prefix))
}

/// The file that is graded where several have a name: a source, or else a program as it is.
fn best<'a>(found: &[&'a PathBuf]) -> Option<&'a PathBuf> {
    let has_source = |file: &&&PathBuf| !runners::is_program_file(file) || file.extension().is_some();
    found.iter().find(has_source).or_else(|| found.first()).copied()
}

fn notes_on(files: &[PathBuf], programs: &[(ProgramRole, PathBuf)]) -> Vec<String> {
    let name = |file: &PathBuf| file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_report = |file: &&PathBuf| {
        file.extension().is_some_and(|ending| REPORTS.iter().any(|report| ending.eq_ignore_ascii_case(report)))
    };
    let mut notes = Vec::new();
    if !files.iter().any(|file| is_report(&file)) {
        notes.push("there is no report".to_owned());
    }
    let has_pmu = programs.iter().any(|(role, _)| *role == ProgramRole::Part6Pmu);
    for (ending, what) in [("_key.pem", "key"), ("_cert.pem", "certificate")] {
        if has_pmu && !files.iter().any(|file| name(file).ends_with(ending)) {
            notes.push(format!("the {what} of part 6 is missing"));
        }
    }
    notes
}

/// A number of all contents and names, the same on each run of one build.
fn fingerprint(files: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.file_name().hash(&mut hasher);
        fs::read(file).unwrap_or_default().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(name: &str, files: &[(&str, &str)]) -> (Submission, Files) {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join(name);
        fs::create_dir(&folder).unwrap();
        for (file, text) in files {
            fs::write(folder.join(file), text).unwrap();
        }
        let target = place.path().join("target");
        fs::create_dir(&target).unwrap();
        let submission = Submission::new(&folder);
        let files = submission.open(&target).unwrap();
        (submission, files)
    }

    fn names(files: &Files) -> Vec<(&'static str, String)> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        files.programs.iter().map(|(role, path)| (role.name(), name(path))).collect()
    }

    #[test]
    fn programs_are_found_by_the_names_of_the_handout_with_any_ending() {
        let all = [
            ("Part2_1_2.py", ""),
            ("part3_1_2.JS", ""),
            ("Part4-Receiver_1_2.c", ""),
            ("Part4_Sender_1_2", "#!/bin/sh"),
            ("Part5_1_2.java", ""),
            ("Part5_1_2.class", ""),
            ("Part6_PMU_1_2.py", ""),
            ("1_key.pem", ""),
            ("1_cert.pem", ""),
            ("report.pdf", ""),
        ];
        let (submission, files) = open("Lab3_1_2", &all);
        assert_eq!(submission.identities, ["1", "2"]);
        let expected = [
            ("part2", "Part2_1_2.py"),
            ("part3", "part3_1_2.JS"),
            ("part4-receiver", "Part4-Receiver_1_2.c"),
            ("part4-sender", "Part4_Sender_1_2"),
            ("part5", "Part5_1_2.java"),
            ("part6", "Part6_PMU_1_2.py"),
        ];
        assert_eq!(names(&files), expected.map(|(role, name)| (role, name.to_owned())));
        assert_eq!(files.notes, ["part3_1_2 should be Part3_1_2", "Part4-Receiver_1_2 should be Part4_Receiver_1_2"]);
    }

    #[test]
    fn what_is_missing_or_twice_there_is_noted() {
        let (_, files) = open("my homework", &[("Part2.py", ""), ("Part2_old.py", ""), ("Part6_PMU.py", "")]);
        assert_eq!(names(&files), [("part2", "Part2.py".to_owned()), ("part6", "Part6_PMU.py".to_owned())]);
        let expected = [
            "its name is not Lab3_ID1_ID2",
            "Part2_old.py is a second Part2, and is not graded",
            "Part3 is missing",
            "Part4_Receiver is missing",
            "Part4_Sender is missing",
            "Part5 is missing",
            "there is no report",
            "the key of part 6 is missing",
            "the certificate of part 6 is missing",
        ];
        assert_eq!(files.notes, expected);
    }

    #[test]
    fn a_zip_has_the_time_of_its_newest_file() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("Lab3_1_2.zip");
        let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        for (name, year) in [("Part2_1_2.py", 2001), ("Part3_1_2.py", 2004), ("report.pdf", 2002)] {
            let time = zip::DateTime::from_date_and_time(year, 5, 6, 7, 8, 10).unwrap();
            zip.start_file(name, zip::write::SimpleFileOptions::default().last_modified_time(time)).unwrap();
        }
        zip.finish().unwrap();
        let target = place.path().join("target");
        fs::create_dir(&target).unwrap();
        let files = Submission::new(&path).open(&target).unwrap();
        assert_eq!(files.newest, labnet::cli::local_time((2004, 5, 6), (7, 8, 10)));
        assert!(files.newest.is_some());
    }

    #[test]
    fn a_changed_file_has_another_fingerprint() {
        let of = |text: &str| open("Lab3_1_2", &[("Part2_1_2.py", text)]).1.fingerprint;
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
    }
}
