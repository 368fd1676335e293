//! The launcher on systems without Linux namespaces.

use std::process::ExitCode;

use crate::{Error, Launched};

/// Always [`Launched::Outside`].
pub fn reexec() -> Launched {
    Launched::Outside
}

/// Checks whether this user may create private networks.
///
/// # Errors
/// [`Error::NotLinux`].
pub fn probe() -> Result<(), Error> {
    Err(Error::NotLinux)
}

/// A copy of this program in a private network; there is none on this system.
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

    /// Forwards an interrupt: there is nothing to interrupt.
    pub fn interrupter(&mut self) -> impl FnOnce() + Send + use<> {
        || {}
    }

    /// Waits until the copy ends.
    ///
    /// # Errors
    /// [`Error::NotLinux`].
    pub fn wait(self) -> Result<ExitCode, Error> {
        Err(Error::NotLinux)
    }
}
