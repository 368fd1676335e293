//! How a program ends that is interrupted.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

type Task = Box<dyn FnOnce() + Send>;

/// Whether Ctrl-C is the normal end of the program, and what must be done before it.
#[derive(Clone, Default)]
pub struct Shutdown {
    is_normal: Arc<AtomicBool>,
    task: Arc<Mutex<Option<Task>>>,
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").field("is_normal", &self.is_normal).finish_non_exhaustive()
    }
}

impl Shutdown {
    /// From now on Ctrl-C is the normal end, with status 0: the program is a server.
    pub fn make_normal(&self) {
        self.is_normal.store(true, Ordering::Relaxed);
    }

    /// What Ctrl-C must still do before the program ends, such as ending others. A later task replaces an earlier one.
    pub fn at_interrupt(&self, task: impl FnOnce() + Send + 'static) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(task));
    }

    #[cfg(unix)]
    pub(super) fn is_normal(&self) -> bool {
        self.is_normal.load(Ordering::Relaxed)
    }

    /// Does what is left to do, once.
    #[cfg(unix)]
    pub(super) fn run_task(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task();
        }
    }
}
