//! Part 4: a programme to a multicast group, a receiver that joins the group, and two senders that do not.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    thread,
    time::{Duration, Instant},
};

use lab_packets::{
    flow::FlowProtocol,
    packet::{Packet, Transport},
};
use lab_process::sockets;
use lab_sandbox::HostConfig;
use labnet::net::Interface;
use mock_servers::{Events, multicast};

mod figure;

use super::{POLL_INTERVAL, wait_for_server};
use crate::{
    ExperimentFailure,
    capture::Capture,
    facts::{GroupSender, Multicast},
    programs::ProgramRole,
    session::ExperimentSession,
    topology::{THIRD, Topology},
    watch::{self, EVENT_TIMEOUT, SHORT_TIMEOUT},
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
    let mut receiver = session.start(client, ProgramRole::Part4Receiver, &[])?;
    wait_for_server(client, &mut receiver, sockets::Protocol::Udp, port)?;
    let member_during = client.run(move || joins(group));

    let settings = session.server_settings(Events::default());
    let programme = hosts.server()?.run(move || multicast::spawn(&config, &settings))?;
    for _ in 0..LINES {
        receiver.line_with("show a line of the programme", EVENT_TIMEOUT, |line| line.text.contains("swcmTV"))?;
    }
    let mut answers = Vec::new();
    for (identity, text) in SENDERS {
        let mut sender = session.start(senders, ProgramRole::Part4Sender, &[identity])?;
        sender.input(text.as_bytes());
        sender.input(b"\n");
        sender.end_input();
        let outcome = session.finish(sender);
        // A sender with status 1 may still be right: many end their input with an exception.
        let patience = if outcome.code() == 0 { EVENT_TIMEOUT } else { EVENT_TIMEOUT / 4 };
        let is_answer = |text: &str| text.contains("swcmTV") && text.contains(identity);
        let answer = receiver.line_with("show the answer", patience, |line| is_answer(&line.text)).ok();
        let characters = text.lines().map(|line| line.chars().count() as u64).sum();
        answers.push(GroupSender { identity: identity.to_owned(), characters, answer: answer.map(|line| line.text) });
    }
    let sender_member = senders.run(move || is_member_here(group));
    // The receiver shows the datagrams that are still on the path: then lines and datagrams are equally many.
    drop(programme);
    let quiet = session.settings().path.delay + SHORT_TIMEOUT;
    while receiver.line_with("show another line", quiet, |_| true).is_ok() {}
    let receiver = session.end(receiver);
    let recording = capture.stop();
    session.keep_capture(&recording)?;

    session.keep_diagram(figure::of(&recording, (group, port)));

    let mut facts = Multicast {
        group: SocketAddrV4::new(group, port),
        shown: receiver.stdout().lines().map(str::to_owned).collect(),
        member_before,
        member_during,
        sender_member,
        senders: answers,
        datagrams: 0,
        igmp_reports: 0,
        sender_ttl: 0,
    };
    for (number, frame) in (1..).zip(recording.frames()) {
        let Ok(packet) = Packet::decode(number, &frame) else { continue };
        match packet.transport {
            Transport::Igmp if packet.source.ip() == HostConfig::CLIENT.ipv4 => facts.igmp_reports += 1,
            Transport::Udp if packet.source.ip() == HostConfig::PROXY.ipv4 => facts.sender_ttl = ttl(frame.bytes),
            _ => {}
        }
    }
    let to_group = |flow: &&lab_packets::flow::Flow| flow.protocol == FlowProtocol::Udp && flow.server.ip() == group;
    facts.datagrams = watch::flows(&recording).iter().filter(to_group).map(|flow| flow.sent.packets).sum();
    Ok(facts)
}

/// Whether a program on this thread's host joins a group within five seconds.
fn joins(group: Ipv4Addr) -> bool {
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
