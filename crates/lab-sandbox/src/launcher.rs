//! The launcher: re-executes the program in new namespaces, and ends all its processes with it.
//!
//! ```text
//! program ── launcher ── init ── program          the same executable, with the same arguments
//!            unshare     PID 1   inside
//! ```
//!
//! Only a process with one thread may create a user namespace, so the launcher, a new copy of the program, creates the
//! namespaces before anything else. A new PID namespace holds only the children of its creator, so the launcher starts
//! another copy: init, with process number 1. When init ends, the kernel ends all other processes of the namespace. Init
//! ends with the launcher, and the launcher ends with the program.

use std::{
    env, fs, io,
    os::unix::process::{ExitStatusExt, parent_id},
    process::{self, Child, Command, ExitCode, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{
        prctl::set_pdeathsig,
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, getgid, getuid},
};
use signal_hook::{
    consts::{SIGCHLD, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{Error, Host, HostsFile, Launched, confined};

/// Each host has a table of TCP connections of its own, with so many slots (ours: the kernel lets half as many rest in
/// TIME_WAIT). In the table of the whole system, of 262,144 slots on a machine with 24 GiB, whoever lists a host's few
/// sockets walks through all of them: 6 ms, where 0.1 ms do.
const TCP_TABLE_SIZE: &str = "4096";

/// The variable with the role of a copy and the process number of its parent: `launcher:4711`.
pub(crate) const ROLE: &str = "LAB_SANDBOX";

/// How long an interrupted program may take to end (ours).
const GRACE_PERIOD: Duration = Duration::from_secs(20);

/// Tells which copy of the program this process is, and does the work of the helper processes.
///
/// A program that uses a private network calls this first in `main`, before it starts a second thread.
pub fn reexec() -> Launched {
    let Some(role) = env::var_os(ROLE) else { return Launched::Outside };
    // Other programs inherit the variable, but have another parent.
    let role = role.to_string_lossy().into_owned();
    let Some((role, parent)) = role.split_once(':') else { return Launched::Outside };
    // The helpers of a confined program make nothing that anybody could not make.
    if role == "jail" {
        return Launched::Done(confined::jail(parent));
    }
    if parent.parse() != Ok(parent_id()) {
        // A helper whose parent has ended stops. A program that was started inside is an ordinary program.
        return if role == "inside" { Launched::Outside } else { Launched::Done(ExitCode::FAILURE) };
    }
    match role {
        "launcher" => Launched::Done(exit_code(create_namespaces().and_then(|()| run_copy("init")))),
        "init" => Launched::Done(exit_code(mount_proc().and_then(|()| run_copy("inside")))),
        "jail-init-0" => Launched::Done(confined::init("")),
        "jail-init-trial" => Launched::Done(confined::init("trial")),
        "probe" => Launched::Done(exit_code(create_namespaces().and_then(|()| run_copy("test")))),
        "test" => Launched::Done(exit_code(Host::alone("test", HostsFile::localhost()).map(|_| 0))),
        _ => Launched::Inside,
    }
}

/// Checks whether this user may create private networks: creates one and ends it.
///
/// # Errors
/// [`Error::Refused`] with the reason; [`Error::System`] when the copy cannot be started.
pub fn probe() -> Result<(), Error> {
    let mut command = copy("probe").map_err(Error::io("start again"))?;
    let output = command.stdin(Stdio::null()).output().map_err(Error::io("start again"))?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Refused(reason.strip_prefix("error: ").unwrap_or(&reason).to_owned()))
}

/// A running copy of this program in a private network. It shares stdin, stdout and stderr with this process.
#[derive(Debug)]
pub struct Launcher {
    child: Child,
    ended: Sender<()>,
    has_ended: Option<Receiver<()>>,
    is_interrupted: Arc<AtomicBool>,
}

impl Launcher {
    /// Starts the copy, with the same arguments.
    ///
    /// # Errors
    /// As [`probe`].
    pub fn start() -> Result<Self, Error> {
        probe()?;
        let child = copy("launcher").and_then(|mut command| command.spawn()).map_err(Error::io("start again"))?;
        let (ended, has_ended) = mpsc::channel();
        Ok(Self { child, ended, has_ended: Some(has_ended), is_interrupted: Arc::default() })
    }

    /// A closure for the thread of a signal handler: sends SIGINT to the copy and waits until it ends, at most 20 seconds.
    pub fn interrupter(&mut self) -> impl FnOnce() + Send + use<> {
        let (launcher, has_ended) = (pid(self.child.id()), self.has_ended.take());
        let is_interrupted = Arc::clone(&self.is_interrupted);
        move || {
            is_interrupted.store(true, Ordering::Release);
            let _ = kill(launcher, Signal::SIGINT);
            if let Some(has_ended) = has_ended {
                let _ = has_ended.recv_timeout(GRACE_PERIOD);
            }
        }
    }

    /// Waits until the copy ends. Returns its exit status; 128 plus the signal number if a signal ended it.
    ///
    /// # Errors
    /// [`Error::System`] when the system does not return the status.
    pub fn wait(mut self) -> Result<ExitCode, Error> {
        let status = self.child.wait().map_err(Error::io("wait for the end"))?;
        let _ = self.ended.send(());
        if self.is_interrupted.load(Ordering::Acquire) {
            // The thread of the signal handler ends this process.
            thread::sleep(GRACE_PERIOD);
        }
        Ok(ExitCode::from(shell_status(status)))
    }
}

/// Sends SIGINT, as Ctrl-C does, to a child of this process by its process number.
pub fn interrupt(process: u32) {
    // It may have ended already.
    let _ = kill(pid(process), Signal::SIGINT);
}

/// A command that starts this program again in a role. In a new PID namespace the first process has parent number 0.
pub(crate) fn copy(role: &str) -> io::Result<Command> {
    let parent = if matches!(role, "init" | "test" | "jail-init-0" | "jail-init-trial") { 0 } else { process::id() };
    // The running executable, even if its file was replaced.
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = env::args_os().next() {
        std::os::unix::process::CommandExt::arg0(&mut command, name);
    }
    command.args(env::args_os().skip(1)).env(ROLE, format!("{role}:{parent}"));
    Ok(command)
}

/// The exit code of a helper process; writes an error to stderr.
fn exit_code(status: Result<u8, Error>) -> ExitCode {
    match status {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            use io::Write;
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Creates namespaces for users, mounts, network and IPC, and a PID namespace for the children.
fn create_namespaces() -> Result<(), Error> {
    let (user, group) = (getuid(), getgid());
    let private =
        CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC;
    let parent = parent_id();
    set_pdeathsig(Signal::SIGKILL).map_err(Error::system("end with its parent"))?;
    if parent_id() != parent {
        return Err(Error::system("find its parent")(Errno::ESRCH));
    }
    let who = if user.is_root() { "root" } else { "this user" };
    let refused = |attempt| move |errno: Errno| Error::Forbidden { who, attempt, source: reason(errno) };
    // Root needs no user namespace, and keeps its file permissions without one.
    if !user.is_root() || unshare(private).is_err() {
        unshare(CloneFlags::CLONE_NEWUSER).map_err(refused("make a user namespace"))?;
        write_id_map("setgroups", "deny")?;
        write_id_map("uid_map", &format!("0 {user} 1"))?;
        write_id_map("gid_map", &format!("0 {group} 1"))?;
        unshare(private).map_err(refused("make a network namespace"))?;
    }
    // An older kernel has one table for all, and with a read-only /proc it stays.
    let _ = fs::write("/proc/sys/net/ipv4/tcp_child_ehash_entries", TCP_TABLE_SIZE);
    // Mounts in this namespace are not propagated.
    let nothing: Option<&str> = None;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .map_err(refused("make a mount namespace"))
}

/// The system's reason. ENOSPC has a text of its own: its standard text is about a disk.
fn reason(errno: Errno) -> io::Error {
    match errno {
        Errno::ENOSPC => io::Error::other("there may be no more of them (/proc/sys/user has the limits)"),
        errno => errno.into(),
    }
}

fn write_id_map(file: &str, line: &str) -> Result<(), Error> {
    let written = fs::write(format!("/proc/self/{file}"), line);
    written.map_err(|source| Error::Forbidden { who: "this user", attempt: "become its root", source })
}

/// Prepares init: it ends with its parent, and /proc shows the processes of the namespace.
fn mount_proc() -> Result<(), Error> {
    set_pdeathsig(Signal::SIGKILL).map_err(Error::system("end with its parent"))?;
    // Some systems forbid this mount; the program works without it.
    let nothing: Option<&str> = None;
    let _ = mount(
        Some("proc"),
        "/proc",
        Some("proc"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC,
        nothing,
    );
    Ok(())
}

/// Starts the next copy, forwards signals to it, and returns its exit status.
fn run_copy(role: &str) -> Result<u8, Error> {
    copy(role).map_err(Error::io("start again")).and_then(supervise).map(shell_status)
}

/// Starts a command, forwards signals to it, and returns how it ended. Init also reaps orphaned processes.
///
/// It uses one thread only: after unsharing a PID namespace a process cannot create threads.
pub(crate) fn supervise(mut command: Command) -> Result<ExitStatus, Error> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGCHLD]).map_err(Error::io("listen for signals"))?;
    let child = command.spawn().map_err(Error::io("start again"))?;
    let child = pid(child.id());
    for signal in signals.forever() {
        match Signal::try_from(signal) {
            Ok(Signal::SIGCHLD) => {
                if let Some(status) = reap(child)? {
                    return Ok(status);
                }
            }
            Ok(signal) => drop(kill(child, signal)),
            Err(_) => {}
        }
    }
    Err(Error::system("wait for its child")(Errno::ECHILD))
}

/// Reaps all children that have ended. Returns the exit status of `child` if it has ended.
fn reap(child: Pid) -> Result<Option<ExitStatus>, Error> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(ended, status)) if ended == child => {
                return Ok(Some(ExitStatus::from_raw((status & 0xff) << 8)));
            }
            Ok(WaitStatus::Signaled(ended, signal, _)) if ended == child => {
                return Ok(Some(ExitStatus::from_raw(signal as i32)));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(None),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::system("wait for its child")(errno)),
        }
    }
}

/// The exit status as a shell shows it: 128 plus the signal number if a signal ended the program.
fn shell_status(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(1)
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap_or(i32::MAX))
}
