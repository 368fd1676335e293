//! A PDC of part 3 at work: what its PMU sees of it while it runs, and what passed between them, from the capture.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use lab_packets::{
    file::Recording,
    packet::{Packet, Transport},
};
use lab_process::Outcome;
use lab_sandbox::HostConfig;
use labnet::{net::Family, reset::Request};
use mock_servers::{Event, Events};

use super::POLL_INTERVAL;
use crate::{
    facts::{PdcPacket, PdcPacketKind},
    session::{ExperimentSession, ObservedProgram},
    watch::EVENT_TIMEOUT,
};

/// The port of the PMU (handout, section 3).
pub(super) const PORT: u16 = 5004;

/// The beginning of an acknowledgement.
pub(super) const ACKNOWLEDGEMENT: &[u8] = b"OFFSET";

/// The maximum of kept requests, and the maximum of kept bytes of each (ours).
const MAX_REQUESTS: usize = 1000;
const MAX_TEXT: usize = 64;

/// A program that sends nothing for this long has stopped sending (ours; the handout's time-out is one second).
const SILENCE: Duration = Duration::from_secs(10);

/// So many requests that are none, and the PMU will never acknowledge one (ours).
const MAX_WRONG: u64 = 5;

/// What arrives so long after a round trip was sent later (ours: a busy machine is slow).
const LATER: Duration = Duration::from_millis(150);

/// What the PMU sees, as it happens.
#[derive(Clone, Debug, Default)]
pub(super) struct PmuLog(Arc<Mutex<(Seen, Clients)>>);

/// For each client, how many of its packets came until the PMU acknowledged one; and whether it has.
type Clients = HashMap<SocketAddr, (usize, bool)>;

/// What the PMU has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// The first request, and the last.
    pub(super) requests: Option<(Instant, Instant)>,
    /// Datagrams that are no request.
    wrong: u64,
    /// The first acknowledgement.
    pub(super) acknowledged: Option<Instant>,
    /// How many acknowledgements were sent.
    pub(super) acknowledgements: u64,
    /// How many requests were sent although an acknowledgement had arrived.
    pub(super) later: u64,
}

impl PmuLog {
    /// Where the PMU reports, which is a round trip away from its client.
    pub(super) fn events(&self, round_trip: Duration) -> Events {
        let log = Arc::clone(&self.0);
        Events::new(move |event| {
            let now = Instant::now();
            let (peer, is_request, is_acknowledged) = match event {
                Event::Acknowledged { client, .. } => (client.peer, true, true),
                Event::Lost { client, request } => {
                    (client.peer, Request::parse(request.as_str().as_bytes()).is_some(), false)
                }
                Event::WrongCommand { client, .. } => (client.peer, false, false),
                _ => return,
            };
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            let (seen, clients) = &mut *log;
            let (packets, was_acknowledged) = clients.entry(peer).or_default();
            if !*was_acknowledged {
                (*packets, *was_acknowledged) = (*packets + 1, is_acknowledged);
            }
            seen.requests = Some((seen.requests.map_or(now, |(first, _)| first), now));
            seen.wrong += u64::from(!is_request);
            let is_later =
                seen.acknowledged.is_some_and(|first| now.saturating_duration_since(first) > round_trip + LATER);
            seen.later += u64::from(is_later);
            if is_acknowledged {
                seen.acknowledged.get_or_insert(now);
                seen.acknowledgements += 1;
            }
        })
    }

    pub(super) fn seen(&self) -> Seen {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// For each client, which of its packets was acknowledged first, from 1.
    pub(super) fn acknowledged_packets(&self) -> HashMap<SocketAddr, usize> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let acknowledged = log.1.iter().filter(|(_, (_, is_acknowledged))| *is_acknowledged);
        acknowledged.map(|(&client, &(packets, _))| (client, packets)).collect()
    }
}

/// How long a program is watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// From its first request, without an acknowledgement.
    pub(super) unacknowledged: Duration,
    /// From its first acknowledgement, while it goes on with further requests.
    pub(super) going_on: Duration,
    /// Until it has had so many acknowledgements.
    pub(super) acknowledgements: u64,
}

/// Waits until a program ends, or until there is no more to be learnt from it. Yields whether it ended by itself.
///
/// A program that is ended while it sends has its reasons, which the packets show; one that is silent and does not end
/// is [overdue](ExperimentSession::overdue).
pub(super) fn watch(
    session: &mut ExperimentSession<'_>,
    mut program: ObservedProgram,
    log: &PmuLog,
    limits: Limits,
) -> (bool, Outcome) {
    let begun = Instant::now();
    loop {
        if program.has_ended() {
            let deadline = session.deadline();
            return (true, session.finish_within(program, deadline));
        }
        let seen = log.seen();
        let silent = seen.requests.map_or(Duration::ZERO, |(_, last)| last.elapsed());
        match (seen.requests, seen.acknowledged) {
            // Nothing came: the PMU is in another family, or the program does nothing.
            (None, _) if begun.elapsed() >= EVENT_TIMEOUT => return (false, session.overdue(program, EVENT_TIMEOUT)),
            (Some(_), _) if silent >= SILENCE => return (false, session.overdue(program, silent)),
            (Some(_), None) if seen.wrong >= MAX_WRONG => return (false, session.stop(program)),
            (Some((first, _)), None) if first.elapsed() >= limits.unacknowledged => {
                return (false, session.stop(program));
            }
            (Some(_), Some(acknowledged)) => {
                let goes_on = seen.later > 0 && acknowledged.elapsed() >= limits.going_on;
                if goes_on || seen.acknowledgements >= limits.acknowledgements {
                    return (false, session.stop(program));
                }
            }
            _ => {}
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// What passed between the client's host and the PMU.
pub(super) fn packets(recording: &Recording) -> Vec<PdcPacket> {
    let client = [IpAddr::from(HostConfig::CLIENT.ipv4), IpAddr::from(HostConfig::CLIENT.ipv6)];
    let (mut packets, mut requests) = (Vec::new(), 0);
    for (number, frame) in (1..).zip(recording.frames()) {
        let Ok(packet) = Packet::decode(number, &frame) else { continue };
        let is_sent = client.contains(&packet.source.ip());
        let kind = match packet.transport {
            Transport::Udp if is_sent && packet.destination.port() == PORT => {
                requests += 1;
                if requests > MAX_REQUESTS {
                    continue;
                }
                PdcPacketKind::Request
            }
            Transport::Udp if packet.source.port() == PORT && packet.payload.starts_with(ACKNOWLEDGEMENT) => {
                PdcPacketKind::Acknowledgement
            }
            Transport::Udp if packet.source.port() == PORT => PdcPacketKind::Answer,
            Transport::Icmp if !is_sent && is_port_unreachable(&packet) => PdcPacketKind::Refusal,
            _ => continue,
        };
        let datagram = if kind == PdcPacketKind::Refusal { &[] } else { packet.payload };
        packets.push(PdcPacket {
            packet: number,
            at: packet.at.unwrap_or_default(),
            family: Family::of(packet.source),
            kind,
            text: String::from_utf8_lossy(datagram.get(..MAX_TEXT).unwrap_or(datagram)).into_owned(),
        });
    }
    packets
}

/// Type 3, code 3 (RFC 792); type 1, code 4 (RFC 4443, section 3.1).
fn is_port_unreachable(packet: &Packet<'_>) -> bool {
    let wanted = if packet.source.is_ipv4() { [3, 3] } else { [1, 4] };
    packet.payload.starts_with(&wanted)
}
