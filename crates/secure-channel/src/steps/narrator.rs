//! Where the steps of a session are told: line by line as they happen, or not at all.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, TryLockError},
};

use labnet::{Error, cli::Console};

/// Tells what happens in one session.
#[derive(Debug)]
pub struct Narrator(Telling);

#[derive(Debug)]
enum Telling {
    Live(Console),
    /// Somebody else's session is being told: this one is told when it is over.
    Later(Console, Mutex<String>),
    Silent,
}

impl Narrator {
    /// Tells every step as it happens.
    pub fn live(console: &Console) -> Self {
        Self(Telling::Live(console.clone()))
    }

    /// Tells nothing.
    pub fn silent() -> Self {
        Self(Telling::Silent)
    }

    /// Tells one more thing; when nobody reads any more, the session goes on untold.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub fn say(&self, line: impl fmt::Display) -> Result<(), Error> {
        match &self.0 {
            Telling::Live(console) => match console.out.line(line) {
                Err(Error::OutputClosed) => Ok(()),
                said => said,
            },
            Telling::Later(_, text) => {
                let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&format!("{line}\n"));
                Ok(())
            }
            Telling::Silent => Ok(()),
        }
    }
}

/// What was held back is told in one piece.
impl Drop for Narrator {
    fn drop(&mut self) {
        if let Telling::Later(console, text) = &self.0 {
            let text = std::mem::take(&mut *text.lock().unwrap_or_else(PoisonError::into_inner));
            match console.out.lines(text) {
                Ok(()) | Err(Error::OutputClosed) => {}
                Err(error) => console.err.warn(error),
            }
        }
    }
}

/// Tells several sessions, at most one at a time, so that their lines do not mix.
#[derive(Clone, Debug)]
pub struct Floor {
    console: Console,
    taken: Arc<Mutex<()>>,
}

impl Floor {
    /// Nobody speaks yet.
    pub fn new(console: &Console) -> Self {
        Self { console: console.clone(), taken: Arc::default() }
    }

    /// Tells one session: live if nobody else speaks, else at its end.
    pub fn give<T>(&self, session: impl FnOnce(&Narrator) -> T) -> T {
        match self.taken.try_lock() {
            Ok(_turn) => session(&Narrator::live(&self.console)),
            Err(TryLockError::Poisoned(turn)) => {
                let _turn = turn.into_inner();
                session(&Narrator::live(&self.console))
            }
            Err(TryLockError::WouldBlock) => {
                let narrator = Narrator(Telling::Later(self.console.clone(), Mutex::default()));
                session(&narrator)
            }
        }
    }
}
