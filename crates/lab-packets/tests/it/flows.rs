//! Packets, counted and put together: what is a repeat, what fills a gap, what belongs to which connection.

use std::net::SocketAddr;

use lab_packets::{
    diagram::{Arrow, ArrowKind, Diagram, DiagramOptions, Lifeline},
    file::{CapturedFrame, LinkType},
    flow::{Detail, Direction, Flow, FlowProtocol},
    packet::{DecodeError, Packet, TcpFlags, Transport},
};

use crate::wire::{
    Side::{Client, Server},
    Wire, analyse,
};

const CLIENT: &str = "10.0.0.1:40000";
const SERVER: &str = "10.0.0.2:5003";

fn wire() -> Wire {
    Wire::new(CLIENT, SERVER)
}

fn only(wire: &Wire) -> Flow {
    let mut traffic = wire.analyse();
    assert_eq!(traffic.flows.len(), 1, "{:?}", traffic.flows);
    // Counts do not depend on what else is kept.
    let counted = analyse(&wire.recording, Detail::Counts).flows.remove(0);
    let flow = traffic.flows.remove(0);
    assert_eq!((counted.sent, counted.received), (flow.sent, flow.received));
    assert!(counted.rows.is_empty() && counted.stream.is_empty());
    flow
}

fn stream(flow: &Flow, direction: Direction) -> String {
    let chunks = flow.stream.iter().filter(|chunk| chunk.direction == direction);
    String::from_utf8(chunks.flat_map(|chunk| chunk.bytes.clone()).collect()).unwrap()
}

#[test]
fn a_connection_is_counted_each_way() {
    let mut wire = wire();
    wire.open();
    wire.send(Client, b"CMD_short:0");
    wire.acknowledge(Server);
    for i in 1..=3 {
        wire.send(Server, format!("This is PMU data {i}").as_bytes());
        wire.acknowledge(Client);
    }
    wire.close();
    let flow = only(&wire);
    assert_eq!((flow.client.to_string(), flow.server.to_string()), (CLIENT.to_owned(), SERVER.to_owned()));
    let (sent, received) = (flow.sent, flow.received);
    assert_eq!((sent.packets, sent.packets_with_payload, sent.bytes, sent.stream_bytes), (8, 1, 11, 11));
    assert_eq!((received.packets, received.packets_with_payload, received.bytes), (6, 3, 54));
    assert_eq!((sent.syn, sent.fin, sent.rst, received.syn, received.fin), (1, 1, 0, 1, 1));
    assert!(sent.is_whole && received.is_whole);
    assert_eq!((sent.retransmitted_packets, received.late_packets), (0, 0));
    assert_eq!(stream(&flow, Direction::Received), "This is PMU data 1This is PMU data 2This is PMU data 3");
    let rows: Vec<_> = flow.rows.iter().map(|row| (row.tcp.unwrap().seq, row.tcp.unwrap().ack)).collect();
    assert_eq!(rows[..6], [(0, 0), (0, 1), (1, 1), (1, 1), (1, 12), (1, 12)]);
    assert_eq!(rows[rows.len() - 3..], [(12, 55), (55, 13), (13, 56)]);
    assert_eq!(flow.rows[0].tcp.unwrap().flags, TcpFlags::SYN);
}

#[test]
fn sequence_numbers_wrap() {
    // The server begins 256 before the wrap.
    let mut wire = wire();
    wire.open();
    for _ in 0..10 {
        wire.send(Server, &[b'x'; 100]);
    }
    wire.send_at(Server, -950, &[b'x'; 100]);
    wire.close();
    let flow = only(&wire);
    assert_eq!((flow.received.bytes, flow.received.stream_bytes, flow.received.retransmitted_bytes), (1100, 1000, 100));
    assert!(flow.received.is_whole);
    assert_eq!(flow.rows[flow.rows.len() - 2].tcp.unwrap().seq, 1001);
}

#[test]
fn repeats_are_counted_once_in_the_stream() {
    let mut wire = wire();
    wire.open();
    wire.send(Client, b"abcdef");
    wire.send_at(Client, -6, b"abcdef");
    wire.send_at(Client, -3, b"defghi");
    wire.next[0] += 3;
    wire.close();
    wire.send_at(Client, -1, b"");
    wire.segment(Client, wire.next[0] - 1, "FA", b"");
    let flow = only(&wire);
    let sent = flow.sent;
    assert_eq!((sent.bytes, sent.stream_bytes), (18, 9));
    // Two with payload and the second FIN.
    assert_eq!((sent.retransmitted_packets, sent.retransmitted_bytes, sent.late_packets), (3, 9, 0));
    assert_eq!(stream(&flow, Direction::Sent), "abcdefghi");
    let again: Vec<bool> = flow.rows.iter().map(|row| row.is_retransmission).collect();
    assert_eq!(again.iter().filter(|again| **again).count(), 3);
    assert_eq!(flow.rows[4].note().as_deref(), Some("again"));
}

#[test]
fn what_comes_out_of_order_fills_a_gap() {
    let mut wire = wire();
    wire.open();
    wire.send_at(Server, 6, b"ghi");
    wire.send_at(Server, 3, b"def");
    wire.send_at(Server, 3, b"def");
    wire.send_at(Server, 0, b"abcd");
    wire.next[1] = wire.next[1].wrapping_add(9);
    wire.close();
    let flow = only(&wire);
    let received = flow.received;
    assert_eq!((received.late_packets, received.retransmitted_packets, received.retransmitted_bytes), (2, 2, 4));
    assert_eq!((received.bytes, received.stream_bytes, received.is_whole), (13, 9, true));
    assert_eq!(stream(&flow, Direction::Received), "abcdefghi");
    assert_eq!(flow.stream.iter().map(|chunk| chunk.packet).collect::<Vec<_>>(), [7, 5, 4]);
    assert_eq!(flow.rows[6].note().as_deref(), Some("again in part, fills a gap"));
}

#[test]
fn a_gap_that_is_never_filled_ends_the_stream() {
    let mut wire = wire();
    wire.open();
    wire.send(Server, b"abc");
    wire.next[1] = wire.next[1].wrapping_add(3);
    wire.send(Server, b"ghi");
    wire.close();
    let flow = only(&wire);
    assert_eq!((flow.received.stream_bytes, flow.received.is_whole, flow.sent.is_whole), (6, false, true));
    assert_eq!(stream(&flow, Direction::Received), "abc");
}

#[test]
fn what_was_not_captured_whole_is_counted_and_ends_the_stream() {
    let mut wire = wire();
    wire.open();
    wire.send(Server, b"abcdef");
    wire.send(Server, b"ghi");
    wire.close();
    let frame = &mut wire.recording.frames[3];
    frame.bytes.truncate(frame.bytes.len() - 4);
    let flow = only(&wire);
    assert_eq!((flow.received.bytes, flow.received.is_whole), (9, true));
    assert_eq!(stream(&flow, Direction::Received), "ab");
    // Down to the middle of TCP's header, nothing else is lost.
    for frame in &mut wire.recording.frames {
        frame.bytes.truncate(14 + 20 + 20);
    }
    let again = only(&wire);
    assert_eq!((again.sent, again.received), (flow.sent, flow.received));
    wire.recording.frames.iter_mut().for_each(|frame| frame.bytes.truncate(14 + 20 + 19));
    let traffic = wire.analyse();
    assert_eq!((traffic.flows.len(), traffic.others["cut within its headers"]), (0, 8));
}

#[test]
fn the_same_addresses_can_have_several_connections() {
    let mut wire = wire();
    wire.open();
    wire.close();
    wire.next = [70_000, 80_000];
    wire.open();
    wire.send(Client, b"x");
    // A refused SYN that is repeated is one connection.
    wire.client.set_port(40_001);
    for _ in 0..3 {
        wire.segment(Client, 5, "S", b"");
        wire.segment(Server, 0, "RA", b"");
    }
    let traffic = wire.analyse();
    let counts: Vec<_> = traffic.flows.iter().map(|flow| (flow.number, flow.sent.packets, flow.sent.bytes)).collect();
    assert_eq!(counts, [(1, 4, 0), (2, 3, 1), (3, 3, 0)]);
    assert_eq!((traffic.flows[2].sent.retransmitted_packets, traffic.flows[2].received.rst), (2, 3));
    assert_eq!(traffic.flows[1].rows.last().unwrap().tcp.unwrap().seq, 1);
}

#[test]
fn without_a_syn_the_client_has_the_higher_port() {
    let mut wire = wire();
    wire.send(Server, b"abc");
    wire.send(Client, b"x");
    wire.send_at(Server, -6, b"xyz");
    let flow = only(&wire);
    assert_eq!((flow.client.to_string(), flow.sent.bytes, flow.received.stream_bytes), (CLIENT.to_owned(), 1, 6));
    assert_eq!((flow.received.late_packets, flow.received.is_whole), (1, false));
    let seqs: Vec<_> = flow.rows.iter().map(|row| (row.tcp.unwrap().seq, row.tcp.unwrap().ack)).collect();
    assert_eq!(seqs[..2], [(1, 1), (1, 4)]);
}

#[test]
fn a_syn_ack_is_the_server_s() {
    let mut wire = Wire::new("10.0.0.1:80", "10.0.0.2:5003");
    wire.segment(Server, 7, "SA", b"");
    wire.segment(Client, 999, "S", b"");
    let flow = only(&wire);
    assert_eq!((flow.client.port(), flow.sent.syn, flow.received.syn), (80, 1, 1));
}

#[test]
fn datagrams_are_a_conversation_or_go_to_a_group() {
    let mut wire = Wire::new("[fe80::1]:5000", "[fe80::2]:6000");
    wire.vlan = Some(7);
    wire.datagram(Client, b"RESET:20");
    wire.datagram(Server, b"OFFSET=4");
    wire.datagram(Client, b"");
    (wire.client, wire.server) = ("10.0.0.9:1234".parse().unwrap(), "224.1.1.1:5000".parse().unwrap());
    wire.datagram(Client, b"IDENTIhello");
    let traffic = wire.analyse();
    let [pair, group] = &traffic.flows[..] else { panic!("{traffic:?}") };
    assert_eq!((pair.protocol, pair.sent.packets, pair.sent.packets_with_payload), (FlowProtocol::Udp, 2, 1));
    assert_eq!((pair.received.bytes, pair.received.stream_bytes, pair.received.is_whole), (8, 8, false));
    assert_eq!((group.server.to_string(), group.sent.bytes), ("224.1.1.1:5000".to_owned(), 11));
}

#[test]
fn padding_of_ethernet_is_no_payload() {
    let mut wire = wire();
    wire.open();
    wire.send(Client, b"x");
    for frame in &mut wire.recording.frames {
        frame.bytes.resize(64, 0xee);
        frame.original_len = 64;
    }
    let flow = only(&wire);
    assert_eq!((flow.sent.packets_with_payload, flow.sent.bytes), (1, 1));
    assert_eq!(stream(&flow, Direction::Sent), "x");
}

/// The IP packet in the first frame.
fn ip_packet(wire: &Wire) -> Vec<u8> {
    wire.recording.frames[0].bytes[14..].to_vec()
}

fn decode(link: LinkType, bytes: &[u8]) -> Result<(SocketAddr, SocketAddr, usize), DecodeError> {
    let at = std::time::Duration::ZERO;
    let original_len = bytes.len() as u32;
    let frame = CapturedFrame { at: Some(at), link, interface: 0, bytes, original_len, comments: Vec::new() };
    Packet::decode(1, &frame).map(|packet| (packet.source, packet.destination, packet.payload_len))
}

#[test]
fn frames_of_every_link_are_read() {
    let mut wire = wire();
    wire.segment(Client, 1, "A", b"abc");
    let ip = ip_packet(&wire);
    let (client, server): (SocketAddr, SocketAddr) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    let check = |link, header: &[u8]| {
        let frame = [header, &ip].concat();
        assert_eq!(decode(link, &frame), Ok((client, server, 3)), "{link}");
        for len in 0..frame.len() - 3 {
            assert_eq!(decode(link, &frame[..len]), Err(DecodeError::Short), "{link}, {len} bytes");
        }
    };
    check(LinkType::RAW, &[]);
    check(LinkType(12), &[]);
    check(LinkType::IPV4, &[]);
    check(LinkType::NULL, &[2, 0, 0, 0]);
    check(LinkType::LOOP, &[0, 0, 0, 2]);
    check(LinkType::LINUX_SLL, b"\0\0\x03\x04\0\x06\0\0\0\0\0\0\0\0\x08\0");
    check(LinkType::LINUX_SLL2, b"\x08\0\0\0\0\0\0\x01\x03\x04\0\x06\0\0\0\0\0\0\0\0");
    check(LinkType::ETHERNET, b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xa8\0\x05\x81\0\0\x06\x08\0");
    assert_eq!(decode(LinkType::ETHERNET, b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x06"), Err(DecodeError::Arp));
    assert_eq!(decode(LinkType::ETHERNET, b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\0\x10xx"), Err(DecodeError::NotIp));
    assert_eq!(decode(LinkType(147), &ip), Err(DecodeError::Link(LinkType(147))));
    assert_eq!(decode(LinkType::RAW, &[0x90; 60]), Err(DecodeError::Malformed));
}

#[test]
fn what_is_no_flow_is_named() {
    let mut wire = wire();
    wire.datagram(Client, b"first part");
    let fragment = wire.recording.frames[0].bytes.clone();
    wire.recording.frames.clear();
    let mut first = fragment.clone();
    first[20] = 0x20;
    let mut last = fragment.clone();
    last[21] = 0x10;
    let mut other = |number: u8| {
        let mut other = fragment.clone();
        other[23] = number;
        wire.push(other);
    };
    other(1);
    other(2);
    other(132);
    wire.push(first);
    wire.push(last);
    let traffic = wire.analyse();
    let others: Vec<_> = traffic.others.iter().map(|(what, count)| (what.as_str(), *count)).collect();
    assert_eq!(others, [("ICMP", 1), ("IGMP", 1), ("IP fragment", 2), ("IP protocol 132", 1)]);
    let frames: Vec<_> = wire.recording.frames().collect();
    let packet = Packet::decode(4, &frames[3]).unwrap();
    assert_eq!((packet.source.port(), packet.number), (0, 4));
    assert!(matches!(packet.transport, Transport::Fragment(protocol) if protocol.0 == 17));
}

#[test]
fn a_diagram_says_what_went_where() {
    let mut wire = wire();
    wire.open();
    wire.send(Client, b"CMD_short:0");
    wire.send_at(Client, -11, b"CMD_short:0");
    for i in 0..100 {
        wire.send(Server, format!("data \u{1b}[2J <b>&{i}").as_bytes());
    }
    wire.send(Server, "This is PMU data, and so much of it that it does not fit on one line: ☃".as_bytes());
    wire.send(Server, "This is PMU data 7\n".as_bytes());
    wire.close();
    let diagram = Diagram::of(&only(&wire), None, &DiagramOptions::default());
    let labels: Vec<&str> = diagram.arrows.iter().map(|arrow| arrow.label.as_str()).collect();
    assert_eq!(labels[..5], ["SYN", "SYN, ACK", "ACK", "11 B: CMD_short:0", "11 B: CMD_short:0 (again)"]);
    assert!(labels.iter().any(|label| label.starts_with("… 79 packets more, 1")), "{labels:?}");
    assert!(labels.contains(&"73 B: This is PMU data, and so much of it that it does not fit on one …"), "{labels:?}");
    assert!(labels.contains(&"19 B: This is PMU data 7\\n"), "{labels:?}");
    assert_eq!(diagram.arrows[4].kind, ArrowKind::Retransmission);
    let text = diagram.to_text();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.contains('\u{1b}'));
    assert!(text.contains("    4     60.000 ms |---- 11 B: CMD_short:0 -"), "{text}");
    assert!(text.contains("    2     20.000 ms |<- - SYN, ACK - - -"), "{text}");
}

#[test]
fn a_diagram_made_by_hand_shows_what_was_lost() {
    let host = |name: &str| Lifeline { name: name.to_owned(), address: "10.0.0.1:5".to_owned() };
    let arrow = |to_right, kind, label: &str| Arrow {
        at: Some(std::time::Duration::from_millis(1500)),
        packet: None,
        to_right,
        label: label.to_owned(),
        kind,
    };
    let diagram = Diagram {
        title: "Part 3: \"<&>\" \u{1}".to_owned(),
        description: "Two datagrams".to_owned(),
        left: host("PDC"),
        right: host("PMU"),
        arrows: vec![
            arrow(true, ArrowKind::Lost, "RESET:20"),
            arrow(false, ArrowKind::Lost, "OFFSET=4"),
            arrow(true, ArrowKind::Data, &"long ".repeat(40)),
        ],
        delay: None,
    };
    let text = diagram.to_text();
    assert!(text.contains("1500.000 ms |---- RESET:20 ---"), "{text}");
    assert!(text.contains("---x  "), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let svg = diagram.to_svg("part3");
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"part3\""), "{svg}");
    for expected in [
        "role=\"img\" aria-labelledby=\"part3-title part3-desc\"",
        "<title id=\"part3-title\">Part 3: &quot;&lt;&amp;&gt;&quot; </title>",
        "prefers-color-scheme",
        "@media print",
        "×: lost",
    ] {
        assert!(svg.contains(expected), "{expected}: {svg}");
    }
    assert!(!svg.contains("<script") && !svg.contains('\u{1}'));
}
