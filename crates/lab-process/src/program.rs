//! A running program, with a deadline on everything that is awaited from it.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fmt,
    io::{Read, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use crate::shell;

/// Where a line appeared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The answer.
    Stdout,
    /// All the rest.
    Stderr,
}

/// A line of output, and when it was complete.
#[derive(Clone, Debug)]
pub struct Line {
    /// Where it appeared.
    pub stream: Stream,
    /// Its text, without the newline; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Since the program started.
    pub at: Duration,
}

/// The time for the rest of the output of a killed program (ours).
const PIPE_PATIENCE: Duration = Duration::from_secs(1);

/// The maximum of kept output of a stream, in bytes (ours); a program that writes without end does not fill the memory.
pub const MAX_OUTPUT: usize = 256 << 20;

/// The pause after each read of output that is not kept, of a program with a limit (ours): one that writes without end
/// waits most of the time.
const UNKEPT_PAUSE: Duration = Duration::from_millis(50);

/// A program that has been started; it is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    command_line: String,
    begun: Instant,
    begun_at: SystemTime,
    events: Receiver<Event>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    lines: Vec<Line>,
    /// How many of `lines` have been looked at by `line_with`.
    seen: usize,
    open_pipes: usize,
    /// How it ended, once that is known.
    status: Option<ExitStatus>,
}

#[derive(Debug)]
enum Event {
    Bytes(Stream, Vec<u8>, Instant),
    End(Stream, Instant),
}

/// What a program left behind.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it was called.
    pub command_line: String,
    /// How it ended.
    pub status: ExitStatus,
    /// All of its answer.
    pub stdout: Vec<u8>,
    /// All of the rest.
    pub stderr: Vec<u8>,
    /// Both, by line, in the order in which they came.
    pub lines: Vec<Line>,
    /// When it was started.
    pub begun_at: SystemTime,
    /// From its start to its end.
    pub elapsed: Duration,
    /// Whether it was killed because its time was over.
    pub was_stopped: bool,
}

impl Outcome {
    /// The answer as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The rest as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The signal that ended the program; always `None` elsewhere than on Unix.
    pub fn signal(&self) -> Option<i32> {
        #[cfg(unix)]
        return std::os::unix::process::ExitStatusExt::signal(&self.status);
        #[cfg(not(unix))]
        None
    }

    /// The exit status as a shell shows it: 128 plus the number of the signal that ended the program.
    pub fn code(&self) -> i32 {
        self.signal().map_or_else(|| self.status.code().unwrap_or(-1), |signal| 128 + signal)
    }

    /// The objects that `--stats` printed: the lines at the end of stderr that are JSON.
    pub fn stats(&self) -> Vec<serde_json::Value> {
        let stderr = self.stderr();
        let objects = stderr.lines().rev().map_while(|line| serde_json::from_str(line).ok());
        let mut objects: Vec<serde_json::Value> = objects.collect();
        objects.reverse();
        objects
    }
}

/// What was awaited of a program and did not come.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be started.
    #[error("cannot start `{command_line}`: {source}")]
    Start {
        /// How it was to be called.
        command_line: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It did something else, or nothing, until the deadline.
    #[error("`{command_line}` did not {awaited} within {:.1} s\n{seen}", .deadline.as_secs_f64())]
    Deadline {
        /// How it was called.
        command_line: String,
        /// What was awaited.
        awaited: String,
        /// For how long.
        deadline: Duration,
        /// All it had written.
        seen: String,
    },
    /// It ended before it did what was awaited.
    #[error("`{command_line}` ended and did not {awaited}\n{seen}")]
    Ended {
        /// How it was called.
        command_line: String,
        /// What was awaited.
        awaited: String,
        /// All it had written.
        seen: String,
    },
    /// A program could not be put in its place.
    #[error("cannot install {}: {source}", .file.display())]
    Install {
        /// Its place.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl Program {
    /// Starts a program, with an open pipe as its stdin.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn start<S: AsRef<OsStr>>(program: impl AsRef<Path>, arguments: &[S]) -> Result<Self, Error> {
        let mut command = Command::new(program.as_ref());
        command.args(arguments);
        Self::spawn(command)
    }

    /// Starts a command as it was prepared; its three streams become pipes.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn spawn(command: Command) -> Result<Self, Error> {
        let command_line = command_line(&command);
        Self::spawn_as(command, command_line)
    }

    /// The same, for a command that is shown in another way than it is called: without the shell around it, say.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn spawn_as(command: Command, command_line: String) -> Result<Self, Error> {
        Self::spawn_limited(command, command_line, MAX_OUTPUT)
    }

    /// The same, with another maximum of kept output of each stream, in bytes.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn spawn_limited(mut command: Command, command_line: String, max_output: usize) -> Result<Self, Error> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that what it starts in its turn ends with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let (begun, begun_at) = (Instant::now(), SystemTime::now());
        let mut child =
            command.spawn().map_err(|source| Error::Start { command_line: command_line.clone(), source })?;
        running().insert(child.id());
        let (sender, events) = mpsc::channel();
        let mut open_pipes = 0;
        if let Some(stdout) = child.stdout.take() {
            open_pipes += 1;
            watch(stdout, Stream::Stdout, sender.clone(), max_output);
        }
        if let Some(stderr) = child.stderr.take() {
            open_pipes += 1;
            watch(stderr, Stream::Stderr, sender, max_output);
        }
        Ok(Self {
            stdin: child.stdin.take(),
            child,
            command_line,
            begun,
            begun_at,
            events,
            stdout: Vec::new(),
            stderr: Vec::new(),
            lines: Vec::new(),
            seen: 0,
            open_pipes,
            status: None,
        })
    }

    /// How it was called.
    pub fn command_line(&self) -> &str {
        &self.command_line
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended. What it wrote last may still be in its pipes.
    pub fn has_ended(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status.is_some()
    }

    /// Types into the program; one that has ended does not listen any more.
    pub fn input(&mut self, bytes: &[u8]) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(bytes);
        }
    }

    /// Ends its input.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// The next line, on either stream, that `is_wanted`; those before it are passed over.
    ///
    /// # Errors
    /// [`Error::Deadline`] or [`Error::Ended`], which name what was `awaited`.
    pub fn line_with(
        &mut self,
        awaited: &str,
        deadline: Duration,
        is_wanted: impl Fn(&Line) -> bool,
    ) -> Result<Line, Error> {
        let until = Instant::now() + deadline;
        loop {
            while let Some(line) = self.lines.get(self.seen) {
                self.seen += 1;
                if is_wanted(line) {
                    return Ok(line.clone());
                }
            }
            if self.open_pipes == 0 {
                return Err(Error::Ended {
                    command_line: self.command_line.clone(),
                    awaited: awaited.to_owned(),
                    seen: self.seen(),
                });
            }
            if !self.take_event(until) {
                return Err(self.too_late(awaited, deadline));
            }
        }
    }

    /// Waits until a server of the lab says where it listens: `note: listening on ADDRESS …` on stderr, which is documented
    /// with `labnet::cli`. Yields the address.
    ///
    /// # Errors
    /// Those of [`line_with`](Self::line_with).
    pub fn wait_until_listening(&mut self, deadline: Duration) -> Result<SocketAddr, Error> {
        let address = |line: &Line| {
            let text = line.text.strip_prefix("note: listening on ").filter(|_| line.stream == Stream::Stderr)?;
            text.split([' ', ',']).next()?.parse().ok()
        };
        let line = self.line_with("listen", deadline, |line| address(line).is_some())?;
        address(&line).ok_or_else(|| self.too_late("listen", deadline))
    }

    /// All lines so far.
    pub fn lines(&mut self) -> &[Line] {
        while let Ok(event) = self.events.try_recv() {
            self.take(event);
        }
        &self.lines
    }

    /// Sends what Ctrl-C sends. Elsewhere than on Unix the program is killed.
    pub fn interrupt(&mut self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::INT);
        #[cfg(not(unix))]
        let _ = self.child.kill();
    }

    /// Sends what `kill` sends. Elsewhere than on Unix the program is killed.
    pub fn terminate(&mut self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::TERM);
        #[cfg(not(unix))]
        let _ = self.child.kill();
    }

    /// One that has ended has no number any more: it may be another process's.
    #[cfg(unix)]
    fn signal(&self, what: rustix::process::Signal) {
        if self.status.is_none() {
            signal(self.child.id(), what);
        }
    }

    /// The most memory that it has had resident so far, in bytes (Linux, while it runs).
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
    }

    /// Ends its input and waits for its end.
    ///
    /// # Errors
    /// [`Error::Deadline`]; then it is killed.
    pub fn finish(mut self, deadline: Duration) -> Result<Outcome, Error> {
        match self.wait(deadline) {
            Some(status) => Ok(self.outcome(status, false)),
            None => Err(self.too_late("end", deadline)),
        }
    }

    /// Ends its input and waits for its end; kills it when that does not come in time. Yields what it left behind, once:
    /// a second call finds its output empty.
    pub fn conclude(&mut self, deadline: Duration) -> Outcome {
        if let Some(status) = self.wait(deadline) {
            return self.outcome(status, false);
        }
        kill_group(self.child.id());
        let _ = self.child.kill();
        let status = self.child.wait().unwrap_or_default();
        self.status = Some(status);
        // What it wrote until then is in its pipes; a process that left its group may hold them open.
        let until = Instant::now() + PIPE_PATIENCE;
        while self.open_pipes > 0 && self.take_event(until) {}
        self.outcome(status, true)
    }

    /// Waits for the end of its output, and of itself.
    fn wait(&mut self, deadline: Duration) -> Option<ExitStatus> {
        self.end_input();
        let until = Instant::now() + deadline;
        while self.open_pipes > 0 {
            if !self.take_event(until) {
                return None;
            }
        }
        // Its streams are closed: the end is near.
        while self.status.is_none() && Instant::now() < until {
            self.status = self.child.try_wait().ok().flatten();
            if self.status.is_none() {
                thread::sleep(Duration::from_millis(1));
            }
        }
        self.status
    }

    fn outcome(&mut self, status: ExitStatus, was_stopped: bool) -> Outcome {
        Outcome {
            command_line: self.command_line.clone(),
            status,
            stdout: std::mem::take(&mut self.stdout),
            stderr: std::mem::take(&mut self.stderr),
            lines: std::mem::take(&mut self.lines),
            begun_at: self.begun_at,
            elapsed: self.begun.elapsed(),
            was_stopped,
        }
    }

    /// Waits for one event; `false` when the time is over.
    fn take_event(&mut self, until: Instant) -> bool {
        match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(event) => self.take(event),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => self.open_pipes = 0,
        }
        true
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Bytes(stream, bytes, at) => {
                let all = match stream {
                    Stream::Stdout => &mut self.stdout,
                    Stream::Stderr => &mut self.stderr,
                };
                let line_start = all.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
                all.extend(bytes);
                let (_, unfinished) = all.split_at(line_start);
                for line in unfinished.split_inclusive(|&byte| byte == b'\n') {
                    if let Some(line) = line.strip_suffix(b"\n") {
                        let text = String::from_utf8_lossy(line).into_owned();
                        self.lines.push(Line { stream, text, at: at - self.begun });
                    }
                }
            }
            Event::End(stream, at) => {
                self.open_pipes = self.open_pipes.saturating_sub(1);
                let all = match stream {
                    Stream::Stdout => &self.stdout,
                    Stream::Stderr => &self.stderr,
                };
                // A last line that no newline ended.
                let rest = all.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
                if !rest.is_empty() {
                    let text = String::from_utf8_lossy(rest).into_owned();
                    self.lines.push(Line { stream, text, at: at - self.begun });
                }
            }
        }
    }

    fn too_late(&self, awaited: &str, deadline: Duration) -> Error {
        Error::Deadline {
            command_line: self.command_line.clone(),
            awaited: awaited.to_owned(),
            deadline,
            seen: self.seen(),
        }
    }

    fn seen(&self) -> String {
        let abridged = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.chars().take(2000).collect::<String>()
        };
        format!("stdout: {}\nstderr: {}", abridged(&self.stdout), abridged(&self.stderr))
    }
}

/// Every program that has been started and not yet waited for.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills every program that is still running: for a process that ends without dropping them.
pub fn end_all() {
    for process in running().iter() {
        kill_group(*process);
    }
}

/// Kills a program and what it has started. Elsewhere than on Unix the program alone is killed, when it is dropped.
fn kill_group(process: u32) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw) {
        // All of it may have ended already.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = process;
}

#[cfg(unix)]
fn signal(process: u32, signal: rustix::process::Signal) {
    if let Some(process) = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended already.
        let _ = rustix::process::kill_process(process, signal);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // From here on its number may soon be another process's.
        running().remove(&self.child.id());
        if self.status.is_none() {
            kill_group(self.child.id());
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn watch(mut pipe: impl Read + Send + 'static, stream: Stream, events: Sender<Event>, max_output: usize) {
    let read = move || {
        let mut buffer = vec![0; 64 * 1024];
        let mut room = max_output;
        let pause = if max_output < MAX_OUTPUT { UNKEPT_PAUSE } else { Duration::ZERO };
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => break,
                // It goes on, and nobody looks.
                Ok(_) if room == 0 => thread::sleep(pause),
                Ok(n) => {
                    let n = n.min(room);
                    room -= n;
                    let bytes = buffer.get(..n).unwrap_or_default().to_vec();
                    if events.send(Event::Bytes(stream, bytes, Instant::now())).is_err() {
                        break;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = events.send(Event::End(stream, Instant::now()));
    };
    thread::spawn(read);
}

/// The command as it would be typed, the program without its folder.
fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    shell::command_line([program].into_iter().chain(command.get_args()))
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_writes_without_end_is_kept_to_its_limit() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo begin; exec cat /dev/zero"]);
        let mut program = Program::spawn_limited(command, "zeros".to_owned(), 1000).unwrap();
        let outcome = program.conclude(Duration::from_millis(200));
        assert!(outcome.was_stopped);
        assert_eq!((outcome.stdout.len(), outcome.lines[0].text.as_str()), (1000, "begin"));
    }
}
