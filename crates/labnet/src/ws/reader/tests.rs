//! Reading frames, whole and in pieces: each test plays the bytes of a peer.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::ws::{close, deflate::Deflater};

const LIMIT: usize = 1000;

/// All events in a stream that comes in pieces, or the violation in it.
fn read(sender: Sender, is_deflated: bool, stream: &[u8], piece: usize) -> Result<Vec<Event>, Violation> {
    let mut reader = MessageReader::new(sender, LIMIT, is_deflated.then(|| Inflater::new(false)));
    let mut events = Vec::new();
    for piece in stream.chunks(piece) {
        let mut rest = piece;
        while !rest.is_empty() {
            let (taken, event) = reader.push(rest)?;
            assert!(taken > 0 && taken <= rest.len());
            rest = &rest[taken..];
            events.extend(event);
        }
    }
    Ok(events)
}

/// The same however the stream is cut.
fn check(stream: &[u8], expected: Result<Vec<Event>, Violation>) {
    for piece in [1, 2, 3, 7, usize::MAX] {
        assert_eq!(read(Sender::Server, false, stream, piece), expected, "{stream:02x?} in pieces of {piece}");
    }
}

fn text(text: &str) -> Event {
    Event::Message(Message::new(FrameType::Text, text.as_bytes().to_vec()))
}

#[test]
fn fragments_are_one_message_and_control_frames_may_be_between_them() {
    check(b"\x81\x05Hello\x81\x00", Ok(vec![text("Hello"), text("")]));
    let binary = Event::Message(Message::new(FrameType::Binary, b"\xff\x00".to_vec()));
    check(
        b"\x01\x02He\x89\x01?\x00\x00\x8a\x00\x80\x03llo\x02\x01\xff\x80\x01\0",
        Ok(vec![Event::Ping(b"?".to_vec()), Event::Pong, text("Hello"), binary]),
    );
    check(b"\x88\x02\x03\xe8", Ok(vec![Event::Close(Some(CloseFrame { status: 1000, reason: String::new() }))]));
    check(b"\x88\x00", Ok(vec![Event::Close(None)]));
}

#[test]
fn a_client_masks() {
    let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    for piece in [1, 4, usize::MAX] {
        assert_eq!(read(Sender::Client, false, masked, piece), Ok(vec![text("Hello")]));
    }
    check(masked, Err(Violation::Masked));
    assert_eq!(read(Sender::Client, false, b"\x81\x05Hello", 1), Err(Violation::NotMasked));
}

#[test]
fn what_breaks_the_protocol_and_the_status_that_says_so() {
    for (stream, expected, status) in [
        (&b"\xc1\x00"[..], Violation::ReservedBits, 1002),
        (b"\xa1\x00", Violation::ReservedBits, 1002),
        (b"\x83\x00", Violation::ReservedOpcode(3), 1002),
        (b"\x8f\x00", Violation::ReservedOpcode(15), 1002),
        (b"\x09\x00", Violation::ControlFragmented, 1002),
        (b"\x89\x7e\x00\x7e", Violation::ControlTooLong(126), 1002),
        (b"\x80\x01x", Violation::NothingToContinue, 1002),
        (b"\x01\x01x\x81\x01y", Violation::MessageInterrupted, 1002),
        (b"\x81\x7e\x00\x05Hello", Violation::LengthNotMinimal(5), 1002),
        (b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", Violation::LengthOf64Bits, 1002),
        (b"\x88\x01\x03", Violation::CloseTooShort, 1002),
        (b"\x88\x02\x03\xed", Violation::CloseStatus(1005), 1002),
        (b"\x88\x03\x03\xe8\xff", Violation::ReasonNotUtf8, 1007),
        (b"\x81\x03\xf0\x9f\x8c", Violation::TextNotUtf8, 1007),
        // Told before the message ends.
        (b"\x01\x01\xff", Violation::TextNotUtf8, 1007),
        (b"\x82\x7e\x03\xe9", Violation::TooBig { len: 1001, limit: LIMIT }, 1009),
    ] {
        check(stream, Err(expected));
        assert_eq!(expected.close_status(), status, "{expected:?}");
    }
    let fragments = [b"\x02\x7e\x03\xe8".as_slice(), &[0; 1000], b"\x80\x01"].concat();
    check(&fragments, Err(Violation::TooBig { len: 1001, limit: LIMIT }));
}

#[test]
fn a_character_may_be_cut_by_fragments() {
    check("\u{1}\u{1}".as_bytes(), Ok(vec![]));
    check(b"\x01\x02\xf0\x9f\x00\x01\x8c\x80\x01\x8a", Ok(vec![text("🌊")]));
}

#[test]
fn compressed_messages_are_bounded_by_what_they_become() {
    let mut deflater = Deflater::new(false, 15).unwrap();
    let frame = |first: u8, payload: &[u8]| [&[first, payload.len() as u8], payload].concat();
    let compressed = deflater.compress("Le flot n° ∞".as_bytes());
    let (begin, end) = compressed.split_at(5);
    let stream = [frame(0x41, begin), frame(0x89, b""), frame(0x80, end), frame(0x81, b"plain")].concat();
    for piece in [1, 2, usize::MAX] {
        let events = read(Sender::Server, true, &stream, piece).unwrap();
        assert_eq!(events, [Event::Ping(vec![]), text("Le flot n° ∞"), text("plain")]);
        let too_big = frame(0xc2, &Deflater::new(false, 15).unwrap().compress(&[0; 1001]));
        assert_eq!(read(Sender::Server, true, &too_big, piece), Err(Violation::TooBig { len: 1001, limit: LIMIT }));
        let not_utf8 = frame(0xc1, &Deflater::new(false, 15).unwrap().compress(b"\xff"));
        assert_eq!(read(Sender::Server, true, &not_utf8, piece), Err(Violation::TextNotUtf8));
        assert_eq!(read(Sender::Server, true, b"\x01\x00\xc0\x00", piece), Err(Violation::CompressedLater));
        assert_eq!(read(Sender::Server, true, b"\xc9\x00", piece), Err(Violation::CompressedLater));
        assert_eq!(read(Sender::Server, true, b"\xc1\x03foo", piece), Err(Violation::CannotInflate));
    }
}

#[test]
fn any_bytes_are_events_or_a_violation_and_the_same_in_every_cut() {
    for seed in 0..4000 {
        let mut rng = StdRng::seed_from_u64(seed);
        // Headers that are nearly right lead further than noise.
        let mut stream = Vec::new();
        for _ in 0..rng.random_range(1..6) {
            let len = rng.random_range(0..12_u8);
            stream.push(
                [0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a, 0xc1, rng.random()][rng.random_range(0..11)],
            );
            stream.push(if rng.random_ratio(1, 10) { rng.random() } else { len });
            stream.extend((0..len).map(|_| rng.random::<u8>() & 0x7f));
        }
        let is_deflated = rng.random_ratio(1, 8);
        let whole = read(Sender::Server, is_deflated, &stream, usize::MAX);
        for piece in [1, 3] {
            let pieces = read(Sender::Server, is_deflated, &stream, piece);
            // What is wrong with compressed bytes and what with the text in them may be seen in either order.
            assert!(
                pieces == whole || is_deflated && pieces.is_err() && whole.is_err(),
                "seed {seed}: {pieces:?} {whole:?}"
            );
        }
        if let Err(violation) = whole {
            assert!(close::payload(violation.close_status(), "").len() == 2, "seed {seed}");
        }
    }
}
