//! Which clients meet which faults.

use std::{fmt, str::FromStr};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};

use super::{DatagramFaults, Fault, table};
use crate::ServerName;

/// A fault, and who meets it: every client, unless something else is said. Written `FAULT` or `FAULT@P`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRule {
    /// The fault.
    pub fault: Fault,
    /// The only client that meets it, counted from 1 in the order in which they come; for multicast, the only datagram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<u64>,
    /// With which probability, 0 to 1, a client meets it; for what goes by datagrams, a datagram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
}

impl FaultRule {
    /// Reads `CLIENT=FAULT`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn for_client(text: &str) -> Result<Self, String> {
        let form = || "expected a client's number from 1 and a fault, as in 3=reset=40".to_owned();
        let (client, rule) = text.split_once('=').ok_or_else(form)?;
        let client = client.parse().ok().filter(|&client| client > 0).ok_or_else(form)?;
        Ok(Self { client: Some(client), ..rule.parse()? })
    }

    /// Whether a server has this fault at all.
    pub fn is_of(&self, server: ServerName) -> bool {
        table::find(self.fault.name()).is_some_and(|entry| match server {
            // Its port is never closed: it hears of its server's at the first datagram alone.
            ServerName::Proxy => {
                let is_of_datagrams = entry.servers().any(|server| server == ServerName::Reset);
                entry.is_of_streams() || is_of_datagrams && !matches!(self.fault, Fault::Icmp(_))
            }
            server => entry.servers().any(|other| other == server),
        })
    }
}

impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        Self { fault, client: None, probability: None }
    }
}

impl FromStr for FaultRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (fault, probability) = match text.split_once('@') {
            Some((fault, probability)) => {
                let number = probability.parse().ok().filter(|number| (0.0..=1.0).contains(number));
                (fault, Some(number.ok_or("expected a probability from 0 to 1 behind @")?))
            }
            None => (text, None),
        };
        Ok(Self { fault: fault.parse()?, client: None, probability })
    }
}

/// As on the command line, behind `--fault` or `--fault-for`.
impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(client) = self.client {
            write!(f, "{client}=")?;
        }
        self.fault.fmt(f)?;
        self.probability.map_or(Ok(()), |probability| write!(f, "@{probability}"))
    }
}

/// All rules of a run, in the order in which their faults are applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FaultRules(Vec<FaultRule>);

impl FaultRules {
    /// The rules.
    pub fn iter(&self) -> impl Iterator<Item = &FaultRule> {
        self.0.iter()
    }

    /// Adds one, which is applied after the others.
    pub fn push(&mut self, rule: impl Into<FaultRule>) {
        self.0.push(rule.into());
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that a server has.
    pub(crate) fn of(&self, server: ServerName) -> Self {
        self.0.iter().filter(|rule| rule.is_of(server)).cloned().collect()
    }

    /// The faults that a client of a server meets. Its number counts from 1; the draw depends on the seed, the server, the
    /// number and the rule alone.
    pub fn for_client(&self, seed: u64, server: ServerName, client: u64) -> Vec<Fault> {
        let meets = |(index, rule): (usize, &FaultRule)| {
            let is_meant = rule.is_of(server) && rule.client.is_none_or(|only| only == client);
            let draw = || rng(seed, &format!("{server} client {client} rule {index}")).random::<f64>();
            let is_met = is_meant && rule.probability.is_none_or(|probability| draw() < probability);
            is_met.then(|| rule.fault.clone())
        };
        self.0.iter().enumerate().filter_map(meets).collect()
    }

    /// Whether a server refuses every client.
    pub(crate) fn refuses_all(&self, server: ServerName) -> bool {
        let is_for_all = |rule: &FaultRule| rule.client.is_none() && rule.probability.is_none();
        self.0.iter().any(|rule| rule.fault == Fault::Refuse && rule.is_of(server) && is_for_all(rule))
    }

    /// The same of a server that answers by datagrams: rules that are drawn are drawn for each of them. `name` is the
    /// server's socket.
    pub fn for_datagrams(&self, seed: u64, name: &str, server: ServerName, client: u64) -> DatagramFaults {
        let is_meant = |rule: &FaultRule| {
            rule.is_of(server) && (server == ServerName::Multicast || rule.client.is_none_or(|only| only == client))
        };
        let rules = self.0.iter().enumerate().filter(|(_, rule)| is_meant(rule));
        DatagramFaults::new(
            rules.map(|(index, rule)| (rule, rng(seed, &format!("{name} client {client} rule {index}")))),
            server == ServerName::Multicast,
        )
    }
}

impl FromIterator<FaultRule> for FaultRules {
    fn from_iter<I: IntoIterator<Item = FaultRule>>(rules: I) -> Self {
        Self(rules.into_iter().collect())
    }
}

impl From<Fault> for FaultRules {
    fn from(fault: Fault) -> Self {
        Self(vec![fault.into()])
    }
}

fn rng(seed: u64, name: &str) -> StdRng {
    StdRng::seed_from_u64(labnet::seed::named(seed, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> FaultRules {
        texts.iter().map(|text| text.parse::<FaultRule>().unwrap()).collect()
    }

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        let rule: FaultRule = "reset=40@0.2".parse().unwrap();
        assert_eq!((&rule.fault, rule.client, rule.probability), (&Fault::Reset(40), None, Some(0.2)));
        assert_eq!(rule.to_string(), "reset=40@0.2");
        let rule = FaultRule::for_client("3=reset=40").unwrap();
        assert_eq!((&rule.fault, rule.client, rule.probability), (&Fault::Reset(40), Some(3), None));
        assert_eq!(rule.to_string(), "3=reset=40");
        assert_eq!(serde_json::to_string(&rule).unwrap(), r#"{"fault":"reset=40","client":3}"#);
        for wrong in ["reset=40", "0=reset=40", "x=refuse", ""] {
            assert!(FaultRule::for_client(wrong).is_err(), "{wrong}");
        }
        assert!("refuse@2".parse::<FaultRule>().is_err());
    }

    #[test]
    fn a_client_meets_what_is_meant_for_it_and_for_its_server() {
        let rules: FaultRules = [
            FaultRule::for_client("2=refuse").unwrap(),
            Fault::Garbage.into(),
            Fault::Delay(Default::default()).into(),
        ]
        .into_iter()
        .collect();
        let of = |server, client| rules.for_client(1, server, client);
        assert_eq!(of(ServerName::Pmu, 1), [Fault::Delay(Default::default())]);
        assert_eq!(of(ServerName::Pmu, 2), [Fault::Refuse, Fault::Delay(Default::default())]);
        assert_eq!(of(ServerName::Reset, 2), [Fault::Garbage]);
    }

    #[test]
    fn a_draw_depends_on_the_client_alone_and_on_the_seed() {
        let rules = rules(&["reset=40@0.5", "refuse@0.5"]);
        let schedule = |seed, clients: &mut dyn Iterator<Item = u64>| {
            let mut met: Vec<_> =
                clients.map(|client| (client, rules.for_client(seed, ServerName::Pmu, client))).collect();
            met.sort_by_key(|(client, _)| *client);
            met
        };
        assert_eq!(schedule(7, &mut (1..=100)), schedule(7, &mut (1..=100).rev()));
        assert_ne!(schedule(7, &mut (1..=100)), schedule(8, &mut (1..=100)));
    }

    #[test]
    fn as_many_clients_meet_a_fault_as_its_probability_says() {
        const CLIENTS: u64 = 100_000;
        for p in [0.001, 0.01, 0.1, 0.3, 0.5, 0.9, 0.99, 0.999] {
            let rules = rules(&[&format!("refuse@{p}")]);
            let met = (1..=CLIENTS).filter(|&client| !rules.for_client(3, ServerName::Tls, client).is_empty()).count();
            let (mean, deviation) = (CLIENTS as f64 * p, (CLIENTS as f64 * p * (1.0 - p)).sqrt());
            assert!((met as f64 - mean).abs() < 5.0 * deviation, "{met} of {CLIENTS} with {p}");
        }
    }
}
