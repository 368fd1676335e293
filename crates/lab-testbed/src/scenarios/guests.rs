//! Part 4: what a receiver makes of datagrams and neighbours that it may not expect.
//!
//! Nothing else is sent meanwhile, so that what a program does has one cause.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    thread,
    time::{Duration, Instant},
};

use lab_process::sockets;
use lab_sandbox::{Host, HostConfig};
use labnet::net::{Interface, MulticastSender};

use super::{
    POLL_INTERVAL, client_and_server,
    multicast::{datagrams, joins, start_receiver},
};
use crate::{
    ExperimentFailure,
    capture::Capture,
    facts::Guests,
    session::{ExperimentSession, ObservedProgram},
    watch::EVENT_TIMEOUT,
};

/// The handout's group.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 1, 1, 1);

/// The lines of the programme: how many, and the time between them (ours: long enough to see when each is shown).
const LINES: usize = 10;
const INTERVAL: Duration = Duration::from_millis(200);

/// Then lines without a pause to speak of: more than what a program's buffer holds (ours; that of C has 4 KiB).
const BURST: usize = 250;
const BURST_INTERVAL: Duration = Duration::from_millis(2);

/// What others send, with their identities.
const OTHERS: [&[u8]; 2] = [b"135790I am no programme, and I am here.", b"camiloSo am I; and my name has letters."];

/// A datagram that is no UTF-8, and one that is too short for an identity.
const BINARY: &[u8] = b"246802\xff\xfe\x80\xc3 bytes";
const SHORT: &[u8] = b"swc";

/// How long a program has to fall over a datagram, if it does (ours).
const FALL: Duration = Duration::from_millis(700);

pub(super) fn guests(session: &mut ExperimentSession<'_>) -> Result<Guests, ExperimentFailure> {
    let group = SocketAddrV4::new(GROUP, session.settings().ports.multicast);
    let hosts = client_and_server(session)?;
    let client = hosts.client()?;
    let interface = hosts.interface();
    let capture = client.run(move || Capture::start(interface, u32::MAX))?;
    let (mut receiver, listened) = start_receiver(session, client, group.port())?;
    let member = listened && client.run(|| joins(GROUP));
    let speaker =
        hosts.server()?.run(move || MulticastSender::open(group, Interface::from(HostConfig::SERVER.ipv4), 1))?;
    let patience = session.settings().path.delay + FALL;

    let mut second = None;
    if listened {
        for number in 0..LINES {
            speak(&speaker, line(number).as_bytes())?;
            wait(&mut receiver, INTERVAL);
        }
        for number in LINES..LINES + BURST {
            speak(&speaker, line(number).as_bytes())?;
            thread::sleep(BURST_INTERVAL);
        }
        wait(&mut receiver, patience);
        for datagram in OTHERS {
            say(&speaker, &mut receiver, datagram, patience)?;
        }
        if !receiver.has_ended() {
            second = neighbour(session, client, group.port())?;
        }
        for datagram in [BINARY, SHORT] {
            say(&speaker, &mut receiver, datagram, patience)?;
        }
    }
    if receiver.has_ended() {
        session.finish(receiver);
    } else {
        session.end(receiver);
    }
    let recording = capture.stop();
    session.keep_capture(&recording)?;
    Ok(Guests { group, listened, member, received: datagrams(&recording, GROUP), second })
}

/// A line of the programme that is like no other.
fn line(number: usize) -> String {
    format!("swcmTVLine {number:03} of a programme that has nothing to tell.")
}

fn speak(speaker: &MulticastSender, datagram: &[u8]) -> Result<(), ExperimentFailure> {
    Ok(speaker.send(datagram)?)
}

/// Sends a datagram to a receiver that still runs, and waits for its fall.
fn say(
    speaker: &MulticastSender,
    receiver: &mut ObservedProgram,
    datagram: &[u8],
    patience: Duration,
) -> Result<(), ExperimentFailure> {
    if receiver.has_ended() {
        return Ok(());
    }
    speak(speaker, datagram)?;
    wait(receiver, patience);
    Ok(())
}

/// Waits, unless the program ends.
fn wait(program: &mut ObservedProgram, patience: Duration) {
    let until = Instant::now() + patience;
    while !program.has_ended() && Instant::now() < until {
        thread::sleep(POLL_INTERVAL);
    }
}

/// A second receiver on the same host: whether it opened the port, too.
fn neighbour(session: &mut ExperimentSession<'_>, host: &Host, port: u16) -> Result<Option<bool>, ExperimentFailure> {
    let mut second = session.start(host, crate::programs::ProgramRole::Part4Receiver, &[])?;
    let is_there = move || {
        let waiting = sockets::waiting(sockets::Protocol::Udp).unwrap_or_default();
        waiting.iter().filter(|address| address.port() == port).count() > 1
    };
    let until = Instant::now() + EVENT_TIMEOUT / 2;
    loop {
        if host.run(is_there) {
            session.stop(second);
            return Ok(Some(true));
        }
        if second.has_ended() {
            session.finish(second);
            return Ok(Some(false));
        }
        if Instant::now() >= until {
            session.stop(second);
            return Ok(None);
        }
        thread::sleep(POLL_INTERVAL);
    }
}
