//! Measures two commands in turn; collects the results in a table.

use std::{
    ffi::OsStr,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use lab_testbed::servers::MockServers;
use labnet::cli::Console;
use mock_servers::ServerName;

use crate::Error;

/// How often each of two commands is measured (ours); the median counts.
const ROUNDS: usize = 5;

/// The longest time until a server is ready (ours).
const DEADLINE: Duration = Duration::from_secs(60);

/// The rows of the table so far.
pub struct Bench {
    console: Console,
    programs: PathBuf,
    rows: Vec<Row>,
}

struct Row {
    what: String,
    measured: String,
    wanted: String,
    holds: Option<bool>,
}

impl Bench {
    /// An empty table.
    pub fn new(console: &Console) -> Self {
        let programs = std::env::current_exe().ok().and_then(|this| this.parent().map(PathBuf::from));
        Self { console: console.clone(), programs: programs.unwrap_or_default(), rows: Vec::new() }
    }

    /// The path of a program of the lab, built together with this one.
    pub fn path(&self, program: &str) -> PathBuf {
        self.programs.join(format!("{program}{}", std::env::consts::EXE_SUFFIX))
    }

    /// Starts a mock server on a free port: the process, and its port.
    ///
    /// # Errors
    /// [`Error::MockServers`].
    pub fn server(&self, name: ServerName, options: &[&str]) -> Result<(MockServers, String), Error> {
        let (server, port) = (name.to_string(), format!("--{name}-port"));
        let command =
            command(self.path("mock-servers"), &[&[server.as_str(), &port, "0", "--seed", "1"], options].concat());
        let servers = MockServers::start(command, DEADLINE)?;
        let port = servers.address(name).map(|address| address.port().to_string()).unwrap_or_default();
        Ok((servers, port))
    }

    /// Adds a row; `holds` is `None` for a skipped measurement.
    pub fn row(&mut self, what: &str, measured: String, wanted: &str, holds: Option<bool>) -> Result<(), Error> {
        self.console.err.note(format_args!("{what}: {measured}"));
        self.rows.push(Row { what: what.to_owned(), measured, wanted: wanted.to_owned(), holds });
        Ok(())
    }

    /// Measures ours and theirs in turn, and adds a row: our speed divided by theirs is at least `wanted`. A closure
    /// returns its time, or `None` for a missing program or a failure.
    pub fn compare(
        &mut self,
        what: &str,
        (our_name, ours): (&str, &mut dyn FnMut() -> Option<Duration>),
        (their_name, theirs): (&str, &mut dyn FnMut() -> Option<Duration>),
        wanted: f64,
    ) -> Result<(), Error> {
        let what = format!("{what}: {our_name} against {their_name}");
        let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            our_times.extend(ours());
            their_times.extend(theirs());
        }
        let wanted_text = format!("at least {wanted} times as fast");
        match (median(our_times), median(their_times)) {
            (Some(ours), Some(theirs)) => {
                let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
                let measured = format!("{:.2} times as fast ({} against {})", ratio, text(ours), text(theirs));
                self.row(&what, measured, &wanted_text, Some(ratio >= wanted))
            }
            _ => self.row(&what, "skipped: one of them is missing or failed".to_owned(), &wanted_text, None),
        }
    }

    /// Prints all rows as a Markdown table.
    ///
    /// # Errors
    /// [`Error::Experiments`] if a row does not hold; [`Error::Lab`] if stdout fails.
    pub fn table(&self) -> Result<(), Error> {
        self.console.out.line("| what | measured | wanted | holds |\n|---|---|---|---|")?;
        for row in &self.rows {
            let holds = match row.holds {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "-",
            };
            self.console.out.line(format_args!("| {} | {} | {} | {holds} |", row.what, row.measured, row.wanted))?;
        }
        let failed = self.rows.iter().filter(|row| row.holds == Some(false)).count();
        if failed == 0 { Ok(()) } else { Err(Error::Experiments { failed, of: self.rows.len() }) }
    }
}

/// The median; `None` of no times.
pub fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

fn text(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// The cost of a command.
pub struct Cost {
    /// The time from its start to its end.
    pub time: Duration,
    /// The peak of its resident memory, in bytes; `None` without `/proc`.
    pub peak_memory: Option<u64>,
}

/// Runs a command and discards its output; `None` if it is missing or fails.
pub fn cost(mut command: Command) -> Option<Cost> {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    let (process, mut peak_memory) = (child.id(), None);
    let watch = thread::spawn(move || {
        // The file is gone when the process has ended.
        while let Some(now) = memory_of(process, "VmHWM:") {
            peak_memory = Some(now);
            thread::sleep(Duration::from_millis(2));
        }
        peak_memory
    });
    let status = child.wait().ok()?;
    let time = begun.elapsed();
    let peak_memory = watch.join().ok().flatten();
    status.success().then_some(Cost { time, peak_memory })
}

/// A memory value of `/proc/PID/status`, in bytes; `label` is `VmRSS:` or `VmHWM:`.
pub fn memory_of(process: u32, label: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(label))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// A program and its arguments.
pub fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// A Python program as text, and its arguments. The interpreter itself runs it, not a wrapper such as pyenv.
pub fn python(program: &str, arguments: &[&str]) -> Command {
    static INTERPRETER: LazyLock<String> = LazyLock::new(|| {
        let found = command("python3", &["-c", "import sys; print(sys.executable)"]).output();
        let path = found.ok().map(|found| String::from_utf8_lossy(&found.stdout).trim().to_owned());
        path.filter(|path| !path.is_empty()).unwrap_or_else(|| "python3".to_owned())
    });
    command(INTERPRETER.as_str(), &[&["-c", program], arguments].concat())
}

/// A shell command line.
pub fn shell(line: &str) -> Command {
    command("sh", &["-c", line])
}
