//! Facts of a run of our programs, for tests.

use std::time::Duration;

use lab_packets::flow::FlowProtocol;
use lab_process::sockets::{Socket, TcpState};
use lab_testbed::facts::*;
use labnet::{net::Family, tls::TlsVersion};

mod tls;
mod websocket;

/// The measurements of a complete run, with the numbers of the handout.
pub(crate) fn measurements() -> Measurements {
    Measurements {
        datagram: Measurement::Measured(datagram()),
        echo: Measurement::Measured(echo()),
        short_at_once: Measurement::Measured(delivered(
            short("part2-short-0", "CMD_short:0", &[18, 163]),
            &[(100, false), (100, true)],
        )),
        short_paced: Measurement::Measured(delivered(
            short("part2-short-1", "CMD_short:1", &[18, 18, 18, 18, 18, 18, 18, 18, 18, 19]),
            &[(100, false), (1100, false)],
        )),
        short_open: Measurement::Measured(delivered(
            short("part2-short-0-open", "CMD_short:0", &[18, 163]),
            &[(100, false), (200, false)],
        )),
        short_no_delay: Measurement::Measured(short(
            "part2-short-0-nodelay",
            "CMD_short:0",
            &[18, 18, 18, 18, 18, 18, 18, 18, 18, 19],
        )),
        short_pieces: Measurement::Measured(short(
            "part2-short-0-pieces",
            "CMD_short:0",
            &[&[12; 15][..], &[1]].concat(),
        )),
        flood_utf8: Measurement::Measured(Transfer { experiment: "part2-flood-utf-8".into(), ..flood(None).transfer }),
        floods: Measurement::Measured([None, Some(512), Some(4096)].map(flood).into()),
        resets: [(Family::Ipv4, (3, 3)), (Family::Ipv6, (2, 2))].map(|reset| Measurement::Measured(self::reset(reset))),
        series: [Family::Ipv4, Family::Ipv6].map(|family| Measurement::Measured(series(family))),
        // No answer stands on these.
        rounds: Default::default(),
        guests: Measurement::NotRun,
        multicast: Measurement::Measured(multicast()),
        websocket_short: Measurement::Measured(websocket::short("part5-short-0")),
        websocket_flood: Measurement::Measured(websocket::flood()),
        websocket_text: Measurement::Measured(websocket::short("part5-text")),
        websocket_no_close: Measurement::Measured(websocket::short("part5-no-close")),
        tls: [Measurement::Measured(tls::tls_1_2()), Measurement::Measured(tls::tls_1_3())],
        pmu_clients: Measurement::Measured(tls::clients()),
    }
}

fn strings(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|&line| line.to_owned()).collect()
}

fn datagram() -> DatagramFacts {
    DatagramFacts {
        client_output: strings(&["Message sent"]),
        server_output: strings(&["Received data: Hello, Romeo ", "From Address: 127.0.0.1:40001"]),
        protocol: FlowProtocol::Udp,
        family: Family::Ipv4,
        ports: (40_001, 5001),
        packets: 1,
        text: "Hello, Romeo ".into(),
    }
}

/// A line of the table of sockets.
pub(crate) fn socket(local: &str, remote: &str, state: TcpState) -> Socket {
    Socket { local: local.parse().unwrap(), remote: remote.parse().unwrap(), state }
}

fn echo() -> Echo {
    let listening = socket("127.0.0.1:5002", "0.0.0.0:0", TcpState::Listen);
    let line = "O Romeo, Romeo! wherefore art thou Romeo?";
    let pieces = |size| {
        let pieces = line.as_bytes().chunks(size).map(|piece| format!("received: {}", str::from_utf8(piece).unwrap()));
        pieces.collect::<Vec<_>>()
    };
    let mut transfer = transfer("part1-echo", line, &[16, 16, 9], &[41], &[]);
    transfer.client = ClientReport {
        command_line: "part1-primer echo-client --server localhost:5002".into(),
        status: 130,
        lines: [vec![format!("sending: {line}")], pieces(8)].concat(),
        output_bytes: 150,
        ..ClientReport::default()
    };
    Echo {
        sockets_before: vec![listening],
        sockets_during: vec![
            listening,
            socket("127.0.0.1:40002", "127.0.0.1:5002", TcpState::Established),
            socket("127.0.0.1:5002", "127.0.0.1:40002", TcpState::Established),
        ],
        sockets_after: vec![listening],
        family: Family::Ipv4,
        server_output: pieces(16),
        client_output: transfer.client.lines.clone(),
        server_saw_end_before: false,
        server_saw_end_after: true,
        client_sent_fin: true,
        transfer,
    }
}

fn packets(lengths: &[u64]) -> PacketCounts {
    let bytes = lengths.iter().sum();
    PacketCounts {
        all: lengths.len() as u64 + 3,
        with_payload: lengths.len() as u64,
        bytes,
        distinct_bytes: bytes,
        lengths: lengths.to_vec(),
        has_fin: true,
        ..PacketCounts::default()
    }
}

/// A connection in which nothing was lost: payload lengths from the server and from the client.
pub(crate) fn transfer(
    experiment: &str,
    command: &str,
    from_server: &[u64],
    from_client: &[u64],
    layers: &[(Layer, u64)],
) -> Transfer {
    let (to_client, to_server) = (packets(from_server), packets(from_client));
    let kernel = |sent: &PacketCounts, received: &PacketCounts, syn: u64| KernelCounters {
        bytes_sent: Some(sent.bytes),
        bytes_acked: sent.distinct_bytes + 1 + syn,
        bytes_received: received.distinct_bytes + 1,
        data_segments_out: sent.with_payload,
        data_segments_in: received.with_payload,
        retransmitted: 0,
        rtt: Duration::from_micros(40_123),
    };
    Transfer {
        experiment: experiment.into(),
        command: command.into(),
        sends: None,
        messages: None,
        layers: layers.iter().map(|&(layer, bytes)| LayerBytes { layer, bytes }).collect(),
        client_kernel: Some(kernel(&to_server, &to_client, 1)),
        server_kernel: Some(kernel(&to_client, &to_server, 0)),
        to_client,
        to_server,
        path_to_client: PathCounts::default(),
        path_to_server: PathCounts::default(),
        attempts: Vec::new(),
        data_packets: Vec::new(),
        round_trip: None,
        websocket: None,
        missed_by_capture: 0,
        client: ClientReport::default(),
        duration: Duration::from_millis(160),
    }
}

/// What a PDC says that showed the messages from `first` on.
pub(crate) fn shown(first: u64, n: u64, recv_calls: u64) -> ClientReport {
    let lines: Vec<String> = (first..first + n).map(|i| format!("This is PMU data {i}")).collect();
    ClientReport {
        command_line: "part2-pdc --stats CMD_short:0".into(),
        status: 0,
        output_bytes: lines.iter().map(|line| line.len() as u64 + 1).sum(),
        bytes: Some(lines.iter().map(|line| line.len() as u64).sum()),
        lines,
        recv_calls: Some(recv_calls),
        ..ClientReport::default()
    }
}

fn short(experiment: &str, command: &str, lengths: &[u64]) -> Transfer {
    let mut transfer = transfer(experiment, command, lengths, &[11], &[(Layer::Messages, 181)]);
    transfer.sends = Some(10);
    transfer.messages = Some(SentMessages { first: 1, count: 10 });
    transfer.client = ClientReport { data_segments_in: Some(lengths.len() as u64), ..shown(1, 10, 3) };
    transfer
}

/// The times of the data packets, in milliseconds, and which of them has the FIN; on a path of 100 ms.
pub(crate) fn delivered(mut transfer: Transfer, packets: &[(u64, bool)]) -> Transfer {
    let packet = |(number, (&(at, has_fin), &bytes)): (u64, (&(u64, bool), &u64))| DataPacket {
        packet: number,
        at: Duration::from_millis(at),
        bytes,
        has_fin,
    };
    transfer.data_packets = (5..).zip(packets.iter().zip(&transfer.to_client.lengths)).map(packet).collect();
    transfer.round_trip = Some(Duration::from_millis(100));
    transfer
}

/// 65,536 bytes in 46 packets, as TCP cuts them at 1,448.
fn flood_lengths() -> Vec<u64> {
    [vec![1448; 45], vec![376]].concat()
}

fn flood(recv_buffer: Option<u64>) -> Flood {
    let name = recv_buffer.map_or("part2-flood".into(), |size| format!("part2-flood-{size}"));
    let mut transfer = transfer(&name, "CMD_floodme", &flood_lengths(), &[11], &[(Layer::Messages, 65_536)]);
    transfer.sends = Some(1);
    transfer.client = ClientReport {
        command_line: "part2-pdc --stats CMD_floodme".into(),
        output_bytes: 65_537,
        lines: strings(&["a long text"]),
        bytes: Some(65_536),
        recv_calls: Some(recv_buffer.map_or(9, |size| 65_536 / size + 4)),
        data_segments_in: Some(46),
        recv_buffer,
        ..ClientReport::default()
    };
    Flood { recv_buffer, transfer, arrivals: Vec::new() }
}

fn reset((family, sent): (Family, (u64, u64))) -> Reset {
    Reset {
        family,
        acknowledged_over: Some(family),
        // 2025-11-07T09:15:02.125Z
        acknowledged_at: Some(Duration::from_millis(1_762_506_902_125)),
        acknowledgement: "OFFSET=7".into(),
        sent,
        sent_after: 0,
        output: strings(&["OFFSET=7 from 192.0.2.1:5004 over IPv4 after 3 packets at 2025-11-07T09:15:02Z"]),
        packets: Vec::new(),
    }
}

fn series(family: Family) -> Series {
    let packets =
        [vec![1; 24], vec![2; 14], vec![3; 9], vec![4; 5], vec![5; 3], vec![6; 2], vec![8; 2], vec![10; 1]].concat();
    let mut tally = labnet::reset::Tally::default();
    packets.iter().for_each(|&packets| tally.add(packets));
    Series {
        family,
        packets,
        mean: tally.mean(),
        loss: tally.loss(),
        interval: tally.interval(),
        true_loss: 0.6,
        shortest_pause: Some(1.0003),
        asked: 60,
        own: None,
        at_once: 59,
        start: Duration::from_millis(20),
    }
}

fn multicast() -> Multicast {
    let thanks = |identity: &str| format!("Thank you, {identity}, for your 312 characters");
    Multicast {
        group: "224.1.1.1:5005".parse().unwrap(),
        shown: [
            "swcmTV: Two households, both alike in dignity,".into(),
            "123456: What a play".into(),
            "swcmTV: In fair Verona, where we lay our scene,".into(),
            format!("swcmTV: {}", thanks("123456")),
            "swcmTV: From ancient grudge break to new mutiny,".into(),
            "swcmTV: Where civil blood makes civil hands unclean.".into(),
            "654321: What a scene".into(),
            "swcmTV: From forth the fatal loins of these two foes".into(),
            format!("swcmTV: {}", thanks("654321")),
        ]
        .into(),
        datagrams: 9,
        member_before: false,
        member_during: true,
        igmp_reports: 2,
        sender_member: false,
        sender_ttl: 1,
        senders: ["123456", "654321"]
            .map(|identity| GroupSender {
                identity: identity.to_owned(),
                characters: 312,
                answer: Some(thanks(identity)),
                ..GroupSender::default()
            })
            .into(),
        receiver_listened: true,
        receiver_ended: false,
        received: Vec::new(),
    }
}
