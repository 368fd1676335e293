//! What the program around a part has to know of an error, whichever crate it is of.

use std::fmt;

use crate::Error;

/// An error that can end a program. Its text is one line, which is shown behind `error: `.
pub trait Diagnosis: fmt::Display {
    /// The error of labnet that it passes on, if it does: a wrong command line and a closed stdout are such errors.
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

/// 0 for a reader of stdout that went away, of which nothing is said; 2 for a wrong command line; else 1.
pub(super) fn exit_status(error: &impl Diagnosis) -> u8 {
    match error.lab_error() {
        Some(Error::OutputClosed) => 0,
        Some(Error::Usage(_)) => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a crate above has it.
    #[derive(Debug, thiserror::Error)]
    enum Above {
        #[error(transparent)]
        Lab(#[from] Error),
        #[error("{0} is in the way")]
        Exists(&'static str),
    }

    impl Diagnosis for Above {
        fn lab_error(&self) -> Option<&Error> {
            if let Self::Lab(error) = self { Some(error) } else { None }
        }
    }

    #[test]
    fn an_error_passed_on_by_a_crate_above_ends_a_program_as_labnets_own() {
        let check = |error: Error, expected| {
            assert_eq!(exit_status(&error), expected);
            let (text, hint) = (error.to_string(), error.hint());
            let above = Above::from(error);
            assert_eq!((exit_status(&above), above.to_string(), above.hint()), (expected, text, hint));
        };
        check(Error::OutputClosed, 0);
        check(Error::Usage("no command given".to_owned()), 2);
        check(Error::NoAddress { host: "server".to_owned(), family: "IPv4" }, 1);
        assert_eq!(exit_status(&Above::Exists("a file")), 1);
    }
}
