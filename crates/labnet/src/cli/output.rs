//! The answer of a program, on stdout.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use super::progress::Progress;
use crate::Error;

/// Writes the answer, each piece as it becomes known.
#[derive(Clone)]
pub struct Output {
    stdout: Arc<Mutex<Box<dyn Write + Send>>>,
    progress: Progress,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

impl Output {
    pub(super) fn new(progress: Progress) -> Self {
        Self { stdout: Arc::new(Mutex::new(unbuffered_stdout())), progress }
    }

    /// Writes part of the answer as it is.
    ///
    /// # Errors
    /// [`Error::OutputClosed`] when nobody reads it any more, [`Error::Output`] when it cannot be stored.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut stdout = self.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.progress.aside(|| stdout.write_all(bytes).and_then(|()| stdout.flush()));
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Error::OutputClosed,
            _ => Error::Output(error),
        })
    }

    /// Writes one line of the answer.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn line(&self, line: impl fmt::Display) -> Result<(), Error> {
        self.write(format!("{line}\n").as_bytes())
    }

    /// Writes a message on a line of its own: with a newline, unless it ends with one.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn message(&self, message: &[u8]) -> Result<(), Error> {
        self.write(message)?;
        if message.ends_with(b"\n") { Ok(()) } else { self.write(b"\n") }
    }
}

/// Stdout without the line buffer of the standard library: what is written is out, and a flood is not copied.
fn unbuffered_stdout() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        if let Ok(descriptor) = io::stdout().as_fd().try_clone_to_owned() {
            return Box::new(std::fs::File::from(descriptor));
        }
    }
    Box::new(io::stdout())
}
