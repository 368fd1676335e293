//! The mock servers on free ports.

use lab_testbed::servers::MockServers;
use mock_servers::ServerName;

use crate::runner::{DEADLINE, ExperimentError, Runner};

/// A process of mock servers; dropping it ends the process.
pub(crate) struct RunningServers(MockServers);

/// The options of every start: free ports, and one seed for the same random choices in each run.
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

impl RunningServers {
    /// Starts the named servers, waits until they are ready, and prints their addresses.
    pub(crate) fn start(runner: &Runner, names_and_options: &[&str]) -> Result<Self, ExperimentError> {
        let command = runner.command("mock-servers", &[names_and_options, &COMMON].concat());
        let servers = MockServers::start(command, DEADLINE)?;
        runner.show_command(servers.command_line())?;
        runner.show(servers.events().iter())?;
        Ok(Self(servers))
    }

    /// The port of a server.
    ///
    /// # Errors
    /// [`ExperimentError::Failed`] if this process has no such server.
    pub(crate) fn port(&self, name: ServerName) -> Result<String, ExperimentError> {
        let address = self.0.address(name);
        let address = address.ok_or_else(|| ExperimentError::Failed(format!("expected: a server called {name}")))?;
        Ok(address.port().to_string())
    }
}
