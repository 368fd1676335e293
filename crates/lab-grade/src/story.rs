//! What happened in a case, step by step: what came from the server when, what the program sent and printed when.

use std::{path::Path, time::Duration};

use lab_packets::{
    file::Recording,
    flow::{Analysis, Detail, Direction, Flow, FlowProtocol},
};
use lab_testbed::facts::{Ending, GroupSource, PdcPacketKind, ProgramRun, Scenario};
use labnet::count::Count;

use crate::{
    decide::{Seen, part3, part4, part6},
    excerpt::shortened,
};

/// The steps that are kept at each end of a long story (ours).
const BEGIN: usize = 14;
const END: usize = 10;

/// A step: when, since the Unix epoch, and what.
type Step = (Duration, String);

/// The story of a case; `folder` has its capture.
pub fn of(seen: &Seen<'_>, folder: &Path) -> Vec<String> {
    let mut steps: Vec<Step> = match seen.case.experiment {
        Scenario::Reset(_) | Scenario::Rounds(_) | Scenario::Series(_) => resets(seen),
        Scenario::Multicast | Scenario::Guests => datagrams(seen),
        Scenario::PmuClients => Vec::new(),
        _ => connections(&folder.join(seen.case.experiment.capture())),
    };
    let programs = seen.experiment().map_or(&[][..], |experiment| &experiment.programs);
    let own = programs.iter().filter(|program| program.role == seen.case.program);
    steps.extend(own.flat_map(of_program));
    steps.sort_by_key(|(at, _)| *at);
    let Some(&(begun, _)) = steps.first() else { return Vec::new() };
    let line = |(at, what): &Step| format!("{:>7.3} s  {what}", at.saturating_sub(begun).as_secs_f64());
    let mut story = Vec::new();
    for alike in steps.chunk_by(|(_, one), (_, next)| kind(one) == kind(next)) {
        match alike {
            [first, middle @ .., last] if middle.len() > 2 => {
                let left_out = format!("           … {} like these", Count::of_len(middle.len(), "step"));
                story.extend([line(first), left_out, line(last)]);
            }
            few => story.extend(few.iter().map(line)),
        }
    }
    if story.len() > BEGIN + END + 1 {
        let left_out = format!("           … {} more", Count::of_len(story.len() - BEGIN - END, "step"));
        story.splice(BEGIN..story.len() - END, [left_out]);
    }
    story.extend(clients(seen));
    story
}

/// What a step is about: its words up to what was sent or printed, without the number of its packet.
fn kind(what: &str) -> &str {
    let words = what.split_once(": ").map_or(what, |(before, behind)| match before.strip_prefix("packet ") {
        Some(_) => behind,
        None => before,
    });
    words.split(" sent ").next().unwrap_or(words)
}

/// What a program did, by itself.
fn of_program(program: &ProgramRun) -> Vec<Step> {
    let mut steps = vec![(program.begun, format!("start: {}", shortened(&program.command_line)))];
    let printed = |lines: Vec<&str>, times: &[Duration], verb: &str| -> Vec<Step> {
        let step = |(line, at): (&str, &Duration)| (program.begun + *at, format!("{verb}: {}", shortened(line)));
        lines.into_iter().zip(times).map(step).collect()
    };
    steps.extend(printed(program.stdout.lines().collect(), &program.stdout.line_times, "the program printed"));
    steps.extend(printed(program.stderr.lines().collect(), &program.stderr.line_times, "the program complained"));
    let end = match program.ending {
        Ending::Exited(status) => format!("the program ended with status {status}"),
        Ending::Killed(signal) => format!("the program was ended by signal {signal}"),
        Ending::AtDeadline(after) => format!("the program was ended, after {:.0} s", after.as_secs_f64()),
        Ending::Interrupted => "the program ended at Ctrl-C".to_owned(),
        Ending::Stopped => "the program was ended with the case".to_owned(),
    };
    steps.push((program.begun + program.elapsed, end));
    steps
}

/// The TCP connections and datagrams of a capture.
fn connections(capture: &Path) -> Vec<Step> {
    let (recording, _) = Recording::read(capture);
    let mut analysis = Analysis::new(Detail::Packets);
    recording.frames().for_each(|frame| analysis.add(&frame));
    analysis.finish().flows.iter().flat_map(of_flow).collect()
}

fn of_flow(flow: &Flow) -> Vec<Step> {
    let who = |direction| if direction == Direction::Sent { "the client" } else { "the server" };
    let mut steps = Vec::new();
    for chunk in &flow.stream {
        let bytes = Count::of_len(chunk.bytes.len(), "byte");
        let begin = String::from_utf8_lossy(chunk.bytes.get(..200).unwrap_or(&chunk.bytes));
        let what = format!("packet {}: {} sent {bytes}: {}", chunk.packet, who(chunk.direction), shortened(&begin));
        steps.extend(chunk.at.map(|at| (at, what)));
    }
    for row in &flow.rows {
        let Some(tcp) = row.tcp else {
            let begin = String::from_utf8_lossy(&row.head);
            let what = format!("packet {}: {} sent {}", row.number, who(row.direction), shortened(&begin));
            steps.extend(row.at.map(|at| (at, what)));
            continue;
        };
        let is_refusal = row.direction == Direction::Received && flow.stream.is_empty() && flow.rows.len() == 2;
        let end = match (tcp.flags.rst(), is_refusal) {
            (true, true) => format!("refused the connection to {}", flow.server),
            (true, false) => "reset the connection".to_owned(),
            _ => "ended its side (FIN)".to_owned(),
        };
        if (tcp.flags.fin() || tcp.flags.rst()) && !row.is_retransmission && flow.protocol == FlowProtocol::Tcp {
            steps.extend(row.at.map(|at| (at, format!("packet {}: {} {end}", row.number, who(row.direction)))));
        }
    }
    steps
}

/// The packets of part 3.
fn resets(seen: &Seen<'_>) -> Vec<Step> {
    let step = |packet: &lab_testbed::facts::PdcPacket| {
        let what = match packet.kind {
            PdcPacketKind::Request => "the program sent",
            PdcPacketKind::Acknowledgement | PdcPacketKind::Answer => "the PMU answered",
            PdcPacketKind::Refusal => "the port was refused",
        };
        (packet.at, format!("packet {}, {}: {what} {}", packet.packet, packet.family, shortened(&packet.text)))
    };
    part3::packets(seen).iter().map(step).collect()
}

/// The datagrams of part 4.
fn datagrams(seen: &Seen<'_>) -> Vec<Step> {
    let step = |datagram: &lab_testbed::facts::GroupDatagram| {
        let who = match datagram.source {
            GroupSource::Programme => "the programme",
            GroupSource::Sender => "a sender",
        };
        let text = shortened(&String::from_utf8_lossy(&datagram.bytes));
        (datagram.at, format!("packet {}: {who} sent {text}", datagram.packet))
    };
    part4::received(seen).iter().map(step).collect()
}

/// The clients of part 6, which have no common clock with the packets.
fn clients(seen: &Seen<'_>) -> Vec<String> {
    if seen.case.experiment != Scenario::PmuClients {
        return Vec::new();
    }
    let line = |client: &lab_testbed::facts::PmuClient| {
        let secured = if client.is_secured { "handshake done" } else { "no handshake" };
        let complaint = client.complaint.as_deref().map(|why| format!(" ({})", shortened(why))).unwrap_or_default();
        let answer = shortened(&format!("{}{}", client.early, client.answer));
        let sent = shortened(&client.command);
        let status =
            client.pmu_status.map(|status| format!("; the PMU ended with status {status}")).unwrap_or_default();
        format!(
            "client {:?}: {secured}{complaint}, sent {sent}, got {answer}, end {:?}{status}",
            client.kind, client.end
        )
    };
    part6::clients(seen).iter().map(line).collect()
}
