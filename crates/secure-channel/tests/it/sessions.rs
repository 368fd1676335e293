//! Both sides of a session over the pipe, and what became of it.

use std::{
    fmt::Debug,
    mem,
    ops::Range,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use labnet::tls::{Credentials, Roots};
use secure_channel::{Channel, ChannelSuite, Failure, Kind, PartyIdentity, Trust, channel::Error};
use ttp::CaDirectory;

use crate::pipe::{
    Side::{self, Client, Server},
    Tampering, frames, pipe,
};

pub(crate) const MESSAGE: &[u8] = b"The OTP for transferring Rs 1,00,000 to your friend's account is 256345.";

/// The only alert after the hellos.
pub(crate) const SOMETHING_FAILED: [u8; 4] = [16, 0, 1, 1];

// The two sides.

pub(crate) struct Parties {
    /// Of each side, the client first.
    pub(crate) credentials: [Credentials; 2],
    pub(crate) client: PartyIdentity,
    pub(crate) server: PartyIdentity,
    pub(crate) roots: Roots,
}

/// Made once.
pub(crate) fn parties() -> &'static Parties {
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
pub(crate) struct Outcome {
    /// Whether the server has the acknowledgement, after which nothing came.
    pub(crate) server: Result<(), Error>,
    /// What the client may show.
    pub(crate) released: Option<Vec<u8>>,
    /// Whether the client has the message, after which nothing came.
    pub(crate) client: Result<(), Error>,
    /// What each side sent.
    pub(crate) sent: [Vec<u8>; 2],
}

impl Outcome {
    pub(crate) fn of(&self, side: Side) -> &Result<(), Error> {
        if side == Client { &self.client } else { &self.server }
    }

    pub(crate) fn failure(&self, side: Side) -> Option<&Failure> {
        match self.of(side) {
            Err(Error::Failure(failure)) => Some(failure),
            _ => None,
        }
    }

    pub(crate) fn alerts(&self) -> Vec<&[u8]> {
        let frames = self.sent.iter().flat_map(|sent| frames(sent).into_iter().map(|frame| &sent[frame]));
        frames.filter(|frame| frame[0] == Kind::Alert as u8).collect()
    }

    /// What holds whatever is done to a session.
    pub(crate) fn check(&self, message: &[u8], case: &dyn Debug) {
        assert!(self.server.is_err() || self.client.is_err(), "both sides succeed: {case:?}");
        assert!(self.released.as_ref().is_none_or(|released| released == message), "another message: {case:?}");
        assert!(self.server.is_err() || self.released.is_some(), "acknowledged and not released: {case:?}");
    }
}

pub(crate) fn session(suites: &[ChannelSuite], message: &[u8], tampering: Option<(Side, Tampering)>) -> Outcome {
    session_by(suites, message, tampering, usize::MAX)
}

pub(crate) fn session_by(
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
pub(crate) fn preferring(suite: ChannelSuite) -> [ChannelSuite; 2] {
    if suite == ChannelSuite::ALL[0] { ChannelSuite::ALL } else { [ChannelSuite::ALL[1], ChannelSuite::ALL[0]] }
}

/// What both sides send when nobody is in the middle.
pub(crate) fn untouched(suite: ChannelSuite, message: &[u8]) -> [Vec<u8>; 2] {
    let outcome = session(&preferring(suite), message, None);
    outcome.server.unwrap();
    outcome.client.unwrap();
    assert_eq!(outcome.released.unwrap(), message);
    outcome.sent
}

/// The frames that each side sends: from whom, where in the stream, and what it is.
pub(crate) fn sent_frames(sent: &[Vec<u8>; 2]) -> Vec<(Side, Range<usize>, Kind)> {
    let of = |side: Side| {
        let bytes = &sent[side as usize];
        frames(bytes).into_iter().map(move |frame| (side, frame.clone(), Kind::try_from(bytes[frame.start]).unwrap()))
    };
    of(Client).chain(of(Server)).collect()
}

/// Runs what is to be checked of each case, on two threads.
pub(crate) fn for_each<T: Sync>(cases: &[T], check: impl Fn(&T) + Sync) {
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
