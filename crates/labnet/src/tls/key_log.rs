//! A file with the secrets of connections, for tools that show what was encrypted (RFC 9850, section 2; first NSS's
//! `SSLKEYLOGFILE`). Whoever has it can read them all: it is for its owner alone.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::KeyLog;

use crate::{Error, file};

/// An open key log. Clones write to the same file.
#[derive(Clone, Debug)]
pub struct KeyLogFile {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl KeyLogFile {
    /// Opens or makes a file, to which secrets are appended.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = file::append_secret(path).map_err(|source| file_error(path, source))?;
        Ok(Self { path: path.to_owned(), file: Arc::new(Mutex::new(file)) })
    }

    /// Appends lines that are in the format already.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn append(&self, lines: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), Error> {
        let lines: String = lines.into_iter().map(|line| format!("{}\n", line.as_ref())).collect();
        let written = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(lines.as_bytes());
        written.map_err(|source| file_error(&self.path, source))
    }
}

fn file_error(path: &Path, source: io::Error) -> Error {
    Error::File { attempt: "write", path: path.display().to_string(), source }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        // rustls has no way to say that it failed, and the connection does not depend on it.
        let _ = self.append([key_log_line(label, client_random, secret)]);
    }
}

/// A line of a key log, without its newline: `LABEL random secret`.
pub fn key_log_line(label: &str, client_random: &[u8], secret: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{label} {} {}", hex(client_random), hex(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_label_and_two_numbers_in_hexadecimal() {
        assert_eq!(key_log_line("CLIENT_RANDOM", &[0, 0xff], &[0x0a]), "CLIENT_RANDOM 00ff 0a");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_grows_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.log");
        std::fs::write(&path, "A 1 2\n").unwrap();
        KeyLogFile::open(&path).unwrap().append(["B 3 4"]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "A 1 2\nB 3 4\n");
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}
