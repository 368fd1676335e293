//! Running two things in turn, and the table of what came of it.

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

/// How often each of two things is measured; the median counts.
const ROUNDS: usize = 5;

/// The longest that a server may take to become ready.
const DEADLINE: Duration = Duration::from_secs(60);

/// Measurements, and the table of them so far.
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

    /// A program of the lab, built together with this one.
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

    /// Adds a row; `holds` is `None` for what could not be measured.
    pub fn row(&mut self, what: &str, measured: String, wanted: &str, holds: Option<bool>) -> Result<(), Error> {
        self.console.err.note(format_args!("{what}: {measured}"));
        self.rows.push(Row { what: what.to_owned(), measured, wanted: wanted.to_owned(), holds });
        Ok(())
    }

    /// Measures ours and theirs in turn and adds a row on the ratio of their speeds, which must be at least `wanted`.
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

    /// Shows all rows, with an error when one does not hold.
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

/// The middle one.
pub fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

fn text(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// What a command took: time, and memory where the system tells.
pub struct Cost {
    /// From start to end.
    pub time: Duration,
    /// The most memory that was resident, in bytes.
    pub peak_memory: Option<u64>,
}

/// Runs a command with its output thrown away; `None` when it is missing or fails.
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

/// A line of `/proc/PID/status` that tells of memory, in bytes.
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

/// A Python program, given as text, with arguments; run by the interpreter itself, not by what stands before it.
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
