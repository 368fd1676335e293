//! An innocent client beside clients that behave badly.

use std::{
    thread,
    time::{Duration, Instant},
};

use lab_run::{Error, measure::Bench};
use mock_servers::ServerName;

use crate::{
    Scale,
    crowd::{Behaviour, crowd},
    server::Servers,
    waiting::innocent,
};

/// How many there are of each kind, in a tenth of that at once.
const PER_TENTH: usize = 10;

pub(crate) fn measure(bench: &mut Bench, scale: Scale) -> Result<(), Error> {
    let servers = Servers::start(&bench.path("mock-servers"), &["pmu", "--pmu-port", "0"])?;
    let address = servers.address(ServerName::Pmu)?;
    let each = (scale.pdcs / PER_TENTH).min(500);
    let stay = scale.time + Duration::from_secs(2);
    let crowds: Vec<_> = [Behaviour::SlowLoris, Behaviour::NeverReads, Behaviour::Silent]
        .into_iter()
        .map(|behaviour| thread::spawn(move || crowd(address, each, behaviour, stay).map(drop)))
        .collect();
    thread::sleep(Duration::from_secs(1));
    let (begun, mut times, mut unanswered) = (Instant::now(), Vec::new(), 0);
    while begun.elapsed() < scale.time {
        let asked = Instant::now();
        match innocent(address) {
            Some(answer) if answer.ends_with(b"data 10") => times.push(asked.elapsed()),
            _ => unanswered += 1,
        }
        thread::sleep(Duration::from_millis(10));
    }
    for crowd in crowds {
        // They are there to be in the way; what becomes of them is theirs.
        let _ = crowd.join();
    }
    times.sort_unstable();
    let slow = times.get(times.len() * 99 / 100).copied().unwrap_or(scale.time);
    let what =
        format!("99 of 100 innocent clients of pmu beside {each} each that send slowly, never read, or say nothing");
    let measured = format!("{:.1} ms, {unanswered} unanswered", slow.as_secs_f64() * 1e3);
    let holds = slow <= Duration::from_millis(100) && unanswered == 0 && !times.is_empty();
    bench.row(&what, measured, "within 100 ms, none unanswered", Some(holds))
}
