//! Files that appear whole or not at all, and files that are for their owner alone.
//!
//! A file is written beside its place under another name, with mode 0600, and renamed when it is complete: a reader
//! never sees half of it, and after a failure there is either the earlier file or none.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// Who may use a file, once it is in its place. On Unix; elsewhere the folder decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Its owner alone (mode 0600): it holds secrets.
    Owner,
    /// Everyone may read it (0644), whatever the user's umask says.
    Everyone,
    /// Everyone may read and run it (0755).
    Executable,
    /// As any other new file: 0666 without the bits of the umask.
    Umask,
}

/// A file that is being written, beside its place. Dropping it removes it.
#[derive(Debug)]
pub struct Staged {
    file: NamedTempFile,
    path: PathBuf,
    permissions: Permissions,
}

impl Staged {
    /// Makes an empty file beside `path`, for its owner alone until it is in its place.
    ///
    /// # Errors
    /// The system's, such as a folder that is not there.
    pub fn new(path: &Path, permissions: Permissions) -> io::Result<Self> {
        Ok(Self { file: create_in(folder_of(path), permissions)?, path: path.to_owned(), permissions })
    }

    /// Moves the file to its place; a file that is there is replaced.
    ///
    /// # Errors
    /// The system's; then nothing has changed.
    pub fn replace(self) -> io::Result<()> {
        self.finish()?;
        self.file.persist(self.path).map(drop).map_err(|failed| failed.error)
    }

    /// Moves the file to its place, which must be free.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] for a file that is there, and the system's; then nothing has changed.
    pub fn create(self) -> io::Result<()> {
        self.finish()?;
        self.file.persist_noclobber(self.path).map(drop).map_err(|failed| failed.error)
    }

    /// Sets the permissions and waits until everything is on the device: a crash right after the renaming leaves no
    /// empty file under the new name. Both ways to move the file do this too; alone it is for several files of which
    /// none is to move unless all are written.
    ///
    /// # Errors
    /// The system's, such as a full device.
    pub fn finish(&self) -> io::Result<()> {
        complete(self.file.as_file(), self.permissions)?;
        self.file.as_file().sync_all()
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Staged {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

/// Makes the file that is written, for its owner alone; for [`Permissions::Umask`] as any other new file.
#[cfg(unix)]
fn create_in(folder: &Path, permissions: Permissions) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    if permissions == Permissions::Umask {
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Makes the file that is written.
#[cfg(not(unix))]
fn create_in(folder: &Path, _: Permissions) -> io::Result<NamedTempFile> {
    NamedTempFile::new_in(folder)
}

/// Gives a file that is complete its permissions.
#[cfg(unix)]
fn complete(file: &File, permissions: Permissions) -> io::Result<()> {
    let mode = match permissions {
        Permissions::Owner | Permissions::Umask => return Ok(()),
        Permissions::Everyone => 0o644,
        Permissions::Executable => 0o755,
    };
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
}

/// Elsewhere the folder decides.
#[cfg(not(unix))]
fn complete(_: &File, _: Permissions) -> io::Result<()> {
    Ok(())
}

/// Writes a file whole or not at all; one that is there is replaced.
///
/// # Errors
/// The system's; then nothing has changed.
pub fn replace(path: &Path, contents: &[u8], permissions: Permissions) -> io::Result<()> {
    let mut staged = Staged::new(path, permissions)?;
    staged.write_all(contents)?;
    staged.replace()
}

/// Opens a file that is for its owner alone (mode 0600, also when it was there before), to write at its end; makes it
/// if need be.
///
/// # Errors
/// The system's.
pub fn append_secret(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

/// Reads a file of at most `max_len` bytes; `None` for a longer one, of which no more is read.
///
/// # Errors
/// The system's.
pub fn read(path: &Path, max_len: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max_len + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= max_len))
}

/// The folder that a file is in: `.` for a mere name.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The names in a folder, and what each file holds.
    fn files(folder: &Path) -> Vec<(String, String)> {
        let read = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap_or_default())
        };
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(read).collect();
        files.sort();
        files
    }

    fn check(folder: &Path, expected: &[(&str, &str)]) {
        let found = files(folder);
        let found: Vec<_> = found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777
    }

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        replace(&path, b"one", Permissions::Everyone).unwrap();
        replace(&path, b"two", Permissions::Everyone).unwrap();
        check(folder.path(), &[("a", "two")]);

        // What is not finished leaves nothing behind.
        let mut staged = Staged::new(&path, Permissions::Everyone).unwrap();
        staged.write_all(b"thr").unwrap();
        assert_eq!(files(folder.path()).len(), 2);
        drop(staged);
        check(folder.path(), &[("a", "two")]);

        // Nor does what cannot be moved to its place.
        let taken = folder.path().join("folder");
        fs::create_dir(&taken).unwrap();
        assert!(replace(&taken, b"four", Permissions::Owner).is_err());
        check(folder.path(), &[("a", "two"), ("folder", "")]);
        assert!(replace(&folder.path().join("missing/a"), b"", Permissions::Owner).is_err());
    }

    #[test]
    fn a_file_in_the_way_is_kept_when_a_new_one_is_to_be_created() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let create = |text: &[u8]| {
            let mut staged = Staged::new(&path, Permissions::Owner)?;
            staged.write_all(text)?;
            staged.create()
        };
        create(b"one").unwrap();
        assert_eq!(create(b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        check(folder.path(), &[("a", "one")]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_that_were_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let is_as_usual = |mode: u32| {
            fs::write(folder.path().join("usual"), "").unwrap();
            mode == self::mode(&folder.path().join("usual"))
        };
        for (permissions, expected) in
            [(Permissions::Executable, 0o755), (Permissions::Everyone, 0o644), (Permissions::Owner, 0o600)]
        {
            let mut staged = Staged::new(&path, permissions).unwrap();
            assert_eq!(mode(staged.file.path()), 0o600, "a file that is not finished is its owner's alone");
            staged.write_all(b"text").unwrap();
            staged.replace().unwrap();
            assert_eq!(mode(&path), expected);
        }
        replace(&path, b"text", Permissions::Umask).unwrap();
        assert!(is_as_usual(mode(&path)));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_secrets_grows_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        fs::write(&path, "one\n").unwrap();
        append_secret(&path).unwrap().write_all(b"two\n").unwrap();
        check(folder.path(), &[("secrets", "one\ntwo\n")]);
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_file_is_read_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "four").unwrap();
        assert_eq!(read(&path, 4).unwrap().unwrap(), b"four");
        assert_eq!(read(&path, 3).unwrap(), None);
        assert!(read(&folder.path().join("missing"), 4).is_err());
        assert_eq!((folder_of(Path::new("a")), folder_of(Path::new("b/a"))), (Path::new("."), Path::new("b")));
    }
}
