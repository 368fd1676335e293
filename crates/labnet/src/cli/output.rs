//! The answer of a program, on stdout: no control byte gets out, but in what is shown as it was received.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

use super::progress::Progress;
use crate::{Error, escape};

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

    /// Writes bytes of a peer as they were received, for those parts whose answer they are.
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

    /// Writes a line of the answer, or several; whatever is in them is [escaped](escape::escape_lines).
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn line(&self, line: impl fmt::Display) -> Result<(), Error> {
        self.lines(format_args!("{line}\n"))
    }

    /// The same of whole lines, which end as they do.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn lines(&self, lines: impl fmt::Display) -> Result<(), Error> {
        self.write(escape::escape_lines(&lines.to_string()).as_bytes())
    }

    /// Writes a value as one line of [JSON](escape::json).
    ///
    /// # Errors
    /// Those of [`write`](Self::write); [`Error::Output`] for what cannot be JSON.
    pub fn json(&self, value: &impl Serialize) -> Result<(), Error> {
        self.line(escape::json(value).map_err(|error| Error::Output(error.into()))?)
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
