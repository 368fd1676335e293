//! How a run was made, and what was done in it.

use std::{fmt, time::Duration};

use lab_packets::diagram::Diagram;
use lab_sandbox::path::NetworkPath;
use serde::{Deserialize, Serialize};

use super::Scenario;
use crate::programs::ProgramRole;

/// How the experiments are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Fixes every random choice.
    pub seed: u64,
    /// How many messages answer `CMD_short`.
    pub messages: u64,
    /// The number of the first one.
    pub first: u64,
    /// The probability that the PMU of part 3 loses a packet.
    pub loss: f64,
    /// How many resets are made for the mean (part 3).
    pub runs: u64,
    /// What lies between client and server.
    pub path: NetworkPath,
    /// The longest that one program may take.
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

/// How a run was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    /// How the experiments are made.
    pub settings: RunSettings,
    /// Programs that stand in for ours.
    pub substitutes: Vec<Substitute>,
    /// When it began, since the Unix epoch.
    pub begun: Duration,
    /// How long it took.
    pub elapsed: Duration,
    /// The kernel's name and release: `Linux 6.18.44`.
    pub system: String,
}

/// Somebody else's program in the place of one of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Substitute {
    /// In whose place.
    pub role: ProgramRole,
    /// The command, as a shell takes it.
    pub command: String,
}

/// What was done for one experiment. How it ended is in [`Measurements::status`](super::Measurements::status).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Experiment {
    /// Which one.
    pub scenario: Scenario,
    /// The programs, as they were called; each way of calling once.
    pub invocations: Vec<Invocation>,
    /// Whether there is a capture, at [`Scenario::capture`].
    pub has_capture: bool,
    /// Whether there is what the programs showed, at [`Scenario::output`].
    pub has_output: bool,
    /// How long it took.
    pub elapsed: Duration,
    /// Its connections, packet by packet.
    pub diagrams: Vec<Diagram>,
}

impl Experiment {
    /// One that has not been made yet.
    pub fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            invocations: Vec::new(),
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
    /// The host on which it ran.
    pub host: String,
    /// How it was called, as a shell takes it.
    pub command_line: String,
}

/// `client$ part2-pdc CMD_short:0`.
impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}$ {}", self.host, self.command_line)
    }
}
