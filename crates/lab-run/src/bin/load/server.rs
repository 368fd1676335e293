//! The mock servers under load: a process of their own, whose events are counted, and what it costs.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use lab_run::{Error, measure::memory_of};
use mock_servers::{Event, ServerName};

/// The longest time until the servers are ready (ours).
const DEADLINE: Duration = Duration::from_secs(30);

/// What the kernel keeps for the stack of a thread, in bytes, on x86-64 and AArch64.
const KERNEL_STACK: u64 = 16 << 10;

/// The servers; they end when this is dropped.
pub(crate) struct Servers {
    child: Child,
    heard: Arc<Mutex<Heard>>,
}

/// What they have reported.
#[derive(Default)]
struct Heard {
    listening: Vec<(ServerName, SocketAddr)>,
    is_ready: bool,
    /// How many events there were of each kind; those that were left out count as `left-out`.
    kinds: BTreeMap<String, u64>,
}

impl Servers {
    /// Starts servers on free ports and waits until they are ready.
    ///
    /// # Errors
    /// [`labnet::Error::System`].
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> Result<Self, Error> {
        let mut command = Command::new(program);
        command.args(arguments).args(["--events", "json", "--seed", "1"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
        let mut child = child.map_err(|source| system("start mock-servers", source))?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        if let Some(stdout) = child.stdout.take() {
            let heard = Arc::clone(&heard);
            thread::spawn(move || {
                BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| hear(&heard, &line))
            });
        }
        let servers = Self { child, heard };
        let begun = Instant::now();
        while !servers.heard().is_ready {
            if begun.elapsed() > DEADLINE {
                return Err(system("wait for mock-servers", std::io::ErrorKind::TimedOut.into()));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(servers)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a server listens, over IPv4.
    ///
    /// # Errors
    /// [`labnet::Error::Usage`] when there is no such server.
    pub(crate) fn address(&self, server: ServerName) -> Result<SocketAddr, Error> {
        let heard = self.heard();
        let mut addresses = heard.listening.iter().filter(|(name, address)| *name == server && address.is_ipv4());
        let address = addresses.next().map(|(_, address)| *address);
        address.ok_or_else(|| labnet::Error::Usage(format!("{server} does not listen over IPv4")).into())
    }

    /// How many events there were of a kind, as it is called in JSON.
    pub(crate) fn events(&self, kind: &str) -> u64 {
        self.heard().kinds.get(kind).copied().unwrap_or_default()
    }

    /// What the process keeps in memory, the kernel's stacks of its threads included, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        memory_of(self.child.id(), "VmRSS:").unwrap_or_default() + self.threads() * KERNEL_STACK
    }

    /// How many threads it has.
    pub(crate) fn threads(&self) -> u64 {
        self.entries("task")
    }

    /// How many descriptors it has.
    pub(crate) fn descriptors(&self) -> u64 {
        self.entries("fd")
    }

    fn entries(&self, folder: &str) -> u64 {
        fs::read_dir(format!("/proc/{}/{folder}", self.child.id())).map_or(0, |entries| entries.count() as u64)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn hear(heard: &Mutex<Heard>, line: &str) {
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    // Of most events the kind is enough, and it comes first: they are many.
    let kind = line.strip_prefix("{\"event\":\"").and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let mut count = 1;
    if matches!(kind, "listening" | "ready" | "left-out") {
        match serde_json::from_str(line) {
            Ok(Event::Listening { server, address, .. }) => heard.listening.push((server, address)),
            Ok(Event::Ready) => heard.is_ready = true,
            Ok(Event::LeftOut { events }) => count = events,
            _ => {}
        }
    }
    match heard.kinds.get_mut(kind) {
        Some(known) => *known += count,
        None => drop(heard.kinds.insert(kind.to_owned(), count)),
    }
}

/// An error of the system.
pub(crate) fn system(attempt: &'static str, source: std::io::Error) -> Error {
    labnet::Error::System { attempt, source }.into()
}
