//! The testbed, which runs experiments, and the session of one experiment.

use std::{
    fmt, fs,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lab_packets::{diagram::Diagram, file::Recording};
use lab_process::{Outcome, Program, Stream};
use lab_sandbox::{Host, HostConfig};
use labnet::net::ScopedIp;
use mock_servers::{Events, ServerSettings, fault::Fault};
use tempfile::TempPath;

use crate::{
    ExperimentFailure,
    facts::{End, Experiment, Invocation, Measurement, Measurements, ProgramRun, RunFacts, RunSettings, Scenario},
    journal::Journal,
    programs::{ProgramRole, Programs},
    recv_calls,
};

/// The time that a program has to end after Ctrl-C (ours); then it is killed.
const INTERRUPT_TIMEOUT: Duration = Duration::from_secs(5);

/// The time that a program has to end when its experiment is over (ours).
const END_GRACE: Duration = Duration::from_millis(100);

/// The maximum of a transcript, in bytes (ours).
const MAX_TRANSCRIPT: usize = 1 << 20;

/// The settings, programs and facts of all experiments of a run.
#[derive(Debug)]
pub struct Testbed {
    settings: RunSettings,
    programs: Programs,
    /// The folder for captures and outputs.
    folder: PathBuf,
    journal: Journal,
}

impl Testbed {
    /// A testbed without results.
    pub fn new(settings: RunSettings, programs: Programs, folder: PathBuf) -> Self {
        let journal = Journal::begin(settings.clone(), programs.substitutes());
        Self { settings, programs, folder, journal }
    }

    /// The settings of the run.
    pub fn settings(&self) -> &RunSettings {
        &self.settings
    }

    /// The programs of the run.
    pub(crate) fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The facts so far; a running experiment counts as not run.
    pub fn facts(&self) -> RunFacts {
        let mut facts = self.journal.facts();
        // Their arguments may have been found out meanwhile.
        facts.run.substitutes = self.programs.substitutes();
        facts
    }

    /// Runs an experiment and stores its result in `slot`.
    pub(crate) fn experiment<T>(
        &self,
        scenario: Scenario,
        slot: impl FnOnce(&mut Measurements) -> &mut Measurement<T>,
        make: impl FnOnce(&mut ExperimentSession<'_>) -> Result<T, ExperimentFailure>,
    ) {
        let mut session = ExperimentSession::new(self, scenario);
        let begun = Instant::now();
        let result = make(&mut session);
        session.experiment.elapsed = begun.elapsed();
        let measurement = match result {
            Ok(facts) => Measurement::Measured(facts),
            Err(failure) => {
                session.note(&failure);
                Measurement::Failed(failure)
            }
        };
        session.keep_programs();
        session.keep_transcript();
        self.journal.enter(session.experiment, |measurements| *slot(measurements) = measurement);
    }
}

/// The session of one experiment: starts programs; keeps their output and the capture.
pub(crate) struct ExperimentSession<'a> {
    testbed: &'a Testbed,
    experiment: Experiment,
    transcript: String,
    /// The programs that have ended, with what they left behind.
    ended: Arc<Mutex<Vec<(ProgramRun, Outcome)>>>,
}

/// A program of an experiment. When it is dropped it is ended, and recorded all the same.
#[derive(Debug)]
pub(crate) struct ObservedProgram {
    program: Program,
    role: ProgramRole,
    host: String,
    ended: Arc<Mutex<Vec<(ProgramRun, Outcome)>>>,
    is_recorded: bool,
    /// The trace of its calls, and the port of its server.
    trace: Option<(TempPath, u16)>,
}

impl ObservedProgram {
    /// Whether the program has ended, or ends within so long.
    pub(crate) fn ends_within(&mut self, within: Duration) -> bool {
        // No line matches: this waits, and fails if the program ends.
        matches!(self.program.line_with("end", within, |_| false), Err(lab_process::Error::Ended { .. }))
    }

    fn conclude(&mut self, end: End) -> Outcome {
        let outcome = self.program.conclude(match end {
            End::ByItself(deadline) => deadline,
            End::Interrupt => INTERRUPT_TIMEOUT,
            // One that has ended by itself is to be known as such.
            End::Experiment | End::Overdue(_) => END_GRACE,
        });
        let mut run = ProgramRun::new(self.role, &self.host, &outcome, end);
        run.recv_calls = self.trace.as_ref().and_then(|(path, port)| {
            let trace = fs::read(path).unwrap_or_default();
            recv_calls::count(&String::from_utf8_lossy(&trace), *port)
        });
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).push((run, outcome.clone()));
        self.is_recorded = true;
        outcome
    }
}

impl Drop for ObservedProgram {
    fn drop(&mut self) {
        if !self.is_recorded {
            self.conclude(End::Experiment);
        }
    }
}

impl Deref for ObservedProgram {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

impl DerefMut for ObservedProgram {
    fn deref_mut(&mut self) -> &mut Program {
        &mut self.program
    }
}

impl fmt::Debug for ExperimentSession<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.experiment.scenario)
    }
}

impl<'a> ExperimentSession<'a> {
    fn new(testbed: &'a Testbed, scenario: Scenario) -> Self {
        let faults = testbed.settings.faults.clone();
        let experiment = Experiment { faults, ..Experiment::new(scenario) };
        Self { testbed, experiment, transcript: String::new(), ended: Arc::default() }
    }

    /// The experiment.
    pub(crate) fn scenario(&self) -> Scenario {
        self.experiment.scenario
    }

    /// The settings of the run.
    pub(crate) fn settings(&self) -> &'a RunSettings {
        &self.testbed.settings
    }

    /// The time limit of one program.
    pub(crate) fn deadline(&self) -> Duration {
        self.settings().deadline_of(self.scenario())
    }

    /// Whether the program of a role is ours.
    pub(crate) fn is_ours(&self, role: ProgramRole) -> bool {
        self.testbed.programs.is_ours(role)
    }

    /// The seed of this experiment.
    pub(crate) fn seed(&self) -> u64 {
        labnet::seed::named(self.settings().seed, self.scenario().name())
    }

    /// The settings of a mock server; see [`server_settings`].
    pub(crate) fn server_settings(&self, events: Events) -> ServerSettings {
        ServerSettings { faults: self.experiment.faults.clone(), ..server_settings(self.seed(), events) }
    }

    /// Has the servers that are started from here on do something wrong.
    pub(crate) fn introduce(&mut self, fault: Fault) {
        self.experiment.faults.push(fault);
    }

    /// Starts a program on a host.
    ///
    /// # Errors
    /// [`ExperimentFailure::NotStarted`].
    pub(crate) fn start(
        &mut self,
        host: &Host,
        role: ProgramRole,
        arguments: &[&str],
    ) -> Result<ObservedProgram, ExperimentFailure> {
        self.start_in(host, role, arguments, None, None)
    }

    /// The same, in another folder than the present one, for a program that uses the files in `shown`.
    ///
    /// # Errors
    /// [`ExperimentFailure::NotStarted`].
    pub(crate) fn start_in(
        &mut self,
        host: &Host,
        role: ProgramRole,
        arguments: &[&str],
        folder: Option<&Path>,
        shown: Option<&Path>,
    ) -> Result<ObservedProgram, ExperimentFailure> {
        let (mut command, command_line) = self.testbed.programs.command(role, arguments);
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        if let Some(shown) = shown {
            self.testbed.programs.show(&mut command, shown);
        }
        let invocation = Invocation { host: host.name().to_owned(), command_line: command_line.clone() };
        // Equal command lines are kept once.
        if !self.experiment.invocations.contains(&invocation) {
            self.experiment.invocations.push(invocation);
        }
        let watched = match role {
            ProgramRole::Part2 => Some(5003),
            ProgramRole::Part5 => Some(5006),
            _ => None,
        };
        let watched = watched.filter(|_| self.settings().watch_recv && !self.is_ours(role));
        let trace = watched.map(|port| Ok::<_, std::io::Error>((recv_calls::trace_file()?, port))).transpose()?;
        let command = trace.as_ref().map(|(path, _)| recv_calls::traced(&command, path)).unwrap_or(command);
        let max_output = self.settings().max_output;
        let program = host.run(move || Program::spawn_limited(command, command_line, max_output))?;
        let (host, ended) = (host.name().to_owned(), Arc::clone(&self.ended));
        Ok(ObservedProgram { program, role, host, ended, is_recorded: false, trace })
    }

    /// Waits for the end of a program until the deadline of the run; then it is killed, and
    /// [`Outcome::was_stopped`] says so.
    pub(crate) fn finish(&mut self, program: ObservedProgram) -> Outcome {
        self.finish_within(program, self.deadline())
    }

    /// The same, with another deadline.
    pub(crate) fn finish_within(&mut self, mut program: ObservedProgram, deadline: Duration) -> Outcome {
        program.conclude(End::ByItself(deadline))
    }

    /// Ends a program because the experiment is over.
    pub(crate) fn stop(&mut self, mut program: ObservedProgram) -> Outcome {
        program.conclude(End::Experiment)
    }

    /// Ends a program that should have ended by itself, and had not after `waited`.
    pub(crate) fn overdue(&mut self, mut program: ObservedProgram, waited: Duration) -> Outcome {
        program.conclude(End::Overdue(waited))
    }

    /// Ends a server with Ctrl-C (SIGINT); if that does not end it, it is killed. One that has ended by itself is known as
    /// such.
    pub(crate) fn end(&mut self, mut program: ObservedProgram) -> Outcome {
        if program.ends_within(END_GRACE) {
            return program.conclude(End::ByItself(INTERRUPT_TIMEOUT));
        }
        program.interrupt();
        program.conclude(End::Interrupt)
    }

    /// Ends a program whose input has ended: what it makes of that, as an exception, is its own affair.
    pub(crate) fn end_after_input(&mut self, mut program: ObservedProgram) -> Outcome {
        program.interrupt();
        program.conclude(End::Interrupt)
    }

    /// How often the program that ended last called recv, if that was watched.
    pub(crate) fn recv_calls(&self) -> Option<u64> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).last().and_then(|(run, _)| run.recv_calls)
    }

    /// What a program left behind that has ended by itself.
    pub(crate) fn ended(&self, program: &mut ObservedProgram) -> Outcome {
        program.conclude(End::ByItself(INTERRUPT_TIMEOUT))
    }

    /// The folder in which substitutes run.
    ///
    /// # Errors
    /// [`ExperimentFailure::System`] if the present folder is gone.
    pub(crate) fn others_folder(&self) -> Result<PathBuf, ExperimentFailure> {
        Ok(self.testbed.programs.others_folder()?)
    }

    /// Whether the command of a role names something outside of the present folder by a relative path.
    pub(crate) fn leaves_folder(&self, role: ProgramRole) -> bool {
        self.testbed.programs.leaves_folder(role)
    }

    /// Takes the facts of all programs.
    fn keep_programs(&mut self) {
        let ended = std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner));
        for (run, outcome) in ended {
            self.keep(&outcome);
            self.experiment.programs.push(run);
        }
    }

    fn keep(&mut self, outcome: &Outcome) {
        use fmt::Write as _;
        if self.transcript.len() > MAX_TRANSCRIPT {
            return;
        }
        let _ = writeln!(self.transcript, "$ {}", outcome.command_line);
        for line in &outcome.lines {
            let mark = if line.stream == Stream::Stderr { "[stderr] " } else { "" };
            let _ = writeln!(self.transcript, "{:>9.3} s  {mark}{}", line.at.as_secs_f64(), line.text);
        }
        let end = if outcome.was_stopped { "[killed]".to_owned() } else { format!("[exit status {}]", outcome.code()) };
        let _ = writeln!(self.transcript, "{end}\n");
    }

    /// Adds a comment to the transcript.
    pub(crate) fn note(&mut self, text: impl fmt::Display) {
        self.transcript += &format!("# {text}\n");
    }

    /// Writes the capture of the experiment.
    ///
    /// # Errors
    /// [`ExperimentFailure::System`].
    pub(crate) fn keep_capture(&mut self, recording: &Recording) -> Result<(), ExperimentFailure> {
        let path = self.testbed.folder.join(self.scenario().capture());
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        let shown: Vec<String> = self.experiment.invocations.iter().map(ToString::to_string).collect();
        let comment = Some(format!("{}: {}", self.scenario(), shown.join("; ")));
        Recording { comment, ..recording.clone() }.write(&path)?;
        self.experiment.has_capture = true;
        Ok(())
    }

    /// Adds a sequence diagram.
    pub(crate) fn keep_diagram(&mut self, diagram: Diagram) {
        self.experiment.diagrams.push(diagram);
    }

    fn keep_transcript(&mut self) {
        let path = self.testbed.folder.join(self.scenario().output());
        let written =
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, &self.transcript));
        self.experiment.has_output = written.is_ok();
    }
}

/// The settings of a mock server that listens on all addresses of the server's host; each by itself, so that a datagram
/// is answered from the address that it was sent to.
pub(crate) fn server_settings(seed: u64, events: Events) -> ServerSettings {
    let HostConfig { ipv4, ipv6, .. } = HostConfig::SERVER;
    let addresses = [ipv4.into(), ipv6.into()].into_iter().chain(HostConfig::SERVER_LITERALS);
    ServerSettings { bind: addresses.map(ScopedIp::from).collect(), events, seed, ..ServerSettings::default() }
}
