//! Sends that end elsewhere.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use labnet::pmu::Step;

use super::Steps;

/// Long enough for the other side to receive what was sent before (ours).
pub(super) const MOMENT: Duration = Duration::from_millis(20);

/// Pieces of `len` bytes with a pause after each; the bytes between two other steps are one stream.
pub(super) fn slice(steps: Steps<'_>, len: usize, pause: Duration) -> Steps<'_> {
    Box::new(Slices {
        steps,
        len: len.max(1),
        pause,
        piece: Vec::new(),
        rest: (Arc::from([]), 0),
        due: VecDeque::new(),
    })
}

struct Slices<'a> {
    steps: Steps<'a>,
    len: usize,
    pause: Duration,
    /// The piece that is not whole yet.
    piece: Vec<u8>,
    /// Bytes that are still to be cut, from an offset.
    rest: (Arc<[u8]>, usize),
    /// What comes next.
    due: VecDeque<Step>,
}

impl Slices<'_> {
    fn finish_piece(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        self.due.extend([Step::Bytes(piece.into()), Step::Pause(self.pause)]);
    }
}

impl Iterator for Slices<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.due.pop_front() {
                return Some(step);
            }
            let (bytes, begin) = &mut self.rest;
            let rest = bytes.get(*begin..).unwrap_or_default();
            let taken = rest.get(..self.len - self.piece.len()).unwrap_or(rest);
            self.piece.extend_from_slice(taken);
            *begin += taken.len();
            if self.piece.len() == self.len {
                self.finish_piece();
                continue;
            }
            let step = self.steps.next();
            if let Some(Step::Bytes(bytes)) = step {
                self.rest = (bytes, 0);
                continue;
            }
            if self.piece.is_empty() {
                return step;
            }
            self.finish_piece();
            self.due.extend(step);
        }
    }
}

/// The same sends, which also end at these offsets of the stream, with a moment after each.
pub(super) fn cut<'a>(steps: Steps<'a>, offsets: &[u64]) -> Steps<'a> {
    let mut offsets: BTreeSet<u64> = offsets.iter().copied().filter(|&offset| offset > 0).collect();
    let mut sent = 0;
    Box::new(steps.flat_map(move |step| {
        let Step::Bytes(bytes) = step else { return vec![step] };
        let mut cut = Vec::new();
        let mut rest = &*bytes;
        while !rest.is_empty() {
            let room = offsets.first().and_then(|offset| usize::try_from(offset - sent).ok());
            let (piece, behind) = rest.split_at(room.map_or(rest.len(), |room| room.min(rest.len())));
            cut.push(Step::Bytes(piece.into()));
            sent += piece.len() as u64;
            rest = behind;
            if offsets.first() == Some(&sent) {
                offsets.pop_first();
                cut.push(Step::Pause(MOMENT));
            }
        }
        cut
    }))
}
