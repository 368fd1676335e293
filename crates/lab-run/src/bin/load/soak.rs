//! Load for a long time: memory and descriptors stay as they are.

use std::{
    thread,
    time::{Duration, Instant},
};

use lab_run::{Error, measure::Bench};
use mock_servers::ServerName;

use crate::{
    crowd::{Behaviour, crowd},
    datagrams,
    server::{Servers, system},
};

/// Clients of a wave, over TCP and over WebSocket.
const WAVE: usize = 500;

/// The servers linger for a second behind their last byte.
const LINGERED: Duration = Duration::from_millis(1500);

/// By how much memory may grow after the first fifth of the time, in bytes (ours: what allocators keep).
const GROWTH: u64 = 2 << 20;

pub(crate) fn measure(bench: &mut Bench, duration: Duration) -> Result<(), Error> {
    let arguments = [
        "pmu",
        "ws",
        "reset",
        "--pmu-port",
        "0",
        "--ws-port",
        "0",
        "--reset-port",
        "0",
        "--family",
        "ipv4",
        "--loss",
        "0",
    ];
    let servers = Servers::start(&bench.path("mock-servers"), &arguments)?;
    let [pmu, ws, reset] = [ServerName::Pmu, ServerName::Ws, ServerName::Reset].map(|name| servers.address(name));
    let (pmu, ws, reset) = (pmu?, ws?, reset?);
    let (begun, descriptors) = (Instant::now(), servers.descriptors());
    let (mut early, mut most, mut waves, mut answered) = (0, 0, 0, 0);
    let mut failure = None;
    while begun.elapsed() < duration {
        for (address, behaviour) in
            [(pmu, Behaviour::Asks("CMD_short:0.05")), (ws, Behaviour::AsksOverWebSocket("CMD_short:0.05"))]
        {
            let seen = crowd(address, WAVE, behaviour, Duration::ZERO).map_err(|source| system("connect", source))?;
            answered += seen.answered;
            failure = seen.failure.or(failure);
        }
        // Some leave at once, some say nothing for a while.
        let _ = crowd(pmu, WAVE / 10, Behaviour::NeverReads, Duration::from_millis(100));
        datagrams::reset(reset, Duration::from_millis(500)).map_err(|source| system("reset", source))?;
        waves += 1;
        let memory = servers.memory();
        if begun.elapsed() < duration / 5 || early == 0 {
            early = early.max(memory);
        }
        most = most.max(memory);
    }
    let failure = failure.map(|why| format!("; {why}")).unwrap_or_default();
    let measured = format!("{answered} of {}{failure}", waves * 2 * WAVE);
    let holds = answered == waves * 2 * WAVE;
    bench.row(&format!("{} s of waves: clients answered", duration.as_secs()), measured, "all", Some(holds))?;
    let mebibytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let measured = format!("{} at most, {} in the first fifth", mebibytes(most), mebibytes(early));
    bench.row("memory, kernel stacks included", measured, "grows by at most 2 MiB", Some(most <= early + GROWTH))?;
    thread::sleep(LINGERED);
    let after = servers.descriptors();
    bench.row("descriptors", format!("{descriptors} before, {after} after"), "no more", Some(after <= descriptors))
}
