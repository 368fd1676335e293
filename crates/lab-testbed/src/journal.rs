//! The facts of a run so far, in the order of the handout. They can be read at any time.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use crate::facts::{Experiment, Measurements, Run, RunFacts, RunSettings, SCHEMA, Scenario, Substitute};

/// The facts of the current run.
#[derive(Debug)]
pub struct Journal {
    facts: Mutex<RunFacts>,
    begun: Instant,
}

impl Journal {
    /// A journal without results; the run begins now.
    pub fn begin(settings: RunSettings, substitutes: Vec<Substitute>) -> Self {
        let begun = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let facts = RunFacts {
            schema: SCHEMA,
            run: Run { settings, substitutes, begun, elapsed: Duration::ZERO, system: system() },
            experiments: Scenario::ALL.map(Experiment::new).into(),
            measured: Measurements::default(),
        };
        Self { facts: Mutex::new(facts), begun: Instant::now() }
    }

    /// The facts so far.
    pub fn facts(&self) -> RunFacts {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        facts.run.elapsed = self.begun.elapsed();
        facts
    }

    /// Stores the result of an experiment.
    #[cfg(target_os = "linux")]
    pub(crate) fn enter(&self, experiment: Experiment, measure: impl FnOnce(&mut Measurements)) {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        measure(&mut facts.measured);
        if let Some(slot) = facts.experiments.iter_mut().find(|slot| slot.scenario == experiment.scenario) {
            *slot = experiment;
        }
    }
}

/// The name and release of the kernel: `Linux 6.18.44`.
fn system() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Linux {}", release.trim())
}
