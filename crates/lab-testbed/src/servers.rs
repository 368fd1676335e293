//! The mock servers as a separate process, and their addresses.

use std::{net::SocketAddr, process::Command, time::Duration};

use lab_process::{Error, Program, Stream};
use mock_servers::{Event, ServerName};

/// A process of mock servers; dropping it ends the process.
#[derive(Debug)]
pub struct MockServers {
    program: Program,
    events: Vec<Event>,
}

impl MockServers {
    /// Starts a command line of `mock-servers` and waits until the servers are ready. It adds `--events json`.
    ///
    /// # Errors
    /// [`Error::Start`] if the program cannot be started; [`Error::Deadline`] or [`Error::Ended`] if it does not become
    /// ready within the deadline.
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

    /// The command line, as a shell takes it.
    pub fn command_line(&self) -> &str {
        self.program.command_line()
    }

    /// The events up to [`Event::Ready`].
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The first address of a server; `None` if this process has no such server.
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
