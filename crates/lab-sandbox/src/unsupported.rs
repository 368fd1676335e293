//! What is left of private networks where there are none.

use std::process::ExitCode;

use crate::{Error, Launched};

/// Lets the program pass.
pub fn reexec() -> Launched {
    Launched::Outside
}

/// Whether this system gives private networks to this user.
///
/// # Errors
/// [`Error::NotLinux`].
pub fn probe() -> Result<(), Error> {
    Err(Error::NotLinux)
}

/// This program, once more, inside.
#[derive(Debug)]
pub struct Launcher(());

impl Launcher {
    /// Starts it.
    ///
    /// # Errors
    /// [`Error::NotLinux`].
    pub fn start() -> Result<Self, Error> {
        Err(Error::NotLinux)
    }

    /// What passes an interruption on.
    pub fn interrupter(&mut self) -> impl FnOnce() + Send + use<> {
        || {}
    }

    /// Waits for the end inside.
    ///
    /// # Errors
    /// [`Error::NotLinux`].
    pub fn wait(self) -> Result<ExitCode, Error> {
        Err(Error::NotLinux)
    }
}
