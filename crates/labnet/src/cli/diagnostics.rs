//! What a program says beside its answer, on stderr: whatever is in it, no control byte gets out.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::progress::Progress;
use crate::escape::{escape, escape_lines};

/// How many warnings are shown (ours): what a hostile peer can provoke must not fill a disk.
const MAX_WARNINGS: usize = 100;

/// Tells the user what is no part of the answer.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    warnings: Arc<AtomicUsize>,
    progress: Progress,
}

impl Diagnostics {
    pub(super) fn new(progress: Progress) -> Self {
        Self { warnings: Arc::default(), progress }
    }

    /// Shows on a terminal how far a program is that does something several times.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Tells the user something that is no part of the answer.
    pub fn note(&self, text: impl fmt::Display) {
        self.write(&labelled("note", text));
    }

    /// The same, in a form of its own, which may have several lines.
    pub fn line(&self, lines: impl fmt::Display) {
        self.write(&escape_lines(&format!("{lines}\n")));
    }

    /// Tells the user what may be wrong.
    pub fn warn(&self, text: impl fmt::Display) {
        match self.warnings.fetch_add(1, Ordering::Relaxed) {
            0..MAX_WARNINGS => self.write(&labelled("warning", text)),
            MAX_WARNINGS => self.write("warning: further warnings are left out\n"),
            _ => {}
        }
    }

    /// Tells the user what to try.
    pub fn hint(&self, text: impl fmt::Display) {
        self.write(&labelled("hint", text));
    }

    /// Asks the user at a terminal; a pipe is not asked.
    pub fn prompt(&self, text: &str) {
        if io::stdin().is_terminal() && io::stderr().is_terminal() {
            self.write(text);
        }
    }

    /// The error that ends the program.
    #[cfg(unix)]
    pub(super) fn error(&self, error: &impl super::Diagnosis) {
        self.message_and_hint(&error.to_string(), error.hint().as_deref());
    }

    pub(super) fn message_and_hint(&self, message: &str, hint: Option<&str>) {
        let hint = hint.map(|hint| labelled("hint", hint)).unwrap_or_default();
        self.write(&format!("{}{hint}", labelled("error", message)));
    }

    /// One write for each call, so that lines of several threads do not mix. Without a reader there is nobody to tell.
    fn write(&self, text: &str) {
        let _ = self.progress.aside(|| io::stderr().write_all(text.as_bytes()));
    }
}

/// One line, whatever the text holds.
fn labelled(label: &str, text: impl fmt::Display) -> String {
    format!("{label}: {}\n", escape(&text.to_string()))
}
