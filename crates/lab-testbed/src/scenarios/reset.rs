//! Part 3: one reset of a clock over UDP, and a series of resets, with the PMU on IPv4 or on IPv6.

use std::{
    collections::{HashMap, VecDeque},
    thread,
    time::{Duration, Instant},
};

use lab_packets::{
    diagram::{Diagram, DiagramOptions},
    flow::{Direction, Flow, FlowProtocol},
};
use labnet::{
    net::{Family, Running},
    reset::Tally,
};
use mock_servers::reset::{self, Schedule};

use super::{
    POLL_INTERVAL, client_and_server,
    pdc::{self, ACKNOWLEDGEMENT, Limits, PORT, PmuLog},
};
use crate::{
    ExperimentFailure,
    capture::Capture,
    facts::{OwnSeries, PdcPacket, PdcPacketKind, Reset, Rounds, Series},
    programs::ProgramRole,
    session::ExperimentSession,
    topology::{CLIENT, SERVER, Topology},
    watch,
};

/// How many requests a PMU loses first, over IPv4 and over IPv6 (ours): enough to measure the times between them, and more
/// over one family, so that a program which needs both families goes on for a while.
const LOSE_FIRST: (u64, u64) = (4, 6);

/// How long a program may go on without an acknowledgement, where the first requests alone are lost (ours: four requests,
/// three seconds apart, are not acknowledged).
const UNACKNOWLEDGED: Duration = Duration::from_secs(12);

/// How soon after an acknowledgement a request of the same program may still leave (ours: a busy machine is slow).
const CROSSING: Duration = Duration::from_millis(150);

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
        let config = reset::Config { port: PORT, ..config };
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
        unacknowledged: session.settings().deadline,
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
        copies: u64::from(family.is_some()),
        ..reset::Config::default()
    };
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

/// The times of the requests of each reset. A later reset may use the same port after an acknowledgement; a request that
/// left when the acknowledgement had just come is none.
fn resets(flow: &Flow) -> Vec<Vec<Duration>> {
    let (mut resets, mut sends): (_, Vec<Duration>) = (Vec::new(), Vec::new());
    let mut acknowledged: Option<Duration> = None;
    for row in &flow.rows {
        let Some(at) = row.at else { continue };
        match row.direction {
            Direction::Sent if acknowledged.is_some_and(|before| at.saturating_sub(before) < CROSSING) => {}
            Direction::Sent => sends.push(at),
            Direction::Received if row.head.starts_with(ACKNOWLEDGEMENT) => {
                acknowledged = Some(at);
                if !sends.is_empty() {
                    resets.push(std::mem::take(&mut sends));
                }
            }
            Direction::Received => {}
        }
    }
    resets
}

/// The one reset of a flow without the packets that left before a late acknowledgement arrived. How many there are depends
/// on the load of the machine.
fn in_time(mut resets: Vec<Vec<Duration>>, acknowledged: Option<&usize>) -> Vec<Vec<Duration>> {
    if let ([sends], Some(&packets)) = (resets.as_mut_slice(), acknowledged) {
        sends.truncate(packets);
    }
    resets
}

/// The same of a program that makes a series by itself: its sockets may be new for each reset, or each request.
fn own_resets(packets: &[PdcPacket], family: Family) -> Vec<Vec<Duration>> {
    let (mut resets, mut sends) = (Vec::new(), Vec::new());
    for packet in packets.iter().filter(|packet| packet.family == family) {
        match packet.kind {
            PdcPacketKind::Request => sends.push(packet.at),
            PdcPacketKind::Acknowledgement if !sends.is_empty() => resets.push(std::mem::take(&mut sends)),
            _ => {}
        }
    }
    resets
}

/// What one program shows before many are started.
#[derive(Clone, Copy, Debug)]
struct Pilot {
    /// The time from its start to its first request.
    start: Duration,
    /// Whether it got an acknowledgement and ended.
    is_done: bool,
    /// Whether it made a further reset after the acknowledgement.
    is_series: bool,
}

/// Runs one program against a PMU that loses nothing.
fn pilot(session: &mut ExperimentSession<'_>, family: Family) -> Result<Pilot, ExperimentFailure> {
    let separator = session.settings().ack_separator;
    let config = reset::Config { schedule: Schedule::Always(family), loss: 0.0, separator, ..reset::Config::default() };
    let setting = Setting::with(session, config)?;
    let begun = Instant::now();
    let program = session.start(setting.hosts.client()?, ProgramRole::Part3, &[])?;
    let limits = Limits { unacknowledged: UNACKNOWLEDGED, going_on: Duration::ZERO, acknowledgements: u64::MAX };
    let (has_ended, _) = pdc::watch(session, program, &setting.log, limits);
    setting.capture.stop();
    let seen = setting.log.seen();
    // The first packet waits for the address of the PMU, there and back.
    let start = seen.requests.map_or(Duration::ZERO, |(first, _)| first.saturating_duration_since(begun));
    let start = start.saturating_sub(session.settings().path.delay * 3);
    Ok(Pilot { start, is_done: has_ended && seen.acknowledged.is_some(), is_series: seen.later > 0 })
}

pub(super) fn series(session: &mut ExperimentSession<'_>, family: Family) -> Result<Series, ExperimentFailure> {
    let runs = session.settings().runs;
    let Pilot { start, is_done, is_series } = pilot(session, family)?;
    if !is_done && !is_series {
        return Err(ExperimentFailure::Unacknowledged { programs: 1, acknowledged: 0, family });
    }
    let setting = Setting::new(session, Schedule::Always(family))?;
    let (mut at_once, mut own) = (1, None);
    if is_series {
        let program = session.start(setting.hosts.client()?, ProgramRole::Part3, &[])?;
        let deadline = session.settings().deadline;
        let limits = Limits {
            unacknowledged: deadline,
            going_on: deadline.saturating_mul(5),
            acknowledgements: runs.max(HANDOUT_RUNS) + 5,
        };
        let (has_ended, _) = pdc::watch(session, program, &setting.log, limits);
        own = Some(OwnSeries { has_ended });
    } else {
        at_once = at_the_same_time(start).min(runs);
        session.note(format_args!("{at_once} programs at the same time: they wait beside each other"));
        many(session, &setting, runs, at_once, start)?;
    }
    let path_lost = setting.hosts.path_counts(CLIENT, SERVER).lost;
    let acknowledged = if path_lost == 0 { setting.log.acknowledged_packets() } else { HashMap::new() };
    let (flows, packets) = setting.end(session)?;
    let resets: Vec<Vec<Duration>> = if own.is_some() {
        own_resets(&packets, family)
    } else {
        let flows = flows.iter().filter(|flow| Family::of(flow.server) == family);
        flows.flat_map(|flow| in_time(resets(flow), acknowledged.get(&flow.client))).collect()
    };
    let mut counts: Vec<u64> = resets.iter().map(|sends| sends.len() as u64).collect();
    counts.sort_unstable();
    let pauses = resets.iter().flat_map(|sends| sends.iter().zip(sends.iter().skip(1)).skip(1));
    let pauses = pauses.map(|(one, next)| labnet::seconds::number(next.saturating_sub(*one)));
    let shortest_pause = pauses.min_by(f64::total_cmp);
    if own.is_none() && counts.len() as u64 != runs {
        return Err(ExperimentFailure::Unacknowledged { programs: runs, acknowledged: counts.len() as u64, family });
    }
    let mut tally = Tally::default();
    counts.iter().for_each(|&packets| tally.add(packets));
    Ok(Series {
        family,
        mean: tally.mean(),
        loss: tally.loss(),
        interval: tally.interval(),
        true_loss: session.settings().loss,
        shortest_pause,
        packets: counts,
        asked: runs,
        own,
        at_once,
        start,
    })
}

/// How many programs start and wait at the same time.
///
/// Programs that start at once share the cores while they start; their time-outs count from then on. Ours: a quarter of a
/// second is no burden for the machine; of slower ones, as many as it starts within eight.
fn at_the_same_time(start: Duration) -> u64 {
    if start < Duration::from_millis(250) {
        return u64::MAX;
    }
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64;
    let programs = cores * 8.0 / start.as_secs_f64();
    (programs as u64).max(2)
}

/// Runs programs, at most `at_once` at the same time; each has the deadline of the run from when it should have started.
fn many(
    session: &mut ExperimentSession<'_>,
    setting: &Setting,
    programs: u64,
    at_once: u64,
    start: Duration,
) -> Result<(), ExperimentFailure> {
    let deadline = session.settings().deadline + start.saturating_mul(2);
    let mut running = VecDeque::new();
    let mut left = programs;
    while left > 0 || !running.is_empty() {
        while left > 0 && (running.len() as u64) < at_once {
            let program = session.start(setting.hosts.client()?, ProgramRole::Part3, &[])?;
            running.push_back((program, Instant::now()));
            left -= 1;
        }
        for _ in 0..running.len() {
            let Some((mut program, begun)) = running.pop_front() else { break };
            if program.has_ended() {
                session.finish(program);
            } else if begun.elapsed() >= deadline {
                session.overdue(program, deadline);
            } else {
                running.push_back((program, begun));
            }
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}
