//! A grading as a user makes it: the program is run, and what it leaves is read.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use lab_process::{Outcome, Program};
use lab_test::{PATIENCE, skip};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const LAB_GRADE: &str = env!("CARGO_BIN_EXE_lab-grade");

/// The programs of a submission: ours, the begin of the file name, and the same in Python.
pub(crate) const PROGRAMS: [(&str, &str, &str); 6] = [
    ("part2-pdc", "Part2", "part2_pdc.py"),
    ("part3-reset", "Part3", "part3_pdc.py"),
    ("part4-receiver", "Part4_Receiver", "part4_receiver.py"),
    ("part4-sender", "Part4_Sender", "part4_sender.py"),
    ("part5-ws", "Part5", "part5_ws.py"),
    ("part6-pmu", "Part6_PMU", "part6_pmu.py"),
];

/// The file of a right program in Python.
pub(crate) fn python(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab-report/tests/programs").join(file)
}

/// Whether this machine lacks what a grading needs; then the test is skipped.
pub(crate) fn lacks(needs: &[&str]) -> bool {
    static OBSTACLE: OnceLock<Option<String>> = OnceLock::new();
    let find = || {
        let ours = PROGRAMS.iter().map(|(name, ..)| *name).chain(["part1-primer", "part6-pdc"]);
        let missing = ours.into_iter().find(|name| !lab_test::sibling(LAB_GRADE, name).exists());
        if let Some(name) = missing {
            return Some(format!("{name} is not built (cargo build --workspace builds it)"));
        }
        let grading = Grading::of(&["--part", "1a", "--", "true"]);
        let is_refused = grading.outcome.code() == 2 && !grading.folder().join("journal.jsonl").exists();
        is_refused.then(|| grading.outcome.stderr())
    };
    if let Some(obstacle) = OBSTACLE.get_or_init(find) {
        skip(obstacle);
        return true;
    }
    needs.iter().any(|program| lab_test::lacks(program))
}

/// A grading and what came of it.
pub(crate) struct Grading {
    pub(crate) place: TempDir,
    pub(crate) outcome: Outcome,
    /// `--json`; null when there is none.
    pub(crate) json: Value,
}

impl Grading {
    /// Grades with these arguments.
    pub(crate) fn of(arguments: &[&str]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let outcome = begin(place.path(), arguments).finish(PATIENCE).unwrap();
        Self::in_place(place, outcome)
    }

    pub(crate) fn in_place(place: TempDir, outcome: Outcome) -> Self {
        let json = fs::read_to_string(place.path().join("grades.json")).unwrap_or_default();
        Self { place, outcome, json: serde_json::from_str(&json).unwrap_or_default() }
    }

    /// The folder of the grading.
    pub(crate) fn folder(&self) -> PathBuf {
        self.place.path().join("out")
    }

    /// The first submission.
    pub(crate) fn submission(&self) -> &Value {
        &self.json["submissions"][0]
    }

    /// A case of it.
    pub(crate) fn case(&self, name: &str) -> &Value {
        let cases = self.submission()["cases"].as_array().unwrap_or_else(|| panic!("{}", self.outcome.stderr()));
        cases.iter().find(|case| case["name"] == name).unwrap_or_else(|| panic!("no {name}"))
    }

    /// The names of the cases of the first submission with a verdict.
    pub(crate) fn with_verdict(&self, verdict: &str) -> Vec<String> {
        let cases = self.submission()["cases"].as_array().cloned().unwrap_or_default();
        let wanted = cases.iter().filter(|case| case["verdict"] == verdict);
        wanted.map(|case| case["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Checks that every case was passed.
    #[track_caller]
    pub(crate) fn check_passed(&self) {
        assert_eq!(self.outcome.code(), 0, "{}\n{}", self.outcome.stdout(), self.outcome.stderr());
        let cases = self.submission()["cases"].as_array().unwrap();
        assert!(!cases.is_empty() && cases.iter().all(|case| case["verdict"] == "passed"));
    }
}

/// Starts a grading in a place.
pub(crate) fn begin(place: &Path, arguments: &[&str]) -> Program {
    let mut command = Command::new(LAB_GRADE);
    command.current_dir(place).args(["--out", "out", "--json", "grades.json"]);
    // How long a test waits does not depend on how busy this machine is.
    if !arguments.contains(&"--slowness") {
        command.args(["--slowness", "1"]);
    }
    command.args(arguments).env_remove("LAB_SERVER");
    Program::spawn(command).unwrap()
}

/// A submission in Python, in a folder, with the programs that `changed` has in place of the right ones.
pub(crate) fn submission(folder: &Path, changed: &[(&str, &str)]) {
    fs::create_dir_all(folder).unwrap();
    let group = folder.file_name().unwrap().to_str().unwrap().trim_start_matches("Lab3_").to_owned();
    for (_, prefix, file) in PROGRAMS {
        let text = changed.iter().find(|(known, _)| *known == prefix).map(|(_, text)| (*text).to_owned());
        let text = text.unwrap_or_else(|| fs::read_to_string(python(file)).unwrap());
        fs::write(folder.join(format!("{prefix}_{group}.py")), text).unwrap();
    }
    for file in ["report.pdf", "1_key.pem", "1_cert.pem"] {
        fs::write(folder.join(file), "").unwrap();
    }
}
