//! Inside of the private network: opens submissions, grades their programs, keeps what becomes known.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use lab_grade::{
    Error,
    grade::{self, Pool, Workplace},
    journal::{Entry, Journal},
    output::Outputs,
    results::{CaseResult, Verdict},
    rules::Rules,
    runners::{Plan, Runners},
    submission::{self, PROGRAMS, Submission, file_name},
};
use lab_process::Program;
use lab_sandbox::confined::Confinement;
use lab_testbed::{
    complaint::complaint,
    programs::{self, ProgramRole},
};
use labnet::cli::Console;

use super::{arguments::Arguments, confinement, run};

/// How long a compiler may take (ours).
const COMPILE_DEADLINE: Duration = Duration::from_secs(120);

/// How much of a compiler's output is kept, in bytes (ours).
const MAX_COMPILER_OUTPUT: usize = 1 << 20;

/// So many places for experiments keep one submission busy (ours).
const JOBS_PER_SUBMISSION: usize = 8;

/// What all submissions share.
struct Session<'a> {
    rules: Rules,
    runners: Runners,
    outputs: Outputs,
    pool: Pool,
    /// The folder of our own programs.
    ours: PathBuf,
    out: PathBuf,
    confinement: Option<Confinement>,
    /// When submissions were due, since the Unix epoch.
    due: Option<Duration>,
    /// By what factor deadlines are longer here.
    slowness: f64,
    journal: Mutex<Journal>,
    console: &'a Console,
    /// The first error of the grader.
    failure: Mutex<Option<Error>>,
}

/// Grades what the command line names.
pub(crate) fn grade(arguments: &Arguments, console: &Console) -> Result<ExitCode, Error> {
    let rules = arguments.rules();
    let interrupted = (console.clone(), arguments.out.clone());
    // The programs end with this process, and not before: an ended one must not count as one that failed.
    console.shutdown.at_interrupt(move || {
        let (console, out) = interrupted;
        console.err.note(format_args!("interrupted: {} has what was done", out.display()));
    });
    let submissions = arguments.submissions()?;
    let journal = Journal::open(&arguments.out, rules.seed, arguments.class.is_some())?;
    let this = std::env::current_exe().map_err(system("find the programs"))?;
    let ours = this.parent().map(Path::to_owned).unwrap_or_default();
    let slowness = arguments.slowness.unwrap_or_else(|| grade::slowness(&ours));
    let session = Session {
        rules,
        runners: arguments.runners()?,
        outputs: arguments.results.outputs(vec![arguments.out.clone()]),
        pool: Pool::new(arguments.jobs()),
        ours,
        out: fs::canonicalize(&arguments.out).map_err(system("find the folder of the grading"))?,
        confinement: confinement::of(arguments, console),
        due: arguments.due,
        slowness,
        journal: Mutex::new(journal),
        console,
        failure: Mutex::default(),
    };
    console.err.note(format_args!("seed {}", session.rules.seed));
    if session.slowness > *grade::SLOWNESS.start() {
        console.err.note(format_args!("deadlines are {:.1} times as long, for a slow machine", session.slowness));
    }
    session.write(None)?;
    match arguments.part {
        Some(role) => session.one(role, arguments)?,
        None => session.all(submissions, arguments.jobs().div_ceil(JOBS_PER_SUBMISSION)),
    }
    if let Some(failure) = session.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(failure);
    }
    let grades = session.journal.into_inner().unwrap_or_else(PoisonError::into_inner).grades();
    run::conclude(&grades, &session.outputs, console)
}

fn system(attempt: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| labnet::Error::System { attempt, source }.into()
}

impl Session<'_> {
    /// Grades one program.
    fn one(&self, role: ProgramRole, arguments: &Arguments) -> Result<(), Error> {
        let folder = std::env::current_dir().map_err(system("find this folder"))?;
        let name = arguments.command_line();
        let needs = confinement::named_files(arguments);
        self.add(
            &name,
            vec![Entry::Submission { name: name.clone(), identities: vec![], notes: vec![], fingerprint: 0 }],
        )?;
        self.console.err.progress().begin(self.rules.cases(role).count() as u64);
        self.program(&name, Path::new(""), grade::Program { role, command: name.clone(), folder, needs });
        self.console.err.progress().end();
        self.add(&name, vec![Entry::Done { name: name.clone() }])
    }

    /// Grades submissions, several at a time.
    fn all(&self, submissions: Vec<Submission>, at_once: usize) {
        let cases: usize = PROGRAMS.iter().map(|(_, role)| self.rules.cases(*role).count()).sum();
        self.console.err.progress().begin((cases * submissions.len()) as u64);
        let queue = Mutex::new(VecDeque::from(submissions));
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    while let Some(submission) = next() {
                        self.keep(self.submission(&submission));
                    }
                });
            }
        });
        self.console.err.progress().end();
    }

    fn submission(&self, submission: &Submission) -> Result<(), Error> {
        let Submission { name, identities, notes, .. } = submission;
        let place = tempfile::tempdir().map_err(system("make a folder for a submission"))?;
        let entry = |notes, fingerprint| Entry::Submission {
            name: name.clone(),
            identities: identities.clone(),
            notes,
            fingerprint,
        };
        let (files, build) = (place.path().join("files"), place.path().join("build"));
        for folder in [&files, &build] {
            fs::create_dir(folder).map_err(system("make a folder for a submission"))?;
        }
        let files = match submission.open(&files) {
            Ok(files) => files,
            Err(refused) => {
                self.add(name, vec![entry([&[refused.to_string()], &notes[..]].concat(), 0)])?;
                let missing = format!("the submission was refused: {refused}");
                for (_, role) in PROGRAMS {
                    self.enter(name, self.skipped(role, &missing))?;
                }
                return self.add(name, vec![Entry::Done { name: name.clone() }]);
            }
        };
        let late = submission::late(self.due, files.newest);
        let notes: Vec<String> = files.notes.into_iter().chain(notes.iter().cloned()).chain(late).collect();
        // Under other rules it is another grading.
        let fingerprint = files.fingerprint ^ labnet::seed::named(0, &format!("{:?}", self.rules));
        let known = self.journal().known(name, fingerprint);
        if let Some(known) = known.filter(|known| known.is_complete) {
            known.cases.iter().for_each(|_| self.console.err.progress().advance());
            // Others were handed in since, or it is due at another time.
            let changed = (known.notes != notes).then(|| Entry::Notes { name: name.clone(), notes });
            return changed.map_or(Ok(()), |notes| self.add(name, vec![notes]));
        }
        self.add(name, vec![entry(notes, fingerprint)])?;
        thread::scope(|scope| {
            for (prefix, role) in PROGRAMS {
                let file = files.programs.iter().find(|(known, _)| *known == role).map(|(_, file)| file.as_path());
                let build = &build;
                scope.spawn(move || match self.prepare(prefix, file, build) {
                    Ok((command, folder)) => {
                        let needs = vec![folder.clone(), build.join(prefix)];
                        self.program(name, &folder_of(name), grade::Program { role, command, folder, needs });
                    }
                    Err(Obstacle { verdict, missing }) => {
                        let results =
                            self.skipped(role, &missing).into_iter().map(|case| CaseResult { verdict, ..case });
                        self.keep(self.enter(name, results.collect()));
                    }
                });
            }
        });
        self.add(name, vec![Entry::Done { name: name.clone() }])
    }

    /// The command of a program, compiled if need be, and its folder.
    fn prepare(&self, prefix: &str, file: Option<&Path>, build: &Path) -> Result<(String, PathBuf), Obstacle> {
        let Some(file) = file else { return Err(Obstacle::skipped(format!("{prefix} is missing"))) };
        let file_name = file.file_name().unwrap_or_default().display();
        // A compiler's output has a folder of its own: two programs may have one name.
        let build = build.join(prefix);
        let (compile, run) = match self.runners.plan(file, &build) {
            Plan::Run { compile, run } => (compile, run),
            Plan::Missing(program) => {
                return Err(Obstacle::skipped(format!("{program}, which runs {file_name}, is not installed")));
            }
            Plan::Unknown => {
                return Err(Obstacle::skipped(format!("nothing says how {file_name} is run (see --runners)")));
            }
        };
        if let Some(compile) = compile {
            fs::create_dir_all(&build).map_err(|error| Obstacle::skipped(error.to_string()))?;
            self.pool.work(|| self.compile(&compile, file, &build))?;
        }
        Ok((run, file.parent().map(Path::to_owned).unwrap_or_default()))
    }

    /// Runs a compiler, confined as a program is: a source file can name any other to be read.
    fn compile(&self, command: &str, file: &Path, build: &Path) -> Result<(), Obstacle> {
        let could_not = |missing| Obstacle { verdict: Verdict::CouldNotStart, missing };
        let mut shell = match &self.confinement {
            Some(confinement) => {
                let shown = file.parent().map(Path::to_owned).into_iter().collect();
                let confinement = Confinement { shown, kept: vec![build.to_owned()], ..confinement.clone() };
                confinement.command("sh", programs::needed_variables())
            }
            None => Command::new("sh"),
        };
        shell.arg("-c").arg(command).current_dir(build);
        // Compilers may need more room than programs.
        shell.env("TMPDIR", build).env("GOCACHE", build.join(".go"));
        let compiler = Program::spawn_limited(shell, command.to_owned(), MAX_COMPILER_OUTPUT);
        let outcome = compiler.map_err(|error| could_not(error.to_string()))?.conclude(COMPILE_DEADLINE);
        if outcome.code() == 0 {
            return Ok(());
        }
        let stderr = outcome.stderr();
        let error = stderr.lines().find(|line| line.contains("error")).or_else(|| complaint(&stderr));
        Err(could_not(format!("it does not compile: {}", error.unwrap_or("the compiler does not say why"))))
    }

    fn program(&self, submission: &str, folder: &Path, program: grade::Program) {
        let (ours, out) = (self.ours.clone(), self.out.clone());
        let confinement = self.confinement.clone();
        let slowness = self.slowness;
        let workplace = Workplace { ours, out, submission: folder.to_owned(), confinement, slowness };
        grade::program(&program, &workplace, &self.rules, &self.pool, &|results| {
            self.keep(self.enter(submission, results));
        });
    }

    fn skipped(&self, role: ProgramRole, missing: &str) -> Vec<CaseResult> {
        self.rules.cases(role).map(|case| CaseResult::skipped(case, missing)).collect()
    }

    /// Keeps results, and shows how far the grading is.
    fn enter(&self, submission: &str, results: Vec<CaseResult>) -> Result<(), Error> {
        results.iter().for_each(|_| self.console.err.progress().advance());
        self.add(submission, results.into_iter().map(|result| Entry::case(submission, result)).collect())
    }

    /// Keeps what became known of a submission.
    fn add(&self, submission: &str, entries: Vec<Entry>) -> Result<(), Error> {
        self.journal().add(entries)?;
        self.write(Some(submission))
    }

    /// Writes all files that were asked for, one writer at a time.
    fn write(&self, submission: Option<&str>) -> Result<(), Error> {
        let journal = self.journal();
        self.outputs.write_after(&journal.grades(), submission)
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the first failure of the grader.
    fn keep(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}

/// Why a program cannot be run.
struct Obstacle {
    verdict: Verdict,
    missing: String,
}

impl Obstacle {
    fn skipped(missing: String) -> Self {
        Self { verdict: Verdict::Skipped, missing }
    }
}

/// The folder of a submission in that of the grading: its name, without what a path or a terminal takes for its own.
fn folder_of(name: &str) -> PathBuf {
    Path::new("submissions").join(file_name(name))
}
