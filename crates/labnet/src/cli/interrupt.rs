//! Ctrl-C and SIGTERM: a server ends with status 0, a client by the signal, both after their statistics.

use std::{io, process, thread};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
    low_level::emulate_default_handler,
};

use super::Console;

/// Waits for a signal in a thread of its own. All answers are out already: they are written as they become known.
pub(super) fn watch(console: &Console) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let console = console.clone();
    let wait = move || {
        if let Some(signal) = signals.forever().next() {
            console.interrupted();
            if !console.is_server() {
                // Does not return for these two signals.
                let _ = emulate_default_handler(signal);
            }
            process::exit(0);
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
}
