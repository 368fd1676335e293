//! Files of the CA: written whole or not at all, never over another one unasked, keys for their owner alone.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use labnet::{
    Error,
    file::{self, Permissions, Staged},
};

pub(crate) fn error(attempt: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File { attempt, path: path.display().to_string(), source }
}

pub(crate) fn read(path: &Path) -> Result<String, Error> {
    /// Larger than any certificate, request or key.
    const MAX_LEN: u64 = 1 << 20;
    let bytes = file::read(path, MAX_LEN).map_err(|source| error("read", path, source))?;
    let bytes = bytes.ok_or_else(|| Error::credentials(path, "is too long for a certificate, a request or a key"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Refuses a file that exists, unless it may be replaced.
pub(crate) fn check_free(path: &Path, force: bool) -> Result<(), crate::Error> {
    if !force && path.exists() { Err(exists(path)) } else { Ok(()) }
}

fn exists(path: &Path) -> crate::Error {
    crate::Error::Exists { path: path.display().to_string() }
}

/// Writes a file beside its place.
pub(crate) fn stage(path: &Path, text: &str, permissions: Permissions) -> Result<Staged, Error> {
    let write = || {
        let mut staged = Staged::new(path, permissions)?;
        staged.write_all(text.as_bytes())?;
        staged.finish().map(|()| staged)
    };
    write().map_err(|source| error("write", path, source))
}

/// Moves it to its place.
pub(crate) fn place(staged: Staged, path: &Path, force: bool) -> Result<(), crate::Error> {
    let moved = if force { staged.replace() } else { staged.create() };
    moved.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => error("write", path, source).into(),
    })
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, text: &str, permissions: Permissions, force: bool) -> Result<(), crate::Error> {
    place(stage(path, text, permissions)?, path, force)
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
            return Err(Error::credentials(folder, complaint));
        }
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
