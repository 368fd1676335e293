//! Files whose long frames are passed over, beside the same files read whole.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    io::{self, Read},
    time::Duration,
};

use crate::file::{CaptureReader, CapturedFrame, FileItem, MIN_HEADERS_LEN};

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The offset, time, length and first bytes of a frame.
type Head = (u64, Option<Duration>, u32, Vec<u8>);

/// All frames, and how the file ended.
fn heads<R: Read>(mut reader: CaptureReader<R>) -> (Vec<Head>, Option<String>) {
    let mut heads = Vec::new();
    loop {
        match reader.next() {
            Ok(None) => return (heads, None),
            Err(error) => return (heads, Some(error.to_string())),
            Ok(Some(FileItem::Frame(frame))) => {
                let CapturedFrame { at, original_len, bytes, .. } = frame;
                let head = bytes[..bytes.len().min(MIN_HEADERS_LEN)].to_vec();
                heads.push((0, at, original_len, head));
            }
            Ok(Some(_)) => heads.push((0, None, 0, Vec::new())),
        }
        let offset = reader.offset();
        heads.last_mut().unwrap().0 = offset;
    }
}

#[test]
fn frames_whose_payload_is_passed_over_are_those_that_are_read_and_so_is_a_cut() {
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 1 << 20, 1]);
    for i in 0..400_u32 {
        // Short and long ones by turns, some of which say that they were shorter on the wire.
        let len = [20, 1500, 16_384, 16_385, 65_000, 300_000][(i as usize * 7 + i as usize / 6) % 6];
        let original_len = if i % 11 == 0 { 1 } else { len + i % 3 };
        file.extend(words(&[i, i, len, original_len]));
        file.extend((0..len).map(|byte| (byte ^ i) as u8));
    }
    let mut scratch = tempfile::tempfile().unwrap();
    io::Write::write_all(&mut scratch, &file).unwrap();
    for cut in [0, 1, 15, 16, 17, 1040, 1041, 20_000, 64_999, 299_999, 400_000, 5_000_000, file.len() - 24] {
        let len = file.len() - cut;
        scratch.set_len(len as u64).unwrap();
        io::Seek::rewind(&mut scratch).unwrap();
        let passed_over = heads(CaptureReader::<io::Empty>::without_payloads(scratch.try_clone().unwrap()));
        assert!(passed_over == heads(CaptureReader::new(&file[..len])), "{cut} bytes are missing");
    }
}

#[test]
fn long_frames_are_not_read_whole() {
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 1 << 20, 1]);
    let len = 1 << 20;
    for _ in 0..3 {
        file.extend(words(&[1, 1, len, len]));
        file.extend(vec![7; len as usize]);
    }
    let mut scratch = tempfile::tempfile().unwrap();
    io::Write::write_all(&mut scratch, &file).unwrap();
    io::Seek::rewind(&mut scratch).unwrap();
    let mut reader = CaptureReader::<io::Empty>::without_payloads(scratch);
    let mut lens = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let FileItem::Frame(frame) = item {
            lens.push(frame.bytes.len());
        }
    }
    assert_eq!(lens, [MIN_HEADERS_LEN; 3]);
}
