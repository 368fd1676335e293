//! Ctrl-C and SIGTERM: a server ends with status 0, a client by the signal, both after their statistics.

use std::{io, process, sync::mpsc, thread, time::Duration};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
    low_level::emulate_default_handler,
};

use super::Console;

/// How long the statistics may take to be written (ours).
const STATISTICS_TIME: Duration = Duration::from_millis(500);

/// Waits for a signal in a thread of its own. All answers are out already: they are written as they become known.
pub(super) fn watch(console: &Console) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let console = console.clone();
    let wait = move || {
        if let Some(signal) = signals.forever().next() {
            console.shutdown.run_task();
            let (done, printed) = mpsc::channel();
            let (statistics, diagnostics) = (console.statistics.clone(), console.err.clone());
            let print = move || {
                diagnostics.progress().end();
                statistics.print(&diagnostics);
                // Nobody waits any more when it took too long.
                let _ = done.send(());
            };
            if thread::Builder::new().spawn(print).is_ok() {
                // A reader that takes nothing must not keep the program from ending.
                let _ = printed.recv_timeout(STATISTICS_TIME);
            }
            if !console.shutdown.is_normal() {
                // Does not return for these two signals.
                let _ = emulate_default_handler(signal);
            }
            process::exit(0);
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
}
