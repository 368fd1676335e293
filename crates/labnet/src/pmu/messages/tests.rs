//! Every way in which a stream of messages can be cut, and what is no message.

use super::*;

/// The answer of the handout's PMU: messages `first` to `first + n - 1`, without delimiter.
fn stream(first: u64, n: u64) -> Vec<u8> {
    (first..first + n).flat_map(|i| format!("This is PMU data {i}").into_bytes()).collect()
}

/// Feeds `chunks`; the lines shown, then `error: …` if there was one.
fn show<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut messages = Messages::new();
    let mut lines = Vec::new();
    for chunk in chunks {
        for message in messages.feed(chunk) {
            lines.push(line(message));
        }
    }
    lines.extend(messages.finish().transpose().map(line));
    lines
}

fn line(message: Result<Message<'_>, Error>) -> String {
    match message {
        Ok(message) => String::from_utf8(message.as_ref().to_vec()).unwrap(),
        Err(error) => format!("error: {error}"),
    }
}

fn lines(first: u64, n: u64) -> Vec<String> {
    (first..first + n).map(|i| format!("This is PMU data {i}")).collect()
}

fn check(chunks: &[&str], expected: &[&str]) {
    assert_eq!(show(chunks.iter().map(|chunk| chunk.as_bytes())), expected, "{chunks:?}");
}

#[test]
fn every_one_cut_and_two_cut_of_ten_messages_shows_the_same_ten_lines() {
    for first in [0, 1] {
        let bytes = stream(first, 10);
        for one in 0..=bytes.len() {
            for two in one..=bytes.len() {
                let seen = show([&bytes[..one], &bytes[one..two], &bytes[two..]]);
                assert_eq!(seen, lines(first, 10), "cut at {one} and {two}");
            }
        }
    }
}

#[test]
fn any_number_of_messages_arrives_whole_and_a_byte_at_a_time() {
    for first in [0, 1] {
        for n in [0, 1, 10, 15, 17, 100_000] {
            let bytes = stream(first, n);
            assert_eq!(show([&bytes[..]]), lines(first, n));
            assert_eq!(show(bytes.chunks(1)), lines(first, n));
        }
    }
}

#[test]
fn a_message_is_shown_with_its_last_digit_when_its_number_is_expected() {
    let mut messages = Messages::new();
    let bytes = stream(1, 10);
    for (i, whole) in bytes.chunks(1).enumerate() {
        let complete = messages.feed(whole).count();
        let ends_here = (i + 1) % 18 == 0 && i < 162 || i + 1 == bytes.len();
        assert_eq!(complete == 1, ends_here, "byte {i}");
    }
    assert!(messages.finish().unwrap().is_none());
}

#[test]
fn a_number_out_of_order_is_complete_at_the_next_byte_or_at_the_end() {
    check(&["This is PMU data 42This is PMU data 43"], &["This is PMU data 42", "This is PMU data 43"]);
    check(&["This is PMU data 1This is PMU data 7", "5"], &["This is PMU data 1", "This is PMU data 75"]);
    check(
        &["This is PMU data 18446744073709551615"],
        &[
            "This is PMU data 1",
            "error: expected a message of the PMU, \
        but byte 18 of its answer begins '8446744073709551615'",
        ],
    );
    let mut messages = Messages::new();
    let seen: Vec<_> = messages.feed(b"This is PMU data 1This is PMU data 3\n").map(Result::unwrap).collect();
    assert_eq!(seen.iter().map(Message::is_expected).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn white_space_between_messages_is_skipped() {
    check(
        &["\r\n This is PMU data 1\n", "\n", " \tThis is PMU data 2\n"],
        &["This is PMU data 1", "This is PMU data 2"],
    );
}

#[test]
fn leading_zeros_are_shown_as_received() {
    check(&["This is PMU data 1This is PMU data 02"], &["This is PMU data 1", "This is PMU data 02"]);
}

#[test]
fn what_is_no_message_is_an_error_after_the_messages_before_it() {
    check(
        &["This is PMU data 1This is", " PMX data 2This is PMU data 3", "This is PMU data 4"],
        &[
            "This is PMU data 1",
            "error: expected a message of the PMU, but byte 18 of its answer begins \
            'This is PMX data 2This is PMU data 3'",
        ],
    );
    check(&["\x1b[2J"], &["error: expected a message of the PMU, but byte 0 of its answer begins '\\x1b[2J'"]);
    check(
        &["This is PMU data x"],
        &["error: expected a message of the PMU, but byte 0 of its answer begins \
        'This is PMU data x'"],
    );
    check(
        &["This is PMU data 9", &"9".repeat(30)],
        &["error: expected a message of the PMU, but byte 0 of its \
        answer begins 'This is PMU data 9999999999999999999999999999999'"],
    );
}

#[test]
fn the_end_within_a_message_is_an_error() {
    for tail in ["T", "This is PMU", "This is PMU data "] {
        check(
            &["This is PMU data 1", tail],
            &["This is PMU data 1", &format!("error: the PMU ended its answer within a message: '{tail}' at byte 18")],
        );
    }
}

#[test]
fn seeded_garbage_never_panics_and_never_shows_what_was_not_sent() {
    use rand::{RngExt, SeedableRng};
    let mut random = rand::rngs::StdRng::seed_from_u64(20);
    for _ in 0..20_000 {
        let mut bytes = stream(random.random_range(0..3), random.random_range(0..5));
        for _ in 0..random.random_range(0..4) {
            let at = random.random_range(0..=bytes.len());
            bytes.insert(at, random.random());
        }
        let whole = show([&bytes[..]]);
        let cut = random.random_range(0..=bytes.len());
        let halves = show([&bytes[..cut], &bytes[cut..]]);
        assert_eq!(
            whole.iter().filter(|line| !line.starts_with("error")).collect::<Vec<_>>(),
            halves.iter().filter(|line| !line.starts_with("error")).collect::<Vec<_>>(),
        );
    }
}

/// What a feed yields: the lines with whether each was expected, and what is left.
fn shown(messages: &mut Messages, chunk: &[u8]) -> Vec<(String, Option<bool>)> {
    let shown = messages.feed(chunk);
    shown.map(|message| (message.as_ref().ok().map(Message::is_expected), line(message))).map(|(a, b)| (b, a)).collect()
}

#[test]
fn messages_taken_whole_are_those_read_a_byte_at_a_time() {
    use rand::{RngExt, SeedableRng};
    let mut random = rand::rngs::StdRng::seed_from_u64(21);
    for round in 0..5000 {
        // Long enough for messages to be compared as a whole, with numbers that gain digits, and a few defects.
        let digits = random.random_range(0..=19);
        let first = 10_u64.pow(digits) - random.random_range(0..=1 + 8 * u64::from(digits > 0));
        let mut bytes = stream(random.random_range(0..3), random.random_range(0..15));
        bytes.extend(stream(first, random.random_range(0..15)));
        for _ in 0..random.random_range(0..3) {
            let at = random.random_range(0..=bytes.len());
            match random.random_range(0..5) {
                0 => bytes.insert(at, *b" \n0".get(random.random_range(0..3)).unwrap()),
                1 => bytes.insert(at, random.random()),
                2 => bytes.truncate(at),
                3 => _ = bytes.get_mut(at).map(|byte| *byte ^= 1),
                _ => _ = bytes.splice(at..at, stream(random.random_range(0..20), 2)),
            }
        }
        let (mut whole, mut slow) = (Messages::new(), Messages::new());
        let (mut expected, mut seen) = (Vec::new(), Vec::new());
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(random.random_range(1..=rest.len().min(200)));
            seen.extend(shown(&mut whole, chunk));
            rest = after;
        }
        for byte in bytes.chunks(1) {
            expected.extend(shown(&mut slow, byte));
        }
        // What is no message is shown with what came together with it: the rest is the same, with its place.
        let place = |lines: &mut Vec<(String, Option<bool>)>| {
            lines
                .iter_mut()
                .for_each(|(line, _)| line.truncate(line.find(" of its answer begins").unwrap_or(line.len())));
        };
        place(&mut expected);
        place(&mut seen);
        assert_eq!(seen, expected, "round {round}");
        assert_eq!((whole.count(), whole.unfinished()), (slow.count(), slow.unfinished()), "round {round}");
        assert_eq!(whole.offset, slow.offset, "round {round}");
        assert_eq!(whole.finish().transpose().map(line), slow.finish().transpose().map(line), "round {round}");
    }
}

#[test]
fn messages_that_come_whole_are_lent_and_not_copied() {
    let bytes = stream(1, 20);
    let mut messages = Messages::new();
    let lent = messages
        .feed(&bytes)
        .filter(|message| bytes.as_ptr_range().contains(&message.as_ref().unwrap().as_ref().as_ptr()));
    assert!(lent.count() >= 17);
}
