//! Files as other people have them: compressed, cut off, with lengths that are not true.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use flate2::write::GzEncoder;
use lab_process::{Outcome, Program};
use lab_test::PATIENCE;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::wire::{
    Side::{Client, Server},
    Wire,
};

fn run(arguments: &[&str]) -> Outcome {
    Program::start(env!("CARGO_BIN_EXE_lab-capture"), arguments).unwrap().finish(PATIENCE).unwrap()
}

/// Stdout and exit status; stderr must be empty.
fn quiet(arguments: &[&str]) -> String {
    let outcome = run(arguments);
    assert_eq!((outcome.stderr().as_str(), outcome.code()), ("", 0), "{arguments:?}");
    outcome.stdout()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path: PathBuf = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn pcapng(wire: &Wire) -> Vec<u8> {
    wire.recording.write_to(Vec::new()).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// A conversation of some hundred packets, whose payload hardly compresses.
fn long() -> Wire {
    let mut wire = Wire::new("10.0.0.1:40000", "10.0.0.2:5003");
    wire.open();
    let mut state = 1_u32;
    for _ in 0..300 {
        let payload: Vec<u8> = (0..100)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        wire.send(Server, &payload);
    }
    wire.close();
    wire
}

#[test]
fn gzip_and_zstd_are_read_whatever_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let plain = pcapng(&long());
    let plain_file = write(folder.path(), "plain", &plain);
    let [count, show] = ["count", "show"].map(|command| quiet(&[command, &plain_file]));
    let (head, tail) = plain.split_at(1000);
    let skippable = [&[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"any"].concat();
    for (name, bytes) in [
        ("gzip", gzip(&plain)),
        ("gzip in two members", [gzip(head), gzip(tail)].concat()),
        ("gzip and padding", [gzip(&plain), vec![0; 600]].concat()),
        ("zstd.gz", zstd(&plain)),
        ("zstd in two frames", [skippable.clone(), zstd(head), skippable.clone(), zstd(tail), skippable].concat()),
    ] {
        let file = write(folder.path(), name, &bytes);
        assert_eq!(quiet(&["count", &file]), count, "{name}");
        assert_eq!(quiet(&["show", &file]), show, "{name}");
    }
}

#[test]
fn of_a_cut_compressed_file_what_is_there_is_counted_and_the_cut_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let plain = pcapng(&long());
    for (name, whole) in [("gzip", gzip(&plain)), ("zstd", zstd(&plain))] {
        for len in [whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            let file = write(folder.path(), "cut", &whole[..len]);
            let outcome = run(&["count", &file]);
            let (stdout, stderr) = (outcome.stdout(), outcome.stderr());
            let said =
                format!("error: {file}: the {name} data was cut off: of the capture nothing can be read after byte ");
            assert!(stderr.starts_with(&said) && stderr.lines().count() == 1, "{stderr}");
            assert_eq!(outcome.code(), 1);
            // zstd has blocks of 128 KiB: of one that is cut nothing can be read.
            assert!(stdout.contains("10.0.0.2:5003") || name == "zstd", "{name} {len}\n{stdout}");
        }
    }
}

#[test]
fn of_damaged_compressed_data_the_damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let plain = pcapng(&long());
    for (name, whole) in [("gzip", gzip(&plain)), ("zstd", zstd(&plain))] {
        let mut checksum = whole.clone();
        let last = checksum.len() - if name == "gzip" { 5 } else { 1 };
        checksum[last] ^= 1;
        let garbage = [&whole[..], b"no frame"].concat();
        for bytes in [checksum, garbage] {
            let file = write(folder.path(), "damaged", &bytes);
            let outcome = run(&["count", &file]);
            let said = format!(
                "error: {file}: the {name} data is damaged: of the capture nothing can be read after byte {}\n",
                plain.len()
            );
            assert_eq!((outcome.code(), outcome.stderr()), (1, said));
            assert!(outcome.stdout().contains("frames: 306 in"), "{}", outcome.stdout());
        }
        let file = write(folder.path(), "no capture", &if name == "gzip" { gzip(b"hello") } else { zstd(b"hello") });
        let said =
            format!("error: {file}: this is no pcapng or pcap file: decompressed with {name}, it begins 'hello'\n");
        assert_eq!(run(&["show", &file]).stderr(), said);
    }
    let file = write(folder.path(), "twice", &gzip(&zstd(&plain)));
    assert!(run(&["count", &file]).stderr().ends_with("decompressed with gzip, it is compressed (unzstd first)\n"));
}

#[test]
fn a_window_that_would_fill_the_memory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    // A frame whose window has 2 GiB; then an empty last block (RFC 8878, section 3.1.1).
    let file = write(folder.path(), "large.zst", &[0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 1, 0, 0]);
    let said = format!(
        "error: {file}: the zstd data needs a window of more than 128 MiB (unzstd --long=31 first): of the capture nothing \
         can be read after byte 0\n"
    );
    assert_eq!(run(&["count", &file]).stderr(), said);
}

/// A frame with fields that are changed: position and bytes.
fn changed(wire: &mut Wire, at: usize, bytes: &[u8]) {
    let frame = wire.recording.frames.last_mut().unwrap();
    frame.bytes[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Where the IPv4 header has its length, and the UDP header its.
const IP_LEN: usize = 14 + 2;
const UDP_LEN: usize = 14 + 20 + 4;

#[test]
fn an_ip_length_beyond_the_frame_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let mut wire = Wire::new("10.0.0.1:40000", "10.0.0.2:5003");
    wire.open();
    wire.send(Client, b"CMD_short:0");
    changed(&mut wire, IP_LEN, &1500_u16.to_be_bytes());
    wire.send(Client, b"more");
    wire.close();
    let file = write(folder.path(), "lying", &pcapng(&wire));
    let counts = quiet(&["count", &file]);
    let expected = "   1  TCP  10.0.0.1:40000  10.0.0.2:5003         6             2     15        15      0            0     0    1    1    0\n";
    assert!(counts.contains(expected), "{counts}");
    assert!(counts.ends_with("lengths that are not believed: 1 IP length beyond the frame\n"), "{counts}");
    let json: serde_json::Value = serde_json::from_str(&quiet(&["count", "--json", &file])).unwrap();
    assert_eq!(json["wrong_lengths"]["IP length beyond the frame"], 1);
    let shown = quiet(&["show", &file]);
    assert!(shown.contains(" 11 B: CMD_short:0 (IP length beyond the frame) -"), "{shown}");
    assert!(shown.contains(" 4 B: more -"), "{shown}");
}

#[test]
fn of_a_frame_that_was_cut_at_the_snap_length_the_length_on_the_wire_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut wire = long();
    for frame in &mut wire.recording.frames {
        frame.bytes.truncate(60);
    }
    let counts = quiet(&["count", &write(folder.path(), "cut", &pcapng(&wire))]);
    let expected = "10.0.0.1:40000      302           300  30000     30000      0            0     0    1    1    0\n";
    assert!(counts.contains(expected) && !counts.contains("not believed"), "{counts}");
}

#[test]
fn a_udp_length_that_cannot_be_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let mut wire = Wire::new("10.0.0.1:40000", "10.0.0.2:5003");
    for (stated, shown) in [
        (0_u16, "4 B: abcd -"),
        (1, "0 B (UDP length below 8) -"),
        (7, "0 B (UDP length below 8) -"),
        (8, "0 B -"),
        (10, "2 B: ab -"),
        (13, "4 B: abcd (UDP length beyond the IP packet) -"),
    ] {
        wire.recording.frames.clear();
        wire.datagram(Client, b"abcd");
        changed(&mut wire, UDP_LEN, &stated.to_be_bytes());
        let file = write(folder.path(), "udp", &pcapng(&wire));
        let drawn = quiet(&["show", &file]);
        assert!(drawn.contains(&format!("|---- {shown}")), "{stated}\n{drawn}");
        let is_told = quiet(&["count", &file]).contains("lengths that are not believed: 1 UDP length");
        assert_eq!(is_told, shown.contains('('), "{stated}");
    }
}

#[test]
fn headers_that_are_longer_than_their_packets_are_malformed() {
    let folder = tempfile::tempdir().unwrap();
    // An IPv4 packet of 10 bytes; a TCP header of 60 bytes in a segment of 20.
    for (at, bytes) in [(IP_LEN, &[0, 10][..]), (14 + 20 + 12, &[0xf0])] {
        let mut wire = Wire::new("10.0.0.1:40000", "10.0.0.2:5003");
        wire.acknowledge(Client);
        changed(&mut wire, at, bytes);
        let counts = quiet(&["count", &write(folder.path(), "malformed", &pcapng(&wire))]);
        assert!(counts.ends_with("frames: 1 in 0.000000 s\nin no flow: 1 malformed headers\n"), "{counts}");
    }
}

/// Keep-alives without and with a byte, then window probes of which the last one is taken.
fn probes() -> Wire {
    let mut wire = Wire::new("10.0.0.1:40000", "10.0.0.2:5003");
    wire.open();
    wire.send(Client, b"CMD_short:0");
    wire.acknowledge(Server);
    for payload in [&b""[..], b"\0", b"\0"] {
        wire.segment(Client, wire.next[0] - 1, "A", payload);
        wire.acknowledge(Server);
    }
    wire.windows[0] = 0;
    wire.send(Server, b"This is PMU ");
    wire.acknowledge(Client);
    for _ in 0..2 {
        wire.send_at(Server, 0, b"d");
        wire.acknowledge(Client);
    }
    wire.send(Server, b"d");
    wire.windows[0] = 65_000;
    wire.acknowledge(Client);
    wire.send(Server, b"ata 1");
    wire.close();
    wire
}

#[test]
fn keep_alives_and_window_probes_are_named_and_neither_payload_nor_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "probes", &pcapng(&probes()));
    let counts = quiet(&["count", &file]);
    let rows: Vec<_> = counts.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    // Packets, with payload, bytes, distinct, again, bytes again, late.
    assert_eq!(rows[1][4..11], ["12", "1", "11", "11", "0", "0", "0"], "{counts}");
    // The byte of the third probe was taken.
    assert_eq!(rows[2][4..11], ["11", "3", "18", "18", "0", "0", "0"], "{counts}");
    assert!(counts.ends_with("probes, whose byte is no payload: 3 keep-alives, 3 window probes\n"), "{counts}");
    let json: serde_json::Value = serde_json::from_str(&quiet(&["count", "--json", &file])).unwrap();
    let way = |name: &str| json["flows"][0][name].clone();
    assert_eq!((&way("sent")["keep_alives"], &way("received")["window_probes"]), (&3.into(), &3.into()));
    assert_eq!((&way("sent")["is_whole"], &way("received")["is_whole"]), (&true.into(), &true.into()));
    let shown = quiet(&["show", &file]);
    for (expected, times) in [
        ("|- - ACK (keep-alive) ", 1),
        ("|- - 1 B (keep-alive) ", 2),
        (" 1 B: d (window probe) ", 3),
        ("|<---- 5 B: ata 1 -", 1),
        ("(again", 0),
        ("- - no payload, or the byte of a probe", 1),
    ] {
        assert_eq!(shown.matches(expected).count(), times, "{expected}\n{shown}");
    }
}

/// A frame of 11 bytes of payload, ready for a block of pcapng.
fn frame() -> Vec<u8> {
    let mut wire = Wire::new("10.0.0.1:40000", "10.0.0.2:5003");
    wire.datagram(Client, b"CMD_short:0");
    wire.recording.frames.remove(0).bytes
}

/// A block of pcapng, little endian, after others.
fn block(to: &mut Vec<u8>, kind: u32, body: &[&[u8]]) {
    let mut body = body.concat();
    body.resize(body.len().next_multiple_of(4), 0);
    let len = (body.len() as u32 + 12).to_le_bytes();
    to.extend([&kind.to_le_bytes()[..], &len, &body, &len].concat());
}

/// A section, and an Ethernet with times in nanoseconds.
fn section() -> Vec<u8> {
    let mut file = Vec::new();
    block(&mut file, 0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes(), &[1, 0, 0, 0], &[0xff; 8]]);
    block(&mut file, 1, &[&[1, 0, 0, 0, 0, 0, 0, 0], &[9, 0, 1, 0, 9, 0, 0, 0], &[0; 4]]);
    file
}

fn simple(to: &mut Vec<u8>) {
    block(to, 3, &[&(frame().len() as u32).to_le_bytes(), &frame()]);
}

fn enhanced(to: &mut Vec<u8>, nanos: u64) {
    let [high, low, len] = [(nanos >> 32) as u32, nanos as u32, frame().len() as u32].map(u32::to_le_bytes);
    block(to, 6, &[&[0; 4], &high, &low, &len, &len, &frame()]);
}

const NANOS: u64 = 1_795_848_403_148_344_456;

#[test]
fn frames_before_any_time_are_at_an_unknown_time_and_not_in_1970() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = section();
    simple(&mut bytes);
    let file = write(folder.path(), "simple", &bytes);
    assert!(quiet(&["count", &file]).ends_with("\nframes: 1 at unknown times\n"));
    let shown = quiet(&["show", &file]);
    assert!(shown.contains("    1       unknown |---- 11 B: CMD_short:0 -"), "{shown}");
    assert!(quiet(&["show", "--svg", &file]).contains(">unknown<"));
    let json: serde_json::Value = serde_json::from_str(&quiet(&["count", "--json", &file])).unwrap();
    assert_eq!((&json["first"], &json["flows"][0]["sent"]["first"]), (&().into(), &().into()));

    enhanced(&mut bytes, NANOS);
    enhanced(&mut bytes, NANOS + 1_500_000);
    let file = write(folder.path(), "mixed", &bytes);
    assert!(quiet(&["count", &file]).ends_with("\nframes: 3 in 0.001500 s\n"));
    let shown = quiet(&["show", &file]);
    for expected in ["    1       unknown |--", "    2      0.000 ms |--", "    3      1.500 ms |--"] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
}

#[test]
fn times_in_json_keep_every_nanosecond() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = section();
    enhanced(&mut bytes, NANOS);
    enhanced(&mut bytes, NANOS + 1);
    let text = quiet(&["count", "--json", &write(folder.path(), "times", &bytes)]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    for place in [&json, &json["flows"][0]["sent"]] {
        assert_eq!((&place["first"], &place["last"]), (&"1795848403.148344456".into(), &"1795848403.148344457".into()));
    }
}

#[test]
fn custom_blocks_and_their_like_have_numbers_among_the_frames() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = section();
    enhanced(&mut bytes, NANOS);
    // Two Custom Blocks, a journal entry, an event of Sysdig; names and an unknown block have no number.
    block(&mut bytes, 0x0bad, &[&32_473_u32.to_le_bytes(), b"any"]);
    block(&mut bytes, 0x4000_0bad, &[&32_473_u32.to_le_bytes()]);
    block(&mut bytes, 9, &[b"__REALTIME_TIMESTAMP=1795848403148344\n"]);
    block(&mut bytes, 0x204, &[&[0; 32]]);
    block(&mut bytes, 4, &[&[0; 4]]);
    block(&mut bytes, 0x7777, &[&[0; 4]]);
    enhanced(&mut bytes, NANOS);
    let file = write(folder.path(), "custom", &bytes);
    let shown = quiet(&["show", &file]);
    assert!(shown.contains("\n    1      0.000 ms") && shown.contains("\n    6      0.000 ms"), "{shown}");
    let counts = quiet(&["count", &file]);
    let expected = "frames: 2 in 0.000000 s\n\
                    no frames, but numbered among them: 2 Custom Block, 1 Journal Export Block, 1 Sysdig Event Block\n";
    assert!(counts.ends_with(expected), "{counts}");
    // As Wireshark numbers them.
    let tshark = Program::start("tshark", &["-n", "-r", &file, "-Y", "udp", "-T", "fields", "-e", "frame.number"]);
    match tshark {
        Ok(tshark) => assert_eq!(tshark.finish(PATIENCE).unwrap().stdout(), "1\n6\n"),
        Err(_) => eprintln!("skipped: tshark is not installed"),
    }
}
