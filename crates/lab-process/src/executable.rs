//! Files that are written and then run: a program that a test copies, a script that it makes, a submission that is unpacked.
//!
//! While a file is open for writing, `execve` on it fails with ETXTBSY, "Text file busy". In a process with several threads
//! it does not help to close the file first: what another thread starts at that moment is a copy of this process until its
//! own `execve`, and has a copy of every open descriptor, those that are close-on-exec too. It keeps the file open for
//! writing after this process has closed it.
//!
//! So this process never opens such a file for writing. [`install`] makes a hard link, which opens nothing. Where bytes must
//! be written, a process of its own writes them, `cp` or `cat`: it has one thread, and when it has ended nobody has the
//! descriptor. To try `execve` again until it succeeds would need no other process, but only helps where this process itself
//! runs the program: a shell or a sandbox that runs it would fail.
//!
//! Both functions prepare the file in a folder beside its place and rename it: it is whole or not there, and a program that
//! runs from the same place goes on with the old file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::Error;

/// Puts a program at `to`, in place of any file there. It shares its bytes and its permissions with the file at `from` where
/// a hard link can be made, and is a copy where it cannot.
///
/// # Errors
/// [`Error::Install`]: there is no file at `from`, or the folder of `to` cannot be written.
pub fn install(from: &Path, to: &Path) -> Result<(), Error> {
    place(to, |new| fs::hard_link(from, new).or_else(|_| copy(from, new)))
}

/// Writes a program, or a script with its `#!` line, in place of any file at `to`. Everyone may run it.
///
/// # Errors
/// [`Error::Install`]: the folder of `to` cannot be written, or is full.
pub fn write(bytes: &[u8], to: &Path) -> Result<(), Error> {
    place(to, |new| {
        pour(bytes, new)?;
        #[cfg(unix)]
        fs::set_permissions(new, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(())
    })
}

/// Prepares a file beside its place, then moves it there.
fn place(to: &Path, prepare: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), Error> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let placed = || {
        let beside = tempfile::Builder::new().prefix(".install").tempdir_in(folder)?;
        let new: PathBuf = beside.path().join("program");
        prepare(&new)?;
        fs::rename(&new, to)
    };
    placed().map_err(|source| Error::Install { file: to.to_owned(), source })
}

#[cfg(unix)]
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut cp = std::process::Command::new("cp");
    write_apart(cp.args(["-p", "--"]).args([from, to]), b"")
}

#[cfg(unix)]
fn pour(bytes: &[u8], to: &Path) -> io::Result<()> {
    let mut sh = std::process::Command::new("sh");
    write_apart(sh.args(["-c", "cat >\"$1\"", "sh"]).arg(to), bytes)
}

/// Runs a command that reads `input` and writes a file, to its end.
#[cfg(unix)]
fn write_apart(command: &mut std::process::Command, input: &[u8]) -> io::Result<()> {
    use std::{io::Write, process::Stdio};
    let mut writer = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    // If it does not take all of it, it says why itself.
    let _ = writer.stdin.take().map(|mut stdin| stdin.write_all(input));
    let ended = writer.wait_with_output()?;
    if ended.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&ended.stderr).trim().to_owned()))
}

// Elsewhere a file that is open for writing can be run.

#[cfg(not(unix))]
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to).map(drop)
}

#[cfg(not(unix))]
fn pour(bytes: &[u8], to: &Path) -> io::Result<()> {
    fs::write(to, bytes)
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::{
        os::unix::fs::{MetadataExt, PermissionsExt},
        process::Command,
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::*;

    const SCRIPT: &[u8] = b"#!/bin/sh\nexit 7\n";

    /// How often each way is tried. With `fs::write` and `fs::copy` in their place, 1 to 17 of 300 were "Text file busy".
    const ROUNDS: usize = 200;

    /// Makes a script and runs it, again and again, while other threads start programs all the time.
    fn check(make: impl Fn(&Path) -> io::Result<()>) {
        let folder = tempfile::tempdir().unwrap();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        Command::new("true").status().unwrap();
                    }
                });
            }
            let run = |round: usize| {
                let program = folder.path().join(round.to_string());
                make(&program)?;
                Command::new(program).status()
            };
            let codes: Vec<_> = (0..ROUNDS).map(|round| run(round).map(|status| status.code())).collect();
            is_over.store(true, Ordering::Relaxed);
            let failed: Vec<_> = codes.iter().filter(|code| !matches!(code, Ok(Some(7)))).collect();
            assert!(failed.is_empty(), "{} of {ROUNDS}, first: {:?}", failed.len(), failed.first());
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), ROUNDS, "nothing else is left");
    }

    #[test]
    fn a_file_that_was_written_runs_while_other_threads_start_programs() {
        check(|program| write(SCRIPT, program).map_err(io::Error::other));
    }

    #[test]
    fn a_program_that_was_copied_runs_while_other_threads_start_programs() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("program");
        write(SCRIPT, &from).unwrap();
        check(|program| copy(&from, program));
        check(|program| install(&from, program).map_err(io::Error::other));
    }

    #[test]
    fn a_program_replaces_what_was_there_and_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to, copied] = ["from", "to", "copied"].map(|name| folder.path().join(name));
        write(SCRIPT, &from).unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(&to, "something else").unwrap();
        install(&from, &to).unwrap();
        install(&from, &to).unwrap();
        copy(&from, &copied).unwrap();
        for file in [&to, &copied] {
            assert_eq!(fs::read(file).unwrap(), SCRIPT);
            assert_eq!(fs::metadata(file).unwrap().mode() & 0o7777, 0o700);
        }
        write(b"#!/bin/sh\n", &to).unwrap();
        assert_eq!(fs::metadata(&to).unwrap().mode() & 0o777, 0o755);
        assert_eq!(fs::read(&from).unwrap(), SCRIPT, "the file that was installed is another one again");
    }

    #[test]
    fn what_cannot_be_installed_is_told_with_its_place_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("to");
        let failure = install(&folder.path().join("nothing"), &to).unwrap_err().to_string();
        assert!(failure.starts_with(&format!("cannot install {}: ", to.display())), "{failure}");
        assert!(failure.contains("No such file"), "{failure}");
        assert!(write(SCRIPT, &folder.path().join("no/folder")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
