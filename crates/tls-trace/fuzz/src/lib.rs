//! What must hold of every input.

use std::time::Duration;

use tls_trace::{Direction, Entry, Timeline};

/// A connection, `direction u8 ‖ length u8 ‖ bytes` repeated, is told, and the same when the bytes come one by one.
pub fn trace(input: &[u8]) {
    assert_eq!(told(input, 255), told(input, 1));
}

fn told(mut rest: &[u8], size: usize) -> Vec<Entry> {
    let mut timeline = Timeline::new();
    let mut entries = Vec::new();
    while let [direction, len, following @ ..] = rest {
        let (bytes, following) = following.split_at_checked(usize::from(*len)).unwrap_or((following, &[]));
        let direction = if direction % 2 == 0 { Direction::Sent } else { Direction::Received };
        for piece in bytes.chunks(size) {
            timeline.bytes(Duration::ZERO, direction, piece);
            entries.extend(timeline.drain());
        }
        rest = following;
    }
    entries.extend(timeline.finish());
    let _ = timeline.summary();
    entries
}
