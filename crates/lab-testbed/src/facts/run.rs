//! The settings of a run, and its experiments.

use std::{fmt, time::Duration};

use lab_packets::diagram::Diagram;
use lab_sandbox::path::NetworkPath;
use serde::{Deserialize, Serialize};

use super::{ProgramRun, Scenario};
use crate::programs::ProgramRole;

/// The settings of the experiments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// The seed of every random choice.
    pub seed: u64,
    /// The number of messages in the answer to `CMD_short`.
    pub messages: u64,
    /// The number of the first message, 0 or 1.
    pub first: u64,
    /// The probability that the PMU of part 3 loses a packet, from 0 to 0.9.
    pub loss: f64,
    /// The number of resets of a series (part 3).
    pub runs: u64,
    /// The path between client and server.
    pub path: NetworkPath,
    /// The time limit of one program.
    pub deadline: Duration,
}

impl Default for RunSettings {
    /// The handout's, over a path with a round-trip time of 100 ms: longer than a busy machine keeps a program waiting.
    fn default() -> Self {
        let path = NetworkPath { delay: Duration::from_millis(50), ..NetworkPath::default() };
        // Ours: resets take as long as their luck wants.
        let deadline = Duration::from_secs(60);
        Self { seed: 1, messages: 10, first: 1, loss: 0.6, runs: 60, path, deadline }
    }
}

/// The circumstances of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    /// The settings of the experiments.
    pub settings: RunSettings,
    /// The substitutes of our programs.
    pub substitutes: Vec<Substitute>,
    /// The begin, since the Unix epoch.
    pub begun: Duration,
    /// The duration.
    pub elapsed: Duration,
    /// The kernel's name and release: `Linux 6.18.44`.
    pub system: String,
}

/// A program that replaces one of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Substitute {
    /// The replaced role.
    pub role: ProgramRole,
    /// The command line, as a shell takes it.
    pub command: String,
}

/// The commands, files and diagrams of one experiment. How it ended is in [`Measurements::status`](super::Measurements::status).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Experiment {
    /// The experiment.
    pub scenario: Scenario,
    /// The programs with their command lines, each once.
    pub invocations: Vec<Invocation>,
    /// The programs, in the order of their ends.
    #[serde(default)]
    pub programs: Vec<ProgramRun>,
    /// Whether there is a capture, at [`Scenario::capture`].
    pub has_capture: bool,
    /// Whether there is a transcript of the programs, at [`Scenario::output`].
    pub has_output: bool,
    /// The duration.
    pub elapsed: Duration,
    /// The sequence diagrams of its connections.
    pub diagrams: Vec<Diagram>,
}

impl Experiment {
    /// An experiment that was not run.
    pub fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            invocations: Vec::new(),
            programs: Vec::new(),
            has_capture: false,
            has_output: false,
            elapsed: Duration::ZERO,
            diagrams: Vec::new(),
        }
    }
}

/// A program that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// The name of its host.
    pub host: String,
    /// The command line, as a shell takes it.
    pub command_line: String,
}

/// `client$ part2-pdc CMD_short:0`.
impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}$ {}", self.host, self.command_line)
    }
}
