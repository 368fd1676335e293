//! Which families a program uses, and when.

use std::time::Duration;

use lab_testbed::facts::PdcPacket;
use labnet::net::Family;

use super::case::Case;
use crate::finding::{Finding, FindingId};

/// Requests of two families within this time belong to one round (ours: more than half of the handout's second, so that
/// two threads with a second each always have such a pair).
const ROUND: Duration = Duration::from_millis(600);

/// So many requests over one family, none over the other, and the other is not used (ours).
const ENOUGH: usize = 3;

const FAMILIES: [Family; 2] = [Family::Ipv4, Family::Ipv6];

/// One family alone, or one after the other.
pub(super) fn diagnose(cases: &[Case<'_>]) -> Vec<Finding> {
    let uses = |case: &Case<'_>, family| case.requests().any(|packet| packet.family == family);
    let never = FAMILIES.into_iter().find(|&family| !cases.iter().any(|case| uses(case, family)));
    match never {
        Some(unused) => one_family(cases, unused),
        None => cases.iter().filter_map(in_turn).collect(),
    }
}

fn one_family(cases: &[Case<'_>], unused: Family) -> Vec<Finding> {
    if !cases.iter().any(|case| case.requests().count() >= ENOUGH) {
        return Vec::new();
    }
    let misses = |case: &&Case<'_>| case.family == Some(unused) && case.requests().count() > 0;
    let finding = |case: &Case<'_>| {
        case.finding(FindingId::OneFamily).with(|proof| {
            proof.packets = case.requests().map(|packet| packet.packet).take(5).collect();
            proof.expected = Some(unused.to_string());
        })
    };
    let mut findings: Vec<Finding> = cases.iter().filter(misses).map(finding).collect();
    if findings.is_empty() {
        let case = cases.iter().find(|case| case.requests().count() >= ENOUGH);
        findings.extend(case.map(finding));
    }
    findings
}

/// Most requests of the first reset have no companion over the other family. The first of each family is left out: it may
/// wait until the address of the PMU is known.
fn in_turn(case: &Case<'_>) -> Option<Finding> {
    let all = case.first_reset();
    let of = |family| all.iter().filter(move |packet| packet.family == family);
    if FAMILIES.iter().any(|&family| of(family).count() == 0) {
        return None;
    }
    // One that asked both at first, and leaves out the one that was refused, knows what it does.
    let firsts = FAMILIES.map(|family| of(family).next());
    if let ([Some(ipv4), Some(ipv6)], Some(refusal)) = (firsts, case.refusals().next())
        && ipv4.at.abs_diff(ipv6.at) < ROUND
        && ipv4.packet.max(ipv6.packet) < refusal.packet
    {
        return None;
    }
    let later: Vec<&&PdcPacket> = FAMILIES.iter().flat_map(|&family| of(family).skip(1)).collect();
    let is_alone = |packet: &&&&PdcPacket| {
        !all.iter().any(|other| other.family != packet.family && other.at.abs_diff(packet.at) < ROUND)
    };
    let alone = later.iter().filter(is_alone).count();
    (later.len() >= ENOUGH && alone * 4 >= later.len() * 3).then(|| {
        case.finding(FindingId::FamiliesInTurn).with(|proof| {
            proof.packets = all.iter().map(|packet| packet.packet).take(6).collect();
            (proof.seen, proof.of) = (Some(alone as u64), Some(later.len() as u64));
        })
    })
}

/// Whether a program goes on after an acknowledgement until there is one over each family: with a PMU on both it ends right
/// after the first of the second family, with a PMU on one it does not end.
pub(super) fn needs_both(cases: &[Case<'_>]) -> bool {
    let Some(both) = cases.iter().find(|case| case.family.is_none()) else { return false };
    let firsts = FAMILIES.map(|family| both.acknowledgements().find(|packet| packet.family == family));
    let [Some(ipv4), Some(ipv6)] = firsts else { return false };
    let (first, second) = if ipv4.packet < ipv6.packet { (ipv4, ipv6) } else { (ipv6, ipv4) };
    let goes_on_until = !both.requests_after(Some(first)).is_empty() && both.requests_after(Some(second)).is_empty();
    let alone: Vec<&Case<'_>> =
        cases.iter().filter(|case| case.family.is_some() && case.first_acknowledgement().is_some()).collect();
    both.has_ended() && goes_on_until && !alone.is_empty() && alone.iter().all(|case| !case.has_ended())
}
