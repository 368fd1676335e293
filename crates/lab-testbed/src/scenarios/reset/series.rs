//! A series of resets: of many programs beside each other, or of one program by itself.

use std::{
    collections::{HashMap, VecDeque},
    thread,
    time::{Duration, Instant},
};

use lab_packets::flow::{Direction, Flow};
use labnet::{net::Family, reset::Tally};
use mock_servers::reset::{self, Schedule};

use super::{ACKNOWLEDGEMENT, HANDOUT_RUNS, Limits, Setting, UNACKNOWLEDGED, pdc};
use crate::{
    ExperimentFailure,
    facts::{OwnSeries, PdcPacket, PdcPacketKind, Series},
    programs::ProgramRole,
    scenarios::POLL_INTERVAL,
    session::ExperimentSession,
    topology::{CLIENT, SERVER},
};

/// How soon after an acknowledgement a request of the same program may still leave (ours: a busy machine is slow).
const CROSSING: Duration = Duration::from_millis(150);

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

pub(in crate::scenarios) fn series(
    session: &mut ExperimentSession<'_>,
    family: Family,
) -> Result<Series, ExperimentFailure> {
    let runs = session.settings().runs;
    let Pilot { start, is_done, is_series } = pilot(session, family)?;
    if !is_done && !is_series {
        return Err(ExperimentFailure::Unacknowledged { programs: 1, acknowledged: 0, family });
    }
    let setting = Setting::new(session, Schedule::Always(family))?;
    let (mut at_once, mut own) = (1, None);
    if is_series {
        let program = session.start(setting.hosts.client()?, ProgramRole::Part3, &[])?;
        let deadline = session.deadline();
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
    let deadline = session.deadline() + start.saturating_mul(2);
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
