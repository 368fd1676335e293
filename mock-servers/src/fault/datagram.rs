//! Faults of datagrams: maps over what is sent for one acknowledgement, or for one line of the play.

mod path;
mod stray;

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};

use super::{Fault, FaultRule};

/// A datagram to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How much later than usual it leaves.
    pub after: Duration,
    /// Who sends it, and where to.
    pub origin: Origin,
}

/// Who sends a datagram, and where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The server, as it should.
    Server,
    /// Another socket.
    Stranger,
    /// The server, to another group.
    ForeignGroup,
}

impl Outgoing {
    /// What a server without faults sends.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), after: Duration::ZERO, origin: Origin::Server }
    }
}

/// The faults that one client's datagrams meet, or those of a group. They remember what they did: bursts have a length, and
/// what changes places is held back.
#[derive(Debug, Default)]
pub struct DatagramFaults {
    faults: Vec<Drawn>,
    count: u64,
}

/// One of them, and its luck.
#[derive(Debug)]
struct Drawn {
    fault: Fault,
    memory: Memory,
    probability: Option<f64>,
    /// The only datagram that meets it.
    only: Option<u64>,
    rng: StdRng,
}

/// What a fault remembers from one datagram to the next.
#[derive(Debug, Default)]
struct Memory {
    /// Whether the path is bad.
    is_bad: bool,
    /// What is held back.
    held: Option<Vec<Outgoing>>,
}

impl DatagramFaults {
    /// Rules with the random numbers of each. With `by_datagram` the client of a rule is the number of a datagram.
    pub(super) fn new<'r>(rules: impl Iterator<Item = (&'r FaultRule, StdRng)>, by_datagram: bool) -> Self {
        let drawn = |(rule, rng): (&FaultRule, StdRng)| Drawn {
            fault: rule.fault.clone(),
            memory: Memory::default(),
            probability: rule.probability,
            only: rule.client.filter(|_| by_datagram),
            rng,
        };
        Self { faults: rules.map(drawn).collect(), count: 0 }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// The faults, in the order in which they are applied.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().map(|drawn| &drawn.fault)
    }

    /// What is sent in place of one datagram, in this order.
    pub fn apply(&mut self, datagram: Outgoing) -> Vec<Outgoing> {
        self.count += 1;
        let mut datagrams = vec![datagram];
        for drawn in &mut self.faults {
            let is_met = drawn.only.is_none_or(|only| only == self.count)
                && drawn.probability.is_none_or(|probability| drawn.rng.random::<f64>() < probability);
            if is_met {
                datagrams = drawn.apply(datagrams);
            }
        }
        datagrams
    }
}

impl Drawn {
    fn apply(&mut self, datagrams: Vec<Outgoing>) -> Vec<Outgoing> {
        let (memory, rng) = (&mut self.memory, &mut self.rng);
        let from_elsewhere = |origin, bytes| Outgoing { origin, ..Outgoing::new(bytes) };
        match self.fault {
            Fault::Loss(probability) => path::lose(datagrams, probability, rng),
            Fault::Burst { enter, leave } => path::burst(datagrams, enter, leave, &mut memory.is_bad, rng),
            Fault::Silence => Vec::new(),
            Fault::Duplicate(copies) => path::duplicate(datagrams, copies),
            Fault::Late(duration) => path::delay(datagrams, duration),
            Fault::Swap => path::swap(datagrams, &mut memory.held),
            Fault::Garbage => stray::before_each(datagrams, |_| Outgoing::new(stray::garbage(rng))),
            Fault::OutOfRange => {
                stray::before_each(datagrams, |bytes| Outgoing::new(stray::with_number(bytes, u64::MAX)))
            }
            Fault::Stranger => {
                stray::before_each(datagrams, |bytes| from_elsewhere(Origin::Stranger, stray::with_number(bytes, 0)))
            }
            Fault::Short => stray::before_each(datagrams, |bytes| Outgoing::new(stray::short(bytes))),
            Fault::Binary => stray::before_each(datagrams, |bytes| Outgoing::new(stray::binary(bytes))),
            Fault::ForeignGroup => {
                stray::before_each(datagrams, |bytes| from_elsewhere(Origin::ForeignGroup, bytes.to_vec()))
            }
            _ => datagrams,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ServerName, fault::FaultRules};

    fn faults(rules: &[&str]) -> DatagramFaults {
        let rules: FaultRules = rules.iter().map(|rule| rule.parse::<FaultRule>().unwrap()).collect();
        rules.for_datagrams(1, "reset IPv4", ServerName::Reset, 1)
    }

    fn apply(faults: &mut DatagramFaults, text: &str) -> Vec<Outgoing> {
        faults.apply(Outgoing::new(text))
    }

    fn texts(datagrams: &[Outgoing]) -> Vec<&str> {
        datagrams.iter().map(|datagram| str::from_utf8(&datagram.bytes).unwrap()).collect()
    }

    #[test]
    fn copies_follow_and_strays_come_before() {
        assert_eq!(texts(&apply(&mut faults(&["duplicate=2"]), "OFFSET=3")), ["OFFSET=3"; 3]);
        let seen = apply(&mut faults(&["out-of-range"]), "OFFSET:3");
        assert_eq!(texts(&seen), ["OFFSET:18446744073709551615", "OFFSET:3"]);
        let seen = apply(&mut faults(&["stranger"]), "OFFSET=3");
        assert_eq!(texts(&seen), ["OFFSET=0", "OFFSET=3"]);
        assert_eq!(seen[0].origin, Origin::Stranger);
        let seen = apply(&mut faults(&["garbage"]), "OFFSET=3");
        assert!(seen.len() == 2 && !seen[0].bytes.starts_with(b"OFFSET"), "{seen:?}");
        let seen = apply(&mut faults(&["late=1500"]), "OFFSET=3");
        assert_eq!(seen[0].after, Duration::from_millis(1500));
    }

    #[test]
    fn two_change_places() {
        let mut faults = faults(&["swap"]);
        let seen = ["a", "b", "c", "d"].map(|text| texts(&apply(&mut faults, text)).concat());
        assert_eq!(seen, ["", "ba", "", "dc"]);
    }

    #[test]
    fn strays_of_a_group_are_no_whole_datagrams() {
        let rules: FaultRules = ["short", "binary"].iter().map(|rule| rule.parse::<FaultRule>().unwrap()).collect();
        let seen = rules.for_datagrams(1, "multicast", ServerName::Multicast, 0).apply(Outgoing::new("swcmTVline"));
        let lens: Vec<usize> = seen.iter().map(|datagram| datagram.bytes.len()).collect();
        assert!(seen.iter().any(|datagram| str::from_utf8(&datagram.bytes).is_err()), "{seen:?}");
        assert!(lens.iter().any(|&len| len < 6) && lens.last() == Some(&10), "{lens:?}");
    }

    #[test]
    fn as_many_are_lost_as_the_probabilities_say() {
        const DATAGRAMS: usize = 100_000;
        let lost = |rule: &str| {
            let mut faults = faults(&[rule]);
            (0..DATAGRAMS).filter(|_| apply(&mut faults, "a").is_empty()).count() as f64
        };
        for p in [0.001, 0.01, 0.2, 0.5, 0.8, 0.99, 0.999] {
            let (mean, deviation) = (DATAGRAMS as f64 * p, (DATAGRAMS as f64 * p * (1.0 - p)).sqrt());
            for rule in [format!("loss={p}"), format!("loss=1@{p}")] {
                let seen = lost(&rule);
                assert!((seen - mean).abs() < 5.0 * deviation, "{seen} with {rule}");
            }
        }
        // The path is bad in enter / (enter + leave) of all cases; runs are correlated, so that the spread is wider.
        for (enter, leave) in [(0.1, 0.4), (0.2, 0.2), (0.5, 0.1)] {
            let share: f64 = enter / (enter + leave);
            let correlation: f64 = 1.0 - enter - leave;
            let spread = (DATAGRAMS as f64 * share * (1.0 - share) * (1.0 + correlation) / (1.0 - correlation)).sqrt();
            let seen = lost(&format!("burst={enter},{leave}"));
            assert!((seen - DATAGRAMS as f64 * share).abs() < 5.0 * spread, "{seen} with {enter},{leave}");
        }
    }

    #[test]
    fn bursts_have_the_length_that_leaving_them_has() {
        let mut faults = faults(&["burst=0.1,0.25"]);
        let lost: Vec<bool> = (0..100_000).map(|_| apply(&mut faults, "a").is_empty()).collect();
        let bursts: Vec<usize> =
            lost.chunk_by(|one, next| one == next).filter(|run| run[0]).map(<[bool]>::len).collect();
        let mean = bursts.iter().sum::<usize>() as f64 / bursts.len() as f64;
        assert!((3.8..4.2).contains(&mean), "{mean}");
    }
}
