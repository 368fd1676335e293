//! The files of a submission, put into a folder of ours without trust: from a folder, or from a zip.
//!
//! Nothing gets outside of that folder: no absolute path, no `..`, no link, no device. Sizes and numbers are bounded.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use lab_process::executable;
use zip::{ExtraField, ZipArchive, read::ZipFile};

use crate::{Error, runners};

/// The maximum of files and folders of a submission (ours).
const MAX_ENTRIES: usize = 2000;

/// The maximum of all its bytes (ours).
const MAX_BYTES: u64 = 256 << 20;

/// The maximum of folders within folders (ours).
const MAX_DEPTH: usize = 8;

/// What a submission was, besides its files.
#[derive(Debug, Default)]
pub(crate) struct Unpacked {
    /// What was left out.
    pub(crate) left_out: Vec<String>,
    /// When the newest file was changed, since the Unix epoch, as the folder or the zip has it.
    pub(crate) newest: Option<Duration>,
}

/// Puts the files of a submission into `target`, an empty folder.
///
/// # Errors
/// [`Error::Content`] for an archive that is none, or that reaches out of its folder, or is too large; [`Error::File`].
pub(crate) fn unpack(submission: &Path, target: &Path) -> Result<Unpacked, Error> {
    if submission.is_dir() {
        let mut copy = Copy { entries: 0, bytes: 0, unpacked: Unpacked::default() };
        copy.folder(submission, target, 0)?;
        return Ok(copy.unpacked);
    }
    unzip(submission, target)
}

/// Copies a folder.
struct Copy {
    entries: usize,
    bytes: u64,
    unpacked: Unpacked,
}

impl Copy {
    fn folder(&mut self, from: &Path, to: &Path, depth: usize) -> Result<(), Error> {
        let entries = fs::read_dir(from).map_err(Error::file("read", from))?;
        for entry in entries {
            let entry = entry.map_err(Error::file("read", from))?;
            let (path, target) = (entry.path(), to.join(entry.file_name()));
            // Not of what a link points to.
            let kind = entry.file_type().map_err(Error::file("read", &path))?;
            self.entries += 1;
            if self.entries > MAX_ENTRIES || depth > MAX_DEPTH {
                return Err(Error::content(from, "it has too many files or folders"));
            }
            if kind.is_dir() {
                fs::create_dir(&target).map_err(Error::file("make the folder", &target))?;
                self.folder(&path, &target, depth + 1)?;
            } else if kind.is_file() {
                let file = File::open(&path).map_err(Error::file("read", &path))?;
                let mode = mode(&file);
                let changed = file.metadata().and_then(|metadata| metadata.modified()).ok();
                let changed = changed.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
                self.unpacked.newest = self.unpacked.newest.max(changed);
                self.bytes += write(file, &target, MAX_BYTES.saturating_sub(self.bytes), mode)?;
            } else {
                self.unpacked.left_out.push(format!("{} is no file: left out", entry.file_name().display()));
            }
        }
        Ok(())
    }
}

fn unzip(archive: &Path, target: &Path) -> Result<Unpacked, Error> {
    let wrong = |reason: String| Error::content(archive, reason);
    let file = File::open(archive).map_err(Error::file("read", archive))?;
    let mut zip = ZipArchive::new(file).map_err(|error| wrong(format!("it is no folder and no zip: {error}")))?;
    if zip.len() > MAX_ENTRIES {
        return Err(wrong(format!("it has {} entries; at most {MAX_ENTRIES} are allowed", zip.len())));
    }
    let (mut bytes, mut newest) = (0, None);
    for at in 0..zip.len() {
        let entry = zip.by_index(at).map_err(|error| wrong(format!("entry {at} cannot be read: {error}")))?;
        let name = entry.name().map_or_else(|_| format!("entry {at}"), |name| name.into_owned());
        if entry.is_symlink() {
            return Err(wrong(format!("{name} is a link")));
        }
        let Some(path) = entry.enclosed_name().filter(|path| is_inside(path)) else {
            return Err(wrong(format!("{name} leads out of the folder")));
        };
        if path.components().count() > MAX_DEPTH {
            return Err(wrong(format!("{name} is in too many folders")));
        }
        let path = target.join(path);
        if entry.is_dir() {
            fs::create_dir_all(&path).map_err(Error::file("make the folder", &path))?;
            continue;
        }
        let folder = labnet::file::folder_of(&path);
        fs::create_dir_all(folder).map_err(Error::file("make the folder", folder))?;
        let mode = entry.unix_mode();
        newest = newest.max(changed(&entry));
        bytes += write(entry, &path, MAX_BYTES.saturating_sub(bytes), mode).map_err(|error| match error {
            Error::File { source, .. } => wrong(format!("{name}: {source}")),
            other => other,
        })?;
    }
    Ok(Unpacked { left_out: Vec::new(), newest })
}

/// When a file of a zip was changed: in UTC if the zip says so, or else in the time zone of this machine, as zips have no
/// other.
fn changed(entry: &ZipFile<'_, File>) -> Option<Duration> {
    let in_utc = entry.extra_data_fields().find_map(|field| match field {
        ExtraField::ExtendedTimestamp(times) => times.mod_time(),
        _ => None,
    });
    if let Some(seconds) = in_utc {
        return Some(Duration::from_secs(seconds.into()));
    }
    let time = entry.last_modified()?;
    let small = |number: u8| i8::try_from(number).unwrap_or_default();
    let date = (i16::try_from(time.year()).ok()?, small(time.month()), small(time.day()));
    labnet::cli::local_time(date, (small(time.hour()), small(time.minute()), small(time.second())))
}

/// Whether a path has names alone.
fn is_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, std::path::Component::Normal(_))) && !path.as_os_str().is_empty()
}

/// Writes a new file of at most `room` bytes; of the permissions the right to be run is kept alone. What is a program by its
/// first bytes gets it: archives of some systems have no permissions.
fn write(from: impl Read, path: &Path, room: u64, mode: Option<u32>) -> Result<u64, Error> {
    let mut bytes = Vec::new();
    from.take(room + 1).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
    let len = bytes.len() as u64;
    if len > room {
        return Err(Error::content(path, format!("the submission has more than {} MiB", MAX_BYTES >> 20)));
    }
    if path.symlink_metadata().is_ok() {
        return Err(Error::content(path, "the submission has two files of this name"));
    }
    if mode.unwrap_or(0) & 0o111 != 0 || runners::is_program(&bytes) {
        executable::write(&bytes, path).map_err(|error| Error::content(path, error))?;
    } else {
        fs::write(path, &bytes).map_err(Error::file("write", path))?;
    }
    Ok(len)
}

#[cfg(unix)]
fn mode(file: &File) -> Option<u32> {
    file.metadata().ok().map(|metadata| std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()))
}

#[cfg(not(unix))]
fn mode(_: &File) -> Option<u32> {
    None
}

/// The folder that has the files: the only one in `folder`, or `folder` itself.
pub(crate) fn top(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    // What macOS adds.
    let mut entries = entries.filter(|entry| !["__MACOSX", ".DS_Store"].iter().any(|name| entry.file_name() == *name));
    match (entries.next(), entries.next()) {
        (Some(only), None) if only.path().is_dir() => only.path(),
        _ => folder.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    /// A zip with these entries: their names, their modes, their contents.
    fn archive(folder: &Path, entries: &[(&str, u32, &[u8])]) -> PathBuf {
        let path = folder.join("a.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for (name, mode, contents) in entries {
            let options = SimpleFileOptions::default().unix_permissions(*mode);
            if *mode & 0o170_000 == 0o120_000 {
                zip.add_symlink(*name, str::from_utf8(contents).unwrap(), options).unwrap();
            } else {
                zip.start_file(*name, options).unwrap();
                zip.write_all(contents).unwrap();
            }
        }
        zip.finish().unwrap();
        path
    }

    #[track_caller]
    fn check_refused(entries: &[(&str, u32, &[u8])], reason: &str) {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("in/target");
        fs::create_dir_all(&target).unwrap();
        let error = unpack(&archive(folder.path(), entries), &target).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        let outside: Vec<_> =
            fs::read_dir(folder.path().join("in")).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert_eq!(outside, ["target"], "nothing got out");
    }

    #[test]
    fn an_archive_keeps_to_its_folder() {
        check_refused(&[("../evil", 0o644, b"x")], "leads out");
        check_refused(&[("a/../../evil", 0o644, b"x")], "leads out");
        check_refused(&[("link", 0o120_777, b"/etc/passwd")], "is a link");
        check_refused(&[("a/b/c/d/e/f/g/h/i/j", 0o644, b"x")], "too many folders");
    }

    #[test]
    fn an_archive_that_unpacks_to_very_much_is_refused() {
        let zeros = vec![0; (MAX_BYTES as usize) / 2 + 1];
        check_refused(&[("a", 0o644, &zeros), ("b", 0o644, &zeros)], "more than 256 MiB");
    }

    #[test]
    fn what_is_no_zip_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        fs::write(&path, "PK\u{3}\u{4} and no more").unwrap();
        assert!(unpack(&path, folder.path()).unwrap_err().to_string().contains("no zip"));
    }

    #[cfg(unix)]
    #[test]
    fn files_come_with_the_right_to_be_run_and_no_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path =
            archive(folder.path(), &[("Lab3_1_2/Part2_1_2", 0o4777, b"#!/bin/sh\n"), ("Lab3_1_2/a.pdf", 0o666, b"")]);
        let target = folder.path().join("target");
        fs::create_dir(&target).unwrap();
        unpack(&path, &target).unwrap();
        let top = top(&target);
        assert_eq!(top.file_name().unwrap(), "Lab3_1_2");
        let mode = |name: &str| fs::metadata(top.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("Part2_1_2"), mode("a.pdf")), (0o755, 0o644));
        // A link in a folder is left out.
        std::os::unix::fs::symlink("/etc/passwd", top.join("link")).unwrap();
        let copy = folder.path().join("copy");
        fs::create_dir(&copy).unwrap();
        assert_eq!(unpack(&top, &copy).unwrap().left_out, ["link is no file: left out"]);
        assert!(copy.join("Part2_1_2").is_file() && !copy.join("link").exists());
    }
}
