//! Packets made by hand: a conversation whose every segment the test chooses.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use etherparse::{IpHeaders, PacketBuilder, PacketBuilderStep, TcpHeader, VlanId};
use lab_packets::{
    file::{CaptureInterface, FrameBuf, LinkType, Recording},
    flow::{Analysis, Detail, Traffic},
};

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

use Side::{Client, Server};

/// Between two segments: more than Wireshark takes for reordering.
const STEP: Duration = Duration::from_millis(20);

/// A conversation on an Ethernet.
pub(crate) struct Wire {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) vlan: Option<u16>,
    pub(crate) now: Duration,
    pub(crate) recording: Recording,
    /// The next sequence number of each side.
    pub(crate) next: [u32; 2],
    /// The receive window of each side.
    pub(crate) windows: [u16; 2],
}

impl Wire {
    pub(crate) fn new(client: &str, server: &str) -> Self {
        Self {
            client: client.parse().unwrap(),
            server: server.parse().unwrap(),
            vlan: None,
            now: Duration::from_secs(1_700_000_000),
            recording: Recording {
                interfaces: vec![CaptureInterface::new("test", LinkType::ETHERNET)],
                ..Recording::default()
            },
            next: [1000, 0xffff_ff00],
            windows: [65_000; 2],
        }
    }

    /// A segment with exactly these numbers; flags are `S`, `A`, `F`, `R`, `P`.
    pub(crate) fn segment(&mut self, from: Side, seq: u32, flags: &str, payload: &[u8]) {
        let (source, destination) = self.ends(from);
        let mut header = TcpHeader::new(source.port(), destination.port(), seq, self.windows[from as usize]);
        header.syn = flags.contains('S');
        header.ack = flags.contains('A');
        header.fin = flags.contains('F');
        header.rst = flags.contains('R');
        header.psh = flags.contains('P');
        if header.ack {
            header.acknowledgment_number = self.next[usize::from(from == Client)];
        }
        let builder = self.ip(source.ip(), destination.ip()).tcp_header(header);
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).unwrap();
        self.push(bytes);
    }

    /// A datagram.
    pub(crate) fn datagram(&mut self, from: Side, payload: &[u8]) {
        let (source, destination) = self.ends(from);
        let builder = self.ip(source.ip(), destination.ip()).udp(source.port(), destination.port());
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).unwrap();
        self.push(bytes);
    }

    /// A frame as it is, a little later than the one before.
    pub(crate) fn push(&mut self, bytes: Vec<u8>) {
        let original_len = bytes.len() as u32;
        let at = Some(self.now);
        self.recording.frames.push(FrameBuf { at, interface: 0, bytes, original_len, comments: Vec::new() });
        self.now += STEP;
    }

    /// SYN, SYN-ACK, ACK.
    pub(crate) fn open(&mut self) {
        for (side, flags) in [(Client, "S"), (Server, "SA")] {
            let seq = self.next[side as usize];
            self.segment(side, seq, flags, b"");
            self.next[side as usize] = seq.wrapping_add(1);
        }
        self.acknowledge(Client);
    }

    pub(crate) fn acknowledge(&mut self, from: Side) {
        self.segment(from, self.next[from as usize], "A", b"");
    }

    /// The next bytes of a stream.
    pub(crate) fn send(&mut self, from: Side, payload: &[u8]) {
        self.segment(from, self.next[from as usize], "PA", payload);
        self.next[from as usize] = self.next[from as usize].wrapping_add(payload.len() as u32);
    }

    /// Bytes from before the next ones, or behind them.
    pub(crate) fn send_at(&mut self, from: Side, distance: i32, payload: &[u8]) {
        self.segment(from, self.next[from as usize].wrapping_add_signed(distance), "PA", payload);
    }

    /// FIN both ways, the client first.
    pub(crate) fn close(&mut self) {
        for side in [Client, Server] {
            self.segment(side, self.next[side as usize], "FA", b"");
            self.next[side as usize] = self.next[side as usize].wrapping_add(1);
        }
        self.acknowledge(Client);
    }

    pub(crate) fn analyse(&self) -> Traffic {
        analyse(&self.recording, Detail::Packets)
    }

    fn ends(&self, from: Side) -> (SocketAddr, SocketAddr) {
        if from == Client { (self.client, self.server) } else { (self.server, self.client) }
    }

    fn ip(&self, source: IpAddr, destination: IpAddr) -> PacketBuilderStep<IpHeaders> {
        let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        match (source, destination, self.vlan) {
            (IpAddr::V4(from), IpAddr::V4(to), None) => ethernet.ipv4(from.octets(), to.octets(), 64),
            (IpAddr::V6(from), IpAddr::V6(to), None) => ethernet.ipv6(from.octets(), to.octets(), 64),
            (from, to, Some(vlan)) => {
                let tagged = ethernet.single_vlan(VlanId::try_new(vlan).unwrap());
                match (from, to) {
                    (IpAddr::V4(from), IpAddr::V4(to)) => tagged.ipv4(from.octets(), to.octets(), 64),
                    (IpAddr::V6(from), IpAddr::V6(to)) => tagged.ipv6(from.octets(), to.octets(), 64),
                    _ => panic!("two families"),
                }
            }
            _ => panic!("two families"),
        }
    }
}

pub(crate) fn analyse(recording: &Recording, detail: Detail) -> Traffic {
    let mut analysis = Analysis::new(detail);
    recording.frames().for_each(|frame| analysis.add(&frame));
    analysis.finish()
}
