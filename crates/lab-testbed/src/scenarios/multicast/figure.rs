//! The diagram of part 4: how the receiver joins the group, and the datagrams that come because of that.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use lab_packets::{
    diagram::{Arrow, ArrowKind, Diagram, Lifeline},
    file::Recording,
    packet::{Packet, Transport},
};
use lab_sandbox::HostConfig;
use labnet::escape::escape;

/// The maximum number of datagrams before some are omitted, and of those after that (ours).
const SHOWN: usize = 24;
const SHOWN_AT_END: usize = 4;

/// The diagram, seen from the host of the receiver.
pub(super) fn of(recording: &Recording, (group, port): (Ipv4Addr, u16)) -> Diagram {
    let mut arrows = Vec::new();
    let mut first = None;
    for (number, frame) in (1..).zip(recording.frames()) {
        let Ok(packet) = Packet::decode(number, &frame) else { continue };
        let source = packet.source.ip();
        let is_own = source == HostConfig::CLIENT.ipv4;
        let label = match packet.transport {
            Transport::Igmp if is_own => match membership(packet.payload, group) {
                Some(what) => format!("IGMP: {what} {group}"),
                None => continue,
            },
            Transport::Udp if packet.destination.ip() == group && packet.destination.port() == port => {
                let from = if source == HostConfig::SERVER.ipv4 { "programme" } else { "a sender" };
                format!("{from}, {} B: {}", packet.payload_len, escape(packet.payload))
            }
            _ => continue,
        };
        let begin = *first.get_or_insert(packet.at.unwrap_or_default());
        let at = packet.at.map(|at| at.saturating_sub(begin));
        let kind = if packet.transport == Transport::Igmp { ArrowKind::Control } else { ArrowKind::Data };
        arrows.push(Arrow { at, packet: Some(number), to_right: is_own, label, kind });
    }
    let [reports, datagrams] =
        [ArrowKind::Control, ArrowKind::Data].map(|kind| arrows.iter().filter(|arrow| arrow.kind == kind).count());
    Diagram {
        title: format!("The group {group}: IGMP and datagrams"),
        description: format!(
            "The receiver sends {reports} membership reports of IGMP. {datagrams} datagrams of the programme and of two \
             senders to the group reach it."
        ),
        left: Lifeline { name: "receiver".to_owned(), address: HostConfig::CLIENT.ipv4.to_string() },
        right: Lifeline { name: "group".to_owned(), address: SocketAddrV4::new(group, port).to_string() },
        arrows: abridged(arrows),
        delay: None,
    }
}

/// What a membership report says of a group (RFC 3376, section 4.2; RFC 2236, section 2); `None` if nothing.
fn membership(report: &[u8], group: Ipv4Addr) -> Option<&'static str> {
    const VERSION_2_REPORT: u8 = 0x16;
    const VERSION_2_LEAVE: u8 = 0x17;
    const VERSION_3_REPORT: u8 = 0x22;
    /// Exclude nothing: have all.
    const EXCLUDE: [u8; 2] = [2, 4];
    /// Include nothing: have none.
    const INCLUDE: [u8; 2] = [1, 3];
    let group = group.octets();
    match *report.first()? {
        VERSION_2_REPORT if report.get(4..8)? == group => Some("join"),
        VERSION_2_LEAVE if report.get(4..8)? == group => Some("leave"),
        VERSION_3_REPORT => {
            // Records without sources: type, no auxiliary data, no sources, the group.
            let (records, _) = report.get(8..)?.as_chunks::<8>();
            let record = records.iter().find(|record| record.ends_with(&group))?;
            let [kind, ..] = record;
            let is_one_of = |kinds: [u8; 2]| kinds.contains(kind);
            if is_one_of(EXCLUDE) { Some("join") } else { is_one_of(INCLUDE).then_some("leave") }
        }
        _ => None,
    }
}

/// The arrows; of many the middle is omitted.
fn abridged(mut arrows: Vec<Arrow>) -> Vec<Arrow> {
    let omitted = arrows.len().saturating_sub(SHOWN + SHOWN_AT_END);
    if omitted > 1 {
        let at = arrows.get(SHOWN).map_or(Some(Duration::ZERO), |arrow| arrow.at);
        let label = format!("… {omitted} packets more");
        let gap = Arrow { at, packet: None, to_right: false, label, kind: ArrowKind::Omitted };
        arrows.splice(SHOWN..SHOWN + omitted, [gap]);
    }
    arrows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_who_joins_and_who_leaves() {
        let group = Ipv4Addr::new(224, 1, 1, 1);
        let version_3 = |kind| [&[0x22, 0, 0, 0, 0, 0, 0, 1, kind, 0, 0, 0][..], &group.octets()].concat();
        assert_eq!(membership(&version_3(4), group), Some("join"));
        assert_eq!(membership(&version_3(2), group), Some("join"));
        assert_eq!(membership(&version_3(3), group), Some("leave"));
        assert_eq!(membership(&version_3(4), Ipv4Addr::new(224, 0, 0, 251)), None);
        let version_2 = |kind| [&[kind, 0, 0, 0][..], &group.octets()].concat();
        assert_eq!(
            (membership(&version_2(0x16), group), membership(&version_2(0x17), group)),
            (Some("join"), Some("leave"))
        );
        assert_eq!(membership(&[], group), None);
        assert_eq!(membership(&[0x22, 0], group), None);
    }

    #[test]
    fn of_many_arrows_the_middle_is_omitted() {
        let arrow = |_| Arrow { at: None, packet: None, to_right: false, label: String::new(), kind: ArrowKind::Data };
        assert_eq!(abridged((0..29).map(arrow).collect()).len(), 29);
        let abridged = abridged((0..100).map(arrow).collect());
        assert_eq!((abridged.len(), abridged[SHOWN].label.as_str()), (SHOWN + SHOWN_AT_END + 1, "… 72 packets more"));
    }
}
