//! The permits to be connected: so many clients at once, and no more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The permits of one server, shared by its sockets.
#[derive(Clone, Debug)]
pub(super) struct Permits(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    connected: usize,
    all: usize,
    /// Whether a client was turned away, and too few have left since.
    is_overloaded: bool,
}

/// There is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoPermit {
    /// How many clients are connected.
    pub(super) connected: usize,
    /// Whether this is the first client of an overload that gets none.
    pub(super) is_first: bool,
}

impl Permits {
    /// That many, at least one.
    pub(super) fn new(connections: usize) -> Self {
        Self(Arc::new(Mutex::new(State { connected: 0, all: connections.max(1), is_overloaded: false })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A permit, if one is free.
    ///
    /// # Errors
    /// [`NoPermit`].
    pub(super) fn acquire(&self) -> Result<Permit, NoPermit> {
        let mut state = self.lock();
        if state.connected < state.all {
            state.connected += 1;
            return Ok(Permit(self.clone()));
        }
        let is_first = !std::mem::replace(&mut state.is_overloaded, true);
        Err(NoPermit { connected: state.connected, is_first })
    }
}

/// A permit that is free again when dropped.
#[derive(Debug)]
pub struct Permit(Permits);

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.connected -= 1;
        // Not at the first that leaves: where many come and go, an overload would begin anew with each of them. An
        // eighth is ours.
        if state.connected + (state.all / 8).max(1) <= state.all {
            state.is_overloaded = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overload_is_told_once_and_ends_when_enough_have_left() {
        let permits = Permits::new(16);
        let mut held: Vec<_> = (0..16).map(|_| permits.acquire().unwrap()).collect();
        let refused = |is_first| NoPermit { connected: 16, is_first };
        assert_eq!(permits.acquire().unwrap_err(), refused(true));
        assert_eq!(permits.acquire().unwrap_err(), refused(false));
        // One that leaves, and another in its place.
        held.pop();
        held.push(permits.acquire().unwrap());
        assert_eq!(permits.acquire().unwrap_err(), refused(false));
        held.truncate(14);
        held.extend((0..2).map(|_| permits.acquire().unwrap()));
        assert_eq!(permits.acquire().unwrap_err(), refused(true));
    }

    #[test]
    fn there_is_one_permit_at_least() {
        let permits = Permits::new(0);
        let permit = permits.acquire().unwrap();
        assert_eq!(permits.acquire().unwrap_err(), NoPermit { connected: 1, is_first: true });
        drop(permit);
        assert!(permits.acquire().is_ok());
    }
}
