//! Part 3: an acknowledgement came. What is wrong with times and families is found by the diagnoses.

use lab_testbed::facts::{PdcPacket, PdcPacketKind, Scenario};
use labnet::net::Family;

use super::{Mismatch, Seen};

/// The program got an acknowledgement, and had asked over both families until then.
///
/// # Errors
/// What it did instead.
pub fn acknowledged(seen: &Seen<'_>) -> Result<(), Mismatch> {
    let packets = packets(seen);
    let is_acknowledgement = |packet: &&PdcPacket| packet.kind == PdcPacketKind::Acknowledgement;
    let Some(first) = packets.iter().find(is_acknowledgement) else {
        let requests = packets.iter().filter(|packet| packet.kind == PdcPacketKind::Request).count();
        return Err(Mismatch::new("an acknowledgement", format!("none, after {requests} requests")));
    };
    let asked = |family: Family| {
        let sent = packets.iter().filter(|packet| packet.kind == PdcPacketKind::Request && packet.family == family);
        sent.filter(|packet| packet.packet < first.packet).count()
    };
    let (ipv4, ipv6) = (asked(Family::Ipv4), asked(Family::Ipv6));
    if ipv4 == 0 || ipv6 == 0 {
        let got = format!("{ipv4} over IPv4 and {ipv6} over IPv6");
        return Err(Mismatch::new("requests over both families until the acknowledgement", got));
    }
    Ok(())
}

/// What passed in the experiment of a case.
pub(crate) fn packets<'a>(seen: &Seen<'a>) -> &'a [PdcPacket] {
    let measured = &seen.facts.measured;
    let of_reset = |family: Family| {
        let mut resets = measured.resets.iter().filter_map(|reset| reset.measured());
        resets.find(|reset| reset.family == family).map(|reset| reset.packets.as_slice())
    };
    let of_rounds = |family: Option<Family>| {
        let mut rounds = measured.rounds.iter().filter_map(|rounds| rounds.measured());
        rounds.find(|rounds| rounds.family == family).map(|rounds| rounds.packets.as_slice())
    };
    let packets = match seen.case.experiment {
        Scenario::Reset(family) => of_reset(family),
        Scenario::Rounds(family) => of_rounds(family),
        _ => None,
    };
    packets.unwrap_or_default()
}
