//! Frames of any link, cut out of the input: what is counted does not depend on what is kept, and anything can be drawn.
//!
//! Each frame is `link u8 ‖ length u8 ‖ bytes`.
#![no_main]

use std::time::Duration;

use lab_packets::{
    diagram::{Diagram, DiagramOptions},
    file::{CapturedFrame, KeyLog, LinkType},
    flow::{Analysis, Detail},
    tls,
};

const LINKS: [LinkType; 8] = [
    LinkType::RAW,
    LinkType::ETHERNET,
    LinkType::NULL,
    LinkType::LOOP,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::IPV6,
    LinkType(147),
];

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (mut counts, mut packets) = (Analysis::new(Detail::Counts), Analysis::new(Detail::Packets));
    let (mut rest, mut number) = (input, 0);
    while let [link, len, following @ ..] = rest {
        let (bytes, following) = following.split_at_checked(usize::from(*len)).unwrap_or((following, &[]));
        let frame = CapturedFrame {
            at: Some(Duration::from_millis(number)),
            link: LINKS[usize::from(*link) % LINKS.len()],
            interface: 0,
            bytes,
            original_len: bytes.len() as u32,
            comments: Vec::new(),
        };
        counts.add(&frame);
        packets.add(&frame);
        (rest, number) = (following, number + 1);
    }
    let (counts, packets) = (counts.finish(), packets.finish());
    assert_eq!((counts.frames, counts.others), (packets.frames, packets.others));
    assert_eq!(counts.flows.len(), packets.flows.len());
    for (count, flow) in counts.flows.iter().zip(&packets.flows) {
        assert_eq!((count.client, count.sent.bytes), (flow.client, flow.sent.bytes));
        assert!(flow.sent.stream_bytes <= flow.sent.bytes && flow.received.stream_bytes <= flow.received.bytes);
        let listing = tls::dissect(flow, &KeyLog::default());
        let diagram = Diagram::of(flow, listing.as_ref(), &DiagramOptions::default());
        assert!(diagram.to_text().lines().all(|line| line.chars().count() <= 100));
        assert!(diagram.to_svg("x").ends_with("</svg>"));
    }
});
