//! Whatever a file contains, what is read of it can be written, and is the same when it is read again.
#![no_main]

use lab_packets::file::Recording;

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    let (recording, damage) = Recording::read_from(file);
    if let Some(damage) = damage {
        assert!(!damage.to_string().is_empty());
    }
    let Ok(written) = recording.write_to(Vec::new()) else {
        // No block can hold every frame that has no time.
        assert!(recording.frames.iter().any(|frame| frame.at.is_none()));
        return;
    };
    let (again, damage) = Recording::read_from(&written[..]);
    assert!(damage.is_none(), "{damage:?}");
    assert_eq!(again.frames.len(), recording.frames.len());
    for (frame, read) in again.frames.iter().zip(&recording.frames) {
        assert_eq!(frame.bytes, read.bytes);
    }
});
