//! How long a program waits before it sends again.

use std::time::Duration;

use lab_testbed::facts::Ending;
use labnet::net::Family;

use super::case::Case;
use crate::finding::{Finding, FindingId};

/// Requests that follow each other faster than this do not wait at all (ours).
const NO_WAIT: Duration = Duration::from_millis(60);

/// What passes for a second (ours): a time-out never fires early, and a busy machine is late.
const SHORTEST: Duration = Duration::from_millis(850);
const LONGEST: Duration = Duration::from_millis(1500);

/// What follows a refusal within this time follows from it (ours).
const AT_ONCE: Duration = Duration::from_millis(50);

/// Findings about the time between two requests; a program that tries the families in turn is not asked for more.
pub(super) fn diagnose(cases: &[Case<'_>], is_in_turn: bool) -> Vec<Finding> {
    if is_in_turn {
        return Vec::new();
    }
    let once: Vec<Finding> = cases.iter().filter_map(asks_once).collect();
    if !once.is_empty() {
        return once;
    }
    // Where the PMU is on both families, nothing but the program decides.
    let mut ordered: Vec<&Case<'_>> = cases.iter().collect();
    ordered.sort_by_key(|case| case.family.is_some());
    ordered.into_iter().find_map(of_case).into_iter().collect()
}

/// The pauses of the family with the most.
fn pauses(case: &Case<'_>) -> Vec<Duration> {
    let mut pauses = [Family::Ipv4, Family::Ipv6].map(|family| case.pauses(family));
    pauses.sort_by_key(Vec::len);
    let [_, mut most] = pauses;
    most.sort_unstable();
    most
}

fn of_case(case: &Case<'_>) -> Option<Finding> {
    let pauses = pauses(case);
    let (shortest, median) = (*pauses.first()?, *pauses.get(pauses.len() / 2)?);
    let is_short = pauses.len() > 1 && median < SHORTEST;
    let id = match () {
        () if is_short && (median < NO_WAIT || follows_refusals(case)) => FindingId::NeverWaits,
        () if is_short || shortest > LONGEST => FindingId::WrongTimeout,
        () => return None,
    };
    Some(case.finding(id).with(|proof| {
        proof.time = Some(median);
        proof.packets = case.first_reset().iter().map(|packet| packet.packet).take(6).collect();
    }))
}

/// Whether most requests but the first of each family come right after a refusal.
fn follows_refusals(case: &Case<'_>) -> bool {
    let refusals: Vec<Duration> = case.refusals().map(|packet| packet.at).collect();
    let requests = case.first_reset();
    let later: Vec<Duration> = requests.iter().map(|packet| packet.at).skip(2).collect();
    let follows =
        |at: &&Duration| refusals.iter().any(|refusal| at.checked_sub(*refusal).is_some_and(|passed| passed < AT_ONCE));
    !later.is_empty() && later.iter().filter(follows).count() * 4 >= later.len() * 3
}

/// A program that asks once over each family, and waits for ever.
fn asks_once(case: &Case<'_>) -> Option<Finding> {
    let Ending::AtDeadline(waited) = case.program.ending else { return None };
    let requests = case.first_reset();
    let times = |family| requests.iter().filter(|packet| packet.family == family).count();
    let is_served = |family| case.family.is_none_or(|served| served == family);
    let once = [Family::Ipv4, Family::Ipv6].into_iter().filter(|&family| is_served(family)).map(times).max()? == 1;
    (once && case.first_acknowledgement().is_none()).then(|| {
        case.finding(FindingId::WrongTimeout).with(|proof| {
            proof.time = Some(waited);
            proof.packets = requests.iter().map(|packet| packet.packet).collect();
        })
    })
}
