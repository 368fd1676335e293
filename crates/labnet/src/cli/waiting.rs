//! What a program waits for, said on stderr when that takes long.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::Diagnostics;

/// How long a wait lasts before it is spoken of (ours; servers of the lab answer at once).
const PATIENCE: Duration = Duration::from_secs(5);

/// When to speak of a wait that `timeout` would end: well before it does.
pub fn notice_after(timeout: Option<Duration>) -> Duration {
    timeout.filter(|timeout| *timeout <= PATIENCE).map_or(PATIENCE, |timeout| timeout / 2)
}

/// Tells the user what the program waits for, once for each thing, when it has waited for 5 s. Clones share it.
#[derive(Clone)]
pub struct Waiting {
    err: Diagnostics,
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    wait: Option<Wait>,
    /// What has been said; the things that a program waits for are few.
    said: Vec<String>,
    has_thread: bool,
}

struct Wait {
    what: String,
    /// Since when; `None` while the program is busy with what has come.
    since: Option<Instant>,
    patience: Duration,
}

impl Waiting {
    pub(super) fn new(err: Diagnostics) -> Self {
        Self { err, shared: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the program waits for this. The text says what has been done, and what has not come.
    pub fn begin(&self, what: impl fmt::Display) {
        self.begin_for(Duration::ZERO, what);
    }

    /// The same, where a wait of that length is to be expected.
    pub fn begin_for(&self, expected: Duration, what: impl fmt::Display) {
        let wait =
            Wait { what: what.to_string(), since: Some(Instant::now()), patience: PATIENCE.saturating_add(expected) };
        let mut state = self.lock();
        state.wait = Some(wait);
        if !std::mem::replace(&mut state.has_thread, true) {
            let this = self.clone();
            // Without a thread to be had nothing is said.
            let _ = thread::Builder::new().name("waiting".to_owned()).spawn(move || this.watch());
        }
        drop(state);
        self.shared.1.notify_all();
    }

    /// Something came, and the program is busy with it, perhaps waiting for whoever reads its output.
    pub fn hold(&self) {
        if let Some(wait) = &mut self.lock().wait {
            wait.since = None;
        }
    }

    /// The program waits again for what it waited for, and the time begins anew.
    pub fn go_on(&self) {
        if let Some(wait) = &mut self.lock().wait {
            wait.since = Some(Instant::now());
        }
    }

    /// Nothing is waited for any more.
    pub fn end(&self) {
        self.lock().wait = None;
    }

    /// The thread that looks at the clock. It ends with the program.
    fn watch(&self) {
        let mut state = self.lock();
        loop {
            let changed = &self.shared.1;
            let Some(wait) = &state.wait else {
                state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = wait.since.map_or(PATIENCE, |since| wait.patience.saturating_sub(since.elapsed()));
            if !left.is_zero() {
                (state, _) = changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if let Some(Wait { what, patience, .. }) = state.wait.take()
                && !state.said.contains(&what)
            {
                self.err.note(format_args!("waiting for {} s: {what}", patience.as_secs()));
                state.said.push(what);
            }
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_spoken_of_before_its_timeout_ends_it() {
        let check = |timeout: Option<f64>, expected: f64| {
            assert_eq!(notice_after(timeout.map(Duration::from_secs_f64)), Duration::from_secs_f64(expected));
        };
        check(None, 5.0);
        check(Some(3.0), 1.5);
        check(Some(5.0), 2.5);
        check(Some(6.0), 5.0);
    }
}
