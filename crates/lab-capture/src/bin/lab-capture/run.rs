//! `lab-capture run`: a command in a private network, and the packets that it made.

use std::{
    ffi::OsString,
    fs, io,
    net::SocketAddr,
    os::{fd::AsFd, unix::process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use tempfile::TempDir;

use lab_packets::file::KeyLog;
use lab_process::{shell, sockets};
use lab_sandbox::{Host, HostConfig, Launcher, interrupt, path};
use lab_testbed::{
    capture::{Capture, MAX_FRAME_LEN, MIN_SNAPLEN},
    servers::MockServers,
    topology::{CLIENT, SERVER, THIRD, Topology},
};
use labnet::{
    cli::{Console, Diagnostics},
    count::Count,
};

use crate::error::Error;

/// How long a server may take until it waits for clients (ours).
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// After Ctrl-C: how soon a command ends that has heard of it, and how long it may take to end when it is told (ours).
const SIGNAL_DELAY: Duration = Duration::from_millis(300);
const GRACE_PERIOD: Duration = Duration::from_secs(2);

/// Where programs that can do so write the secrets of their TLS connections.
const KEY_LOG: &str = "SSLKEYLOGFILE";

/// The name of that file.
const KEYS: &str = "keys.log";

#[derive(Args)]
pub(crate) struct Arguments {
    /// The capture file; one of that name is replaced
    #[arg(long, value_name = "FILE", default_value = "capture.pcapng")]
    out: PathBuf,
    /// Start the lab's mock servers first, on the handout's ports
    #[arg(long)]
    mock_servers: bool,
    /// Put the servers on a host of their own, behind a path: some of delay=25ms, rate=10mbit, loss=0.01,
    /// duplicate=0.01 and reorder=0.01, joined by commas
    #[arg(long, value_name = "PATH")]
    path: Option<path::NetworkPath>,
    /// Fix what the path does by chance
    #[arg(long, default_value_t = 1, requires = "path")]
    seed: u64,
    /// A command that serves on the host `server` (10.9.0.43); the command below runs on `client` (10.9.0.5)
    #[arg(long, value_name = "COMMAND")]
    server: Option<String>,
    /// A command on the host `proxy` (10.9.0.143)
    #[arg(long, value_name = "COMMAND")]
    proxy: Option<String>,
    /// Keep so many bytes of each packet
    #[arg(long, value_name = "BYTES", default_value_t = MAX_FRAME_LEN, value_parser = clap::value_parser!(u32).range(i64::from(MIN_SNAPLEN)..))]
    snaplen: u32,
    /// What to run, with its arguments
    #[arg(trailing_var_arg = true, required = true)]
    command: Vec<OsString>,
}

/// In the ordinary world: the same program does the work inside.
pub(crate) fn outside(console: &Console) -> Result<ExitCode, Error> {
    let mut launcher = Launcher::start()?;
    console.shutdown.at_interrupt(launcher.interrupter());
    Ok(launcher.wait()?)
}

/// The hosts of a run; the client's is where the command runs and packets are captured.
fn topology(arguments: &Arguments) -> Result<Topology, lab_testbed::Error> {
    if arguments.path.is_none() && arguments.server.is_none() && arguments.proxy.is_none() {
        return Topology::single();
    }
    let hosts = [HostConfig::CLIENT, HostConfig::SERVER, HostConfig::PROXY];
    Topology::switched(&hosts, arguments.path.unwrap_or_default(), arguments.seed)
}

/// Where mock servers listen.
fn binding(hosts: &Topology) -> &'static [&'static str] {
    match hosts {
        Topology::Single(_) => &[],
        Topology::Switched(_) => &["--bind", "0.0.0.0", "--bind", "::", "--interface", "10.9.0.43"],
    }
}

/// A capture that is written once, by whoever comes first: the end of the command, or Ctrl-C.
struct Pending {
    capture: Option<Capture>,
    out: PathBuf,
    /// Where the command writes its key log; nothing of it stays there.
    folder: Option<TempDir>,
    /// How it was called.
    comment: String,
    err: Diagnostics,
}

impl Pending {
    fn write(&mut self) -> Result<(), Error> {
        let Some(capture) = self.capture.take() else { return Ok(()) };
        let mut recording = capture.stop();
        recording.comment = Some(std::mem::take(&mut self.comment));
        if let Some(folder) = self.folder.take() {
            let key_log = fs::read(folder.path().join(KEYS)).unwrap_or_default();
            recording.secrets = KeyLog::new(&String::from_utf8_lossy(&key_log));
        }
        recording.write(&self.out)?;
        let (packets, missed) = (recording.frames.len(), recording.dropped.unwrap_or_default());
        let out = self.out.display();
        if missed > 0 {
            let missed = Count::new(missed, "packet");
            self.err.warn(format_args!(
                "{missed} {} missed: there were too many at once (more may wait for a capture by root, or where \
                 net.core.rmem_max is larger)",
                missed.were()
            ));
        }
        let packets = Count::of_len(packets, "packet");
        self.err.note(format_args!("{packets} {} in {out}; look at them with: lab-capture show {out}", packets.are()));
        Ok(())
    }
}

/// In a private network.
pub(crate) fn inside(arguments: &Arguments, console: &Console) -> Result<ExitCode, Error> {
    check(&arguments.out)?;
    let system = |attempt| move |source| labnet::Error::System { attempt, source };
    let hosts = topology(arguments)?;
    let (client, server, proxy) = (hosts.host(CLIENT)?, hosts.host(SERVER)?, hosts.host(THIRD)?);
    let mock_servers = arguments.mock_servers.then(|| start_mock_servers(server, binding(&hosts))).transpose()?;
    for (host, command) in [(server, &arguments.server), (proxy, &arguments.proxy)] {
        if let Some(command) = command {
            serve(host, command)?;
        }
    }

    let folder = tempfile::tempdir().map_err(system("make a folder"))?;
    let key_log = folder.path().join(KEYS);
    let (interface, snaplen) = (hosts.interface(), arguments.snaplen);
    let capture = client.run(move || Capture::start(interface, snaplen))?;
    let pending = Pending {
        capture: Some(capture),
        out: arguments.out.clone(),
        folder: Some(folder),
        comment: shell::command_line(&arguments.command),
        err: console.err.clone(),
    };
    let pending = Arc::new(Mutex::new(pending));
    let write = |pending: &Mutex<Pending>| pending.lock().unwrap_or_else(PoisonError::into_inner).write();
    let at_interrupt = Arc::clone(&pending);
    let (started, process) = mpsc::channel();
    let (over, is_over) = mpsc::channel();
    console.shutdown.at_interrupt(move || {
        // A terminal tells the command as well, and what it does then is part of the capture.
        if let Err(RecvTimeoutError::Timeout) = is_over.recv_timeout(SIGNAL_DELAY) {
            process.try_iter().for_each(interrupt);
            let _ = is_over.recv_timeout(GRACE_PERIOD);
        }
        if let Err(error) = write(&at_interrupt) {
            at_interrupt.lock().unwrap_or_else(PoisonError::into_inner).err.warn(error);
        }
    });

    let status = client.run({
        let line = arguments.command.clone();
        move || {
            let status = run(&line, &key_log, &started);
            // Nobody listens before Ctrl-C.
            let _ = over.send(());
            status
        }
    });
    // What passed is kept, whatever became of the command.
    write(&pending)?;
    drop(mock_servers);
    let (name, status) = (arguments.command.first().cloned().unwrap_or_default(), status);
    let status =
        status.map_err(|source| labnet::Error::File { attempt: "run", path: name.display().to_string(), source })?;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// Whether there can be such a file, before the command has run in vain.
fn check(out: &Path) -> Result<(), labnet::Error> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failure = match out.metadata() {
        Ok(there) if there.is_dir() => Some(io::ErrorKind::IsADirectory.into()),
        // A device or a pipe is not there for us alone.
        Ok(there) if !there.is_file() => None,
        _ => tempfile::tempfile_in(folder).err(),
    };
    let failed = |source| labnet::Error::File { attempt: "write", path: out.display().to_string(), source };
    failure.map_or(Ok(()), |source| Err(failed(source)))
}

/// Runs a command, and tells the number of its process.
fn run(line: &[OsString], key_log: &Path, started: &Sender<u32>) -> io::Result<ExitStatus> {
    let Some((program, arguments)) = line.split_first() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut child = Command::new(program).args(arguments).env(KEY_LOG, key_log).spawn()?;
    let _ = started.send(child.id());
    child.wait()
}

/// Ours, that lie beside this program; they say when they are ready.
fn start_mock_servers(host: &Host, binding: &'static [&'static str]) -> Result<MockServers, Error> {
    let program =
        std::env::current_exe().map_err(|source| labnet::Error::System { attempt: "find the mock servers", source })?;
    let program = program.with_file_name("mock-servers");
    Ok(host.run(move || {
        let mut command = Command::new(program);
        command.args(binding);
        MockServers::start(command, START_TIMEOUT)
    })?)
}

/// Starts a server and waits until it has a socket for its clients. What it prints goes to stderr.
fn serve(host: &Host, line: &str) -> Result<(), Error> {
    let (shell, shown) = (line.to_owned(), line.to_owned());
    let started = host.run(move || -> io::Result<bool> {
        let before = waiting();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("exec {shell}")).stdin(Stdio::null());
        command.stdout(io::stderr().as_fd().try_clone_to_owned()?);
        let mut server = command.spawn()?;
        let until = Instant::now() + START_TIMEOUT;
        loop {
            if waiting().iter().any(|address| !before.contains(address)) {
                return Ok(true);
            }
            if server.try_wait()?.is_some() || Instant::now() >= until {
                return Ok(false);
            }
            thread::sleep(Duration::from_millis(2));
        }
    });
    match started {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::NotServing(shown)),
        Err(source) => Err(labnet::Error::File { attempt: "run", path: shown, source }.into()),
    }
}

/// Every socket of this host that waits for clients.
fn waiting() -> Vec<SocketAddr> {
    let both = [sockets::Protocol::Tcp, sockets::Protocol::Udp];
    both.into_iter().filter_map(|protocol| sockets::waiting(protocol).ok()).flatten().collect()
}
