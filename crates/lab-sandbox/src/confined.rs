//! A stranger's program, confined: its own processes, its own view of the files, limits, and no privileges.
//!
//! ```text
//! grader ── jail ── init ── sh …          jail and init are copies of this program
//!           mount   PID 1   the stranger's
//! ```
//!
//! Jail makes namespaces for mounts, processes and IPC; init makes the view and the limits, gives up all privileges and
//! starts the program. When init ends, the kernel ends all that the program left. Signals are forwarded, and jail ends as
//! the program did: with its status, or by its signal.

mod limits;
mod view;

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Seek, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Stdio},
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        signal::{Signal, raise},
    },
};

use crate::{
    Error,
    launcher::{ROLE, copy, supervise},
};

/// The variable with more folders to show, separated as in `PATH`.
const SHOWN: &str = "LAB_SANDBOX_SHOWN";

/// Where jail and init put their own files; the program finds the system's there.
const SCRATCH: &str = "/sys";

/// The exit status of a program that could not be confined or started, as of a shell that does not find a command.
const NOT_STARTED: u8 = 127;

/// What programs of strangers may see beside the system: each path that is not there counts for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// Folders and files that are hidden beside those that always are.
    pub hidden: Vec<PathBuf>,
    /// Folders and files that are shown, read-only, though they lie in a hidden folder.
    pub shown: Vec<PathBuf>,
    /// Folders that the program may change: the others find them unchanged, but for those of `kept`.
    pub copied: Vec<PathBuf>,
    /// Folders in which what the program writes stays.
    pub kept: Vec<PathBuf>,
}

impl Confinement {
    /// A command that runs a program in confinement, with these variables alone. The folder in which it runs is one of
    /// those that it may change.
    pub fn command(&self, program: &str, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.env_clear().envs(variables).env(ROLE, "jail:0");
        let kinds =
            [("--hide", &self.hidden), ("--show", &self.shown), ("--copy", &self.copied), ("--keep", &self.kept)];
        for (option, paths) in kinds {
            for path in paths {
                command.arg(option).arg(path);
            }
        }
        command.arg("--").arg(program);
        command
    }

    /// What this system cannot give, in words for `no …`.
    ///
    /// # Errors
    /// [`Error::Refused`] when it can confine no program.
    pub fn lacks() -> Result<Vec<String>, Error> {
        let place = tempfile::tempdir().map_err(Error::io("make a folder"))?;
        let variables = env::var_os("PATH").map(|path| (OsString::from("PATH"), path));
        let mut trial = Self::default().command("true", variables);
        trial.env(ROLE, "jail:trial").current_dir(place.path()).stdin(Stdio::null());
        let output = trial.output().map_err(Error::io("start again"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if !output.status.success() {
            return Err(Error::Refused(text(&output.stderr)));
        }
        Ok(text(&output.stdout).lines().map(str::to_owned).collect())
    }

    fn from_arguments(arguments: impl IntoIterator<Item = OsString>) -> (Self, Vec<OsString>) {
        let (mut this, mut arguments) = (Self::default(), arguments.into_iter());
        while let Some(option) = arguments.next() {
            let paths = match option.to_str() {
                Some("--hide") => &mut this.hidden,
                Some("--show") => &mut this.shown,
                Some("--copy") => &mut this.copied,
                Some("--keep") => &mut this.kept,
                _ => break,
            };
            paths.extend(arguments.next().map(PathBuf::from));
        }
        this.shown.extend(env::var_os(SHOWN).iter().flat_map(env::split_paths));
        (this, arguments.collect())
    }
}

/// Shows one more folder to the program of a [`Confinement::command`], read-only.
pub fn show(command: &mut Command, folder: &Path) {
    command.env(SHOWN, folder);
}

/// The first helper: makes the namespaces, starts init, and ends as the program did.
pub(crate) fn jail(mode: &str) -> ExitCode {
    match confine(mode) {
        Ok(status) => match status.signal().and_then(|number| Signal::try_from(number).ok()) {
            Some(ended_by) => end_by(ended_by),
            None => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        },
        Err(error) => failed(&error),
    }
}

fn failed(error: &Error) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {error}");
    NOT_STARTED.into()
}

/// Ends this process as a signal that nobody handles does; no core is left.
fn end_by(ended_by: Signal) -> ExitCode {
    let _ = limits::no_core();
    // The handlers of SIGINT and SIGTERM are still there.
    let _ = signal_hook::low_level::emulate_default_handler(ended_by as i32);
    let _ = raise(ended_by);
    ExitCode::from(u8::try_from(128 + ended_by as i32).unwrap_or(1))
}

fn confine(mode: &str) -> Result<ExitStatus, Error> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC)
        .map_err(Error::system("confine a program"))?;
    view::mount_scratch(Path::new(SCRATCH)).map_err(Error::system("confine a program"))?;
    let mut ended = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(status_file())
        .map_err(Error::io("confine a program"))?;
    let init = copy(&format!("jail-init-{mode}")).map_err(Error::io("start again"))?;
    let status = supervise(init)?;
    let mut text = String::new();
    let read = ended.rewind().and_then(|()| ended.read_to_string(&mut text));
    // Without a word of init the program was not started, or init was killed with it.
    let known = read.ok().and_then(|_| text.parse().ok()).map(ExitStatus::from_raw);
    Ok(known.unwrap_or(status))
}

fn status_file() -> PathBuf {
    Path::new(SCRATCH).join("ended")
}

/// The second helper, process 1: makes the view and the limits, starts the program, and waits for its end.
pub(crate) fn init(mode: &str) -> ExitCode {
    match supervise_program(mode == "trial") {
        Ok(status) => ExitCode::from(status),
        Err(error) => failed(&error),
    }
}

fn supervise_program(is_trial: bool) -> Result<u8, Error> {
    let end_with_parent = || prctl::set_pdeathsig(Signal::SIGKILL).map_err(Error::system("end with its parent"));
    end_with_parent()?;
    let failed = "confine a program";
    let mut ended = File::options().write(true).open(status_file()).map_err(Error::io(failed))?;
    let here = env::current_dir().map_err(Error::io(failed))?;
    let (confinement, command) = Confinement::from_arguments(env::args_os().skip(1));
    let is_root_of_all = fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.contains("4294967295"));
    let mut lacks = view::make(&confinement, &here, Path::new(SCRATCH))?;

    let proc_flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let nothing: Option<&str> = None;
    let has_proc = mount(Some("proc"), "/proc", Some("proc"), proc_flags, nothing).is_ok();
    if !has_proc {
        lacks.push("/proc of its own");
    }
    let mut is_limited = has_proc && limits::bound_process_numbers();
    // When memory runs out, this is what the kernel ends.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    let (user, group) = (nix::unistd::getuid(), nix::unistd::getgid());
    if unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).is_ok() {
        let maps = [("setgroups", "deny".to_owned()), ("uid_map", format!("{user} {user} 1"))];
        for (file, line) in maps.into_iter().chain([("gid_map", format!("{group} {group} 1"))]) {
            fs::write(format!("/proc/self/{file}"), line).map_err(Error::io(failed))?;
        }
        // The kernel counts the processes of root for nothing.
        is_limited |= limits::bound_processes().is_ok() && !is_root_of_all;
    }
    if !is_limited {
        lacks.push("limit of processes");
    }
    if has_proc {
        let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | proc_flags;
        mount(nothing, "/proc", nothing, read_only, nothing).map_err(Error::system(failed))?;
    }
    limits::set().map_err(Error::system(failed))?;
    give_up_privileges().map_err(Error::system(failed))?;
    end_with_parent()?;
    // In a session of its own it has no terminal to type into or to write escapes to.
    nix::unistd::setsid().map_err(Error::system(failed))?;
    lacks.push("limit of memory over all its processes");
    if is_trial {
        let text = lacks.join("\n");
        writeln!(io::stdout(), "{text}").map_err(Error::io(failed))?;
    }
    let [program, arguments @ ..] = command.as_slice() else {
        return Err(Error::io(failed)(io::ErrorKind::InvalidInput.into()));
    };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&here).env_remove(ROLE).env_remove(SHOWN);
    let status = supervise(command)?;
    write!(ended, "{}", status.into_raw()).map_err(Error::io(failed))?;
    Ok(0)
}

/// From here on this process and all that it starts have no capability, and get none by any program that they execute.
fn give_up_privileges() -> Result<(), nix::errno::Errno> {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .map_err(|errno| nix::errno::Errno::from_raw(errno.raw_os_error()))?;
    prctl::set_no_new_privs()?;
    prctl::set_name(c"init")?;
    // Nobody reads the memory or the files of this process.
    prctl::set_dumpable(false)
}
