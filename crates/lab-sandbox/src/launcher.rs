//! The way into namespaces of one's own: a program starts itself again in there, and nothing stays behind.
//!
//! ```text
//! program ── launcher ── init ── program          the same executable, with the same arguments
//!            unshare    PID 1    inside
//! ```
//!
//! Only a process with one thread may take a user namespace, so a fresh copy of the program does it first of all (the
//! launcher). Process numbers are new for its children only: the next copy is number 1 in there. When number 1 ends,
//! however it ends, the kernel ends all others; and it ends with the launcher, which ends with the program.

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

use crate::{Error, Host, HostsFile, Launched};

/// Which of the copies a process is, and the number of the process that may say so: `launcher:4711`.
const ROLE: &str = "LAB_SANDBOX";

/// How long an interrupted program may go on in there, to leave in order (ours).
const GRACE_PERIOD: Duration = Duration::from_secs(20);

/// The first call of a program that uses a private network, before it has a second thread.
pub fn reexec() -> Launched {
    let Some(role) = env::var_os(ROLE) else { return Launched::Outside };
    // What is started in there inherits the variable, but not the parent.
    let role = role.to_string_lossy().into_owned();
    let Some((role, parent)) = role.split_once(':') else { return Launched::Outside };
    if parent.parse() != Ok(parent_id()) {
        // A helper that lost its parent before it began is not wanted any more; inside, all others are told so.
        return if role == "inside" { Launched::Outside } else { Launched::Done(ExitCode::FAILURE) };
    }
    match role {
        "launcher" => Launched::Done(exit_code(create_namespaces().and_then(|()| run_copy("init")))),
        "init" => Launched::Done(exit_code(mount_proc().and_then(|()| run_copy("inside")))),
        "probe" => Launched::Done(exit_code(create_namespaces().and_then(|()| run_copy("test")))),
        "test" => Launched::Done(exit_code(Host::alone("test", HostsFile::localhost()).map(|_| 0))),
        _ => Launched::Inside,
    }
}

/// Whether this system gives private networks to this user.
///
/// # Errors
/// [`Error::Refused`] with the reason.
pub fn probe() -> Result<(), Error> {
    let mut command = copy("probe").map_err(Error::io("start again"))?;
    let output = command.stdin(Stdio::null()).output().map_err(Error::io("start again"))?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Refused(reason.strip_prefix("error: ").unwrap_or(&reason).to_owned()))
}

/// This program, once more, inside; it shares the streams of this one.
#[derive(Debug)]
pub struct Launcher {
    child: Child,
    ended: Sender<()>,
    has_ended: Option<Receiver<()>>,
    is_interrupted: Arc<AtomicBool>,
}

impl Launcher {
    /// Starts it, with the same arguments.
    ///
    /// # Errors
    /// [`Error::Refused`] where there are no private networks.
    pub fn start() -> Result<Self, Error> {
        probe()?;
        let child = copy("launcher").and_then(|mut command| command.spawn()).map_err(Error::io("start again"))?;
        let (ended, has_ended) = mpsc::channel();
        Ok(Self { child, ended, has_ended: Some(has_ended), is_interrupted: Arc::default() })
    }

    /// What passes an interruption on and waits for the end inside: something for a signal handler's thread.
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

    /// Waits for the end inside; yields the exit status as a shell shows it.
    ///
    /// # Errors
    /// When the system does not say how it ended.
    pub fn wait(mut self) -> Result<ExitCode, Error> {
        let status = self.child.wait().map_err(Error::io("wait for the end"))?;
        let _ = self.ended.send(());
        if self.is_interrupted.load(Ordering::Acquire) {
            // Who interrupted it ends this program in its own way, and not twice.
            thread::sleep(GRACE_PERIOD);
        }
        Ok(ExitCode::from(shell_status(status)))
    }
}

/// Sends a child of this process, by its number, what Ctrl-C sends.
pub fn interrupt(process: u32) {
    // It may have ended already.
    let _ = kill(pid(process), Signal::SIGINT);
}

/// This program again, as `role`. The first process of a namespace sees no parent: its number is 0 there.
fn copy(role: &str) -> io::Result<Command> {
    let parent = if matches!(role, "init" | "test") { 0 } else { process::id() };
    // The file that runs, even if another has taken its name since.
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = env::args_os().next() {
        std::os::unix::process::CommandExt::arg0(&mut command, name);
    }
    command.args(env::args_os().skip(1)).env(ROLE, format!("{role}:{parent}"));
    Ok(command)
}

/// Reports as a program of the lab does: the streams of a helper are those of the program.
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

/// Takes the namespaces: users, mounts, network, and processes for its children.
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
    // Root keeps its rights to files where it may have namespaces without giving them up.
    if !user.is_root() || unshare(private).is_err() {
        unshare(CloneFlags::CLONE_NEWUSER).map_err(refused("make a user namespace"))?;
        write_id_map("setgroups", "deny")?;
        write_id_map("uid_map", &format!("0 {user} 1"))?;
        write_id_map("gid_map", &format!("0 {group} 1"))?;
        unshare(private).map_err(refused("make a network namespace"))?;
    }
    // What is mounted in here is nobody else's.
    let nothing: Option<&str> = None;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .map_err(refused("make a mount namespace"))
}

/// The system's reason, where its words are not about a disk.
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

/// The first process in there.
fn mount_proc() -> Result<(), Error> {
    set_pdeathsig(Signal::SIGKILL).map_err(Error::system("end with its parent"))?;
    // A list of the processes in here, where the system lets us mount one; little depends on it.
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

/// Starts the next copy, passes signals on to it, and yields its exit status. Number 1 also buries what others leave.
///
/// All in one thread: with processes in a namespace of their own there may be no other.
fn run_copy(role: &str) -> Result<u8, Error> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGCHLD]).map_err(Error::io("listen for signals"))?;
    let child = copy(role).and_then(|mut command| command.spawn()).map_err(Error::io("start again"))?;
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
    Ok(1)
}

/// Takes leave of all children that have ended; the exit status of `child`, if it is among them.
fn reap(child: Pid) -> Result<Option<u8>, Error> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(ended, status)) if ended == child => {
                return Ok(Some(u8::try_from(status).unwrap_or(1)));
            }
            Ok(WaitStatus::Signaled(ended, signal, _)) if ended == child => {
                return Ok(Some(shell_status(ExitStatus::from_raw(signal as i32))));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(None),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::system("wait for its child")(errno)),
        }
    }
}

/// 128 plus the number of the signal that ended a program.
fn shell_status(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(1)
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap_or(i32::MAX))
}
