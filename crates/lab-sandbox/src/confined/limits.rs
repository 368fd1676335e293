//! Limits of a confined program. All of them are ours.

use std::fs;

use nix::{
    errno::Errno,
    sys::resource::{Resource, setrlimit},
};

/// Processes and threads.
const MAX_PROCESSES: u64 = 512;

/// The largest file, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Open files. Some runtimes raise their soft limit to the hard one and close all numbers below it.
const MAX_OPEN: u64 = 4096;

/// What one process may have of data, in bytes: no runtime's reserve of addresses counts.
const MAX_DATA: u64 = 4 << 30;

/// The time on a processor of one process, in seconds; the longest deadline of a case is shorter.
const MAX_CPU: u64 = 600;

/// Limits of each process.
pub(super) fn set() -> Result<(), Errno> {
    let limits = [
        (Resource::RLIMIT_FSIZE, MAX_FILE),
        (Resource::RLIMIT_NOFILE, MAX_OPEN),
        (Resource::RLIMIT_DATA, MAX_DATA),
        (Resource::RLIMIT_CPU, MAX_CPU),
    ];
    for (resource, limit) in limits {
        lower(resource, limit)?;
    }
    no_core()
}

/// No core is left.
pub(super) fn no_core() -> Result<(), Errno> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
}

/// A limit of the processes of this user in this user namespace. Before Linux 5.14 it would count all of the user's.
pub(super) fn bound_processes() -> Result<(), Errno> {
    if kernel() < (5, 14) {
        return Err(Errno::ENOSYS);
    }
    lower(Resource::RLIMIT_NPROC, MAX_PROCESSES)
}

/// A limit of the process numbers of this namespace, which root obeys, too. Before Linux 6.14 it was the whole system's.
pub(super) fn bound_process_numbers() -> bool {
    kernel() >= (6, 14) && fs::write("/proc/sys/kernel/pid_max", MAX_PROCESSES.to_string()).is_ok()
}

/// A limit that is lower already stays.
fn lower(resource: Resource, limit: u64) -> Result<(), Errno> {
    let (_, hard) = nix::sys::resource::getrlimit(resource)?;
    let limit = limit.min(hard);
    setrlimit(resource, limit, limit)
}

/// The version of the kernel; 0.0 when it is not known.
fn kernel() -> (u32, u32) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
