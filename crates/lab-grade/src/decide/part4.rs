//! Part 4: what the receiver shows of the group, and what the sender says there.

use std::time::Duration;

use lab_testbed::facts::{Ending, GroupDatagram, GroupSender, GroupSource, Multicast, ProgramRun, Scenario};

use super::{Mismatch, Seen};
use crate::excerpt::shortened;

/// So many datagrams may pass before a receiver that has opened its port is in the group (ours).
const BEFORE_THE_JOIN: usize = 2;

fn multicast<'a>(seen: &Seen<'a>) -> Result<&'a Multicast, Mismatch> {
    seen.facts.measured.multicast.measured().ok_or_else(|| Mismatch::new("datagrams in the group", "none"))
}

/// The receiver was a member of the group.
///
/// # Errors
/// That it was not.
pub fn joined(seen: &Seen<'_>) -> Result<(), Mismatch> {
    let facts = multicast(seen)?;
    if facts.member_during || facts.igmp_reports > 0 {
        return Ok(());
    }
    Err(Mismatch::new("a membership of the group", "neither the kernel's list nor an IGMP report has it"))
}

/// The receiver showed each datagram that came while it ran.
///
/// # Errors
/// The first text that it did not show.
pub fn shown(seen: &Seen<'_>) -> Result<(), Mismatch> {
    let program = seen.program().ok_or_else(|| Mismatch::new("a run of the program", "none"))?;
    all_shown(received(seen), program, Duration::MAX)
}

/// The same up to the end of a receiver that did not survive a datagram without text.
///
/// # Errors
/// The first text that it did not show.
pub fn shown_to_the_end(seen: &Seen<'_>) -> Result<(), Mismatch> {
    let program = seen.program().ok_or_else(|| Mismatch::new("a run of the program", "none"))?;
    let has_ended = matches!(program.ending, Ending::Exited(_) | Ending::Killed(_));
    // It ended somewhat after the last datagram that it took.
    let binary = received(seen).iter().find(|datagram| datagram.split().is_none()).map(|datagram| datagram.at);
    let end = if has_ended { binary.unwrap_or(Duration::MAX) } else { Duration::MAX };
    all_shown(received(seen), program, end)
}

/// The datagrams of the experiment of a case.
pub(crate) fn received<'a>(seen: &Seen<'a>) -> &'a [GroupDatagram] {
    let measured = &seen.facts.measured;
    let received = match seen.case.experiment {
        Scenario::Guests => measured.guests.measured().map(|guests| guests.received.as_slice()),
        _ => measured.multicast.measured().map(|multicast| multicast.received.as_slice()),
    };
    received.unwrap_or_default()
}

fn all_shown(received: &[GroupDatagram], program: &ProgramRun, end: Duration) -> Result<(), Mismatch> {
    let output = &program.stdout.text;
    let texts = received.iter().filter(|datagram| datagram.at < end).filter_map(GroupDatagram::split);
    let is_plain = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    let texts: Vec<&str> = texts.map(|(_, text)| text.trim()).filter(|text| is_plain(text)).collect();
    let joined = texts.iter().take(BEFORE_THE_JOIN).position(|text| output.contains(text)).unwrap_or(BEFORE_THE_JOIN);
    match texts.iter().skip(joined).find(|text| !output.contains(**text)) {
        None if texts.is_empty() => Err(Mismatch::new("datagrams in the group", "none")),
        None => Ok(()),
        Some(text) => {
            let lines = program.stdout.lines().count();
            Err(Mismatch::new(format!("a line with {}", shortened(text)), format!("no such line among {lines}")))
        }
    }
}

/// The datagrams of a sender: its own host, while it ran.
fn own<'a>(facts: &'a Multicast, sender: &GroupSender) -> Vec<&'a GroupDatagram> {
    let (begun, ended) = sender.ran;
    let of_senders = facts.received.iter().filter(|datagram| datagram.source == GroupSource::Sender);
    of_senders.filter(|datagram| (begun..=ended).contains(&datagram.at)).collect()
}

/// Each datagram of both senders begins with the identity.
///
/// # Errors
/// The first that does not.
pub fn identified(seen: &Seen<'_>) -> Result<(), Mismatch> {
    let facts = multicast(seen)?;
    for sender in &facts.senders {
        let own = own(facts, sender);
        if own.is_empty() {
            return Err(Mismatch::new(format!("a datagram that begins with {}", sender.identity), "no datagram"));
        }
        if let Some(other) = own.iter().find(|datagram| !datagram.bytes.starts_with(sender.identity.as_bytes())) {
            let got = shortened(&String::from_utf8_lossy(&other.bytes));
            return Err(Mismatch::new(format!("a datagram that begins with {}", sender.identity), got));
        }
    }
    Ok(())
}

/// All lines of both senders were sent.
///
/// # Errors
/// The first that was not.
pub fn sent(seen: &Seen<'_>) -> Result<(), Mismatch> {
    let facts = multicast(seen)?;
    for sender in &facts.senders {
        let own = own(facts, sender);
        let texts: Vec<String> =
            own.iter().map(|datagram| String::from_utf8_lossy(&datagram.bytes).into_owned()).collect();
        if let Some(line) = sender.lines.iter().find(|line| !texts.iter().any(|text| text.contains(line.trim()))) {
            let got =
                format!("{} datagrams, the last {}", texts.len(), shortened(texts.last().map_or("", String::as_str)));
            return Err(Mismatch::new(format!("a datagram with {}", shortened(line)), got));
        }
    }
    Ok(())
}
