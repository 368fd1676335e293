//! An experiment of part 3 with one program: what it sent and got, up to its first acknowledgement and after it.

use std::time::Duration;

use lab_testbed::{
    facts::{Ending, PdcPacket, PdcPacketKind, ProgramRun, RunFacts, Scenario},
    programs::ProgramRole,
};
use labnet::net::Family;

use super::CROSSING;
use crate::finding::{Finding, FindingId};

/// One program and its PMU.
pub(super) struct Case<'a> {
    pub(super) scenario: Scenario,
    /// The family of the PMU; `None`: both.
    pub(super) family: Option<Family>,
    pub(super) packets: &'a [PdcPacket],
    pub(super) program: &'a ProgramRun,
}

/// All of a run; those that measure times first.
pub(super) fn cases(facts: &RunFacts) -> Vec<Case<'_>> {
    let measured = &facts.measured;
    let rounds = measured.rounds.iter().rev().filter_map(|rounds| rounds.measured());
    let rounds = rounds.map(|rounds| (Scenario::Rounds(rounds.family), rounds.family, rounds.packets.as_slice()));
    let resets = measured.resets.iter().filter_map(|reset| reset.measured());
    let resets = resets.map(|reset| (Scenario::Reset(reset.family), Some(reset.family), reset.packets.as_slice()));
    let case = |(scenario, family, packets)| {
        let experiment = facts.experiments.iter().find(|experiment| experiment.scenario == scenario)?;
        let program = experiment.programs.iter().find(|program| program.role == ProgramRole::Part3)?;
        Some(Case { scenario, family, packets, program })
    };
    rounds.chain(resets).filter_map(case).collect()
}

impl<'a> Case<'a> {
    pub(super) fn finding(&self, id: FindingId) -> Finding {
        Finding::new(id, ProgramRole::Part3, self.scenario)
    }

    fn of(&self, kind: PdcPacketKind) -> impl Iterator<Item = &'a PdcPacket> + use<'a> {
        self.packets.iter().filter(move |packet| packet.kind == kind)
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = &'a PdcPacket> + use<'a> {
        self.of(PdcPacketKind::Request)
    }

    pub(super) fn acknowledgements(&self) -> impl Iterator<Item = &'a PdcPacket> + use<'a> {
        self.of(PdcPacketKind::Acknowledgement)
    }

    pub(super) fn refusals(&self) -> impl Iterator<Item = &'a PdcPacket> + use<'a> {
        self.of(PdcPacketKind::Refusal)
    }

    pub(super) fn first_acknowledgement(&self) -> Option<&'a PdcPacket> {
        self.acknowledgements().next()
    }

    pub(super) fn last_refusal(&self) -> Option<&'a PdcPacket> {
        self.refusals().last()
    }

    /// Whether the program ended by itself, and well.
    pub(super) fn has_ended(&self) -> bool {
        self.program.ending == Ending::Exited(0)
    }

    /// Whether it had to be ended although it did nothing any more.
    pub(super) fn is_overdue(&self) -> bool {
        matches!(self.program.ending, Ending::AtDeadline(_))
    }

    /// The requests before the first acknowledgement.
    pub(super) fn first_reset(&self) -> Vec<&'a PdcPacket> {
        let end = self.first_acknowledgement().map_or(u64::MAX, |packet| packet.packet);
        self.requests().filter(|packet| packet.packet < end).collect()
    }

    /// The requests after the first acknowledgement; none where they only crossed it: at most one for each family.
    pub(super) fn further_requests(&self) -> Vec<&'a PdcPacket> {
        self.requests_after(self.first_acknowledgement())
    }

    /// The same after any packet.
    pub(super) fn requests_after(&self, packet: Option<&PdcPacket>) -> Vec<&'a PdcPacket> {
        let Some(from) = packet else { return Vec::new() };
        let further: Vec<&PdcPacket> = self.requests().filter(|packet| packet.packet > from.packet).collect();
        let crosses = further.iter().all(|packet| packet.at.saturating_sub(from.at) < CROSSING);
        let is_once = |family| further.iter().filter(|packet| packet.family == family).count() <= 1;
        if crosses && is_once(Family::Ipv4) && is_once(Family::Ipv6) { Vec::new() } else { further }
    }

    /// How many resets were acknowledged: acknowledgements with a request since the one before.
    pub(super) fn resets(&self) -> usize {
        let (mut resets, mut has_asked) = (0, false);
        for packet in self.packets {
            match packet.kind {
                PdcPacketKind::Request => has_asked = true,
                PdcPacketKind::Acknowledgement => resets += usize::from(std::mem::take(&mut has_asked)),
                PdcPacketKind::Answer | PdcPacketKind::Refusal => {}
            }
        }
        resets
    }

    /// The times between the requests of the first reset over a family. The first is left out: the first packet may wait
    /// until the address of the PMU is known.
    pub(super) fn pauses(&self, family: Family) -> Vec<Duration> {
        let times: Vec<Duration> =
            self.first_reset().iter().filter(|packet| packet.family == family).map(|packet| packet.at).collect();
        times.iter().zip(times.iter().skip(1)).skip(1).map(|(one, next)| next.saturating_sub(*one)).collect()
    }
}
