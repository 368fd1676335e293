//! Whole sessions with someone in the middle who alters, cuts, drops, repeats, swaps, reflects and forges.

use std::{collections::BTreeSet, sync::Mutex};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use secure_channel::{
    Alert, ChannelSuite, Failure, Kind,
    channel::{Error, MAX_MESSAGE_LEN},
    frame::HEADER_LEN,
};

use crate::{
    pipe::{
        Side::{self, Client, Server},
        Tampering, Trick,
    },
    sessions::{MESSAGE, Outcome, SOMETHING_FAILED, for_each, preferring, sent_frames, session, session_by, untouched},
};

#[test]
fn messages_of_every_length_arrive_and_are_acknowledged() {
    for suite in ChannelSuite::ALL {
        for len in [0, 1, MESSAGE.len(), 16_383, 16_384, 16_385, 1 << 20] {
            let message: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let sent = untouched(suite, &message);
            let data = sent_frames(&sent).iter().filter(|(_, _, kind)| *kind == Kind::Data).count();
            assert_eq!(data, len.div_ceil(16_384), "{suite}: records for {len} bytes");
        }
    }
}

#[test]
fn a_message_of_100_mib_arrives() {
    let message: Vec<u8> = (0..100 << 10).flat_map(|i: u32| [(i % 251) as u8; 1 << 10]).collect();
    for_each(&ChannelSuite::ALL, |suite| drop(untouched(*suite, &message)));
}

#[test]
fn a_message_that_is_longer_than_a_client_holds_is_refused() {
    let message = vec![0; MAX_MESSAGE_LEN + 1];
    let outcome = session(&[ChannelSuite::Aes256Gcm], &message, None);
    assert_eq!(outcome.failure(Client), Some(&Failure::MessageLength(MAX_MESSAGE_LEN)));
    assert_eq!(outcome.failure(Server), Some(&Failure::Alerted(Alert::Failure)));
    assert_eq!(outcome.released, None);
}

#[test]
fn a_stream_that_comes_byte_by_byte_is_the_same_stream() {
    for suite in ChannelSuite::ALL {
        let outcome = session_by(&[suite], MESSAGE, None, 1);
        assert!(outcome.server.is_ok() && outcome.client.is_ok(), "{:?} {:?}", outcome.server, outcome.client);
        assert_eq!(outcome.released.unwrap(), MESSAGE);
    }
}

#[test]
fn each_suite_is_used_when_it_comes_first() {
    for suite in ChannelSuite::ALL {
        let sent = untouched(suite, MESSAGE);
        let (_, data, _) = sent_frames(&sent).into_iter().find(|(_, _, kind)| *kind == Kind::Data).unwrap();
        let overhead = if suite == ChannelSuite::Aes256Gcm { 16 } else { 32 };
        assert_eq!(data.len(), HEADER_LEN + MESSAGE.len() + overhead, "{suite}");
    }
}

// Every byte.

/// What must come of a byte that was altered: its receiver fails, and no text is shown unless it was in the
/// acknowledgement.
fn check_altered(suite: ChannelSuite, (from, at, mask): (Side, usize, u8), kind: Kind) -> Outcome {
    let outcome = session(&preferring(suite), MESSAGE, Some((from, Tampering::Flip(at, mask))));
    let case = format!("{suite}: byte {at} from the {from:?} ({kind:?}) xor {mask:#04x}");
    outcome.check(MESSAGE, &case);
    assert!(outcome.of(from.other()).is_err(), "its receiver succeeds: {case}");
    if kind == Kind::Acknowledgement {
        assert!(outcome.released.is_some(), "{case}: the message was not altered");
    } else {
        assert_eq!(outcome.released, None, "{case}");
    }
    outcome
}

#[test]
fn no_byte_of_a_session_can_be_altered_and_every_failure_after_the_hellos_looks_the_same() {
    const SEED: u64 = 0x5eed_0001;
    let mut random = StdRng::seed_from_u64(SEED);
    for suite in ChannelSuite::ALL {
        let mut cases = Vec::new();
        for (from, frame, kind) in sent_frames(&untouched(suite, MESSAGE)) {
            for at in frame.clone() {
                cases.push(((from, at, random.random_range(1..=u8::MAX)), kind));
                if at < frame.start + HEADER_LEN || matches!(kind, Kind::ClientHello | Kind::ServerHello) {
                    cases.extend((0..8).map(|bit| ((from, at, 1 << bit), kind)));
                }
            }
        }
        assert!(cases.len() > 2500, "{} cases", cases.len());
        let alerts = Mutex::new((BTreeSet::new(), 0));
        for_each(&cases, |(flip, kind)| {
            let outcome = check_altered(suite, *flip, *kind);
            if !matches!(kind, Kind::ClientHello | Kind::ServerHello) {
                let (seen, count) = &mut *alerts.lock().unwrap();
                seen.extend(outcome.alerts().into_iter().map(<[u8]>::to_vec));
                *count += outcome.alerts().len();
            }
        });
        let (seen, count) = alerts.into_inner().unwrap();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [SOMETHING_FAILED], "seed {SEED:#x}");
        assert!(count > 2000, "only {count} alerts: someone fails without a word");
    }
}

#[test]
fn a_side_that_fails_names_the_check_that_failed() {
    let failed = |suite, from: Side, kind, at: usize| {
        let sent = sent_frames(&untouched(suite, MESSAGE));
        let (_, frame, _) = sent.into_iter().find(|(side, _, other)| (*side, *other) == (from, kind)).unwrap();
        let outcome = check_altered(suite, (from, frame.start + at, 0x10), kind);
        assert_eq!(outcome.failure(from), Some(&Failure::Alerted(Alert::Failure)), "{suite}: {kind:?}");
        outcome.failure(from.other()).cloned().unwrap()
    };
    for suite in ChannelSuite::ALL {
        // In the random bytes of the client: the server sees another handshake than the one that is signed.
        assert_eq!(failed(suite, Client, Kind::ClientHello, 20), Failure::Signature);
        assert_eq!(failed(suite, Client, Kind::KeyExchange, 20), Failure::Signature);
        assert_eq!(failed(suite, Client, Kind::CertificateVerify, 20), Failure::Signature);
        assert_eq!(failed(suite, Client, Kind::Finished, 20), Failure::Finished);
        assert_eq!(failed(suite, Server, Kind::Finished, 20), Failure::Finished);
        for from in [Client, Server] {
            assert!(matches!(failed(suite, from, Kind::Certificate, 400), Failure::Certificate(_)), "{from:?}");
        }
        let record = |number, kind| Failure::Record { number, kind, suite };
        assert_eq!(failed(suite, Server, Kind::Data, 20), record(0, Kind::Data));
        assert_eq!(failed(suite, Server, Kind::End, 10), record(1, Kind::End));
        assert_eq!(failed(suite, Client, Kind::Acknowledgement, 10), record(0, Kind::Acknowledgement));
    }
}

#[test]
fn a_stream_that_is_cut_anywhere_fails_its_receiver_without_a_message() {
    for suite in ChannelSuite::ALL {
        let cases: Vec<_> = sent_frames(&untouched(suite, MESSAGE))
            .into_iter()
            .flat_map(|(from, frame, kind)| frame.map(move |at| (from, at, kind)))
            .collect();
        assert!(cases.len() > 2500, "{} cases", cases.len());
        for_each(&cases, |&(from, at, kind)| {
            let outcome = session(&preferring(suite), MESSAGE, Some((from, Tampering::Cut(at))));
            let case = format!("{suite}: cut before byte {at} from the {from:?} ({kind:?})");
            outcome.check(MESSAGE, &case);
            // The end is due where data may still come.
            let due = if kind == Kind::End { Kind::Data } else { kind };
            let is_cut = matches!(outcome.of(from.other()), Err(Error::Cut { awaited }) if *awaited == due);
            assert!(is_cut, "{case}: {:?}", outcome.of(from.other()));
            if kind == Kind::Acknowledgement {
                assert_eq!(outcome.released.as_deref(), Some(MESSAGE), "{case}");
            } else {
                assert!(outcome.of(from).is_err(), "{case}");
                assert_eq!(outcome.released, None, "{case}");
            }
        });
    }
}

// Every frame.

#[test]
fn no_frame_can_be_repeated_dropped_moved_reflected_or_added() {
    // Three records with data.
    let message = vec![b'm'; 2 * 16_384 + 100];
    for suite in ChannelSuite::ALL {
        let sent = sent_frames(&untouched(suite, &message));
        let mut cases = Vec::new();
        for from in [Client, Server] {
            let kinds: Vec<_> = sent.iter().filter(|(side, ..)| *side == from).map(|(.., kind)| *kind).collect();
            for (index, kind) in kinds.iter().enumerate() {
                for trick in
                    [Trick::Duplicate, Trick::Drop, Trick::Swap, Trick::Reflect, Trick::ReflectToo, Trick::Alert]
                {
                    cases.push((from, index, *kind, trick));
                }
            }
        }
        assert_eq!(cases.len(), 6 * (6 + 8), "the client has 6 frames to send, the server 8");
        for_each(&cases, |&(from, index, kind, trick)| {
            let outcome = session(&preferring(suite), &message, Some((from, Tampering::Frame(index, trick))));
            let case = format!("{suite}: frame {index} from the {from:?} ({kind:?}): {trick:?}");
            outcome.check(&message, &case);
            let victim = if trick == Trick::ReflectToo { from } else { from.other() };
            assert!(outcome.of(victim).is_err(), "{case}");
            if trick == Trick::Alert {
                assert_eq!(outcome.failure(victim), Some(&Failure::Alerted(Alert::Failure)), "{case}");
            }
            // What comes too much after the last that a side needs does not undo what it has.
            let is_after = match (from, trick) {
                (Client, Trick::Duplicate) => matches!(kind, Kind::Finished | Kind::Acknowledgement),
                (Server, Trick::Duplicate) => kind == Kind::End,
                (_, Trick::ReflectToo) => {
                    matches!(kind, Kind::Data | Kind::End | Kind::Acknowledgement)
                        || (from, kind) == (Server, Kind::Finished)
                }
                _ => kind == Kind::Acknowledgement,
            };
            assert!(is_after || outcome.released.is_none(), "{case}");
        });
    }
}

// Hellos that cannot be agreed on.

#[test]
fn an_unknown_version_hash_or_suite_ends_on_both_sides_with_its_name() {
    /// Where it is in the stream: behind the header; version, hash, random bytes, then the suites.
    const VERSION: usize = HEADER_LEN;
    const HASH: usize = HEADER_LEN + 2;
    const CLIENTS_SUITES: usize = HEADER_LEN + 2 + 1 + 32 + 1;
    const SERVERS_SUITE: usize = HEADER_LEN + 2 + 1 + 32;
    for (suites, from, at, with, failure, alert) in [
        (ChannelSuite::ALL.as_slice(), Client, VERSION, &[0, 2][..], Failure::Version(2), Alert::UnsupportedVersion),
        (&ChannelSuite::ALL, Client, VERSION, &[3, 4], Failure::Version(0x304), Alert::UnsupportedVersion),
        (&ChannelSuite::ALL, Server, VERSION, &[0, 0], Failure::Version(0), Alert::UnsupportedVersion),
        (&ChannelSuite::ALL, Client, HASH, &[9], Failure::Hash(9), Alert::UnsupportedHash),
        (&ChannelSuite::ALL, Server, HASH, &[0], Failure::Hash(0), Alert::UnsupportedHash),
        (&ChannelSuite::ALL, Client, CLIENTS_SUITES, &[0, 3, 1, 1], Failure::NoCommonSuite, Alert::NoCommonSuite),
        (&ChannelSuite::ALL, Server, SERVERS_SUITE, &[0, 3], Failure::NotOffered(3), Alert::Failure),
        (&[ChannelSuite::Aes256Gcm], Server, SERVERS_SUITE, &[0, 1], Failure::NotOffered(1), Alert::Failure),
    ] {
        let outcome = session(suites, MESSAGE, Some((from, Tampering::Overwrite(at, with))));
        let case = format!("{from:?}: {failure:?}");
        outcome.check(MESSAGE, &case);
        assert_eq!(outcome.failure(from.other()), Some(&failure), "{case}");
        assert_eq!(outcome.failure(from), Some(&Failure::Alerted(alert)), "{case}");
        assert_eq!(outcome.alerts(), [[16, 0, 1, alert as u8]], "{case}");
        assert_eq!(outcome.released, None, "{case}");
    }
}

#[test]
fn a_suite_that_the_middle_chose_is_found_out() {
    // The client prefers GCM; the server is told that it prefers the other, and the client what the server chose.
    let at = HEADER_LEN + 2 + 1 + 32 + 1;
    let tampering = Tampering::Overwrite(at, &[0, 1, 0, 2]);
    let outcome = session(&preferring(ChannelSuite::Aes256Gcm), MESSAGE, Some((Client, tampering)));
    assert_eq!(outcome.failure(Server), Some(&Failure::Signature));
    assert_eq!(outcome.failure(Client), Some(&Failure::Alerted(Alert::Failure)));
    assert_eq!(outcome.released, None);
}
