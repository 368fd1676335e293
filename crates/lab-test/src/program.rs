//! A program, and what is awaited from it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::Command,
};

use lab_process::{Line, Outcome, Program, Stream};

use crate::PATIENCE;

/// Starts a program with arguments. It is not told of a server by the environment.
#[track_caller]
pub fn start(program: &str, arguments: &[&str]) -> Program {
    let mut command = Command::new(program);
    command.args(arguments).env_remove("LAB_SERVER");
    spawn(command)
}

/// Starts a command as it was prepared.
#[track_caller]
pub fn spawn(command: Command) -> Program {
    Program::spawn(command).unwrap_or_else(|failure| panic!("{failure}"))
}

/// Ends a program's input and waits for its end.
#[track_caller]
pub fn finish(program: Program) -> Outcome {
    program.finish(PATIENCE).unwrap_or_else(|failure| panic!("{failure}"))
}

/// Runs a program to its end.
#[track_caller]
pub fn run(program: &str, arguments: &[&str]) -> Outcome {
    finish(start(program, arguments))
}

/// Waits for the next line on `stream` that has these words in it; those before it are passed over.
#[track_caller]
pub fn next_line(program: &mut Program, stream: Stream, words: &str) -> String {
    let is_wanted = |line: &Line| line.stream == stream && line.text.contains(words);
    let line = program.line_with(&format!("show '{words}'"), PATIENCE, is_wanted);
    line.unwrap_or_else(|failure| panic!("{failure}")).text
}

/// Ends a program as its user does, with Ctrl-C, which must be a success.
#[track_caller]
pub fn stop(mut program: Program) -> Outcome {
    program.interrupt();
    let outcome = finish(program);
    assert_eq!(outcome.code(), 0, "{}: {}", outcome.command_line, outcome.stderr());
    outcome
}

/// A server program that listens.
#[derive(Debug)]
pub struct Listening {
    /// The server.
    pub program: Program,
    /// Where clients on this machine reach it.
    pub address: SocketAddr,
}

impl Listening {
    /// Waits until a program that was started says where it listens.
    #[track_caller]
    pub fn of(mut program: Program) -> Self {
        let address = program.wait_until_listening(PATIENCE);
        let mut address = address.unwrap_or_else(|failure| panic!("{failure}"));
        if address.ip().is_unspecified() {
            let here = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { IpAddr::from(Ipv6Addr::LOCALHOST) };
            address.set_ip(here);
        }
        Self { program, address }
    }

    /// Its port, as an argument.
    pub fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// Waits for its next line on stdout that has these words in it.
    #[track_caller]
    pub fn report(&mut self, words: &str) -> String {
        next_line(&mut self.program, Stream::Stdout, words)
    }
}
