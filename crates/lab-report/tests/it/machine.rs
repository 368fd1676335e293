//! The machine, which reports share: most at the same time, one or two alone.

use std::sync::{Condvar, Mutex, MutexGuard};

/// How many reports are being made, and whether somebody has the machine alone.
static USERS: Mutex<(usize, bool)> = Mutex::new((0, false));
static CHANGED: Condvar = Condvar::new();

/// A report that is being made beside others.
pub(crate) struct Share(());

/// Waits until nobody has the machine alone.
pub(crate) fn share() -> Share {
    let mut users = wait_until(|(_, is_alone)| !is_alone);
    users.0 += 1;
    Share(())
}

impl Drop for Share {
    fn drop(&mut self) {
        USERS.lock().unwrap().0 -= 1;
        CHANGED.notify_all();
    }
}

/// Waits until no report is being made, and keeps others waiting while `make` makes some. What is the same with the same
/// seed does not depend on how soon a program is woken only where a second is long enough for that.
pub(crate) fn alone<T>(make: impl FnOnce() -> T) -> T {
    let mut users = wait_until(|(count, is_alone)| count == 0 && !is_alone);
    users.1 = true;
    drop(users);
    let made = make();
    USERS.lock().unwrap().1 = false;
    CHANGED.notify_all();
    made
}

fn wait_until(is_so: impl Fn((usize, bool)) -> bool) -> MutexGuard<'static, (usize, bool)> {
    CHANGED.wait_while(USERS.lock().unwrap(), |users| !is_so(*users)).unwrap()
}
