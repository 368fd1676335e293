//! What is different from the handout in a run.

use std::time::Duration;

use lab_sandbox::path::NetworkPath;
use lab_testbed::facts::RunSettings;
use mock_servers::fault::FaultRule;

/// The settings of a run, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variant {
    /// The handout's.
    Usual,
    /// So many messages.
    Count(u64),
    /// The first message has number 0.
    FromZero,
    /// A number of messages, and of the first one, that the seed decides.
    Any,
    /// A server with faults, as they are written behind `--fault` of `mock-servers`, with a space between two.
    Faulty(&'static str),
    /// A text of so many bytes.
    FloodOf(usize),
    /// The family without a PMU is silent.
    Silent,
}

/// The numbers of messages of [`Variant::Any`] (ours).
const FEWEST: u64 = 12;
const MOST: u64 = 60;

/// The maximum of kept output of a program, in bytes (ours): four times the largest text.
const MAX_OUTPUT: usize = 4 << 20;

/// A line of a text of any size: 64 bytes.
const LINE: &str = "A line of the large text, which repeats itself until it is long\n";

impl Variant {
    /// Its settings with a seed.
    pub fn settings(self, seed: u64) -> RunSettings {
        let usual = RunSettings { seed, max_output: MAX_OUTPUT, ..RunSettings::default() };
        match self {
            Self::Usual => usual,
            Self::Count(messages) => RunSettings { messages, ..usual },
            Self::FromZero => RunSettings { first: 0, ..usual },
            Self::Any => {
                let luck = labnet::seed::named(seed, "messages");
                RunSettings { messages: FEWEST + luck % (MOST - FEWEST + 1), first: (luck >> 32) % 2, ..usual }
            }
            // Each is one of the table, which a test reads.
            Self::Faulty(faults) => {
                let faults = faults.split(' ').filter_map(|fault| fault.parse::<FaultRule>().ok()).collect();
                RunSettings { faults, ..usual }
            }
            Self::FloodOf(bytes) => {
                // A large text would take long over a path with a delay.
                let path = NetworkPath { delay: Duration::from_millis(1), ..usual.path };
                let flood = LINE.chars().cycle().take(bytes).collect();
                RunSettings { flood: Some(flood), path, ..usual }
            }
            Self::Silent => RunSettings { silent_family: true, ..usual },
        }
    }

    /// Its name, which is that of its folder.
    pub fn name(self) -> String {
        match self {
            Self::Usual => "usual".to_owned(),
            Self::Count(messages) => format!("n-{messages}"),
            Self::FromZero => "from-0".to_owned(),
            Self::Any => "n-any".to_owned(),
            Self::Faulty(faults) => faults.replace(['=', ',', ' ', '.'], "-"),
            Self::FloodOf(bytes) => format!("flood-{bytes}"),
            Self::Silent => "silent".to_owned(),
        }
    }
}
