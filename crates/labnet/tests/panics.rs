//! A panic in a program of the lab: one line, status 1, and a server that goes on. This test is also that program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    env,
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Command, ExitCode, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use clap::Parser;
use labnet::{
    Error,
    cli::{self, Console, TransferStats},
    net,
    pmu::Command as PmuCommand,
};

/// What makes this the program under test, and how it is to panic.
const HOW: &str = "LABNET_TEST_PANIC";

#[derive(Parser)]
struct Arguments {}

fn main() -> ExitCode {
    let Ok(how) = env::var(HOW) else {
        check_all();
        return ExitCode::SUCCESS;
    };
    match how.as_str() {
        "early" => cli::guard(|| panic!("before the arguments")),
        _ => cli::run(|_: Arguments, console: &Console| program(&how, console)),
    }
}

fn program(how: &str, console: &Console) -> Result<(), Error> {
    match how {
        "text" => panic!("one\ntwo \u{1b}[31m {}", "\u{202e}".repeat(500)),
        "other" => std::panic::panic_any(7),
        "stats" => {
            let _stats = console.statistics.begin(true, TransferStats::of(&"CMD_floodme".parse::<PmuCommand>()?));
            panic!("in the middle");
        }
        "thread" => {
            thread::spawn(|| panic!("in a thread")).join().unwrap_err();
            console.out.line("done")
        }
        _ => serve(console),
    }
}

/// A server whose first client makes it panic, and whose second is served.
fn serve(console: &Console) -> Result<(), Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let is_first = Arc::new(AtomicBool::new(true));
    let handler = move |_: TcpStream, _, _: &dyn net::Clock| {
        assert!(!is_first.swap(false, Ordering::SeqCst), "the first client");
    };
    // One client at a time: the second is served only if the first has given back its permit.
    let limits = net::ClientLimits { connections: 1, ..net::ClientLimits::default() };
    let server = net::serve(vec![listener], &limits, |_| {}, handler)?;
    for _ in 0..2 {
        let client = TcpStream::connect(server.address()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(client.peek(&mut [0]).unwrap(), 0, "served, and closed");
    }
    console.out.line("both are gone")
}

fn run(how: &str) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(HOW, how).env("RUST_BACKTRACE", "1").stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn check(how: &str, status: i32, stdout: &str, reason: &str) -> String {
    let output = run(how);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{how}: {stderr}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), stdout, "{how}");
    let mut lines = stderr.lines();
    let error = lines.next().unwrap_or_default();
    assert!(error.starts_with("error: this program has a fault of its own ("), "{how}: {stderr}");
    assert!(error.contains(reason) && error.contains("panics.rs, line "), "{how}: {stderr}");
    assert!(!error.contains(|character: char| character.is_control() || character == '\u{202e}'), "{how}: {stderr}");
    assert!(error.len() < 2000, "{how}: {stderr}");
    assert!(lines.next().is_some_and(|hint| hint.starts_with("hint: please report")), "{how}: {stderr}");
    lines.collect()
}

fn check_all() {
    assert_eq!(check("text", 1, "", "one\\ntwo \\x1b[31m"), "");
    assert_eq!(check("other", 1, "", "no reason"), "");
    assert_eq!(check("early", 1, "", "before the arguments"), "");
    assert_eq!(check("thread", 0, "done\n", "in a thread"), "");
    assert_eq!(check("server", 0, "both are gone\n", "the first client"), "");
    assert!(check("stats", 1, "", "in the middle").starts_with("{\"command\":\"CMD_floodme\""));
}
