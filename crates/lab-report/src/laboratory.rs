//! Where experiments are made: the settings of all, and the session of one.

use std::{
    fmt, fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use lab_packets::{diagram, file::Recording};
use lab_process::{Failure, Outcome, Program, Stream};
use lab_sandbox::{Host, path::Path};
use mock_servers::{Events, Site};

use crate::{
    evidence::{Evidence, Finding},
    programs::{self, Programs, Role},
    sheet,
};

/// How the experiments are made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Fixes every random choice.
    pub seed: u64,
    /// How many messages answer `CMD_short`.
    pub messages: u64,
    /// The number of the first one.
    pub first: u64,
    /// The probability that the PMU of part 3 loses a packet.
    pub loss: f64,
    /// How many resets are made for the mean (part 3).
    pub runs: u64,
    /// What lies between client and server.
    pub path: Path,
    /// The longest that one program may take.
    pub deadline: Duration,
}

impl Default for Settings {
    /// The handout's, over a path with a round-trip time of 100 ms: longer than a busy machine keeps a program waiting.
    fn default() -> Self {
        let path = Path { delay: Duration::from_millis(50), ..Path::default() };
        // Ours: resets take as long as their luck wants.
        let deadline = Duration::from_secs(60);
        Self { seed: 1, messages: 10, first: 1, loss: 0.6, runs: 60, path, deadline }
    }
}

/// How much of a program's output is kept, in bytes (ours).
const MAX_TRANSCRIPT: usize = 1 << 20;

/// What is wrong with an experiment, in a sentence; in the lines behind it, what the program at fault had shown.
#[derive(Debug)]
pub struct Trouble(pub String);

macro_rules! trouble_from {
    ($($error:ty),*) => {
        $(impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        })*
    };
}

trouble_from!(
    labnet::Error,
    lab_sandbox::Error,
    lab_packets::Error,
    lab_testbed::Error,
    Failure,
    std::io::Error,
    &str,
    String
);

/// What all experiments share.
#[derive(Debug)]
pub struct Laboratory {
    /// How they are made.
    pub settings: Settings,
    /// With which programs.
    pub programs: Programs,
    /// Where the report goes.
    pub folder: PathBuf,
    notebook: Mutex<Notebook>,
}

/// What was found so far.
#[derive(Clone, Debug, Default)]
pub struct Notebook {
    /// The facts.
    pub evidence: Evidence,
    /// The experiments, in the order of the handout.
    pub experiments: Vec<sheet::Experiment>,
}

impl Laboratory {
    /// Nothing was done yet.
    pub fn new(settings: Settings, programs: Programs, folder: PathBuf) -> Self {
        Self { settings, programs, folder, notebook: Mutex::default() }
    }

    /// Lists an experiment that will be made, so that it has its place.
    pub fn announce(&self, name: &str, title: &str) {
        let state = "not run".to_owned();
        self.change(|notebook| {
            let (name, title) = (name.to_owned(), title.to_owned());
            notebook.experiments.push(sheet::Experiment { name, title, state, ..sheet::Experiment::default() });
        });
    }

    /// What was found so far.
    pub fn notebook(&self) -> Notebook {
        self.notebook.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Notebook) -> T) -> T {
        change(&mut self.notebook.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes an experiment and enters what was found, through `place`.
    pub fn experiment<T>(
        &self,
        name: &str,
        place: impl FnOnce(&mut Evidence) -> &mut Finding<T>,
        make: impl FnOnce(&mut Session<'_>) -> Result<T, Trouble>,
    ) {
        let mut session = Session::new(self, name);
        let begun = Instant::now();
        let result = make(&mut session);
        let seconds = begun.elapsed().as_secs_f64();
        let result = result.map_err(|Trouble(why)| session.keep_trouble(&why));
        let output = session.keep_transcript();
        self.change(|notebook| {
            let trouble = match result {
                Ok(facts) => {
                    *place(&mut notebook.evidence) = Finding::Measured(facts);
                    None
                }
                Err(why) => {
                    *place(&mut notebook.evidence) = Finding::Failed(why.clone());
                    Some(why)
                }
            };
            if let Some(entry) = notebook.experiments.iter_mut().find(|entry| entry.name == name) {
                entry.state = if trouble.is_some() { "failed" } else { "done" }.to_owned();
                entry.trouble = trouble;
                entry.commands = session.commands;
                entry.capture = session.capture;
                entry.output = output;
                entry.seconds = seconds;
                entry.figures = session.figures;
            }
        });
    }
}

/// One experiment while it is made: what is started, shown and captured.
pub struct Session<'a> {
    /// What all experiments share.
    pub laboratory: &'a Laboratory,
    name: String,
    commands: Vec<String>,
    transcript: String,
    capture: Option<String>,
    figures: Vec<sheet::Figure>,
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.name)
    }
}

impl<'a> Session<'a> {
    fn new(laboratory: &'a Laboratory, name: &str) -> Self {
        let (commands, figures) = (Vec::new(), Vec::new());
        Self { laboratory, name: name.to_owned(), commands, transcript: String::new(), capture: None, figures }
    }

    /// The experiment's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The experiments' settings.
    pub fn settings(&self) -> &'a Settings {
        &self.laboratory.settings
    }

    /// Whether our program plays a part.
    pub fn is_ours(&self, role: Role) -> bool {
        self.laboratory.programs.is_ours(role)
    }

    /// A seed for this experiment alone.
    pub fn seed(&self) -> u64 {
        // FNV-1a, so that names spread over the seeds.
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        self.name.bytes().fold(0xcbf2_9ce4_8422_2325 ^ self.settings().seed, fold)
    }

    /// The surroundings of a mock server on a host of its own.
    pub fn site(&self, events: Events) -> Site {
        let bind = vec![std::net::Ipv4Addr::UNSPECIFIED.into(), std::net::Ipv6Addr::UNSPECIFIED.into()];
        Site { bind, events, seed: self.seed(), ..Site::default() }
    }

    /// Starts a program on a host.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn start(&mut self, host: &Host, role: Role, arguments: &[&str]) -> Result<Program, Trouble> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let (command, line) = self.laboratory.programs.command(role, &arguments);
        let shown = format!("{}$ {line}", host.name());
        // Sixty of one kind are one line.
        if !self.commands.contains(&shown) {
            self.commands.push(shown);
        }
        host.run(move || Program::spawn(command)).map_err(|failure| Trouble(failure.to_string()))
    }

    /// Waits for a program's end, and keeps what it showed.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn finish(&mut self, program: Program) -> Result<Outcome, Trouble> {
        let outcome = program.finish(self.settings().deadline)?;
        self.keep(&outcome);
        Ok(outcome)
    }

    /// Ends a program that serves for ever, and keeps what it showed.
    ///
    /// # Errors
    /// When it does not end at Ctrl-C.
    pub fn end(&mut self, mut program: Program) -> Result<Outcome, Trouble> {
        program.interrupt();
        self.finish(program)
    }

    fn keep(&mut self, outcome: &Outcome) {
        use fmt::Write as _;
        if self.transcript.len() > MAX_TRANSCRIPT {
            return;
        }
        let _ = writeln!(self.transcript, "$ {}", programs::as_typed(&outcome.command_line));
        for line in &outcome.lines {
            let mark = if line.stream == Stream::Stderr { "[stderr] " } else { "" };
            let _ = writeln!(self.transcript, "{:>9.3} s  {mark}{}", line.at.as_secs_f64(), line.text);
        }
        let _ = writeln!(self.transcript, "[exit status {}]\n", outcome.code());
    }

    /// Notes something that no program showed.
    pub fn note(&mut self, text: impl fmt::Display) {
        self.transcript += &format!("# {text}\n");
    }

    /// Keeps a capture as the experiment's.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_capture(&mut self, recording: &Recording) -> Result<(), Trouble> {
        let relative = format!("captures/{}.pcapng", self.name);
        let path = self.laboratory.folder.join(&relative);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        let comment = Some(format!("{}: {}", self.name, self.commands.join("; ")));
        Recording { comment, ..recording.clone() }.write(&path)?;
        self.capture = Some(relative);
        Ok(())
    }

    /// Adds a picture.
    pub fn figure(&mut self, figure: sheet::Figure) {
        self.figures.push(figure);
    }

    /// Adds a sequence diagram.
    pub fn diagram(&mut self, diagram: &diagram::Diagram) {
        let prefix = format!("{}-{}", self.name.replace('.', "-"), self.figures.len());
        // In a page it needs no namespace.
        let svg = diagram.to_svg(&prefix).replace(" xmlns=\"http://www.w3.org/2000/svg\"", "");
        let text = diagram.to_text();
        let caption = format!("{}, packet by packet as captured", diagram.title);
        self.figure(sheet::Figure { caption, svg, text });
    }

    /// Keeps what a program at fault had shown; yields the sentence.
    fn keep_trouble(&mut self, trouble: &str) -> String {
        let (sentence, shown) = trouble.split_once('\n').unwrap_or((trouble, ""));
        let sentence = programs::as_typed(sentence);
        self.note(&sentence);
        self.transcript += shown;
        self.transcript.push('\n');
        sentence
    }

    fn keep_transcript(&self) -> Option<String> {
        let relative = format!("output/{}.txt", self.name);
        let path = self.laboratory.folder.join(&relative);
        let written =
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, &self.transcript));
        written.is_ok().then_some(relative)
    }
}
