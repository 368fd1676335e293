//! What this machine has not. A test that is skipped says so, by its name: to be seen, past the harness, which shows nothing
//! of a test that passes.

use std::{
    io::{self, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

/// Says that the running test is skipped, and why.
pub fn skip(why: &str) {
    skip_by_name(thread::current().name().unwrap_or_default(), why);
}

pub(crate) fn skip_by_name(test: &str, why: &str) {
    let line = format!("skipped: {test}: {}\n", why.trim().replace('\n', " "));
    io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Whether a program of the system is missing; then the test is skipped. It is asked with `--version`, which must work.
pub fn lacks(program: &str) -> bool {
    let mut version = Command::new(program);
    version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let lacks = version.status().is_err();
    if lacks {
        skip(&format!("no {program} here"));
    }
    lacks
}

/// A program of the workspace that lies beside `program`, another one: cargo builds all of them into one folder.
pub fn sibling(program: &str, name: &str) -> PathBuf {
    Path::new(program).with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Whether a program of the workspace was not built together with this test; then the test is skipped.
pub fn lacks_sibling(program: &str, name: &str) -> bool {
    let lacks = !sibling(program, name).exists();
    if lacks {
        skip(&format!("{name} is not built (cargo test --workspace builds it)"));
    }
    lacks
}

/// Whether the loopback interface has IPv6.
pub fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}
