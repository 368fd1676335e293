//! Where a program writes: answers to stdout, all else to stderr, statistics at the very end.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use super::{
    Diagnosis,
    progress::Progress,
    stats::{Record, Stats},
};
use crate::Error;

/// The output of one program. Its clones share it, so that threads and the signal handler can write too.
#[derive(Clone)]
pub struct Console {
    shared: Arc<Shared>,
}

struct Shared {
    stdout: Mutex<Box<dyn Write + Send>>,
    stats: Mutex<Vec<Arc<dyn Record>>>,
    is_server: AtomicBool,
    at_interrupt: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    warnings: AtomicUsize,
    progress: Progress,
}

/// How many warnings are shown (ours): what a hostile peer can provoke must not fill a disk.
const MAX_WARNINGS: usize = 100;

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Console")
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

impl Console {
    /// The console of this process.
    pub fn new() -> Self {
        let shared = Shared {
            stdout: Mutex::new(unbuffered_stdout()),
            stats: Mutex::new(Vec::new()),
            is_server: AtomicBool::new(false),
            at_interrupt: Mutex::new(None),
            warnings: AtomicUsize::new(0),
            progress: Progress::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Writes part of the answer as it is.
    ///
    /// # Errors
    /// [`Error::OutputClosed`] when nobody reads it any more, [`Error::Output`] when it cannot be stored.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut stdout = self.shared.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.shared.progress.aside(|| stdout.write_all(bytes).and_then(|()| stdout.flush()));
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

    /// Shows on a terminal how far a program is that does something several times.
    pub fn progress(&self) -> &Progress {
        &self.shared.progress
    }

    /// Tells the user something that is no part of the answer.
    pub fn note(&self, text: impl fmt::Display) {
        self.to_stderr(&format!("note: {text}\n"));
    }

    /// Tells the user something that is no part of the answer, in a form of its own.
    pub fn aside(&self, line: impl fmt::Display) {
        self.to_stderr(&format!("{line}\n"));
    }

    /// Tells the user what may be wrong.
    pub fn warn(&self, text: impl fmt::Display) {
        match self.shared.warnings.fetch_add(1, Ordering::Relaxed) {
            0..MAX_WARNINGS => self.to_stderr(&format!("warning: {text}\n")),
            MAX_WARNINGS => self.to_stderr("warning: further warnings are left out\n"),
            _ => {}
        }
    }

    /// Tells the user what to try.
    pub fn hint(&self, text: impl fmt::Display) {
        self.to_stderr(&format!("hint: {text}\n"));
    }

    /// Asks the user at a terminal; a pipe is not asked.
    pub fn prompt(&self, text: &str) {
        if io::stdin().is_terminal() && io::stderr().is_terminal() {
            self.to_stderr(text);
        }
    }

    /// Announces a server: from now on Ctrl-C is its normal end, with status 0.
    pub fn serve(&self, announcement: impl fmt::Display) {
        self.shared.is_server.store(true, Ordering::Relaxed);
        self.note(announcement);
    }

    /// As [`serve`](Self::serve), for a server whose announcement is part of its answer.
    pub fn serve_silently(&self) {
        self.shared.is_server.store(true, Ordering::Relaxed);
    }

    /// What Ctrl-C must still do before the program ends, such as ending others.
    pub fn at_interrupt(&self, last_act: impl FnOnce() + Send + 'static) {
        *self.shared.at_interrupt.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(last_act));
    }

    /// Statistics to be kept until the end of the program, where they are printed if they were `wanted`.
    pub fn stats<T: serde::Serialize + Send + 'static>(&self, wanted: bool, initial: T) -> Stats<T> {
        let stats = Stats::new(initial, wanted);
        if wanted {
            self.shared.stats.lock().unwrap_or_else(PoisonError::into_inner).push(stats.record());
        }
        stats
    }

    pub(super) fn error(&self, error: &impl Diagnosis) {
        self.complain(&error.to_string(), error.hint().as_deref());
    }

    pub(super) fn complain(&self, message: &str, hint: Option<&str>) {
        let hint = hint.map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
        self.to_stderr(&format!("error: {message}\n{hint}"));
    }

    pub(super) fn print_stats(&self) {
        for record in self.shared.stats.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            self.to_stderr(&format!("{}\n", record.json()));
        }
    }

    /// One write for each call, so that lines of several threads do not mix. Without a reader there is nobody to tell.
    fn to_stderr(&self, text: &str) {
        let _ = self.shared.progress.aside(|| io::stderr().write_all(text.as_bytes()));
    }

    #[cfg(unix)]
    pub(super) fn last_act(&self) {
        let last_act = self.shared.at_interrupt.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(last_act) = last_act {
            last_act();
        }
    }

    #[cfg(unix)]
    pub(super) fn is_server(&self) -> bool {
        self.shared.is_server.load(Ordering::Relaxed)
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
