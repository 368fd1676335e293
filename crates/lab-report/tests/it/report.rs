//! Reports as a user makes them: the program is run, and what it leaves is read.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    thread,
    time::Duration,
};

use lab_process::{Outcome, Program};
use lab_test::PATIENCE;
use serde_json::Value;
use tempfile::TempDir;

use crate::machine;

pub(crate) const LAB_REPORT: &str = env!("CARGO_BIN_EXE_lab-report");

/// The programs of the parts, which lie beside lab-report.
const PARTS: [&str; 8] = [
    "part1-primer",
    "part2-pdc",
    "part3-reset",
    "part4-receiver",
    "part4-sender",
    "part5-ws",
    "part6-pdc",
    "part6-pmu",
];

/// A program of the parts.
pub(crate) fn part(name: &str) -> String {
    Path::new(LAB_REPORT).with_file_name(name).display().to_string()
}

/// A program that somebody else wrote, as a command.
pub(crate) fn other(name: &str) -> String {
    format!("python3 {}", source(&format!("{name}.py")))
}

/// The file of a program that somebody else wrote.
pub(crate) fn source(file: &str) -> String {
    format!("{}/tests/programs/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// Makes several reports at the same time: they mostly wait.
#[track_caller]
pub(crate) fn side_by_side<T: Sync>(cases: &[T], make: impl Fn(&T) + Sync) {
    thread::scope(|scope| cases.iter().for_each(|case| drop(scope.spawn(|| make(case)))));
}

/// Compiles a program of somebody else into a folder, and returns the command: compiling takes longer than running, and a
/// program that runs for a moment needs no more than the first compiler of the virtual machine. Without its file of
/// performance data: that of another machine with the same process number, in another namespace, is in its way.
#[track_caller]
pub(crate) fn java(folder: &Path, name: &str) -> String {
    let compiled = Command::new("javac").arg("-d").arg(folder).arg(source(&format!("{name}.java"))).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    format!("java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -cp {} {name}", folder.display())
}

/// What a test needs besides private networks and the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Python,
    Java,
    Node,
    Perl,
    C,
    OpenSsl,
    Strace,
    Tshark,
    Root,
}

/// Whether something is not there that the test needs; then it says so.
pub(crate) fn lacks(test: &str, needs: &[Need]) -> bool {
    let obstacle = network().or_else(|| needs.iter().find_map(|need| need.obstacle()));
    if let Some(obstacle) = &obstacle {
        // Past the harness, which shows nothing of a test that passes.
        io::stderr().write_all(format!("skipped: {test}: {obstacle}\n").as_bytes()).unwrap();
    }
    obstacle.is_some()
}

impl Need {
    fn obstacle(self) -> Option<&'static str> {
        let (program, arguments, obstacle): (_, &[&str], _) = match self {
            Self::Python => ("python3", &["-c", "import select, socket, ssl"], "no python3 here"),
            Self::Java => ("java", &["--version"], "no java here"),
            Self::Node => ("node", &["--version"], "no node here"),
            Self::Perl => ("perl", &["-MIO::Socket::INET", "-e", "1"], "no perl here"),
            Self::C => ("cc", &["--version"], "no C compiler here"),
            Self::OpenSsl => {
                ("cc", &["-E", "-include", "openssl/ssl.h", "-x", "c", "/dev/null"], "no OpenSSL for C here")
            }
            Self::Strace => ("strace", &["-V"], "no strace here"),
            Self::Tshark => ("tshark", &["--version"], "no tshark here"),
            Self::Root => {
                ("setpriv", &["--reuid", "65534", "--clear-groups", "true"], "only root becomes another user")
            }
        };
        let output = Command::new(program).args(arguments).output();
        (!output.is_ok_and(|output| output.status.success())).then_some(obstacle)
    }
}

/// `PATH` with the interpreter itself in front: python3 may be a script that first looks for it, each time for longer
/// than the programs of these tests run.
fn path() -> &'static OsString {
    static PATH: OnceLock<OsString> = OnceLock::new();
    PATH.get_or_init(|| {
        let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
        let executable = output.ok().and_then(|output| String::from_utf8(output.stdout).ok()).map(PathBuf::from);
        let folder = executable.as_deref().and_then(Path::parent).map(Path::to_owned);
        let others = env::var_os("PATH").unwrap_or_default();
        env::join_paths(folder.into_iter().chain(env::split_paths(&others))).unwrap()
    })
}

/// Why no report can be made here at all.
fn network() -> Option<&'static str> {
    static OBSTACLE: OnceLock<Option<String>> = OnceLock::new();
    let find = || {
        if let Some(part) = PARTS.iter().find(|part| !Path::new(&self::part(part)).exists()) {
            return Some(format!("{part} is not built (cargo build --workspace builds it)"));
        }
        let report = Report::of(&["--only", "part1-udp"]);
        let is_refused = report.outcome.code() == 1 && !report.folder().join("index.html").exists();
        is_refused.then(|| report.outcome.stderr().lines().next().unwrap_or("no private network here").to_owned())
    };
    OBSTACLE.get_or_init(find).as_deref()
}

/// A report and how it was made.
pub(crate) struct Report {
    folder: TempDir,
    pub(crate) outcome: Outcome,
    /// `answers.json`; null when there is none.
    pub(crate) sheet: Value,
}

impl Report {
    /// Makes one with these arguments.
    pub(crate) fn of(arguments: &[&str]) -> Self {
        Self::begin(arguments).end()
    }

    /// Begins to make one.
    pub(crate) fn begin(arguments: &[&str]) -> Begun {
        let share = machine::share();
        Begun { share: Some(share), ..Self::begin_alone(arguments) }
    }

    /// The same within [`machine::alone`].
    pub(crate) fn begin_alone(arguments: &[&str]) -> Begun {
        let folder = tempfile::tempdir().unwrap();
        let mut all = vec!["--out", folder.path().to_str().unwrap()];
        all.extend(arguments);
        let mut command = Command::new(LAB_REPORT);
        command.args(&all).env("PATH", path());
        let program = Program::spawn(command).unwrap();
        Begun { folder, program, share: None }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn page(&self) -> String {
        fs::read_to_string(self.folder().join("index.html")).unwrap()
    }

    /// What the programs of an experiment showed.
    pub(crate) fn output(&self, experiment: &str) -> String {
        fs::read_to_string(self.folder().join(format!("output/{experiment}.txt"))).unwrap()
    }

    pub(crate) fn capture(&self, experiment: &str) -> PathBuf {
        self.folder().join(format!("captures/{experiment}.pcapng"))
    }

    /// All that there is of one kind: `answers`, `accounts`, `experiments`.
    pub(crate) fn list(&self, kind: &str) -> &[Value] {
        self.sheet[kind].as_array().unwrap_or_else(|| panic!("no {kind}: {}", self.outcome.stderr()))
    }

    pub(crate) fn answer(&self, question: &str) -> &Value {
        self.list("answers").iter().find(|answer| answer["question"] == question).unwrap()
    }

    /// The items of an answer, each `label: text`.
    pub(crate) fn items(&self, question: &str) -> Vec<String> {
        let items = self.answer(question)["items"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        items.iter().map(|item| format!("{}: {}", text(&item["label"]), text(&item["text"]))).collect()
    }

    /// That an item of an answer has all of these in it.
    #[track_caller]
    pub(crate) fn says(&self, question: &str, parts: &[&str]) {
        let items = self.items(question);
        let is_there = |item: &String| parts.iter().all(|part| item.contains(part));
        let missing = &self.answer(question)["missing"];
        assert!(items.iter().any(is_there), "{question} does not say {parts:?}: {items:#?}, missing: {missing}");
    }

    /// A value that was measured for an answer.
    #[track_caller]
    pub(crate) fn measured(&self, question: &str, name: &str) -> &str {
        let measured = self.answer(question)["measured"].as_array().unwrap();
        let value = measured.iter().find(|value| value["name"] == name);
        value.unwrap_or_else(|| panic!("{name} in {measured:#?}"))["value"].as_str().unwrap()
    }

    pub(crate) fn experiment(&self, name: &str) -> &Value {
        self.list("experiments").iter().find(|experiment| experiment["name"] == name).unwrap()
    }

    pub(crate) fn state(&self, experiment: &str) -> &str {
        self.experiment(experiment)["state"].as_str().unwrap()
    }

    pub(crate) fn trouble(&self, experiment: &str) -> &str {
        self.experiment(experiment)["trouble"].as_str().unwrap_or_default()
    }

    /// The checks of all accounts that do not hold.
    pub(crate) fn failed_checks(&self) -> Vec<String> {
        let checks = |account: &Value| {
            let failed = account["checks"].as_array().unwrap().iter().filter(|check| check["holds"] != true);
            failed.map(|check| format!("{}: {check}", account["experiment"])).collect::<Vec<_>>()
        };
        self.list("accounts").iter().flat_map(checks).collect()
    }

    /// The findings about all programs, each `program: id`.
    pub(crate) fn findings(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let findings = self.list("findings").iter();
        findings.map(|finding| format!("{}: {}", text(&finding["program"]), text(&finding["id"]))).collect()
    }

    /// An entry of an experiment's account.
    #[track_caller]
    pub(crate) fn entry(&self, experiment: &str, who: &str) -> &Value {
        let account = self.list("accounts").iter().find(|account| account["experiment"] == experiment).unwrap();
        let entries = account["entries"].as_array().unwrap();
        entries.iter().find(|entry| entry["who"] == who).unwrap_or_else(|| panic!("{who} in {entries:#?}"))
    }

    /// As [`succeeded`](Self::succeeded); there may be remarks on the program.
    #[track_caller]
    pub(crate) fn has_no_fault(&self) {
        assert_eq!(self.outcome.code(), 0, "{}", self.outcome.stderr());
        assert_eq!(self.failed_checks(), Vec::<String>::new());
    }

    /// All was done, and all is accounted for.
    #[track_caller]
    pub(crate) fn succeeded(&self) {
        let stderr = self.outcome.stderr();
        assert_eq!((self.outcome.code(), stderr.as_str()), (0, ""), "{}", self.outcome.stdout());
        assert_eq!(self.failed_checks(), Vec::<String>::new());
    }
}

/// A report that is being made.
pub(crate) struct Begun {
    folder: TempDir,
    pub(crate) program: Program,
    share: Option<machine::Share>,
}

impl Begun {
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn end(self) -> Report {
        let outcome = self.program.finish(PATIENCE).unwrap();
        drop(self.share);
        let sheet = fs::read(self.folder.path().join("answers.json")).unwrap_or_default();
        let sheet = serde_json::from_slice(&sheet).unwrap_or_default();
        Report { folder: self.folder, outcome, sheet }
    }

    /// Waits until a file of the report is there, and the report is still being made.
    pub(crate) fn wait_for(&mut self, file: &str) {
        let path = self.folder().join(file);
        let pause = Duration::from_millis(5);
        while !path.exists() {
            // No line is wanted: this is a pause that the program's end cuts short.
            let over = self.program.line_with("go on", pause, |_| false).unwrap_err();
            assert!(matches!(over, lab_process::Error::Deadline { .. }), "{over}");
        }
    }
}
