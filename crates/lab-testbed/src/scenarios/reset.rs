//! Part 3: one reset of a clock over UDP, and a series of resets, with the PMU on IPv4 or on IPv6.

use std::{collections::HashMap, net::SocketAddr, sync::mpsc, time::Duration};

use lab_packets::{
    diagram::{Diagram, DiagramOptions},
    flow::{Direction, Flow, FlowProtocol},
};
use labnet::{net::Family, reset::Tally};
use mock_servers::{
    Event, Events,
    reset::{self, Schedule},
};

use super::client_and_server;
use crate::{
    ExperimentFailure,
    capture::Capture,
    facts::{Reset, Series},
    programs::ProgramRole,
    session::ExperimentSession,
    topology::{CLIENT, SERVER},
    watch,
};

const PORT: u16 = 5004;

/// The beginning of an acknowledgement.
const ACKNOWLEDGEMENT: &[u8] = b"OFFSET";

/// The captured flows and the outputs of the clients.
struct Seen {
    flows: Vec<Flow>,
    outputs: Vec<Vec<String>>,
    /// For each client, which of its packets the PMU acknowledged first, from 1; empty if the path lost some.
    acknowledged: HashMap<SocketAddr, usize>,
}

fn ask(session: &mut ExperimentSession<'_>, family: Family, clients: u64) -> Result<Seen, ExperimentFailure> {
    let hosts = client_and_server(session)?;
    let schedule = Schedule::Always(family);
    let config = reset::Config { port: PORT, loss: session.settings().loss, schedule, ..reset::Config::default() };
    let (events, reported) = mpsc::channel();
    let settings = session.server_settings(Events::new(move |event| drop(events.send(event))));
    let _running = hosts.server()?.run(move || reset::spawn(&config, &settings))?;
    let interface = hosts.interface();
    let capture = hosts.client()?.run(move || Capture::start(interface, u32::MAX))?;
    let mut programs = Vec::new();
    for _ in 0..clients {
        programs.push(session.start(hosts.client()?, ProgramRole::Part3, &[])?);
    }
    let mut outputs = Vec::new();
    for program in programs {
        let outcome = session.finish(program);
        outputs.push(outcome.stdout().lines().map(str::to_owned).collect());
    }
    let recording = capture.stop();
    session.keep_capture(&recording)?;
    let flows = watch::flows(&recording).into_iter();
    let flows = flows.filter(|flow| flow.protocol == FlowProtocol::Udp && flow.server.port() == PORT).collect();
    let path_lost = hosts.path_counts(CLIENT, SERVER).lost;
    let acknowledged = if path_lost == 0 { acknowledged_packets(reported.try_iter()) } else { HashMap::new() };
    Ok(Seen { flows, outputs, acknowledged })
}

fn acknowledged_packets(events: impl Iterator<Item = Event>) -> HashMap<SocketAddr, usize> {
    let mut lost: HashMap<SocketAddr, usize> = HashMap::new();
    let mut acknowledged = HashMap::new();
    for event in events {
        match event {
            Event::Lost { client, .. } => *lost.entry(client.peer).or_default() += 1,
            Event::Acknowledged { client, .. } => {
                acknowledged.entry(client.peer).or_insert(lost.get(&client.peer).copied().unwrap_or_default() + 1);
            }
            _ => {}
        }
    }
    acknowledged
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
    let seen = ask(session, family, 1)?;
    if let Some(diagram) = Diagram::of_families(&seen.flows, &DiagramOptions::default()) {
        session.keep_diagram(diagram);
    }
    let acknowledgement = seen.flows.iter().find_map(|flow| Some((flow, acknowledged(flow)?)));
    let end = acknowledgement.as_ref().map_or(Duration::MAX, |(_, (at, _))| *at);
    let ipv4 = || seen.flows.iter().filter(is_ipv4);
    let ipv6 = || seen.flows.iter().filter(|flow| !is_ipv4(flow));
    let all = sent_until(seen.flows.iter(), Duration::MAX);
    Ok(Reset {
        family,
        acknowledged_over: acknowledgement.as_ref().map(|(flow, _)| Family::of(flow.server)),
        acknowledged_at: acknowledgement.as_ref().map(|(_, (at, _))| *at),
        acknowledgement: acknowledgement.map(|(_, (_, text))| text).unwrap_or_default(),
        sent: (sent_until(ipv4(), end), sent_until(ipv6(), end)),
        sent_after: all - sent_until(seen.flows.iter(), end),
        output: seen.outputs.into_iter().flatten().collect(),
    })
}

/// The times of the requests of each reset. A later reset may use the same port after an acknowledgement.
fn resets(flow: &Flow) -> Vec<Vec<Duration>> {
    let (mut resets, mut sends) = (Vec::new(), Vec::new());
    for row in &flow.rows {
        match row.direction {
            Direction::Sent => sends.extend(row.at),
            Direction::Received if row.head.starts_with(ACKNOWLEDGEMENT) && !sends.is_empty() => {
                resets.push(std::mem::take(&mut sends));
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

pub(super) fn series(session: &mut ExperimentSession<'_>, family: Family) -> Result<Series, ExperimentFailure> {
    let runs = session.settings().runs;
    session.note(format_args!("{runs} programs at the same time: they wait beside each other"));
    let seen = ask(session, family, runs)?;
    let flows = seen.flows.iter().filter(|flow| Family::of(flow.server) == family);
    let resets: Vec<Vec<Duration>> =
        flows.flat_map(|flow| in_time(resets(flow), seen.acknowledged.get(&flow.client))).collect();
    let mut packets: Vec<u64> = resets.iter().map(|sends| sends.len() as u64).collect();
    packets.sort_unstable();
    let pauses = resets.iter().flat_map(|sends| sends.iter().zip(sends.iter().skip(1)));
    let pauses = pauses.map(|(one, next)| labnet::seconds::number(next.saturating_sub(*one)));
    let shortest_pause = pauses.min_by(f64::total_cmp);
    if packets.len() as u64 != runs {
        return Err(ExperimentFailure::Unacknowledged { programs: runs, acknowledged: packets.len() as u64, family });
    }
    let mut tally = Tally::default();
    packets.iter().for_each(|&packets| tally.add(packets));
    Ok(Series {
        family,
        mean: tally.mean(),
        loss: tally.loss(),
        interval: tally.interval(),
        true_loss: session.settings().loss,
        shortest_pause,
        packets,
    })
}
