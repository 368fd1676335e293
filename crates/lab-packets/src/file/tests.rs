//! Files byte by byte: what is written, what is read, and what happens to what is damaged.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::Error;

/// Blocks of pcapng in either byte order.
struct Blocks {
    bytes: Vec<u8>,
    big: bool,
}

impl Blocks {
    fn new(big: bool) -> Self {
        let mut blocks = Self { bytes: Vec::new(), big };
        let body = [blocks.u32(0x1a2b_3c4d), blocks.u16(1), blocks.u16(0), vec![0xff; 8]].concat();
        blocks.block(0x0a0d_0d0a, &body);
        blocks
    }

    fn u16(&self, value: u16) -> Vec<u8> {
        if self.big { value.to_be_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
    }

    fn u32(&self, value: u32) -> Vec<u8> {
        if self.big { value.to_be_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
    }

    fn u32s(&self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| self.u32(*value)).collect()
    }

    fn u64(&self, value: u64) -> Vec<u8> {
        if self.big { value.to_be_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
    }

    fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut option = [self.u16(code), self.u16(value.len() as u16), value.to_vec()].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> &mut Self {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = self.u32(12 + body.len() as u32);
        self.bytes.extend([self.u32(kind), len.clone(), body, len].concat());
        self
    }

    fn interface(&mut self, link: u16, snaplen: u32, options: &[u8]) -> &mut Self {
        let body = [self.u16(link), self.u16(0), self.u32(snaplen), options.to_vec()].concat();
        self.block(1, &body)
    }

    fn enhanced(&mut self, interface: u32, time: u64, original: u32, frame: &[u8], options: &[u8]) -> &mut Self {
        let words = [interface, (time >> 32) as u32, time as u32, frame.len() as u32, original];
        let mut body = [self.u32s(&words), frame.to_vec()].concat();
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options);
        self.block(6, &body)
    }
}

fn read(bytes: &[u8]) -> (Recording, Option<Error>) {
    Recording::read_from(bytes)
}

fn recording() -> Recording {
    let frame = |nanos, interface, bytes: &[u8], more: u32| FrameBuf {
        at: Some(Duration::new(1_700_000_000, nanos)),
        interface,
        bytes: bytes.to_vec(),
        original_len: bytes.len() as u32 + more,
        comments: Vec::new(),
    };
    let mut frames = vec![frame(1, 0, b"abcde", 0), frame(2, 1, b"", 60), frame(999_999_999, 0, &[7; 64], 1436)];
    frames[1].comments = vec!["cut".to_owned(), "naïve".to_owned()];
    let cooked = CaptureInterface {
        snaplen: 64,
        comment: Some("all".to_owned()),
        ..CaptureInterface::new("any", LinkType::LINUX_SLL2)
    };
    Recording {
        interfaces: vec![CaptureInterface::new("lo", LinkType::ETHERNET), cooked],
        frames,
        secrets: KeyLog::new("CLIENT_RANDOM 00 01\n"),
        received: Some(3),
        dropped: Some(7),
        comment: Some("part 2".to_owned()),
    }
}

#[test]
fn a_file_is_written_as_the_specification_says() {
    let mut writer = CaptureWriter::new(Vec::new(), None).unwrap();
    let number = writer.interface(&CaptureInterface::new("lo", LinkType::ETHERNET)).unwrap();
    writer.secrets(&KeyLog::new("X 00 1")).unwrap();
    let at = Duration::from_nanos(0x0102_0304_0506_0708);
    let comments = vec!["hi".into()];
    let bytes = b"abcde";
    let (link, time) = (LinkType::ETHERNET, Some(at));
    writer.frame(&CapturedFrame { at: time, link, interface: number, bytes, original_len: 9, comments }).unwrap();
    writer.statistics(&InterfaceStatistics { interface: 0, at, received: Some(1), dropped: Some(2) }).unwrap();
    let written = writer.finish().unwrap();
    let section_len = written[4] as usize;
    assert_eq!(&written[..4], b"\x0a\x0d\x0d\x0a");
    assert_eq!(&written[8..24], b"\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff");
    // The name of the system has the length that it has.
    assert!(written[24..section_len].windows(17).any(|text| text == b"lab-capture 0.1.0"));
    let expected: &[&[u8]] = &[
        // Interface Description: Ethernet, no limit; if_name lo, if_tsresol 9.
        b"\x01\0\0\0\x28\0\0\0\x01\0\0\0\0\0\0\0\x02\0\x02\0lo\0\0\x09\0\x01\0\x09\0\0\0\0\0\0\0\x28\0\0\0",
        // Decryption Secrets: TLSK, 6 bytes.
        b"\x0a\0\0\0\x1c\0\0\0\x4b\x53\x4c\x54\x06\0\0\0X 00 1\0\0\x1c\0\0\0",
        // Enhanced Packet: interface 0, time, captured and original length; opt_comment.
        b"\x06\0\0\0\x34\0\0\0\0\0\0\0\x04\x03\x02\x01\x08\x07\x06\x05\x05\0\0\0\x09\0\0\0",
        b"abcde\0\0\0\x01\0\x02\0hi\0\0\0\0\0\0\x34\0\0\0",
        // Interface Statistics: isb_ifrecv, isb_ifdrop.
        b"\x05\0\0\0\x34\0\0\0\0\0\0\0\x04\x03\x02\x01\x08\x07\x06\x05",
        b"\x04\0\x08\0\x01\0\0\0\0\0\0\0\x05\0\x08\0\x02\0\0\0\0\0\0\0\0\0\0\0\x34\0\0\0",
    ];
    assert_eq!(&written[section_len..], expected.concat());
}

#[test]
fn what_is_written_is_read_again() {
    let recording = recording();
    let written = recording.write_to(Vec::new()).unwrap();
    let (again, damage) = read(&written);
    assert!(damage.is_none(), "{damage:?}");
    assert_eq!(again, recording);
    assert_eq!(again.frames().nth(1).unwrap().link, LinkType::LINUX_SLL2);
}

#[cfg(unix)]
#[test]
fn a_file_is_for_its_owner_alone_and_replaces_another() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.pcapng");
    for _ in 0..2 {
        recording().write(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Recording::read(&path).0, recording());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    recording().write(std::path::Path::new("/dev/null")).unwrap();
    let missing = folder.path().join("missing/lab.pcapng");
    let error = recording().write(&missing).unwrap_err().to_string();
    assert!(error.starts_with("cannot write") && error.contains("missing/lab.pcapng"), "{error}");
    assert!(Recording::read(&missing).1.unwrap().to_string().starts_with("cannot open"));
}

#[test]
fn frames_that_no_block_can_hold_are_refused() {
    let mut writer = CaptureWriter::new(Vec::new(), None).unwrap();
    let frame = |bytes| CapturedFrame {
        at: Some(Duration::ZERO),
        link: LinkType::ETHERNET,
        interface: 0,
        bytes,
        original_len: 0,
        comments: Vec::new(),
    };
    assert!(matches!(writer.frame(&frame(b"x")), Err(Error::Unwritable { .. })));
    writer.interface(&CaptureInterface::new("lo", LinkType::ETHERNET)).unwrap();
    writer.frame(&frame(b"x")).unwrap();
    assert!(matches!(writer.frame(&frame(&vec![0; MAX_BLOCK_LEN as usize])), Err(Error::Unwritable { .. })));
    let (recording, damage) = read(&writer.finish().unwrap());
    assert_eq!((recording.frames.len(), damage.is_none()), (1, true));
    // The original length is never below what was captured.
    assert_eq!(recording.frames[0].original_len, 1);
}

#[test]
fn a_frame_without_a_time_is_written_without_one() {
    let interface = CaptureInterface { snaplen: 4, ..CaptureInterface::new("eth0", LinkType::ETHERNET) };
    let frame = |at, bytes: &[u8], original_len| FrameBuf {
        at,
        interface: 0,
        bytes: bytes.to_vec(),
        original_len,
        comments: Vec::new(),
    };
    let frames = vec![frame(None, b"abc", 3), frame(None, b"abcd", 9), frame(Some(Duration::from_secs(1)), b"x", 1)];
    let mut recording = Recording { interfaces: vec![interface], frames, ..Recording::default() };
    let (again, damage) = read(&recording.write_to(Vec::new()).unwrap());
    assert_eq!((again.frames.as_slice(), damage.is_none()), (recording.frames.as_slice(), true));
    // Cut before the snap length: no block says so.
    recording.frames[1].bytes.truncate(2);
    assert!(matches!(recording.write_to(Vec::new()), Err(Error::Unwritable { .. })));
}

#[test]
fn both_byte_orders_sections_interfaces_and_every_kind_of_block_are_read() {
    for big in [false, true] {
        let mut blocks = Blocks::new(big);
        let offset = blocks.option(14, &blocks.u64(100));
        let options = [blocks.option(2, b"eth0"), blocks.option(9, &[3]), offset].concat();
        blocks.interface(1, 0, &[]).interface(101, 3, &options);
        blocks.enhanced(0, 1_500_000, 5, b"first", &[]);
        let comment = [blocks.option(1, b"seen"), blocks.option(0, &[]), blocks.option(1, b"not seen")].concat();
        blocks.enhanced(1, 2_500, 9, b"cut", &comment);
        // The obsolete Packet Block, of interface 1; a Simple one; names; a custom one; an unknown one.
        let old = [blocks.u16(1), blocks.u16(0), blocks.u32s(&[0, 4_000, 2, 4]), b"pb".to_vec()].concat();
        blocks.block(2, &old);
        let simple = [blocks.u32(2), b"sp".to_vec()].concat();
        blocks.block(3, &simple).block(4, &[0; 8]).block(0x0bad, &[1; 8]).block(0x7777, b"");
        let secrets = [blocks.u32s(&[0x544c_534b, 3]), b"A 1".to_vec()].concat();
        let others = [blocks.u32s(&[0x5747_4b4c, 3]), b"wg!".to_vec()].concat();
        blocks.block(10, &secrets).block(10, &others);
        let statistics = |blocks: &Blocks, count| {
            let counts = [blocks.option(4, &blocks.u64(count)), blocks.option(5, &blocks.u64(1))].concat();
            [blocks.u32s(&[0, 0, 0]), counts, blocks.option(7, &blocks.u64(2))].concat()
        };
        let (earlier, later) = (statistics(&blocks, 5), statistics(&blocks, 8));
        blocks.block(5, &earlier).block(5, &later);
        // Another section, in the other byte order, counts interfaces anew.
        let mut second = Blocks::new(!big);
        second.interface(228, 1, &[]).enhanced(0, 7, 3, b"end", &[]);
        let simple = [second.u32(4), b"simp".to_vec()].concat();
        second.block(3, &simple);
        let (recording, damage) = read(&[blocks.bytes, second.bytes].concat());
        assert!(damage.is_none(), "{damage:?}");
        let frames: Vec<_> = recording
            .frames()
            .map(|frame| {
                (frame.at.unwrap().as_micros(), frame.interface, frame.link.0, frame.bytes.to_vec(), frame.original_len)
            })
            .collect();
        assert_eq!(
            frames,
            [
                (1_500_000, 0, 1, b"first".to_vec(), 5),
                (102_500_000, 1, 101, b"cut".to_vec(), 9),
                (104_000_000, 1, 101, b"pb".to_vec(), 4),
                (104_000_000, 0, 1, b"sp".to_vec(), 2),
                (7, 2, 228, b"end".to_vec(), 3),
                (7, 2, 228, b"s".to_vec(), 4),
            ]
        );
        assert_eq!(recording.frames[1].comments, ["seen"]);
        assert_eq!(recording.interfaces[1].name, "eth0");
        assert_eq!((recording.received, recording.dropped), (Some(8), Some(3)));
        assert_eq!(recording.secrets.as_str(), "A 1");
    }
}

/// A pcap file with two frames.
fn classic(magic: u32, big: bool, more: &[u8]) -> Vec<u8> {
    let blocks = Blocks { bytes: Vec::new(), big };
    let mut file = [blocks.u32(magic), blocks.u16(2), blocks.u16(4), blocks.u32s(&[0, 0, 96, 113])].concat();
    for (seconds, fraction, frame) in [(3, 5, &b"one"[..]), (4, 6, b"twotwo")] {
        let len = frame.len() as u32;
        file.extend([&blocks.u32s(&[seconds, fraction, len, len + 1]), more, frame].concat());
    }
    file
}

#[test]
fn pcap_files_are_read_in_all_their_forms() {
    for big in [false, true] {
        for (magic, nanos) in [(0xa1b2_c3d4, 5_000), (0xa1b2_3c4d, 5)] {
            let (recording, damage) = read(&classic(magic, big, &[]));
            assert!(damage.is_none(), "{damage:?}");
            let [one, two] = &recording.frames[..] else { panic!("{recording:?}") };
            assert_eq!(
                (one.at, one.original_len, one.bytes.as_slice()),
                (Some(Duration::new(3, nanos)), 4, &b"one"[..])
            );
            assert_eq!((two.at, two.bytes.as_slice()), (Some(Duration::new(4, nanos / 5 * 6)), &b"twotwo"[..]));
            let interface = CaptureInterface { snaplen: 96, ..CaptureInterface::new("", LinkType::LINUX_SLL) };
            assert_eq!(recording.interfaces, [interface]);
        }
    }
    let (recording, damage) = read(&classic(0xa1b2_cd34, false, &[0; 8]));
    assert_eq!((recording.frames[1].bytes.as_slice(), damage.is_none()), (&b"twotwo"[..], true));
}

#[test]
fn wherever_a_file_is_cut_what_came_before_is_read_and_the_offset_told() {
    let next_generation = recording().write_to(Vec::new()).unwrap();
    for file in [next_generation, classic(0xa1b2_c3d4, true, &[])] {
        let whole = read(&file).0;
        let (mut ends, mut reader) = (vec![0], CaptureReader::new(&file[..]));
        while reader.next().unwrap().is_some() {
            let end = reader.offset();
            ends.push(end);
        }
        ends.push(file.len() as u64);
        for len in 0..file.len() {
            let (recording, damage) = read(&file[..len]);
            assert_eq!(recording.frames, whole.frames[..recording.frames.len()], "{len} bytes");
            match damage {
                None => assert!(ends.contains(&(len as u64)) && len > 0 || len == section_len(&file), "{len} bytes"),
                Some(Error::Foreign { why }) => assert!(len < 4, "{len} bytes: {why}"),
                Some(error @ Error::Cut { .. }) => {
                    let offset = error.offset().unwrap();
                    assert!(ends.contains(&offset) || offset == section_len(&file) as u64, "{len} bytes: {error}");
                    assert!(offset < len as u64);
                }
                Some(error) => panic!("{len} bytes: {error}"),
            }
        }
    }
}

/// The length of the first block of pcapng, which is no item.
fn section_len(file: &[u8]) -> usize {
    if file.starts_with(&[0x0a, 0x0d]) { file[4] as usize } else { 0 }
}

#[test]
fn lengths_that_cannot_be_are_told_with_their_offset() {
    let check = |bytes: &[u8], frames: usize, expected: &str| {
        let (recording, damage) = read(bytes);
        let damage = damage.map(|damage| damage.to_string()).unwrap_or_default();
        assert!(damage.contains(expected), "'{damage}' instead of '{expected}'");
        assert_eq!(recording.frames.len(), frames, "{expected}");
    };
    for big in [false, true] {
        let begin = || {
            let mut blocks = Blocks::new(big);
            blocks.interface(1, 0, &[]).enhanced(0, 1, 1, b"x", &[]);
            blocks
        };
        let offset = begin().bytes.len();
        let head = |kind: u32, len: u32, body: &[u8]| {
            let blocks = begin();
            [blocks.bytes.clone(), blocks.u32s(&[kind, len]), body.to_vec()].concat()
        };
        let at = |why: &str| format!("the block at byte {offset} is damaged: {why}");
        let cut = |why: &str| format!("cut off within the block at byte {offset}: {why}");
        check(&head(6, 0xffff_fffc, &[0; 100]), 1, &at("it says that it has 4294967292 bytes, and more than"));
        check(&head(6, MAX_BLOCK_LEN, &[0; 100]), 1, &cut("it has 67108864 bytes, and 108 are there"));
        for len in [0, 4, 8, 13, 31] {
            check(
                &head(6, len, &[0; 100]),
                1,
                &at(&format!("it says that it has {len} bytes, which no block can have")),
            );
        }
        check(&head(6, 32, &[0; 24]), 1, &at("it says at its start that it has 32 bytes, and at its end 0"));
        let body = |words: &[u32]| {
            let mut blocks = begin();
            let body = blocks.u32s(words);
            blocks.block(6, &body);
            blocks.bytes
        };
        check(
            &body(&[0, 0, 0, u32::MAX, 0]),
            1,
            &at("it says that its frame has 4294967295 bytes, and has room for 0"),
        );
        check(&body(&[0, 0, 0, 5, 5, 0]), 1, &at("it says that its frame has 5 bytes, and has room for 4"));
        check(&body(&[9, 0, 0, 0, 0]), 1, &at("it is of interface 9, which the section has not described"));
        check(&body(&[0, 0]), 1, &at("its fields do not fit into its 20 bytes"));
        for kind in [1, 2, 3, 5, 10] {
            let mut blocks = begin();
            blocks.block(kind, &[]);
            check(&blocks.bytes, 1, &at(""));
        }
        let mut wrong = Blocks::new(big);
        wrong.bytes[8] = 0;
        let magic = if big { [0, 0x2b, 0x3c, 0x4d] } else { [0, 0x3c, 0x2b, 0x1a] };
        check(&wrong.bytes, 0, &format!("its byte order is told by none of the magic numbers: {magic:02x?}"));
        let mut version = Blocks::new(big);
        version.bytes[12] = 9;
        version.bytes[13] = 9;
        check(&version.bytes, 0, "pcapng's version 2313.0, and only 1 is known");
        let mut options = begin();
        let many = options.option(1, b"").repeat(300_000);
        options.enhanced(0, 1, 1, b"x", &many);
        check(&options.bytes, 1, &at("it has 1200000 bytes of options"));
    }
    let mut record = classic(0xa1b2_c3d4, false, &[]);
    record[24 + 16 + 3 + 8..][..4].copy_from_slice(&[0xff; 4]);
    check(&record, 1, "the block at byte 43 is damaged: it says that its frame has 4294967295 bytes");
    check(b"", 0, "it is empty");
    check(b"\x1f\x8b\x08\0", 0, "the gzip data was cut off: of the capture nothing can be read after byte 0");
    check(b"\x04\x22\x4d\x18", 0, "it is compressed (unlz4 first)");
    check(b"GET / HTTP/1.1", 0, "it begins 'GET / HT'");
    check(b"\x0a\x0d", 0, "it begins '\\n\\r'");
}

#[test]
fn a_source_that_fails_is_not_the_file_s_fault() {
    struct Failing(bool);
    impl std::io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(std::io::Error::other("the disk is on fire"));
            }
            let bytes = Blocks::new(false).bytes;
            buffer[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }
    let error = read_all(Failing(false)).to_string();
    assert_eq!(error, "cannot read on after byte 28: the disk is on fire");
}

fn read_all(from: impl std::io::Read) -> Error {
    Recording::read_from(from).1.unwrap()
}
