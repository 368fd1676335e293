//! Part 4: a programme to a multicast group, a receiver that joins the group, and two senders that do not.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddrV4},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use lab_packets::{
    file::Recording,
    packet::{Packet, Transport},
};
use lab_process::{Stream, sockets};
use lab_sandbox::{Host, HostConfig};
use labnet::net::Interface;
use mock_servers::{Event, Events, multicast};

mod figure;

use super::{POLL_INTERVAL, wait_for_server};
use crate::{
    ExperimentFailure,
    capture::Capture,
    facts::{GroupDatagram, GroupSender, GroupSource, Multicast},
    programs::ProgramRole,
    session::{ExperimentSession, ObservedProgram},
    topology::{THIRD, Topology},
    watch::{EVENT_TIMEOUT, SHORT_TIMEOUT},
};

/// The interval between lines (ours): the handout's is a second, which would only take more time.
const INTERVAL: Duration = Duration::from_millis(100);

/// The number of lines before the first sender starts (ours).
const LINES: usize = 4;

/// Two senders: the identity, and lines of more than 300 characters in all.
const SENDERS: [(&str, &str); 2] = [
    (
        "123456",
        "I heard the first act from the last row, where the words arrive late but whole.\n\
         The lovers speak in sonnets; my receiver speaks in datagrams of fourteen hundred bytes.\n\
         If a line is lost, nobody sends it again, and the play goes on without it.\n\
         So I shall clap after every scene, in case the applause is lost on its way as well.",
    ),
    (
        "654321",
        "My seat is better, but my socket did not join the group, and so the stage was dark.\n\
         One option later the light came on, and all of Verona stood before me.\n\
         I did not have to join in order to shout: whoever sends needs no membership.\n\
         Long live the theatre, and long live the interface that routes two hundred and twenty-four.",
    ),
];

/// The pause between two lines that a sender is given (ours: as fast as a person types).
const TYPING: Duration = Duration::from_millis(100);

/// How long a sender has for the datagrams of its lines, while its input is open (ours).
const SENDING: Duration = Duration::from_secs(3);

/// The maximum of kept bytes of a datagram (ours).
const MAX_BYTES: usize = 2000;

pub(super) fn programme(session: &mut ExperimentSession<'_>) -> Result<Multicast, ExperimentFailure> {
    let configs = [HostConfig::CLIENT, HostConfig::SERVER, HostConfig { name: "senders", ..HostConfig::PROXY }];
    let hosts = Topology::switched(&configs, session.settings().path, session.seed())?;
    let config = multicast::Config {
        interface: Interface::from(HostConfig::SERVER.ipv4),
        interval: INTERVAL,
        port: session.settings().ports.multicast,
        ..multicast::Config::default()
    };
    let (group, port) = (config.group, config.port);
    let (client, senders) = (hosts.client()?, hosts.host(THIRD)?);

    let member_before = client.run(move || is_member_here(group));
    let interface = hosts.interface();
    let capture = client.run(move || Capture::start(interface, u32::MAX))?;
    let (mut receiver, receiver_listened) = start_receiver(session, client, port)?;
    let member_during = receiver_listened && client.run(move || joins(group));

    // The programme hears what senders send.
    let heard = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&heard);
    let settings = session.server_settings(Events::new(move |event| {
        if matches!(event, Event::Heard { .. } | Event::TooShort { .. }) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let programme = hosts.server()?.run(move || multicast::spawn(&config, &settings))?;
    wait_for_lines(&mut receiver, LINES, INTERVAL * 10 * u32::try_from(LINES).unwrap_or(1));
    let mut answers = Vec::new();
    for (identity, text) in SENDERS {
        let begun = now();
        let sender = session.start(senders, ProgramRole::Part4Sender, &[identity])?;
        let sender = send(session, sender, &heard, (identity, text));
        answers.push(GroupSender { ran: (begun, now()), ..sender });
    }
    let sender_member = senders.run(move || is_member_here(group));
    // The receiver shows the datagrams that are still on the path: then lines and datagrams are equally many.
    drop(programme);
    let quiet = session.settings().path.delay + SHORT_TIMEOUT;
    while wait_for_line(&mut receiver, quiet, |_| true) {}
    let receiver_ended = receiver.has_ended();
    let receiver = if receiver_ended { session.finish(receiver) } else { session.end(receiver) };
    let recording = capture.stop();
    session.keep_capture(&recording)?;

    session.keep_diagram(figure::of(&recording, (group, port)));

    let shown: Vec<String> = receiver.stdout().lines().map(str::to_owned).collect();
    let received = datagrams(&recording, group);
    for sender in &mut answers {
        sender.complete(&received, &shown);
    }
    let mut facts = Multicast {
        group: SocketAddrV4::new(group, port),
        member_before,
        member_during,
        sender_member,
        senders: answers,
        datagrams: received.len() as u64,
        igmp_reports: 0,
        sender_ttl: 0,
        receiver_listened,
        receiver_ended,
        shown,
        received,
    };
    for (number, frame) in (1..).zip(recording.frames()) {
        let Ok(packet) = Packet::decode(number, &frame) else { continue };
        match packet.transport {
            Transport::Igmp if packet.source.ip() == HostConfig::CLIENT.ipv4 => facts.igmp_reports += 1,
            Transport::Udp if packet.source.ip() == HostConfig::PROXY.ipv4 => facts.sender_ttl = ttl(frame.bytes),
            _ => {}
        }
    }
    Ok(facts)
}

/// Starts a receiver; yields whether it opened its port.
pub(super) fn start_receiver(
    session: &mut ExperimentSession<'_>,
    host: &Host,
    port: u16,
) -> Result<(ObservedProgram, bool), ExperimentFailure> {
    let mut receiver = session.start(host, ProgramRole::Part4Receiver, &[])?;
    match wait_for_server(host, &mut receiver, sockets::Protocol::Udp, port) {
        Ok(_) => Ok((receiver, true)),
        Err(ExperimentFailure::Deadline { .. } | ExperimentFailure::Ended { .. }) => Ok((receiver, false)),
        Err(failure) => Err(failure),
    }
}

/// Waits for a line on stdout; `false` when the time is over, or the program.
fn wait_for_line(program: &mut ObservedProgram, patience: Duration, is_wanted: impl Fn(&str) -> bool) -> bool {
    let wanted = |line: &lab_process::Line| line.stream == Stream::Stdout && is_wanted(&line.text);
    program.line_with("show a line", patience, wanted).is_ok()
}

/// Waits for some lines, whatever they are, within a time for all.
fn wait_for_lines(program: &mut ObservedProgram, lines: usize, patience: Duration) {
    let until = Instant::now() + patience;
    for _ in 0..lines {
        if !wait_for_line(program, until.saturating_duration_since(Instant::now()), |_| true) {
            break;
        }
    }
}

/// Types lines into a sender, and keeps its input open until their datagrams have come; then ends the input and the
/// program. What it does at the end of its input, as with an exception, is its own affair.
fn send(
    session: &mut ExperimentSession<'_>,
    mut sender: ObservedProgram,
    heard: &AtomicU64,
    (identity, text): (&str, &str),
) -> GroupSender {
    let before = heard.load(Ordering::Relaxed);
    let came = || heard.load(Ordering::Relaxed).saturating_sub(before);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for line in &lines {
        sender.input(format!("{line}\n").as_bytes());
        thread::sleep(TYPING);
    }
    let is_done = |sender: &mut ObservedProgram, datagrams: u64, patience: Duration| {
        let until = Instant::now() + patience;
        while came() < datagrams && !sender.has_ended() && Instant::now() < until {
            thread::sleep(POLL_INTERVAL);
        }
        came() >= datagrams
    };
    // A slow start takes longer than the lines.
    is_done(&mut sender, 1, SENDING);
    is_done(&mut sender, lines.len() as u64, SENDING);
    let ended_early = sender.has_ended();
    if ended_early {
        session.finish(sender);
    } else {
        sender.end_input();
        // One that reads its whole input first sends only now.
        is_done(&mut sender, 1, SENDING);
        let until = Instant::now() + SHORT_TIMEOUT;
        while !sender.has_ended() && Instant::now() < until {
            thread::sleep(POLL_INTERVAL);
        }
        session.end_after_input(sender);
    }
    // What is on its way arrives.
    thread::sleep(session.settings().path.delay * 2);
    GroupSender { identity: identity.to_owned(), lines, ended_early, ..GroupSender::default() }
}

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

impl GroupSender {
    /// Adds what was captured of it, and what the receiver showed of the answer.
    fn complete(&mut self, received: &[GroupDatagram], shown: &[String]) {
        let own = received.iter().filter(|datagram| datagram.source == GroupSource::Sender);
        let texts = own.filter_map(GroupDatagram::split).filter(|(identity, _)| *identity == self.identity);
        self.characters = texts.map(|(_, text)| text.trim_end_matches(['\r', '\n']).chars().count() as u64).sum();
        let programme = received.iter().filter(|datagram| datagram.source == GroupSource::Programme);
        let mut answers = programme.filter_map(|datagram| Some(datagram.split()?.1));
        let answer = answers.find(|text| text.contains(&self.identity));
        self.answer = answer.and_then(|answer| shown.iter().find(|line| line.contains(answer)).cloned());
    }
}

/// The datagrams to a group.
pub(super) fn datagrams(recording: &Recording, group: Ipv4Addr) -> Vec<GroupDatagram> {
    let mut datagrams = Vec::new();
    for (number, frame) in (1..).zip(recording.frames()) {
        let Ok(packet) = Packet::decode(number, &frame) else { continue };
        if packet.transport == Transport::Udp && packet.destination.ip() == IpAddr::V4(group) {
            let is_programme = packet.source.ip() == HostConfig::SERVER.ipv4 && packet.payload.starts_with(b"swcmTV");
            datagrams.push(GroupDatagram {
                packet: number,
                at: packet.at.unwrap_or_default(),
                source: if is_programme { GroupSource::Programme } else { GroupSource::Sender },
                bytes: packet.payload.get(..MAX_BYTES).unwrap_or(packet.payload).to_vec(),
            });
        }
    }
    datagrams
}

/// Whether a program on this thread's host joins a group within five seconds.
pub(super) fn joins(group: Ipv4Addr) -> bool {
    let until = Instant::now() + EVENT_TIMEOUT / 4;
    loop {
        let is_member = is_member_here(group);
        if is_member || Instant::now() >= until {
            return is_member;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Whether a program on this thread's host is a member of a group, by the kernel's list of addresses in native byte order.
fn is_member_here(group: Ipv4Addr) -> bool {
    let number = format!("{:08X}", u32::from_ne_bytes(group.octets()));
    let list = fs::read_to_string("/proc/thread-self/net/igmp").unwrap_or_default();
    list.split_whitespace().any(|word| word == number)
}

/// The time to live of an IPv4 packet in an Ethernet frame.
fn ttl(frame: &[u8]) -> u8 {
    /// The ninth byte of the IPv4 header (RFC 791, section 3.1), behind 14 bytes of Ethernet.
    const TTL: usize = 14 + 8;
    frame.get(TTL).copied().unwrap_or_default()
}
