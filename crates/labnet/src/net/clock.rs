//! The clock of whatever waits, so that a test can hold it.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Time that passes, and pauses that can be cut short.
pub trait Clock: Send + Sync {
    /// The present.
    fn now(&self) -> Instant;

    /// Waits; `false` when the wait was cut short because everything ends.
    fn pause(&self, duration: Duration) -> bool;
}

/// The system's clock. Its clones end together.
#[derive(Clone, Debug, Default)]
pub struct SystemClock {
    ended: Arc<(Mutex<bool>, Condvar)>,
}

impl SystemClock {
    /// Cuts every pause short, now and later.
    pub fn end(&self) {
        let (ended, changed) = &*self.ended;
        *ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Whether [`end`](Self::end) was called.
    pub fn has_ended(&self) -> bool {
        *self.ended.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn pause(&self, duration: Duration) -> bool {
        let (ended, changed) = &*self.ended;
        let ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        let (ended, _) =
            changed.wait_timeout_while(ended, duration, |ended| !*ended).unwrap_or_else(PoisonError::into_inner);
        !*ended
    }
}
