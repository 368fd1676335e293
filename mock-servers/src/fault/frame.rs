//! Faults of WebSocket: maps over the frames of an answer, before they become bytes.

use std::sync::Arc;

use labnet::{
    pmu::Step,
    ws::{FrameType, Opcode, RawFrame, Upgrade},
};

use super::{Fault, Steps};

/// The masking key of a server that should have none.
const MASK: [u8; 4] = [0x6c, 0x61, 0x62, 0x21];

/// What a text frame carries that is not UTF-8.
const NOT_UTF8: &[u8] = b"This is PMU data \xff\xfe";

/// The frames of an answer, encoded: each message of the steps in one frame, or as the faults have it. The close frame stays
/// the step that it is.
pub(crate) fn frames<'a>(faults: &[Fault], steps: Steps<'a>, frame_type: FrameType) -> Steps<'a> {
    let faults = faults.to_vec();
    let mut number = 0;
    let mut steps = steps.peekable();
    Box::new(
        std::iter::from_fn(move || {
            let step = steps.next()?;
            let Step::Bytes(message) = step else { return Some(vec![step]) };
            number += 1;
            let is_last = !matches!(steps.peek(), Some(Step::Bytes(_) | Step::Pause(_)));
            let whole = vec![RawFrame::whole(frame_type, message)];
            let frames = faults.iter().fold(whole, |frames, fault| map(fault, frames, number, is_last));
            Some(frames.iter().map(|frame| Step::Bytes(frame.encode().into())).collect())
        })
        .flatten(),
    )
}

/// What a server with these faults does with an upgrade.
pub(crate) fn upgrade(faults: &[Fault]) -> Upgrade {
    let told = faults.iter().find_map(|fault| match *fault {
        Fault::WrongAccept => Some(Upgrade::WrongAccept),
        Fault::HttpError(status) => Some(Upgrade::HttpError(status)),
        _ => None,
    });
    told.unwrap_or_default()
}

/// The frames of one message after a fault.
fn map(fault: &Fault, mut frames: Vec<RawFrame>, number: u64, is_last: bool) -> Vec<RawFrame> {
    let is_meant = |wanted: u64| number == wanted || is_last && number < wanted;
    match *fault {
        Fault::Fragment(len) => frames.iter().flat_map(|frame| fragment(frame, len.max(1))).collect(),
        Fault::Ping => frames.into_iter().flat_map(|frame| [RawFrame::ping(b"lab"), frame]).collect(),
        Fault::BadMask(message) if is_meant(message) => {
            frames.iter_mut().for_each(|frame| frame.mask = Some(MASK));
            frames
        }
        Fault::BadUtf8(message) if is_meant(message) => vec![RawFrame::whole(FrameType::Text, NOT_UTF8.into())],
        Fault::Rsv(message) if is_meant(message) => {
            frames.iter_mut().for_each(|frame| frame.rsv2 = true);
            frames
        }
        _ => frames,
    }
}

/// A message in several frames: the first with its type, the others as its continuation, the last one final.
fn fragment(frame: &RawFrame, len: usize) -> Vec<RawFrame> {
    if frame.opcode.is_control() || frame.payload.is_empty() {
        return vec![frame.clone()];
    }
    let pieces: Vec<Arc<[u8]>> = frame.payload.chunks(len).map(Into::into).collect();
    let last = pieces.len().saturating_sub(1);
    let piece = |(index, payload): (usize, Arc<[u8]>)| RawFrame {
        is_final: frame.is_final && index == last,
        opcode: if index == 0 { frame.opcode } else { Opcode::Continuation },
        payload,
        ..frame.clone()
    };
    pieces.into_iter().enumerate().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fault: &str, messages: &[&str], expected: &[&[u8]]) {
        let fault: Fault = fault.parse().unwrap();
        let steps = messages.iter().map(|message| Step::Bytes(message.as_bytes().into())).chain([Step::Fin]);
        let steps: Vec<Step> = steps.collect();
        let seen: Vec<Step> = frames(&[fault], Box::new(steps.into_iter()), FrameType::Text).collect();
        let expected = expected.iter().map(|&bytes| Step::Bytes(bytes.into())).chain([Step::Fin]);
        assert_eq!(seen, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_message_comes_in_fragments_or_behind_a_ping() {
        check("fragment=3", &["abcde"], &[b"\x01\x03abc", b"\x80\x02de"]);
        check("ping", &["ab", "c"], &[b"\x89\x03lab", b"\x81\x02ab", b"\x89\x03lab", b"\x81\x01c"]);
    }

    #[test]
    fn one_message_breaks_a_rule_or_the_last_if_there_are_fewer() {
        check("bad-mask=2", &["a", "b", "c"], &[b"\x81\x01a", b"\x81\x81lab!\x0e", b"\x81\x01c"]);
        check("rsv=9", &["a", "b"], &[b"\x81\x01a", b"\xa1\x01b"]);
        check("bad-utf8=1", &["a"], &[b"\x81\x13This is PMU data \xff\xfe"]);
    }
}
