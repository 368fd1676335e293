//! The mock servers, on ports that were free, and where they are.

use std::collections::HashMap;

use lab_process::{Program, Stream};

use crate::runner::{DEADLINE, ExperimentError, Runner, check};

/// A process of mock servers.
pub(crate) struct Servers {
    ports: HashMap<String, String>,
    /// Runs until this is dropped.
    _program: Program,
}

/// What every run of the lab has in common: ports that are free, and dice that fall the same way each time.
const COMMON: [&str; 12] = [
    "--pmu-port",
    "0",
    "--reset-port",
    "0",
    "--multicast-port",
    "0",
    "--ws-port",
    "0",
    "--tls-port",
    "0",
    "--seed",
    "1",
];

impl Servers {
    /// Starts the named servers and waits until they are ready.
    pub(crate) fn start(runner: &Runner, names_and_options: &[&str]) -> Result<Self, ExperimentError> {
        let mut program = runner.start("mock-servers", &[names_and_options, &COMMON].concat())?;
        let mut ports = HashMap::new();
        loop {
            let line = program.line_with("become ready", DEADLINE, |line| line.stream == Stream::Stdout)?;
            runner.show([&line].into_iter())?;
            match line.text.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["listening", name, _, address] => {
                    let port = address.rsplit(':').next().unwrap_or_default();
                    ports.insert((*name).to_owned(), port.to_owned());
                }
                ["ready"] => return Ok(Self { ports, _program: program }),
                _ => check("'listening NAME PROTOCOL ADDRESS' or 'ready'", false)?,
            }
        }
    }

    /// The port of one of them.
    pub(crate) fn port(&self, name: &str) -> Result<&str, ExperimentError> {
        let port = self.ports.get(name).map(String::as_str);
        port.ok_or_else(|| ExperimentError::Finding(format!("expected: a server called {name}")))
    }
}
