//! Files of the CA: written whole or not at all, never over another one unasked, keys for their owner alone.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use labnet::Error;

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Its owner: a private key.
    Owner,
    /// Everyone.
    All,
}

pub(crate) fn error(attempt: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File { attempt, path: path.display().to_string(), source }
}

pub(crate) fn read(path: &Path) -> Result<String, Error> {
    /// Larger than any certificate, request or key.
    const MAX_LEN: u64 = 1 << 20;
    let failed = |source| error("read", path, source);
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(failed)?.take(MAX_LEN + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_LEN {
        return Err(bad(path, "is too long for a certificate, a request or a key"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(crate) fn bad(path: &Path, complaint: impl Into<String>) -> Error {
    Error::Credentials { path: path.display().to_string(), complaint: complaint.into() }
}

/// Refuses a file that exists, unless it may be replaced.
pub(crate) fn check_free(path: &Path, force: bool) -> Result<(), crate::Error> {
    if !force && path.exists() { Err(exists(path)) } else { Ok(()) }
}

fn exists(path: &Path) -> crate::Error {
    crate::Error::Exists { path: path.display().to_string() }
}

/// A file that is written beside its place, and then moved there, so that nobody ever sees half of it.
pub(crate) struct Staged {
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

impl Staged {
    /// Writes it, readable for its owner alone until it is whole.
    pub(crate) fn write(path: &Path, text: &str, readers: Readers) -> Result<Self, Error> {
        let failed = |source| error("write", path, source);
        let mut file = tempfile::NamedTempFile::new_in(folder_of(path)).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        #[cfg(unix)]
        if readers == Readers::All {
            use std::os::unix::fs::PermissionsExt;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed)?;
        }
        #[cfg(not(unix))]
        let _ = readers;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Moves it to its place.
    pub(crate) fn place(self, force: bool) -> Result<(), crate::Error> {
        let moved = if force { self.file.persist(&self.path) } else { self.file.persist_noclobber(&self.path) };
        moved.map(drop).map_err(|failed| match failed.error.kind() {
            io::ErrorKind::AlreadyExists => exists(&self.path),
            _ => error("write", &self.path, failed.error).into(),
        })
    }
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, text: &str, readers: Readers, force: bool) -> Result<(), crate::Error> {
    Staged::write(path, text, readers)?.place(force)
}

/// Moves files to places that are free: all or none.
pub(crate) fn move_all(moves: &[(PathBuf, PathBuf)]) -> Result<(), Error> {
    for (done, (from, to)) in moves.iter().enumerate() {
        // A link, unlike a renaming, never replaces what has appeared meanwhile.
        if let Err(source) = fs::hard_link(from, to) {
            for (_, placed) in moves.iter().take(done) {
                // Nothing more can be done about one that stays.
                let _ = fs::remove_file(placed);
            }
            return Err(error("write", to, source));
        }
    }
    Ok(())
}

/// A folder within another, for its owner alone, that is removed when dropped.
pub(crate) fn workshop(folder: &Path) -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.prefix(".making-").tempdir_in(folder)
}

/// Holds a folder for one process, until the result is dropped.
pub(crate) fn lock(folder: &Path) -> Result<fs::File, Error> {
    // A folder can be locked itself where it can be opened: on Unix.
    let opened = fs::File::open(folder).or_else(|_| fs::File::create(folder.join(".lock")));
    opened.and_then(|lock| lock.lock().map(|()| lock)).map_err(|source| error("lock", folder, source))
}

pub(crate) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Makes a folder for keys, or refuses one in which others could exchange them.
pub(crate) fn prepare(folder: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    // Whatever the user's mask lets others do elsewhere.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
    builder.recursive(true).create(folder).map_err(|source| error("make", folder, source))?;
    check_folder(folder)
}

/// Refuses a folder in which others could exchange what is written there.
pub(crate) fn check_folder(folder: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        /// Write permission for group and others.
        const OTHERS_WRITE: u32 = 0o022;
        /// In such a folder only the owner of a file may move it.
        const STICKY: u32 = 0o1000;
        let mode = fs::metadata(folder).map_err(|source| error("look at", folder, source))?.permissions().mode();
        if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
            let complaint = "others may write in this folder, and could exchange what is written there: chmod go-w it";
            return Err(bad(folder, complaint));
        }
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
