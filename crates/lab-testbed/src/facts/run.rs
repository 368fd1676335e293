//! The settings of a run, and its experiments.

use std::{fmt, time::Duration};

use lab_packets::diagram::Diagram;
use lab_sandbox::path::NetworkPath;
use labnet::pmu::{FLOOD_LEN, FloodText};
use mock_servers::fault::FaultRules;
use serde::{Deserialize, Serialize};

use super::{ProgramRun, Scenario};
use crate::programs::ProgramRole;

/// The settings of the experiments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunSettings {
    /// The seed of every random choice.
    pub seed: u64,
    /// The number of messages in the answer to `CMD_short`.
    pub messages: u64,
    /// The number of the first message, 0 or 1.
    pub first: u64,
    /// The probability that the PMU of part 3 loses a packet, from 0 to 0.9.
    pub loss: f64,
    /// What stands between `OFFSET` and its number: `=` in the handout, `:` from the real server.
    #[serde(default = "equals")]
    pub ack_separator: char,
    /// The number of resets of a series (part 3).
    pub runs: u64,
    /// The path between client and server.
    pub path: NetworkPath,
    /// The time limit of one program.
    pub deadline: Duration,
    /// The beginnings of the names of the experiments that were asked for; all if empty.
    pub only: Vec<String>,
    /// Whether the calls of recv of other people's programs are counted.
    pub watch_recv: bool,
    /// The text that answers `CMD_floodme`; `None` for the usual one.
    pub flood: Option<String>,
    /// The port of Code A and B, of Code C and D, and of the group of part 4.
    pub ports: Ports,
    /// Whether the server of part 5 sends text frames instead of binary ones.
    pub text: bool,
    /// What the mock servers of all experiments do wrong, besides what an experiment is about.
    #[serde(default, skip_serializing_if = "FaultRules::is_empty")]
    pub faults: FaultRules,
    /// Whether the family that the PMU of part 3 is not on is silent, in place of refusing.
    pub silent_family: bool,
    /// Experiments with another time limit than [`deadline`](Self::deadline).
    pub deadlines: Vec<(Scenario, Duration)>,
    /// The maximum of kept output of each stream of a program, in bytes.
    pub max_output: usize,
}

/// Ports that differ between editions of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Of Code A and B.
    pub datagram: u16,
    /// Of Code C and D.
    pub echo: u16,
    /// Of the group of part 4.
    pub multicast: u16,
}

impl Default for Ports {
    /// The handout's.
    fn default() -> Self {
        Self { datagram: 5001, echo: 5002, multicast: 5005 }
    }
}

impl RunSettings {
    /// Whether an experiment was asked for.
    pub fn is_wanted(&self, scenario: Scenario) -> bool {
        self.only.is_empty() || self.only.iter().any(|prefix| scenario.name().starts_with(prefix))
    }

    /// The time limit of one program in an experiment.
    pub fn deadline_of(&self, scenario: Scenario) -> Duration {
        let own = self.deadlines.iter().find(|(known, _)| *known == scenario);
        own.map_or(self.deadline, |(_, deadline)| *deadline)
    }

    /// The text that answers `CMD_floodme`.
    pub fn flood_text(&self) -> String {
        let usual = || String::from_utf8_lossy(&FloodText::Ascii.text(FLOOD_LEN)).into_owned();
        self.flood.clone().unwrap_or_else(usual)
    }
}

fn equals() -> char {
    '='
}

impl Default for RunSettings {
    /// The handout's, over a path with a round-trip time of 100 ms: longer than a busy machine keeps a program waiting.
    fn default() -> Self {
        let path = NetworkPath { delay: Duration::from_millis(50), ..NetworkPath::default() };
        // Ours: resets take as long as their luck wants.
        let deadline = Duration::from_secs(60);
        Self {
            seed: 1,
            messages: 10,
            first: 1,
            loss: 0.6,
            ack_separator: equals(),
            runs: 60,
            path,
            deadline,
            only: Vec::new(),
            watch_recv: false,
            flood: None,
            ports: Ports::default(),
            text: false,
            faults: FaultRules::default(),
            silent_family: false,
            deadlines: Vec::new(),
            max_output: lab_process::MAX_OUTPUT,
        }
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
    /// What followed it, as a template: `{host} {port} {command}`; `None` for the handout's arguments.
    #[serde(default)]
    pub arguments: Option<String>,
}

/// The commands, files and diagrams of one experiment. How it ended is in [`Measurements::status`](super::Measurements::status).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Experiment {
    /// The experiment.
    pub scenario: Scenario,
    /// The programs with their command lines, each once.
    pub invocations: Vec<Invocation>,
    /// What its servers did wrong on purpose.
    #[serde(default, skip_serializing_if = "FaultRules::is_empty")]
    pub faults: FaultRules,
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
            faults: FaultRules::default(),
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
