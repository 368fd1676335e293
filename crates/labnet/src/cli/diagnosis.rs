//! What the program around a part has to know of an error, whichever crate it is of.

use std::fmt;

use crate::Error;

/// An error that can end a program. Its text is one line, which is shown behind `error: `.
pub trait Diagnosis: fmt::Display {
    /// The error of labnet that it passes on, if it does. A wrong command line among these ends with status 2, a stdout
    /// that nobody reads with status 0 and without a word; any other error ends with status 1.
    fn lab_error(&self) -> Option<&Error>;

    /// What to do about it, where we know; shown behind `hint: `.
    fn hint(&self) -> Option<String> {
        self.lab_error().and_then(Error::hint)
    }
}

impl Diagnosis for Error {
    fn lab_error(&self) -> Option<&Error> {
        Some(self)
    }
}
