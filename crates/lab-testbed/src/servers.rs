//! The mock servers as a program of their own, and where they listen.

use std::{net::SocketAddr, process::Command, time::Duration};

use lab_process::{Error, Program, Stream};
use mock_servers::{Event, ServerName};

/// A process of mock servers; it ends when this is dropped.
#[derive(Debug)]
pub struct MockServers {
    program: Program,
    events: Vec<Event>,
}

impl MockServers {
    /// Starts `mock-servers` as it was prepared and waits until it is ready. It is told to report events as JSON.
    ///
    /// # Errors
    /// [`Error::Start`], or those of [`Program::line_with`].
    pub fn start(mut command: Command, deadline: Duration) -> Result<Self, Error> {
        command.args(["--events", "json"]);
        let mut program = Program::spawn(command)?;
        let mut events = Vec::new();
        while events.last() != Some(&Event::Ready) {
            let event = |line: &lab_process::Line| serde_json::from_str(&line.text).ok();
            let is_event = |line: &lab_process::Line| line.stream == Stream::Stdout && event(line).is_some();
            let line = program.line_with("become ready", deadline, is_event)?;
            events.extend(event(&line));
        }
        Ok(Self { program, events })
    }

    /// How it was called.
    pub fn command_line(&self) -> &str {
        self.program.command_line()
    }

    /// What it reported until it was ready.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Where a server listens, the first of its addresses.
    pub fn address(&self, wanted: ServerName) -> Option<SocketAddr> {
        self.events.iter().find_map(|event| match event {
            Event::Listening { server, address, .. } if *server == wanted => Some(*address),
            _ => None,
        })
    }

    /// The process.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }
}
