//! Whole sessions with someone in the middle who alters, cuts, drops, repeats, swaps, reflects and forges.
//!
//! The two sides run over a pipe in memory that knows when both wait and nothing is on the way: then it is as late as
//! the one with less patience thinks, at once. So a length that was altered keeps nobody waiting.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    collections::{BTreeSet, VecDeque},
    fmt::Debug,
    io::{self, Read, Write},
    mem,
    ops::Range,
    sync::{
        Arc, Condvar, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    aead, cipher, hmac,
    iv::FixedLength,
    rand::{SystemRandom, fill},
    rsa::{KeyPair, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey},
    signature::RSA_PSS_SHA256,
};
use labnet::tls::{Credentials, Roots};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use secure_channel::{
    Alert, Channel, ChannelSuite, Failure, Frame, Kind, PartyIdentity, Trust,
    channel::{Error, MAX_MESSAGE_LEN, Stream},
    frame::{HEADER_LEN, Header},
    handshake::{
        Established, client,
        server::{self, AwaitingFinished},
    },
    message::Certificate,
};
use ttp::CaDirectory;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Longer than anything takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much a reader may leave unread before the writer must wait.
const PIPE_LEN: usize = 1 << 20;

const MESSAGE: &[u8] = b"The OTP for transferring Rs 1,00,000 to your friend's account is 256345.";

/// The only alert after the hellos.
const SOMETHING_FAILED: [u8; 4] = [16, 0, 1, 1];

/// A side, by what it sends and by what it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}
use Side::{Client, Server};

impl Side {
    fn other(self) -> Self {
        if self == Client { Server } else { Client }
    }
}

// The pipe, and who is in the middle of it.

/// What is done to the bytes that one side sends.
#[derive(Clone, Debug)]
enum Tampering {
    /// The byte at this place of the stream is xored.
    Flip(usize, u8),
    /// The bytes from this place on are others.
    Overwrite(usize, &'static [u8]),
    /// The stream ends before the byte at this place.
    Cut(usize),
    /// Something is done to the frame with this number, from 0.
    Frame(usize, Trick),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trick {
    Duplicate,
    Drop,
    /// It comes after the one that should follow it.
    Swap,
    /// Its sender gets it, the receiver does not.
    Reflect,
    /// Both get it.
    ReflectToo,
    /// An alert comes before it.
    Alert,
}

struct Wire {
    state: Mutex<State>,
    changed: Condvar,
}

/// What there is of each side, the client first.
#[derive(Default)]
struct State {
    tampering: Option<(Side, Tampering)>,
    /// Delivered to it and not read.
    inbox: [VecDeque<u8>; 2],
    /// Nothing more will be delivered to it.
    is_ended: [bool; 2],
    /// It sends nothing more.
    has_ended: [bool; 2],
    is_gone: [bool; 2],
    waits_for: [Option<Wait>; 2],
    patience: [Duration; 2],
    is_late: [bool; 2],
    /// How much it gets at once.
    max_read: usize,
    /// What it sent, before anything was done to it; of long messages the beginning.
    sent: [Vec<u8>; 2],
    count: [usize; 2],
    frames: usize,
    held: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Wait {
    ToRead,
    ToWrite,
}

impl State {
    fn is_ready(&self, side: Side, wait: Wait) -> bool {
        let (own, other) = (side as usize, side.other() as usize);
        match wait {
            Wait::ToRead => !self.inbox[own].is_empty() || self.is_ended[own],
            Wait::ToWrite => self.inbox[other].len() < PIPE_LEN || self.is_gone[other],
        }
    }

    /// If both sides wait for each other, the one with less patience is late, or both.
    fn look_at_clock(&mut self) {
        let is_stuck = |side: Side| self.waits_for[side as usize].is_some_and(|wait| !self.is_ready(side, wait));
        if is_stuck(Client) && is_stuck(Server) {
            let first = self.patience[0].min(self.patience[1]);
            self.is_late = self.patience.map(|patience| patience == first);
        }
    }

    /// What a side sends passes the middle.
    fn pass(&mut self, from: Side, bytes: &[u8]) {
        let (own, to) = (from as usize, from.other() as usize);
        let start = self.count[own];
        self.count[own] += bytes.len();
        if start < PIPE_LEN {
            self.sent[own].extend_from_slice(bytes);
        }
        match self.tampering.clone() {
            Some((side, Tampering::Flip(at, mask))) if side == from => {
                let mut bytes = bytes.to_vec();
                if let Some(byte) = at.checked_sub(start).and_then(|at| bytes.get_mut(at)) {
                    *byte ^= mask;
                }
                self.inbox[to].extend(bytes);
            }
            Some((side, Tampering::Overwrite(at, with))) if side == from => {
                let mut bytes = bytes.to_vec();
                if let Some(at) = at.checked_sub(start).filter(|at| *at < bytes.len()) {
                    bytes[at..at + with.len()].copy_from_slice(with);
                }
                self.inbox[to].extend(bytes);
            }
            Some((side, Tampering::Cut(at))) if side == from => {
                self.inbox[to].extend(&bytes[..at.saturating_sub(start).min(bytes.len())]);
                self.is_ended[to] |= self.count[own] >= at;
            }
            Some((side, Tampering::Frame(index, trick))) if side == from => {
                for frame in frames(bytes) {
                    self.pass_frame(from, &bytes[frame], index, trick);
                }
            }
            _ => self.inbox[to].extend(bytes),
        }
    }

    fn pass_frame(&mut self, from: Side, frame: &[u8], index: usize, trick: Trick) {
        let (own, to) = (from as usize, from.other() as usize);
        self.frames += 1;
        if self.frames != index + 1 {
            self.inbox[to].extend(frame);
            self.inbox[to].extend(mem::take(&mut self.held));
            return;
        }
        match trick {
            Trick::Duplicate => self.inbox[to].extend(frame.iter().chain(frame)),
            Trick::Drop => {}
            Trick::Swap => self.held = frame.to_vec(),
            Trick::Reflect => self.inbox[own].extend(frame),
            Trick::ReflectToo => {
                self.inbox[to].extend(frame);
                self.inbox[own].extend(frame);
            }
            Trick::Alert => self.inbox[to].extend(SOMETHING_FAILED.iter().chain(frame)),
        }
    }
}

/// Where the frames are in what a side sent.
fn frames(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut ranges, mut start) = (Vec::new(), 0);
    while let Some(header) = bytes[start..].first_chunk() {
        let end = start + HEADER_LEN + Header::decode(*header).unwrap().len;
        ranges.push(start..end);
        start = end;
    }
    assert_eq!(start, bytes.len(), "a side sends whole frames");
    ranges
}

/// What a side has of the pipe.
struct End {
    wire: Arc<Wire>,
    side: Side,
}

fn pipe(tampering: Option<(Side, Tampering)>, max_read: usize) -> (End, End) {
    let mut state = State { tampering, max_read, patience: [Duration::from_secs(5); 2], ..State::default() };
    if let Some((from, Tampering::Cut(0))) = state.tampering {
        state.is_ended[from.other() as usize] = true;
    }
    let wire = Arc::new(Wire { state: Mutex::new(state), changed: Condvar::new() });
    (End { wire: Arc::clone(&wire), side: Client }, End { wire, side: Server })
}

impl End {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.wire.state.lock().unwrap());
        self.wire.changed.notify_all();
        changed
    }

    /// Waits until it can be done, and does it.
    fn when<T>(&self, wait: Wait, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.wire.state.lock().unwrap();
        let own = self.side as usize;
        while !state.is_ready(self.side, wait) {
            state.waits_for[own] = Some(wait);
            state.look_at_clock();
            if mem::take(&mut state.is_late[own]) {
                state.waits_for[own] = None;
                self.wire.changed.notify_all();
                return Err(io::ErrorKind::TimedOut.into());
            }
            if state.is_late[self.side.other() as usize] {
                self.wire.changed.notify_all();
            }
            let (changed, timeout) = self.wire.changed.wait_timeout(state, PATIENCE).unwrap();
            assert!(!timeout.timed_out(), "the {:?} hangs", self.side);
            state = changed;
        }
        (state.waits_for[own], state.is_late[own]) = (None, false);
        let acted = act(&mut state);
        self.wire.changed.notify_all();
        acted
    }
}

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.when(Wait::ToRead, |state| {
            let len = buffer.len().min(state.max_read);
            state.inbox[self.side as usize].read(&mut buffer[..len])
        })
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.when(Wait::ToWrite, |state| {
            if state.has_ended[self.side as usize] || state.is_gone[self.side.other() as usize] {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            state.pass(self.side, bytes);
            Ok(bytes.len())
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for End {
    fn end(&mut self) -> io::Result<()> {
        self.with(|state| {
            state.has_ended[self.side as usize] = true;
            state.is_ended[self.side.other() as usize] = true;
        });
        Ok(())
    }

    fn set_patience(&mut self, patience: Duration) -> io::Result<()> {
        self.with(|state| state.patience[self.side as usize] = patience);
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.with(|state| {
            state.is_gone[self.side as usize] = true;
            state.is_ended[self.side.other() as usize] = true;
        });
    }
}

// The two sides.

struct Parties {
    /// Of each side, the client first.
    credentials: [Credentials; 2],
    client: PartyIdentity,
    server: PartyIdentity,
    roots: Roots,
}

/// Made once.
fn parties() -> &'static Parties {
    static PARTIES: OnceLock<Parties> = OnceLock::new();
    PARTIES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let directory = CaDirectory::new(folder.path());
        directory.complete(&["server", "client"]).unwrap();
        let credentials = ["client", "server"]
            .map(|name| Credentials::load(&directory.certificate(name), &directory.key(name)).unwrap());
        let [client, server] = credentials.each_ref().map(|credentials| PartyIdentity::new(credentials).unwrap());
        Parties { credentials, client, server, roots: Roots::load(&directory.ca_certificate()).unwrap() }
    })
}

/// What became of a session.
struct Outcome {
    /// Whether the server has the acknowledgement, after which nothing came.
    server: Result<(), Error>,
    /// What the client may show.
    released: Option<Vec<u8>>,
    /// Whether the client has the message, after which nothing came.
    client: Result<(), Error>,
    /// What each side sent.
    sent: [Vec<u8>; 2],
}

impl Outcome {
    fn of(&self, side: Side) -> &Result<(), Error> {
        if side == Client { &self.client } else { &self.server }
    }

    fn failure(&self, side: Side) -> Option<&Failure> {
        match self.of(side) {
            Err(Error::Failure(failure)) => Some(failure),
            _ => None,
        }
    }

    fn alerts(&self) -> Vec<&[u8]> {
        let frames = self.sent.iter().flat_map(|sent| frames(sent).into_iter().map(|frame| &sent[frame]));
        frames.filter(|frame| frame[0] == Kind::Alert as u8).collect()
    }

    /// What holds whatever is done to a session.
    fn check(&self, message: &[u8], case: &dyn Debug) {
        assert!(self.server.is_err() || self.client.is_err(), "both sides succeed: {case:?}");
        assert!(self.released.as_ref().is_none_or(|released| released == message), "another message: {case:?}");
        assert!(self.server.is_err() || self.released.is_some(), "acknowledged and not released: {case:?}");
    }
}

fn session(suites: &[ChannelSuite], message: &[u8], tampering: Option<(Side, Tampering)>) -> Outcome {
    session_by(suites, message, tampering, usize::MAX)
}

fn session_by(
    suites: &[ChannelSuite],
    message: &[u8],
    tampering: Option<(Side, Tampering)>,
    max_read: usize,
) -> Outcome {
    let Parties { client, server, roots, .. } = parties();
    let case = format!("{suites:?} {tampering:?}");
    let (near, far) = pipe(tampering, max_read);
    let wire = Arc::clone(&near.wire);
    let (server, (client, released)) = thread::scope(|scope| {
        let server = scope.spawn(move || {
            let mut channel = Channel::accept(far, server, &Trust::in_client(roots.clone()), &mut |_| {})?;
            channel.send(message)?;
            channel.await_acknowledgement()
        });
        let mut released = None;
        let client = Channel::connect(near, suites, client, &Trust::in_server(roots.clone()), &mut |_| {}).and_then(
            |mut channel| {
                released = Some(channel.receive()?.text);
                channel.acknowledge()
            },
        );
        (server.join().unwrap_or_else(|_| panic!("the server panicked: {case}")), (client, released))
    });
    let sent = mem::take(&mut wire.state.lock().unwrap().sent);
    Outcome { server, released, client, sent }
}

/// A suite, and the other one after it: so the middle can make the server choose another.
fn preferring(suite: ChannelSuite) -> [ChannelSuite; 2] {
    if suite == ChannelSuite::ALL[0] { ChannelSuite::ALL } else { [ChannelSuite::ALL[1], ChannelSuite::ALL[0]] }
}

/// What both sides send when nobody is in the middle.
fn untouched(suite: ChannelSuite, message: &[u8]) -> [Vec<u8>; 2] {
    let outcome = session(&preferring(suite), message, None);
    outcome.server.unwrap();
    outcome.client.unwrap();
    assert_eq!(outcome.released.unwrap(), message);
    outcome.sent
}

/// The frames that each side sends: from whom, where in the stream, and what it is.
fn sent_frames(sent: &[Vec<u8>; 2]) -> Vec<(Side, Range<usize>, Kind)> {
    let of = |side: Side| {
        let bytes = &sent[side as usize];
        frames(bytes).into_iter().map(move |frame| (side, frame.clone(), Kind::try_from(bytes[frame.start]).unwrap()))
    };
    of(Client).chain(of(Server)).collect()
}

/// Runs what is to be checked of each case, on two threads.
fn for_each<T: Sync>(cases: &[T], check: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(case);
                }
            });
        }
    });
}

// Nobody in the middle.

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

// A peer who has the keys, and does not keep to the order.

fn send_frame(end: &mut End, frame: &Frame) {
    end.write_all(frame.as_bytes()).unwrap();
}

fn next_frame(end: &mut End) -> Frame {
    let mut bytes = vec![0; HEADER_LEN];
    end.read_exact(&mut bytes).unwrap();
    let header = Header::decode(*bytes.first_chunk().unwrap()).unwrap();
    bytes.resize(HEADER_LEN + header.len, 0);
    end.read_exact(&mut bytes[HEADER_LEN..]).unwrap();
    Frame::cut(&bytes).unwrap().unwrap().0
}

/// The handshake of a client that does as it likes afterwards.
fn connect(end: &mut End) -> Established {
    let Parties { client, roots, .. } = parties();
    let (hello, state) = client::start(&ChannelSuite::ALL).unwrap();
    send_frame(end, &hello);
    let state = state.server_hello(&next_frame(end)).unwrap();
    let state = state.certificate(&next_frame(end), &Trust::in_server(roots.clone()), SystemTime::now()).unwrap();
    let (flight, state) = state.certificate_request(&next_frame(end), client).unwrap();
    flight.iter().for_each(|frame| send_frame(end, frame));
    state.finished(&next_frame(end)).unwrap()
}

/// The handshake of a server that does as it likes afterwards.
fn accept(end: &mut End) -> Established {
    let Parties { server, roots, .. } = parties();
    let (flight, state) = server::Listening::default().client_hello(&next_frame(end), server).unwrap();
    flight.iter().for_each(|frame| send_frame(end, frame));
    let state = state.certificate(&next_frame(end), &Trust::in_client(roots.clone()), SystemTime::now()).unwrap();
    let state = state.key_exchange(&next_frame(end), server).unwrap();
    let state = state.certificate_verify(&next_frame(end)).unwrap();
    let (finished, established) = state.finished(&next_frame(end)).unwrap();
    send_frame(end, &finished);
    established
}

fn failure_of<T: Debug>(result: Result<T, Error>) -> Failure {
    match result {
        Err(Error::Failure(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_takes_nothing_but_one_acknowledgement_for_one() {
    let unexpected = |came| Failure::Unexpected { came, awaited: Kind::Acknowledgement };
    for (records, expected) in [
        (&[(Kind::Acknowledgement, &b"NAK"[..])][..], Failure::NotAcknowledged),
        (&[(Kind::Acknowledgement, b"")], Failure::NotAcknowledged),
        (&[(Kind::Acknowledgement, b"ACK ")], Failure::NotAcknowledged),
        (&[(Kind::Data, b"ACK")], unexpected(Kind::Data)),
        (&[(Kind::End, b"")], unexpected(Kind::End)),
        (&[(Kind::Data, b""), (Kind::Acknowledgement, b"ACK")], unexpected(Kind::Data)),
    ] {
        let Parties { server, roots, .. } = parties();
        let (mut near, far) = pipe(None, usize::MAX);
        thread::scope(|scope| {
            let server = scope.spawn(move || {
                let mut channel = Channel::accept(far, server, &Trust::in_client(roots.clone()), &mut |_| {})?;
                channel.send(MESSAGE)?;
                channel.await_acknowledgement()
            });
            let mut client = connect(&mut near);
            let mut out = Vec::new();
            records.iter().for_each(|(kind, text)| client.encryptor.seal(*kind, text, &mut out).unwrap());
            near.write_all(&out).unwrap();
            assert_eq!(failure_of(server.join().unwrap()), expected);
        });
        assert_eq!([next_frame(&mut near), next_frame(&mut near)].map(|frame| frame.kind()), [Kind::Data, Kind::End]);
        assert_eq!(next_frame(&mut near).as_bytes(), SOMETHING_FAILED, "{expected:?}");
    }
}

#[test]
fn a_client_takes_nothing_but_data_to_its_end_for_a_message() {
    let unexpected = |came| Failure::Unexpected { came, awaited: Kind::Data };
    let finished = Frame::new(Kind::Finished, &[0; 32]).unwrap();
    for (records, frame, expected) in [
        (&[(Kind::Acknowledgement, &b"ACK"[..])][..], None, unexpected(Kind::Acknowledgement)),
        (&[(Kind::Data, b"text"), (Kind::Acknowledgement, b"")], None, unexpected(Kind::Acknowledgement)),
        (&[(Kind::Data, b"text")], Some(&finished), unexpected(Kind::Finished)),
    ] {
        let Parties { client, roots, .. } = parties();
        let (near, mut far) = pipe(None, usize::MAX);
        thread::scope(|scope| {
            let client = scope.spawn(move || {
                Channel::connect(near, &ChannelSuite::ALL, client, &Trust::in_server(roots.clone()), &mut |_| {})?
                    .receive()
            });
            let mut server = accept(&mut far);
            let mut out = Vec::new();
            records.iter().for_each(|(kind, text)| server.encryptor.seal(*kind, text, &mut out).unwrap());
            out.extend(frame.iter().flat_map(|frame| frame.as_bytes()));
            far.write_all(&out).unwrap();
            assert_eq!(failure_of(client.join().unwrap()), expected);
        });
        assert_eq!(next_frame(&mut far).as_bytes(), SOMETHING_FAILED, "{expected:?}");
    }
}

#[test]
fn a_message_in_records_of_any_length_is_the_same_message() {
    let Parties { client, roots, .. } = parties();
    for lens in [&[0][..], &[0, 0, 5], &[1, 2, 0, 3], &[16_384, 0, 1]] {
        let (near, mut far) = pipe(None, usize::MAX);
        let message: Vec<u8> = (0..lens.iter().sum()).map(|i: usize| (i % 251) as u8).collect();
        let received = thread::scope(|scope| {
            let client = scope.spawn(move || {
                Channel::connect(near, &ChannelSuite::ALL, client, &Trust::in_server(roots.clone()), &mut |_| {})?
                    .receive()
            });
            let (mut server, mut out, mut rest) = (accept(&mut far), Vec::new(), &message[..]);
            for len in lens {
                let (part, others) = rest.split_at(*len);
                server.encryptor.seal(Kind::Data, part, &mut out).unwrap();
                rest = others;
            }
            server.encryptor.seal(Kind::End, b"", &mut out).unwrap();
            far.write_all(&out).unwrap();
            client.join().unwrap()
        });
        assert_eq!(received.unwrap().text, message, "{lens:?}");
    }
}

// A client that is made by hand, from the documentation alone: that the two understand each other shows that it says
// what is done; and it can do what the client of this crate never does.

struct ByHand {
    randoms: Vec<u8>,
    said: Vec<u8>,
    /// The server's public key, as X.509 has it.
    server: Vec<u8>,
    state: server::Asked,
}

/// The secrets of a client by hand.
struct Keys {
    secret: hmac::Key,
    verified: [u8; 32],
}

fn hmac_of(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn sha256(text: &[u8]) -> [u8; 32] {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text).as_ref().try_into().unwrap()
}

fn frame(kind: u8, body: &[u8]) -> Frame {
    let bytes = [&[kind][..], &(body.len() as u16).to_be_bytes(), body].concat();
    let (frame, rest) = Frame::cut(&bytes).unwrap().unwrap();
    assert_eq!(rest, b"");
    frame
}

impl ByHand {
    /// Up to the server's first flight.
    fn greet(suite: ChannelSuite) -> Self {
        let mut random = [0; 32];
        fill(&mut random).unwrap();
        let hello = frame(1, &[&[0, 1, 1][..], &random, &[1], &(suite as u16).to_be_bytes()].concat());
        let (flight, state) = server::Listening::default().client_hello(&hello, &parties().server).unwrap();
        let [server_hello, certificate, _] = &flight;
        assert_eq!((&server_hello.as_bytes()[..6], server_hello.as_bytes().len()), (&[2, 0, 37, 0, 1, 1][..], 40));
        assert_eq!(server_hello.as_bytes()[38..], (suite as u16).to_be_bytes());
        let leaf = Certificate::decode(certificate.body()).unwrap().chain.swap_remove(0);
        let said = [&hello].into_iter().chain(&flight).flat_map(|frame| frame.as_bytes()).copied().collect();
        Self {
            randoms: [&random, &server_hello.as_bytes()[6..38]].concat(),
            said,
            server: X509Certificate::from_der(&leaf).unwrap().1.public_key().raw.to_vec(),
            state,
        }
    }

    fn encrypt(&self, plaintext: &[u8]) -> Vec<u8> {
        let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&self.server).unwrap()).unwrap();
        let mut ciphertext = vec![0; key.ciphertext_size()];
        key.encrypt(&OAEP_SHA256_MGF1SHA256, plaintext, &mut ciphertext, None).unwrap();
        ciphertext
    }

    /// Sends the client's certificate, this as the key exchange, and a signature by `signer`.
    fn prove(
        mut self,
        exchange: &[u8],
        material: &[u8],
        signer: Side,
    ) -> Result<(AwaitingFinished, Keys, Vec<u8>), Failure> {
        let Parties { credentials, server, roots, .. } = parties();
        let own = &credentials[Client as usize];
        let body: Vec<u8> = own.chain().flat_map(|der| [&(der.len() as u16).to_be_bytes(), der].concat()).collect();
        let certificate = frame(3, &body);
        self.said.extend(certificate.as_bytes());
        let state = self.state.certificate(&certificate, &Trust::in_client(roots.clone()), SystemTime::now())?;

        let exchange = frame(5, exchange);
        self.said.extend(exchange.as_bytes());
        let state = state.key_exchange(&exchange, server)?;

        let key = KeyPair::from_pkcs8(credentials[signer as usize].key()).unwrap();
        let purpose = b"lab secure channel 1, client certificate verify\0";
        let text = [&[b' '; 64][..], purpose, &sha256(&self.said)].concat();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), &text, &mut signature).unwrap();
        let verify = frame(6, &signature);
        self.said.extend(verify.as_bytes());
        let state = state.certificate_verify(&verify)?;

        let secret = hmac::Key::new(hmac::HMAC_SHA256, &hmac_of(&self.randoms, material));
        Ok((state, Keys { secret, verified: sha256(&self.said) }, self.said))
    }
}

impl Keys {
    /// All are as short as one block of HKDF-Expand.
    fn key<const N: usize>(&self, label: &str) -> [u8; N] {
        let len = [&(N as u16).to_be_bytes()[..], &[label.len() as u8]].concat();
        let info = [&len[..], label.as_bytes(), &self.verified, &[1]].concat();
        *hmac::sign(&self.secret, &info).as_ref().first_chunk().unwrap()
    }

    /// Protects the first record of a direction.
    fn seal(&self, suite: ChannelSuite, side: &str, kind: u8, text: &[u8]) -> Vec<u8> {
        match suite {
            ChannelSuite::Aes128CtrHmacSha256 => {
                let prefix = [&[0; 8][..], &[kind], &(text.len() as u16).to_be_bytes()].concat();
                let tag = hmac_of(&self.key::<32>(&format!("{side} mac")), &[&prefix, text].concat());
                let mut body = [text, &tag].concat();
                let key = cipher::UnboundCipherKey::new(&cipher::AES_128, &self.key::<16>(&format!("{side} cipher")));
                let first = cipher::EncryptionContext::Iv128(FixedLength::from([0; 16]));
                cipher::EncryptingKey::ctr(key.unwrap()).unwrap().less_safe_encrypt(&mut body, first).unwrap();
                body
            }
            ChannelSuite::Aes256Gcm => {
                let key = aead::UnboundKey::new(&aead::AES_256_GCM, &self.key::<32>(&format!("{side} cipher")));
                let nonce = aead::Nonce::assume_unique_for_key(self.key::<12>(&format!("{side} nonce")));
                let header = [&[kind][..], &(text.len() as u16 + 16).to_be_bytes()].concat();
                let mut body = text.to_vec();
                let key = aead::LessSafeKey::new(key.unwrap());
                key.seal_in_place_append_tag(nonce, aead::Aad::from(header), &mut body).unwrap();
                body
            }
        }
    }
}

#[test]
fn a_client_that_is_made_from_the_documentation_alone_is_understood() {
    for suite in ChannelSuite::ALL {
        let client = ByHand::greet(suite);
        let material = [0x3c; 32];
        let exchange = client.encrypt(&material);
        let (state, keys, mut said) = client.prove(&exchange, &material, Client).unwrap();
        let finished = frame(7, &hmac_of(&keys.key::<32>("client finished"), &sha256(&said)));
        said.extend(finished.as_bytes());
        let (answer, mut server) = state.finished(&finished).unwrap();
        assert_eq!(answer.kind(), Kind::Finished);
        assert_eq!(answer.body(), hmac_of(&keys.key::<32>("server finished"), &sha256(&said)), "{suite}");

        let mut sent = Vec::new();
        server.encryptor.seal(Kind::Data, MESSAGE, &mut sent).unwrap();
        assert_eq!(sent[HEADER_LEN..], keys.seal(suite, "server", 32, MESSAGE), "{suite}");
        let mut answer = keys.seal(suite, "client", 34, b"ACK");
        let header = Header { kind: Kind::Acknowledgement, len: answer.len() };
        assert_eq!(server.decryptor.open(header, &mut answer).unwrap(), b"ACK", "{suite}");
    }
}

#[test]
fn key_material_that_cannot_be_decrypted_fails_at_finished_and_not_earlier() {
    let suite = ChannelSuite::Aes256Gcm;
    let len = ByHand::greet(suite).encrypt(&[0; 32]).len();
    for (exchange, what) in [
        (vec![0; len], "zeros"),
        (vec![0xff; len], "more than the modulus"),
        (vec![0x42; len], "anything"),
        (Vec::new(), "nothing"),
        (vec![1; len - 1], "too short"),
        (vec![1; 1024], "too long"),
    ] {
        check_undecryptable(ByHand::greet(suite), &exchange, what);
    }
    for plaintext in [0, 31, 33, 190] {
        let client = ByHand::greet(suite);
        let exchange = client.encrypt(&vec![0; plaintext]);
        check_undecryptable(client, &exchange, &format!("{plaintext} bytes of plaintext"));
    }
}

/// Correctly signed by the owner of the certificate, and nothing but finished gives it away, whatever key material the
/// client may hope for.
fn check_undecryptable(client: ByHand, exchange: &[u8], what: &str) {
    let (state, keys, said) =
        client.prove(exchange, &[0; 32], Client).unwrap_or_else(|failure| panic!("{what}: {failure}"));
    let finished = frame(7, &hmac_of(&keys.key::<32>("client finished"), &sha256(&said)));
    assert_eq!(state.finished(&finished).err(), Some(Failure::Finished), "{what}");
}

#[test]
fn a_certificate_without_its_key_is_no_proof() {
    for suite in ChannelSuite::ALL {
        let client = ByHand::greet(suite);
        let exchange = client.encrypt(&[1; 32]);
        let proved = client.prove(&exchange, &[1; 32], Server);
        assert_eq!(proved.err(), Some(Failure::Signature), "{suite}");
    }
}
