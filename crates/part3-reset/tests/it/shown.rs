//! The answer, the error and the statistics of part 3, taken apart.

use std::net::SocketAddr;

use lab_process::Outcome;
use serde_json::Value;

/// A line of the answer.
pub(crate) struct Answer<'a> {
    pub(crate) offset: u64,
    pub(crate) from: SocketAddr,
    pub(crate) packets: u64,
    pub(crate) time: &'a str,
}

/// Takes a line of the answer apart, which is the contract's to the letter.
#[track_caller]
pub(crate) fn answer(line: &str) -> Answer<'_> {
    let words: Vec<&str> = line.split(' ').collect();
    let [offset, "from", from, "over", family, "after", packets, "packets", "at", time] = words[..] else {
        panic!("no answer: '{line}'");
    };
    let offset = offset.strip_prefix("OFFSET=").and_then(|x| x.parse().ok()).unwrap();
    let (from, packets): (SocketAddr, u64) = (from.parse().unwrap(), packets.parse().unwrap());
    assert_eq!(family, if from.is_ipv4() { "IPv4" } else { "IPv6" }, "{line}");
    assert_eq!(format!("OFFSET={offset} from {from} over {family} after {packets} packets at {time}"), line);
    assert!(is_rfc3339(time), "{time}");
    Answer { offset, from, packets, time }
}

/// RFC 3339, section 5.6: `date-time`.
pub(crate) fn is_rfc3339(time: &str) -> bool {
    let shape: String = time.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    let Some(rest) = shape.strip_prefix("0000-00-00T00:00:00") else { return false };
    let zone = rest.strip_prefix(".0").map_or(rest, |fraction| fraction.trim_start_matches('0'));
    matches!(zone, "Z" | "+00:00" | "-00:00")
}

/// A success: this answer and nothing else, on stdout or on stderr.
#[track_caller]
pub(crate) fn check(outcome: &Outcome, offset: u64, from: &str, packets: u64) {
    assert_eq!((outcome.code(), outcome.stderr().as_str()), (0, ""));
    let stdout = outcome.stdout();
    let answer = answer(stdout.strip_suffix('\n').expect("a line"));
    assert_eq!((answer.offset, answer.from.to_string().as_str(), answer.packets), (offset, from, packets));
}

/// A failure: no answer, and two lines on stderr, before any statistics.
#[track_caller]
pub(crate) fn check_failure(outcome: &Outcome, error: &str, hint: &str) {
    let stderr = outcome.stderr();
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (1, ""), "{stderr}");
    let lines: Vec<&str> = stderr.lines().collect();
    assert!(lines[0].starts_with("error: ") && lines[0].contains(error), "{stderr}");
    assert!(lines[1].starts_with("hint: ") && lines[1].contains(hint), "{stderr}");
}

/// The one object of `--stats`, the last line of stderr.
#[track_caller]
pub(crate) fn stats(outcome: &Outcome) -> Value {
    let objects = outcome.stats();
    assert_eq!(objects.len(), 1, "{}", outcome.stderr());
    objects[0].clone()
}

/// Packets over IPv4, packets over IPv6, rounds.
#[track_caller]
pub(crate) fn counted(outcome: &Outcome) -> [u64; 3] {
    let stats = stats(outcome);
    ["packets_ipv4", "packets_ipv6", "rounds"].map(|key| stats[key].as_u64().unwrap())
}
