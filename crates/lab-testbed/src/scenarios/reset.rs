//! Part 3: one reset of a clock over UDP, and a series of resets, with the PMU on IPv4 or on IPv6.

mod series;

use std::time::Duration;

use lab_packets::{
    diagram::{Diagram, DiagramOptions},
    flow::{Direction, Flow, FlowProtocol},
};
use labnet::net::{Family, Running};
use mock_servers::{
    fault::Fault,
    reset::{self, OtherFamily, Schedule},
};

use super::{
    client_and_server,
    pdc::{self, ACKNOWLEDGEMENT, Limits, PORT, PmuLog},
};
use crate::{
    ExperimentFailure,
    capture::Capture,
    facts::{PdcPacket, Reset, Rounds},
    programs::ProgramRole,
    session::ExperimentSession,
    topology::Topology,
    watch,
};

pub(super) use series::series;

/// How many requests a PMU loses first, over IPv4 and over IPv6 (ours): enough to measure the times between them, and more
/// over one family, so that a program which needs both families goes on for a while.
const LOSE_FIRST: (u64, u64) = (4, 6);

/// How long a program may go on without an acknowledgement, where the first requests alone are lost (ours: four requests,
/// three seconds apart, are not acknowledged).
const UNACKNOWLEDGED: Duration = Duration::from_secs(12);

/// The handout's number of resets (Q17).
const HANDOUT_RUNS: u64 = 60;

/// The hosts, the PMU with what it sees, and the capture.
struct Setting {
    hosts: Topology,
    log: PmuLog,
    capture: Capture,
    _running: Running,
}

impl Setting {
    fn new(session: &ExperimentSession<'_>, schedule: Schedule) -> Result<Self, ExperimentFailure> {
        let (loss, separator) = (session.settings().loss, session.settings().ack_separator);
        Self::with(session, reset::Config { schedule, loss, separator, ..reset::Config::default() })
    }

    fn with(session: &ExperimentSession<'_>, config: reset::Config) -> Result<Self, ExperimentFailure> {
        let hosts = client_and_server(session)?;
        let log = PmuLog::default();
        let settings = session.server_settings(log.events(session.settings().path.delay * 2));
        let other_family = match session.settings().silent_family {
            true => OtherFamily::Silent,
            false => OtherFamily::Refuse,
        };
        let config = reset::Config { port: PORT, other_family, ..config };
        let running = hosts.server()?.run(move || reset::spawn(&config, &settings))?;
        let interface = hosts.interface();
        let capture = hosts.client()?.run(move || Capture::start(interface, u32::MAX))?;
        Ok(Self { hosts, log, capture, _running: running })
    }

    /// The captured flows, and what passed.
    fn end(self, session: &mut ExperimentSession<'_>) -> Result<(Vec<Flow>, Vec<PdcPacket>), ExperimentFailure> {
        let recording = self.capture.stop();
        session.keep_capture(&recording)?;
        let flows = watch::flows(&recording).into_iter();
        let flows = flows.filter(|flow| flow.protocol == FlowProtocol::Udp && flow.server.port() == PORT).collect();
        Ok((flows, pdc::packets(&recording)))
    }
}

fn is_ipv4(flow: &&Flow) -> bool {
    flow.server.is_ipv4()
}

/// The time and the text of the acknowledgement of a flow.
fn acknowledged(flow: &Flow) -> Option<(Duration, String)> {
    let mut answers = flow.rows.iter().filter(|row| row.direction == Direction::Received);
    let answer = answers.find(|row| row.head.starts_with(ACKNOWLEDGEMENT))?;
    Some((answer.at?, String::from_utf8_lossy(&answer.head).into_owned()))
}

/// The number of requests up to a time.
fn sent_until<'a>(flows: impl Iterator<Item = &'a Flow>, end: Duration) -> u64 {
    let rows = flows.flat_map(|flow| &flow.rows);
    rows.filter(|row| row.direction == Direction::Sent && row.at.is_some_and(|at| at <= end)).count() as u64
}

pub(super) fn once(session: &mut ExperimentSession<'_>, family: Family) -> Result<Reset, ExperimentFailure> {
    let setting = Setting::new(session, Schedule::Always(family))?;
    let program = session.start(setting.hosts.client()?, ProgramRole::Part3, &[])?;
    let limits = Limits {
        unacknowledged: session.deadline(),
        // One that goes on makes a series, or does not stop: the experiment of the series shows which.
        going_on: Duration::from_secs(2),
        acknowledgements: u64::MAX,
    };
    let (_, outcome) = pdc::watch(session, program, &setting.log, limits);
    let (flows, packets) = setting.end(session)?;
    if let Some(diagram) = Diagram::of_families(&flows, &DiagramOptions::default()) {
        session.keep_diagram(diagram);
    }
    let acknowledgement = flows.iter().filter_map(|flow| Some((flow, acknowledged(flow)?)));
    let acknowledgement = acknowledgement.min_by_key(|(_, (at, _))| *at);
    let end = acknowledgement.as_ref().map_or(Duration::MAX, |(_, (at, _))| *at);
    let ipv4 = || flows.iter().filter(is_ipv4);
    let ipv6 = || flows.iter().filter(|flow| !is_ipv4(flow));
    let all = sent_until(flows.iter(), Duration::MAX);
    Ok(Reset {
        family,
        acknowledged_over: acknowledgement.as_ref().map(|(flow, _)| Family::of(flow.server)),
        acknowledged_at: acknowledgement.as_ref().map(|(_, (at, _))| *at),
        sent: (sent_until(ipv4(), end), sent_until(ipv6(), end)),
        sent_after: all - sent_until(flows.iter(), end),
        acknowledgement: acknowledgement.map(|(_, (_, text))| text).unwrap_or_default(),
        output: outcome.stdout().lines().map(str::to_owned).collect(),
        packets,
    })
}

/// A program and a PMU that loses its first requests. In one family the PMU sends a copy of each acknowledgement: only a
/// program that makes several resets with one socket takes the copy for an answer.
pub(super) fn rounds(session: &mut ExperimentSession<'_>, family: Option<Family>) -> Result<Rounds, ExperimentFailure> {
    let config = reset::Config {
        schedule: family.map_or(Schedule::Both, Schedule::Always),
        loss: 0.0,
        separator: session.settings().ack_separator,
        lose_first: LOSE_FIRST,
        ..reset::Config::default()
    };
    if family.is_some() {
        session.introduce(Fault::Duplicate(1));
    }
    let setting = Setting::with(session, config)?;
    let program = session.start(setting.hosts.client()?, ProgramRole::Part3, &[])?;
    let limits = Limits {
        unacknowledged: UNACKNOWLEDGED,
        going_on: Duration::from_secs(8),
        // Both families acknowledge each reset of a series.
        acknowledgements: (HANDOUT_RUNS.max(session.settings().runs) + 5) * if family.is_some() { 1 } else { 2 },
    };
    pdc::watch(session, program, &setting.log, limits);
    let (_, packets) = setting.end(session)?;
    Ok(Rounds { family, packets })
}
