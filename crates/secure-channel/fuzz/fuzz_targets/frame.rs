//! A stream is cut into frames, and what is cut is all of the stream but an incomplete end.
#![no_main]

use secure_channel::Frame;

libfuzzer_sys::fuzz_target!(|stream: &[u8]| {
    let mut rest = stream;
    while let Ok(Some((frame, following))) = Frame::cut(rest) {
        assert_eq!(rest, [frame.as_bytes(), following].concat());
        assert_eq!(Frame::new(frame.kind(), frame.body()), Ok(frame));
        rest = following;
    }
});
