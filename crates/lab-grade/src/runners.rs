//! What runs a file, by its ending: a table that a TOML file can extend.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use lab_process::shell;
use serde::Deserialize;

use crate::Error;

/// How files with an ending are run. `{file}` is the file, `{stem}` its name without the ending, `{build}` a folder for
/// what a compiler makes; each is quoted for a shell.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runner {
    /// The ending, without its dot.
    pub ending: String,
    /// The program that has to be installed.
    pub needs: String,
    /// The command that compiles the file, where that is needed.
    pub compile: Option<String>,
    /// The command that runs it.
    pub run: String,
}

/// The runners that are always there: the ending, what is needed, how it is compiled, how it is run.
#[rustfmt::skip]
const RUNNERS: &[(&str, &str, &str, &str)] = &[
    ("py",   "python3", "",                                               "python3 {file}"),
    ("js",   "node",    "",                                               "node {file}"),
    ("mjs",  "node",    "",                                               "node {file}"),
    ("rb",   "ruby",    "",                                               "ruby {file}"),
    ("pl",   "perl",    "",                                               "perl {file}"),
    ("php",  "php",     "",                                               "php {file}"),
    ("sh",   "bash",    "",                                               "bash {file}"),
    ("jar",  "java",    "",                                               "java -jar {file}"),
    ("java", "javac",   "javac -encoding UTF-8 -d {build} {file}",        "java -cp {build} {stem}"),
    ("go",   "go",      "go build -o {build}/{stem} {file}",              "{build}/{stem}"),
    ("rs",   "rustc",   "rustc --edition 2021 -O -o {build}/{stem} {file}", "{build}/{stem}"),
    ("c",    "gcc",     "gcc -O1 -pthread -o {build}/{stem} {file}",      "{build}/{stem}"),
    ("cpp",  "g++",     "g++ -O1 -pthread -o {build}/{stem} {file}",      "{build}/{stem}"),
    ("cc",   "g++",     "g++ -O1 -pthread -o {build}/{stem} {file}",      "{build}/{stem}"),
    ("erl",  "escript", "",                                               "escript {file}"),
];

/// The runners of a grading; the first with an ending counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runners(Vec<Runner>);

/// How a file is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Like this, after it was compiled if need be.
    Run {
        /// What compiles it.
        compile: Option<String>,
        /// What runs it.
        run: String,
    },
    /// A program is missing.
    Missing(String),
    /// Nothing says how.
    Unknown,
}

/// The form of a file with more runners.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunnersFile {
    runner: Vec<Runner>,
}

impl Default for Runners {
    fn default() -> Self {
        let runner = |&(ending, needs, compile, run): &(&str, &str, &str, &str)| Runner {
            ending: ending.to_owned(),
            needs: needs.to_owned(),
            compile: Some(compile.to_owned()).filter(|compile| !compile.is_empty()),
            run: run.to_owned(),
        };
        Self(RUNNERS.iter().map(runner).collect())
    }
}

impl Runners {
    /// The usual ones, and before them those of a file, as `[[runner]]` with `ending`, `needs`, `compile` and `run`.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Content`] with the place in the file.
    pub fn with_file(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
        let more: RunnersFile =
            toml::from_str(&text).map_err(|error| Error::content(path, error.to_string().trim()))?;
        Ok(Self(more.runner.into_iter().chain(Self::default().0).collect()))
    }

    /// How to run a file; `build` is a folder for a compiler.
    pub fn plan(&self, file: &Path, build: &Path) -> Plan {
        let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
        let Some(runner) = self.0.iter().find(|runner| runner.ending == ending) else {
            // A program as it is: its first bytes or its permissions say so.
            let run = shell::command_line([file.as_os_str()]);
            return if is_program_file(file) { Plan::Run { compile: None, run } } else { Plan::Unknown };
        };
        if !is_installed(&runner.needs) {
            return Plan::Missing(runner.needs.clone());
        }
        let quoted = |path: &Path| shell::command_line([path.as_os_str()]);
        let stem = file.file_stem().map(PathBuf::from).unwrap_or_default();
        let fill = |template: &str| {
            let words = template.replace("{file}", &quoted(file)).replace("{build}", &quoted(build));
            words.replace("{stem}", &quoted(&stem))
        };
        Plan::Run { compile: runner.compile.as_deref().map(fill), run: fill(&runner.run) }
    }
}

/// Whether a file is a program of the system, by its first bytes.
pub(crate) fn is_program_file(file: &Path) -> bool {
    use std::io::Read;
    let mut begin = [0; 4];
    let read = fs::File::open(file).and_then(|mut file| file.read(&mut begin)).unwrap_or(0);
    is_program(begin.get(..read).unwrap_or_default())
}

/// Whether bytes are the begin of a program: ELF, or a script that names its interpreter.
pub(crate) fn is_program(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF") || bytes.starts_with(b"#!")
}

fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file()) || Path::new(program).is_absolute()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_run_by_its_ending() {
        let runners = Runners(vec![
            Runner { ending: "a".to_owned(), needs: "sh".to_owned(), compile: None, run: "sh {file}".to_owned() },
            Runner {
                ending: "b".to_owned(),
                needs: "sh".to_owned(),
                compile: Some("make {build}/{stem} {file}".to_owned()),
                run: "{build}/{stem}".to_owned(),
            },
            Runner { ending: "c".to_owned(), needs: "no-such".to_owned(), compile: None, run: String::new() },
        ]);
        let plan = |file: &str| runners.plan(Path::new(file), Path::new("/b"));
        let run =
            |compile: Option<&str>, run: &str| Plan::Run { compile: compile.map(str::to_owned), run: run.to_owned() };
        assert_eq!(plan("/s/my file.A"), run(None, "sh '/s/my file.A'"));
        assert_eq!(plan("/s/x.b"), run(Some("make /b/x /s/x.b"), "/b/x"));
        assert_eq!(plan("/s/x.c"), Plan::Missing("no-such".to_owned()));
        assert_eq!(plan("/s/x.unknown"), Plan::Unknown);
    }

    #[test]
    fn a_file_adds_runners_before_the_usual_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runners.toml");
        fs::write(&path, "[[runner]]\nending = \"py\"\nneeds = \"sh\"\nrun = \"sh -c true {file}\"\n").unwrap();
        let runners = Runners::with_file(&path).unwrap();
        let expected = Plan::Run { compile: None, run: "sh -c true a.py".to_owned() };
        assert_eq!(runners.plan(Path::new("a.py"), Path::new("b")), expected);
        fs::write(&path, "[[runner]]\nendings = \"py\"\n").unwrap();
        assert!(Runners::with_file(&path).unwrap_err().to_string().contains("endings"));
    }
}
