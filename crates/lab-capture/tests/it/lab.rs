//! A folder in which `lab-capture run` is tried, and what is running because of it.

use std::{
    any, env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use lab_process::{Outcome, Program};
use lab_test::PATIENCE;
use tempfile::TempDir;

const LAB_CAPTURE: &str = env!("CARGO_BIN_EXE_lab-capture");

/// In the environment of all that a lab starts: its folder.
const MARK: &str = "LAB_OF_A_TEST";

/// A program of the workspace: cargo builds all of them into one folder.
pub(crate) fn sibling(name: &str) -> PathBuf {
    Path::new(LAB_CAPTURE).with_file_name(name)
}

/// How our programs begin, which may not be built, as opposed to the system's, which may not be installed.
const OURS: [&str; 5] = ["lab-", "mock-servers", "part", "tls-", "ttp"];

fn is_ours(program: &str) -> bool {
    OURS.iter().any(|start| program.starts_with(start))
}

fn failure(program: &str) -> Option<String> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let is_there = match is_ours(program) {
        true => sibling(program).exists(),
        false => env::split_paths(&folders).any(|folder| folder.join(program).exists()),
    };
    (!is_there).then(|| format!("{program} is not {}", if is_ours(program) { "built" } else { "installed" }))
}

/// A test in a new lab, which `needs` other programs.
pub(crate) fn scene<F: FnOnce(&Lab)>(needs: &[&str], scene: F) {
    // The type of the closure is `CRATE::TEST::{{closure}}`.
    let path = any::type_name::<F>().trim_end_matches("::{{closure}}");
    let lab = Lab::new(path.split_once("::").map_or(path, |(_, test)| test));
    if let Some(failure) = needs.iter().find_map(|program| failure(program)) {
        return lab.skip(&failure);
    }
    let trial = lab.run(&["--", "true"]);
    if trial.code() != 0 && trial.stderr().starts_with("error: this system gives no private network") {
        return lab.skip(&trial.stderr());
    }
    assert_eq!(trial.code(), 0, "{}", trial.stderr());
    fs::remove_file(lab.folder().join("capture.pcapng")).unwrap();
    scene(&lab);
}

pub(crate) struct Lab {
    test: String,
    folder: TempDir,
}

impl Lab {
    fn new(test: &str) -> Self {
        let lab = Self { test: test.to_owned(), folder: tempfile::tempdir().unwrap() };
        fs::create_dir(lab.temporary()).unwrap();
        lab
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where programs put what is not to stay.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.folder().join("tmp")
    }

    /// Says that this test is not done, past the harness, which shows nothing of a test that passes.
    pub(crate) fn skip(&self, failure: &str) {
        let line = format!("skipped: {}: {}\n", self.test, failure.trim().replace('\n', " "));
        io::stderr().write_all(line.as_bytes()).unwrap();
    }

    fn command(&self, program: &Path, folder: &Path, arguments: &[&str]) -> Command {
        let mut folders = vec![self.folder().join("bin"), sibling("x").parent().unwrap().to_owned()];
        folders.extend(env::split_paths(&env::var_os("PATH").unwrap()));
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env("PATH", env::join_paths(folders).unwrap());
        command.env(MARK, self.folder()).env("TMPDIR", self.temporary());
        command.env_remove("LAB_SERVER").env_remove("SSLKEYLOGFILE");
        command
    }

    /// Starts `lab-capture run` with arguments.
    pub(crate) fn start(&self, arguments: &[&str]) -> Program {
        let arguments = [&["run"], arguments].concat();
        Program::spawn(self.command(Path::new(LAB_CAPTURE), self.folder(), &arguments)).unwrap()
    }

    /// `lab-capture run` with arguments, to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with(arguments, "")
    }

    /// The same, with something typed in.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut program = self.start(arguments);
        program.input(input.as_bytes());
        program.finish(PATIENCE).unwrap()
    }

    /// Another program to its end; `None`, and a line that says so, where it is missing.
    pub(crate) fn tool(&self, name: &str, arguments: &[&str]) -> Option<Outcome> {
        self.tool_in(self.folder(), name, arguments)
    }

    /// The same in another folder.
    pub(crate) fn tool_in(&self, folder: &Path, name: &str, arguments: &[&str]) -> Option<Outcome> {
        if let Some(failure) = failure(name) {
            self.skip(&failure);
            return None;
        }
        let program = if is_ours(name) { sibling(name) } else { name.into() };
        Some(Program::spawn(self.command(&program, folder, arguments)).unwrap().finish(PATIENCE).unwrap())
    }

    /// What `lab-capture count --json` says of a file.
    pub(crate) fn count(&self, file: &str) -> serde_json::Value {
        let outcome = self.tool("lab-capture", &["count", "--json", file]).unwrap();
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        serde_json::from_str(&outcome.stdout()).unwrap()
    }

    /// What `lab-capture show` says of a file.
    pub(crate) fn show(&self, file: &str) -> String {
        let outcome = self.tool("lab-capture", &["show", file]).unwrap();
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        outcome.stdout()
    }

    /// Sends a signal to a program alone.
    pub(crate) fn signal(&self, signal: &str, program: &Program) {
        self.kill(&[&format!("-{signal}"), &program.id().to_string()]);
    }

    /// Sends a signal to a program and what it has started, as a terminal does.
    pub(crate) fn signal_group(&self, signal: &str, program: &Program) {
        self.kill(&[&format!("-{signal}"), "--", &format!("-{}", program.id())]);
    }

    fn kill(&self, arguments: &[&str]) {
        assert_eq!(self.tool("kill", arguments).unwrap().code(), 0);
    }

    /// All that runs because of this lab.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mark = format!("{MARK}={}", self.folder().display());
        let of = |process: fs::DirEntry| {
            // It may end while it is looked at; one that has ended has no environment.
            let environment = fs::read(process.path().join("environ")).ok()?;
            let is_ours = environment.split(|&byte| byte == 0).any(|entry| entry == mark.as_bytes());
            let line = fs::read(process.path().join("cmdline")).ok()?;
            is_ours.then(|| String::from_utf8_lossy(&line).replace('\0', " "))
        };
        fs::read_dir("/proc").unwrap().filter_map(|process| of(process.ok()?)).collect()
    }

    /// Waits until nothing runs any more.
    pub(crate) fn await_silence(&self) {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until && !self.processes().is_empty() {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(self.processes(), Vec::<String>::new());
    }
}
