//! Diagrams: slanted arrows, whole labels, the frames of a WebSocket, both families on one axis.

use std::time::Duration;

use lab_packets::{
    diagram::{Arrow, ArrowKind, Diagram, DiagramOptions, Lifeline},
    flow::Flow,
};

use crate::wire::{
    Side::{Client, Server},
    Wire,
};

fn arrow(at_ms: f64, to_right: bool, label: &str) -> Arrow {
    Arrow {
        at: Some(Duration::from_secs_f64(at_ms / 1e3)),
        packet: Some(1),
        to_right,
        label: label.to_owned(),
        kind: ArrowKind::Data,
    }
}

fn diagram(delay_ms: Option<u64>, arrows: Vec<Arrow>) -> Diagram {
    let host = |name: &str| Lifeline { name: name.to_owned(), address: "10.0.0.1:5".to_owned() };
    Diagram {
        title: "A connection".to_owned(),
        description: "Packets".to_owned(),
        left: host("client"),
        right: host("server"),
        arrows,
        delay: delay_ms.map(Duration::from_millis),
    }
}

/// The heights of the lines of all arrows: at the left lifeline, at the right one.
fn heights(svg: &str) -> Vec<(f64, f64)> {
    let lines = svg.split("class=\"line\" d=\"M").skip(1).map(|rest| rest.split_once('"').unwrap().0);
    lines
        .map(|line| {
            let ends: Vec<(f64, f64)> = line
                .split('L')
                .map(|end| end.split_once(' ').unwrap())
                .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
                .collect();
            if ends[0].0 < ends[1].0 { (ends[0].1, ends[1].1) } else { (ends[1].1, ends[0].1) }
        })
        .collect()
}

#[test]
fn an_arrow_ends_lower_than_it_begins_and_an_answer_leaves_when_the_question_came() {
    let arrows = || vec![arrow(0.0, true, "SYN"), arrow(100.0, false, "SYN, ACK"), arrow(100.1, true, "ACK")];
    let slanted = heights(&diagram(Some(50), arrows()).to_svg("a"));
    let [syn, answer, acknowledgement] = slanted[..] else { panic!("{slanted:?}") };
    assert!(syn.0 < syn.1 && answer.1 < answer.0 && acknowledgement.0 < acknowledgement.1, "{slanted:?}");
    assert!((syn.1 - answer.1).abs() < 0.2, "{slanted:?}");
    // Without a delay, as on one machine, they are level.
    for (left, right) in heights(&diagram(None, arrows()).to_svg("b")) {
        assert!((left - right).abs() < 0.01);
    }
    // What was sent at almost the same time arrives so, however much room is between the rows.
    let burst = (0..9).map(|n| arrow(100.0 + f64::from(n) * 0.01, false, "18 B")).collect();
    let rights: Vec<f64> = heights(&diagram(Some(50), burst).to_svg("c")).iter().map(|height| height.1).collect();
    assert!(rights.iter().all(|right| (right - rights[0]).abs() < 1.0), "{rights:?}");
}

#[test]
fn the_delay_is_half_of_the_handshake_at_the_client_and_unknown_at_the_server() {
    let handshake = |pauses: [u64; 2]| {
        let mut wire = Wire::new("10.0.0.1:40000", "10.0.0.2:5003");
        let segments = [(Client, 0, "S"), (Server, 0, "SA"), (Client, 1, "A")];
        for ((from, seq, flags), pause) in segments.into_iter().zip([0, pauses[0], pauses[1]]) {
            wire.now += Duration::from_millis(pause);
            wire.segment(from, seq, flags, b"");
        }
        Diagram::of(&wire.analyse().flows[0], None, &DiagramOptions::default()).delay
    };
    let step = handshake([0, 0]);
    assert_eq!(step, None, "the packets of the tests are evenly spaced");
    assert!(handshake([100, 0]).is_some_and(|delay| delay >= Duration::from_millis(50)));
    assert_eq!(handshake([0, 100]), None);
}

#[test]
fn a_label_is_wrapped_and_never_cut() {
    let label = "a label of many words, ".repeat(12) + &"x".repeat(90) + " and its end";
    let diagram = diagram(None, vec![arrow(0.0, true, &label), arrow(1.0, false, &label)]);
    let svg = diagram.to_svg("a");
    let shown: String = svg
        .split("class=\"label\"")
        .skip(1)
        .map(|rest| rest.split_once('>').unwrap().1.split_once('<').unwrap().0)
        .collect();
    let letters = |text: &str| text.chars().filter(|character| !character.is_whitespace()).collect::<String>();
    assert_eq!(letters(&shown), letters(&label).repeat(2));
    // In text a word that is longer than a line is cut, and nothing else.
    let text = diagram.to_text();
    assert_eq!(text.matches("words").count(), 24, "{text}");
    assert!(text.contains("and its end") && text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn frames_of_a_websocket_are_named_and_unmasked() {
    let mut wire = Wire::new("10.0.0.1:40000", "10.0.0.2:5006");
    wire.open();
    wire.send(Client, b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
    wire.send(Server, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
    let masked: Vec<u8> =
        b"CMD_short:0".iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    wire.send(Client, &[&[0x81, 0x80 | 11, 1, 2, 3, 4], &masked[..]].concat());
    wire.send(Server, &[&[0x82, 18], &b"This is PMU data 1"[..]].concat());
    // A long one in two packets; a ping and the close frame in one.
    let long = [&[0x82, 126, 1, 0][..], &[0xff; 256]].concat();
    wire.send(Server, &long[..100]);
    wire.send(Server, &long[100..]);
    wire.send(Server, &[0x89, 0, 0x88, 5, 3, 0xe8, b'b', b'y', b'e']);
    wire.close();
    let diagram = Diagram::of(&wire.analyse().flows[0], None, &DiagramOptions::default());
    let labels: Vec<&str> = diagram.arrows.iter().map(|arrow| arrow.label.as_str()).collect();
    assert_eq!(
        labels[3..10],
        [
            "38 B: HTTP request to upgrade",
            "56 B: HTTP 101: upgraded",
            "17 B: text frame “CMD_short:0”",
            "20 B: binary frame “This is PMU data 1”",
            "100 B: part of binary frame",
            "160 B: binary frame, 256 B",
            "9 B: ping frame, close frame, status 1000 “bye”",
        ]
    );
}

#[test]
fn both_families_are_on_one_axis_in_the_order_of_their_packets() {
    let mut ipv4 = Wire::new("10.0.0.1:40000", "10.0.0.2:5004");
    let mut ipv6 = Wire::new("[fd00::1]:40001", "[fd00::2]:5004");
    ipv4.datagram(Client, b"RESET:20");
    ipv4.datagram(Server, b"OFFSET=7");
    ipv6.datagram(Client, b"RESET:20");
    let mut flows: Vec<Flow> = [&ipv4, &ipv6].iter().flat_map(|wire| wire.analyse().flows).collect();
    // As in one capture, where the packet over IPv6 is the second one.
    flows[0].rows[1].number = 3;
    flows[1].rows[0].number = 2;
    let diagram = Diagram::of_families(&flows, &DiagramOptions::default()).unwrap();
    let labels: Vec<&str> = diagram.arrows.iter().map(|arrow| arrow.label.as_str()).collect();
    assert_eq!(labels, ["IPv4, 8 B: RESET:20", "IPv6, 8 B: RESET:20", "IPv4, 8 B: OFFSET=7"]);
    assert_eq!(diagram.right.address, "10.0.0.2:5004, [fd00::2]:5004");
    // Of one family there is nothing to tell apart.
    let single = Diagram::of_families(&flows[..1], &DiagramOptions::default()).unwrap();
    assert_eq!(single.arrows[0].label, "8 B: RESET:20");
    assert_eq!(Diagram::of_families(&[], &DiagramOptions::default()), None);
}
