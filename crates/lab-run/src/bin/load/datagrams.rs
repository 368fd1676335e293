//! Clock resets as fast as they are answered, and a programme that many hear.

use std::{
    fs, io,
    net::{SocketAddr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use labnet::net::{Group, Interface};

/// How many clients reset at once, and how many resets each has under way (ours: as a class does, all together).
const CLIENTS: usize = 4;
const WINDOW: usize = 16;

/// After so long a reset is lost.
const LOST: Duration = Duration::from_millis(500);

/// How many resets were acknowledged, and how many lost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Resets {
    pub(crate) acknowledged: u64,
    pub(crate) lost: u64,
}

/// Resets for that long.
pub(crate) fn reset(server: SocketAddr, duration: Duration) -> io::Result<Resets> {
    let clients: Vec<_> = (0..CLIENTS).map(|_| thread::spawn(move || reset_alone(server, duration))).collect();
    let mut all = Resets::default();
    for client in clients {
        let one = client.join().unwrap_or_else(|_| Err(io::Error::other("a client failed")))?;
        all = Resets { acknowledged: all.acknowledged + one.acknowledged, lost: all.lost + one.lost };
    }
    Ok(all)
}

fn reset_alone(server: SocketAddr, duration: Duration) -> io::Result<Resets> {
    let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(LOST))?;
    let (mut resets, mut under_way) = (Resets::default(), 0);
    let (begun, mut buffer) = (Instant::now(), [0; 64]);
    loop {
        while under_way < WINDOW && begun.elapsed() < duration {
            socket.send(b"RESET:20")?;
            under_way += 1;
        }
        if under_way == 0 {
            return Ok(resets);
        }
        match socket.recv(&mut buffer) {
            Ok(_) => (resets.acknowledged, under_way) = (resets.acknowledged + 1, under_way - 1),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                resets.lost += under_way as u64;
                under_way = 0;
            }
            Err(error) => return Err(error),
        }
    }
}

/// What receivers of a programme have heard together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Programme {
    /// How many datagrams, each counted once for each receiver.
    pub(crate) heard: u64,
    /// How many were missing between two.
    pub(crate) missing: u64,
}

/// A play whose lines are numbered, in a file.
pub(crate) fn write_play(path: &std::path::Path, lines: u64) -> io::Result<()> {
    fs::write(path, (0..lines).map(|line| format!("{line:08}\n")).collect::<String>())
}

/// Lets receivers hear the group for that long.
pub(crate) fn listen(group: SocketAddr, receivers: usize, duration: Duration) -> Result<Programme, labnet::Error> {
    let SocketAddr::V4(group) = group else { return Ok(Programme::default()) };
    // All are there before any listens.
    let groups: Vec<_> = (0..receivers).map(|_| Group::join(group, Interface::LOOPBACK)).collect::<Result<_, _>>()?;
    let end = Instant::now() + duration;
    let threads: Vec<_> = groups.into_iter().map(|group| thread::spawn(move || listen_alone(&group, end))).collect();
    let mut all = Programme::default();
    for thread in threads {
        let one = thread.join().unwrap_or_else(|_| Ok(Programme::default()))?;
        all = Programme { heard: all.heard + one.heard, missing: all.missing + one.missing };
    }
    Ok(all)
}

fn listen_alone(group: &Group, end: Instant) -> Result<Programme, labnet::Error> {
    let (mut programme, mut buffer) = (Programme::default(), [0; 2048]);
    let mut last: Option<u64> = None;
    while Instant::now() < end {
        let Some((bytes, _)) = group.receive(&mut buffer, Duration::from_millis(100))? else { continue };
        programme.heard += 1;
        // Behind the identity, which has six bytes.
        let number: Option<u64> = bytes.get(6..).and_then(|line| str::from_utf8(line).ok()?.trim().parse().ok());
        if let (Some(last), Some(number)) = (last, number) {
            programme.missing += number.saturating_sub(last + 1);
        }
        last = number.or(last);
    }
    Ok(programme)
}
