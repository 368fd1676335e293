//! Other implementations: what tshark, capinfos, tcpdump and editcap say about our files, and we about theirs.

use std::{path::Path, time::Duration};

use lab_packets::{
    file::{KeyLog, Recording},
    flow::{Detail, Direction, Flow, TcpProbe, Traffic},
    tls,
};
use lab_process::{Outcome, Program};
use rustls::version::{TLS12, TLS13};

use crate::{
    exchange,
    wire::{
        Side::{Client, Server},
        Wire, analyse,
    },
};

const DEADLINE: Duration = Duration::from_secs(60);

/// Runs a tool that must succeed; `None` when it is not installed.
fn run(tool: &str, arguments: &[&str]) -> Option<Outcome> {
    match Program::start(tool, arguments) {
        Err(_) => {
            eprintln!("skipped: {tool} is not installed");
            None
        }
        Ok(program) => {
            let outcome = program.finish(DEADLINE).unwrap();
            assert_eq!(outcome.code(), 0, "{tool} {arguments:?}: {}", outcome.stderr());
            Some(outcome)
        }
    }
}

/// The frames that a filter selects, with fields.
fn tshark(file: &Path, filter: &str, fields: &[&str]) -> Option<Vec<Vec<String>>> {
    let file = file.to_str().unwrap();
    let mut arguments = vec!["-n", "-r", file, "-Y", filter, "-T", "fields", "-E", "separator=;"];
    fields.iter().for_each(|field| arguments.extend(["-e", field]));
    let outcome = run("tshark", &arguments)?;
    Some(outcome.stdout().lines().map(|line| line.split(';').map(str::to_owned).collect()).collect())
}

/// Everything that TCP can do to a stream, over IPv4, over IPv6 and in a VLAN.
fn captures() -> Vec<(&'static str, Wire)> {
    let mut captures = Vec::new();
    for (name, client, server, vlan) in [
        ("ipv4", "10.0.0.1:40000", "10.0.0.2:5003", None),
        ("ipv6", "[2001:db8::1]:40000", "[2001:db8::2]:5003", None),
        ("vlan", "10.0.0.1:40000", "10.0.0.2:5003", Some(42)),
    ] {
        let mut wire = Wire::new(client, server);
        wire.vlan = vlan;
        wire.open();
        wire.send(Client, b"CMD_short:0");
        wire.acknowledge(Server);
        // The server's numbers wrap in the third of these; the second is repeated.
        for i in 1..=5 {
            wire.send(Server, &[b'0' + i; 120]);
            if i == 2 {
                wire.send_at(Server, -120, b"2".repeat(120).as_slice());
            }
        }
        wire.acknowledge(Client);
        wire.send(Client, b"more");
        wire.send_at(Client, -4, b"more");
        wire.send_at(Client, -4, b"more");
        wire.close();
        captures.push((name, wire));
    }
    captures
}

fn only(traffic: &Traffic) -> &Flow {
    assert_eq!(traffic.flows.len(), 1);
    &traffic.flows[0]
}

/// What is asked of each segment.
const FIELDS: [&str; 9] = [
    "frame.number",
    "tcp.seq",
    "tcp.ack",
    "tcp.len",
    "tcp.srcport",
    "_ws.malformed",
    "tcp.analysis.retransmission",
    "tcp.analysis.fast_retransmission",
    "tcp.analysis.spurious_retransmission",
];

#[test]
fn tshark_counts_what_we_count() {
    let folder = tempfile::tempdir().unwrap();
    for (name, wire) in captures() {
        let file = folder.path().join(name);
        wire.recording.write(&file).unwrap();
        let Some(segments) = tshark(&file, "tcp", &FIELDS) else { return };
        assert!(segments.iter().all(|fields| fields[5].is_empty()), "{name}: malformed: {segments:?}");
        let traffic = wire.analyse();
        let flow = only(&traffic);
        let is_again = |fields: &[String]| fields[6..].iter().any(|flag| !flag.is_empty());
        for (direction, port) in [(Direction::Sent, "40000"), (Direction::Received, "5003")] {
            let way = flow.counts(direction);
            let theirs = || segments.iter().filter(|fields| fields[4] == port);
            let len = |fields: &Vec<String>| fields[3].parse::<u64>().unwrap();
            assert_eq!(way.packets, theirs().count() as u64, "{name}");
            assert_eq!(way.packets_with_payload, theirs().filter(|fields| len(fields) > 0).count() as u64, "{name}");
            assert_eq!(way.bytes, theirs().map(len).sum::<u64>(), "{name}");
            let again: Vec<_> = theirs().filter(|fields| is_again(fields)).collect();
            assert_eq!(way.retransmitted_packets, again.len() as u64, "{name}");
            assert_eq!(way.retransmitted_bytes, again.into_iter().map(len).sum::<u64>(), "{name}");
        }
        // Packet by packet, with numbers relative to SYN.
        assert_eq!(flow.rows.len(), segments.len());
        for (row, theirs) in flow.rows.iter().zip(&segments) {
            let tcp = row.tcp.unwrap();
            let ours = [row.number, tcp.seq, tcp.ack, row.payload_len as u64].map(|number| number.to_string());
            assert_eq!((&theirs[..4], is_again(theirs)), (&ours[..], row.is_retransmission), "{name}");
        }
    }
}

#[test]
fn other_tools_read_our_files_and_we_theirs() {
    let folder = tempfile::tempdir().unwrap();
    for (name, mut wire) in captures() {
        wire.recording.comment = Some("a note".to_owned());
        wire.recording.frames[2].comments.push("look here".to_owned());
        (wire.recording.received, wire.recording.dropped) = (Some(20), Some(3));
        let file = folder.path().join(format!("{name}.pcapng"));
        wire.recording.write(&file).unwrap();
        let path = file.to_str().unwrap();
        if let Some(outcome) = run("capinfos", &["-M", "-c", "-k", "-I", path]) {
            let text = outcome.stdout();
            let frames = wire.recording.frames.len();
            assert!(text.contains(&format!("Number of packets:   {frames}")), "{text}");
            assert!(text.contains("a note") && text.contains("Number of stat entries = 1"), "{text}");
        }
        if let Some(comments) = tshark(&file, "frame.comment", &["frame.number", "frame.comment"]) {
            assert_eq!(comments, [["3", "look here"]]);
        }
        if let Some(outcome) = run("tcpdump", &["-nr", path]) {
            assert_eq!(outcome.stdout().lines().count(), wire.recording.frames.len());
        }
        for format in ["pcap", "nsecpcap", "modpcap", "pcapng"] {
            let theirs = folder.path().join(format!("{name}.{format}"));
            let Some(_) = run("editcap", &["-F", format, path, theirs.to_str().unwrap()]) else { continue };
            let (again, damage) = Recording::read(&theirs);
            assert!(damage.is_none(), "{format}: {damage:?}");
            let bytes = |recording: &Recording| {
                recording.frames().map(|frame| (frame.at, frame.bytes.to_vec(), frame.link)).collect::<Vec<_>>()
            };
            assert_eq!(bytes(&again), bytes(&wire.recording), "{name} as {format}");
            assert_eq!(analyse(&again, Detail::Packets).flows, wire.analyse().flows);
        }
    }
}

#[test]
fn tshark_decrypts_with_the_secrets_in_our_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (name, version) in [("tls12", &TLS12), ("tls13", &TLS13)] {
        let wire = exchange::exchange(version);
        let file = folder.path().join(name);
        wire.recording.write(&file).unwrap();
        let Some(http) = tshark(&file, "http", &["http.request.method", "http.response.code"]) else { return };
        assert_eq!(http.first().map(|fields| fields[0].as_str()), Some("GET"), "{name}: {http:?}");
        assert_eq!(http.last().map(|fields| fields[1].as_str()), Some("200"), "{name}: {http:?}");
        // The packets that complete each message.
        let theirs = tshark(&file, "tls.handshake.type", &["frame.number", "tls.handshake.type"]).unwrap();
        let theirs: Vec<(u64, usize)> =
            theirs.iter().map(|fields| (fields[0].parse().unwrap(), fields[1].split(',').count())).collect();
        let traffic = wire.analyse();
        let listing = tls::dissect(only(&traffic), &wire.recording.secrets).unwrap();
        let messages = listing.lines.iter().filter(|line| line.entry.kind == tls_trace::Kind::Message);
        let numbers: Vec<u64> = messages.map(|line| line.packet).collect();
        let ours: Vec<(u64, usize)> = numbers.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect();
        assert_eq!(ours, theirs, "{name}");
        // Theirs, with the secrets that editcap put in, is ours again.
        let (bare, with) = (folder.path().join("bare"), folder.path().join("with"));
        let keys = folder.path().join("keys");
        std::fs::write(&keys, wire.recording.secrets.as_str()).unwrap();
        let mut without = wire.recording.clone();
        without.secrets = KeyLog::default();
        without.write(&bare).unwrap();
        let secrets = format!("tls,{}", keys.display());
        let paths = [&bare, &with].map(|path| path.to_str().unwrap());
        if run("editcap", &["--inject-secrets", &secrets, paths[0], paths[1]]).is_some() {
            assert_eq!(Recording::read(&with).0.secrets, wire.recording.secrets);
        }
    }
}

#[test]
fn tshark_names_the_same_keep_alives_and_window_probes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("probes");
    let mut wire = Wire::new("10.0.0.1:40000", "10.0.0.2:5003");
    wire.open();
    wire.send(Client, b"x");
    // Not acknowledged: a keep-alive for Wireshark nevertheless.
    wire.send_at(Client, -1, b"x");
    wire.acknowledge(Server);
    wire.send_at(Client, -1, b"");
    wire.send_at(Client, -2, b"");
    wire.send_at(Client, -2, b"ab");
    wire.windows[1] = 0;
    wire.acknowledge(Server);
    wire.send_at(Client, 0, b"y");
    wire.send_at(Client, 0, b"yz");
    wire.windows[1] = 100;
    wire.acknowledge(Server);
    wire.send_at(Client, 2, b"w");
    wire.recording.write(&file).unwrap();
    let filter = "tcp.analysis.keep_alive || tcp.analysis.zero_window_probe";
    let fields = ["frame.number", "tcp.analysis.keep_alive", "tcp.analysis.zero_window_probe"];
    let Some(theirs) = tshark(&file, filter, &fields) else { return };
    let theirs = theirs.iter().map(|fields| (fields[0].parse().unwrap(), !fields[1].is_empty()));
    let traffic = wire.analyse();
    let rows = only(&traffic).rows.iter().filter_map(|row| Some((row.number, row.probe? == TcpProbe::KeepAlive)));
    assert_eq!(rows.collect::<Vec<(u64, bool)>>(), theirs.collect::<Vec<_>>());
}
