//! What is left of a panic: one line on stderr, and a program that fails instead of one that falls.

use std::{
    any::Any,
    io::{self, Write},
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    process::ExitCode,
    sync::Once,
};

use crate::escape::escape;

/// How much of the text of a panic is shown, in bytes (ours: it may hold what a peer sent).
const MAX_TEXT_LEN: usize = 300;

/// Runs a whole program: a panic of its main thread is told in one line, and is status 1.
///
/// For a program that does something before [`run`](super::run), which does the same.
pub fn guard(program: impl FnOnce() -> ExitCode) -> ExitCode {
    catch(program).unwrap_or(ExitCode::FAILURE)
}

/// What `work` yields; `None` after a panic, which has been told then.
///
/// From the first call on a panic of any other thread is told in the same way, and ends that thread alone: a server
/// goes on without the client that it served.
pub(super) fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| panic::set_hook(Box::new(tell)));
    // What the work has left half done is not looked at again: the program ends.
    panic::catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Writes to stderr at once, for nothing else can be relied on. Without a reader there is nobody to tell.
fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(|place| format!(" ({}, line {})", source(place.file()), place.line()));
    let text = text(panic.payload());
    let shown = text.as_bytes().get(..MAX_TEXT_LEN).unwrap_or(text.as_bytes());
    let line = format!(
        "error: this program has a fault of its own{}: {}\nhint: please report this line and the command to those who \
         keep the lab; SECURITY.md says how\n",
        place.unwrap_or_default(),
        escape(shown)
    );
    let _ = io::stderr().write_all(line.as_bytes());
}

fn text(payload: &(dyn Any + Send)) -> &str {
    payload.downcast_ref::<&str>().copied().or_else(|| Some(payload.downcast_ref::<String>()?)).unwrap_or("no reason")
}

/// A source file without the folders of the machine on which it was compiled: `rcgen-0.14.10/src/lib.rs`.
fn source(file: &str) -> &str {
    let folder = |before_src: &str| before_src.rfind(['/', '\\']).map_or(0, |slash| slash + 1);
    let start =
        file.rfind("/src/").or_else(|| file.rfind("\\src\\")).map_or(0, |src| folder(file.get(..src).unwrap_or("")));
    file.get(start..).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::source;

    #[test]
    fn a_source_file_is_named_from_its_crate_on() {
        for (file, expected) in [
            ("/root/.cargo/registry/src/index.crates.io-1/rcgen-0.14.10/src/lib.rs", "rcgen-0.14.10/src/lib.rs"),
            ("crates/ttp/src/request.rs", "ttp/src/request.rs"),
            ("src/main.rs", "src/main.rs"),
            ("lib.rs", "lib.rs"),
        ] {
            assert_eq!(source(file), expected);
        }
    }
}
