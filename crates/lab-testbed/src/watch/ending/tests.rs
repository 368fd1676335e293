//! Connections that end in different ways, packet by packet.

use std::net::{Ipv4Addr, SocketAddr};

use lab_packets::{
    flow::{DirectionCounts, FlowProtocol},
    packet::TcpFlags,
};

use super::*;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// A connection of these packets: direction (`>` from the client), flags, sequence number, length, acknowledgement.
fn flow(packets: &[(char, u8, u64, usize, u64)]) -> Flow {
    let address = |last| SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), 5003));
    let row = |(number, &(way, flags, seq, payload_len, ack)): (u64, &(char, u8, u64, usize, u64))| PacketRow {
        number,
        at: None,
        direction: if way == '>' { Direction::Sent } else { Direction::Received },
        tcp: Some(Segment { flags: TcpFlags(flags), seq, ack }),
        payload_len,
        head: Vec::new(),
        is_retransmission: false,
        is_late: false,
        probe: None,
        wrong_length: None,
    };
    let counts = DirectionCounts::default();
    Flow {
        number: 1,
        protocol: FlowProtocol::Tcp,
        client: address(1),
        server: address(2),
        sent: counts,
        received: counts,
        is_abridged: false,
        rows: (1..).zip(packets).map(row).collect(),
        stream: Vec::new(),
    }
}

/// The handshake, a command of 11 bytes, an answer of 181.
const BEGIN: [(char, u8, u64, usize, u64); 6] = [
    ('>', SYN, 0, 0, 0),
    ('<', SYN | ACK, 0, 0, 1),
    ('>', ACK, 1, 0, 1),
    ('>', ACK, 1, 11, 1),
    ('<', ACK, 1, 181, 12),
    ('>', ACK, 12, 0, 182),
];

fn given(end: &[(char, u8, u64, usize, u64)]) -> Flow {
    flow(&[&BEGIN[..], end].concat())
}

#[test]
fn what_comes_after_the_fin_of_a_closed_socket_and_is_answered_by_a_reset_is_refused() {
    let end = [
        ('<', FIN | ACK, 182, 0, 12),
        ('>', ACK, 12, 31, 183),
        ('>', FIN | ACK, 43, 0, 183),
        ('<', RST, 183, 0, 0),
        ('<', RST, 183, 0, 0),
    ];
    let flow = given(&end);
    assert_eq!(refused(&flow, Direction::Sent), RefusedPackets { packets: 1, bytes: 31, has_fin: true });
    assert_eq!(refused(&flow, Direction::Received), RefusedPackets::default());
    // The answer had been acknowledged, with the FIN.
    let cost = reset_cost(&flow, Direction::Received, u64::MAX).unwrap();
    assert_eq!((cost.bytes, cost.unacknowledged), (181, 0));
    // Both FINs had passed: the reset ended nothing.
    assert_eq!(reset_cost(&flow, Direction::Received, 9), None);
    assert_eq!(reset_cost(&flow, Direction::Sent, u64::MAX), None);
}

#[test]
fn what_was_acknowledged_or_not_answered_by_a_reset_is_not_refused() {
    let fin = ('<', FIN | ACK, 182, 0, 12);
    let close = [('>', ACK, 12, 31, 183), ('>', FIN | ACK, 43, 0, 183)];
    let acknowledged = given(&[&[fin], &close[..], &[('<', ACK, 183, 0, 44)]].concat());
    assert_eq!(refused(&acknowledged, Direction::Sent), RefusedPackets::default());
    let unanswered = given(&[&[fin], &close[..]].concat());
    assert_eq!(refused(&unanswered, Direction::Sent), RefusedPackets::default());
    // What was sent before the other FIN had come is lost by the network, or by nobody.
    let before = given(&[close[0], fin, ('<', RST, 183, 0, 0)]);
    assert_eq!(refused(&before, Direction::Sent), RefusedPackets::default());
}

#[test]
fn a_retransmission_of_what_was_refused_has_no_bytes_more() {
    let flow =
        given(&[('<', FIN | ACK, 182, 0, 12), ('>', ACK, 12, 31, 183), ('>', ACK, 12, 31, 183), ('<', RST, 183, 0, 0)]);
    assert_eq!(refused(&flow, Direction::Sent), RefusedPackets { packets: 2, bytes: 31, has_fin: false });
}

#[test]
fn a_reset_costs_what_was_never_acknowledged() {
    let reset = [('<', ACK, 182, 100, 12), ('<', RST | ACK, 282, 0, 12)];
    let cost = reset_cost(&given(&reset), Direction::Received, u64::MAX).unwrap();
    assert_eq!((cost.packet, cost.bytes, cost.unacknowledged, cost.acknowledged_late), (8, 281, 100, 0));
    // The client's reset crosses the acknowledgement of its close frame and FIN.
    let crossing = [
        ('>', ACK, 12, 8, 182),
        ('>', FIN | ACK, 20, 0, 182),
        ('<', ACK, 182, 4, 12),
        ('>', RST, 21, 0, 0),
        ('<', FIN | ACK, 186, 0, 21),
    ];
    let cost = reset_cost(&given(&crossing), Direction::Sent, u64::MAX).unwrap();
    assert_eq!((cost.bytes, cost.unacknowledged, cost.acknowledged_late), (19, 0, 9));
}

#[test]
fn a_client_that_resets_after_the_answer_has_lost_nothing() {
    // SO_LINGER 0.
    let flow = given(&[('<', FIN | ACK, 182, 0, 12), ('>', ACK, 12, 0, 183), ('>', RST | ACK, 12, 0, 183)]);
    let cost = reset_cost(&flow, Direction::Sent, u64::MAX).unwrap();
    assert_eq!((cost.bytes, cost.unacknowledged), (11, 0));
    assert_eq!(refused(&flow, Direction::Received), RefusedPackets::default());
    assert_eq!(acknowledged_by_reset(&flow, Direction::Received), 0);
    // The reset is the acknowledgement.
    let flow = given(&[('<', FIN | ACK, 182, 0, 12), ('>', RST | ACK, 12, 0, 183)]);
    assert_eq!(acknowledged_by_reset(&flow, Direction::Received), 1);
    assert_eq!(refused(&flow, Direction::Received), RefusedPackets::default());
    // In the middle of it.
    let flow = given(&[('>', RST | ACK, 12, 0, 182), ('<', ACK, 182, 100, 12), ('<', FIN | ACK, 282, 0, 12)]);
    let lost = RefusedPackets { packets: 1, bytes: 100, has_fin: true };
    assert_eq!(refused(&flow, Direction::Received), lost);
}
