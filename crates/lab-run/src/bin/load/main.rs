//! Lets a class, and more, come to the mock servers at once, and holds what that costs against what it may.
//!
//! Usage: `load` · `load --quick` · `load --soak 600` · `load --against ../before/mock-servers`

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;

use lab_run::{Error, measure::Bench};
use labnet::cli::{self, Console};

mod beside;
mod crowd;
mod datagrams;
mod idle;
mod limits;
mod server;
mod soak;
mod waiting;

/// Load the mock servers on this machine, over loopback alone; every row of the table must hold
#[derive(Parser)]
#[command(
    name = "load",
    version,
    after_help = "scripts/load builds it and the servers with optimisation, and runs it. Ten thousand
connections take as many descriptors on either side: see ulimit -n."
)]
struct Arguments {
    /// A tenth of the clients and of the time, for CI
    #[arg(long, conflicts_with = "soak")]
    quick: bool,
    /// Load the servers for that long, and look whether memory and descriptors stay as they are
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "600", value_parser = cli::parse_seconds)]
    soak: Option<Duration>,
    /// Another build of mock-servers to measure in turn
    #[arg(long, value_name = "PROGRAM")]
    against: Option<PathBuf>,
}

/// How much there is of everything.
#[derive(Clone, Copy)]
struct Scale {
    pdcs: usize,
    websockets: usize,
    tls: usize,
    time: Duration,
    /// What the clients ask for, in words too.
    command: &'static str,
    pause: &'static str,
    /// After so long all are connected and wait.
    settled: Duration,
    /// How long innocent clients come, one after the other; the others wait longer.
    innocent: Duration,
}

const QUICK: Scale = Scale {
    pdcs: 1000,
    websockets: 500,
    tls: 100,
    time: Duration::from_secs(1),
    command: "CMD_short:0.4",
    pause: "d=0.4",
    settled: Duration::from_secs(1),
    innocent: Duration::from_secs(2),
};

const WHOLE: Scale = Scale {
    pdcs: 10_000,
    websockets: 5000,
    tls: 1000,
    time: Duration::from_secs(5),
    command: "CMD_short:1",
    pause: "d=1",
    settled: Duration::from_secs(3),
    innocent: Duration::from_secs(4),
};

fn main() -> ExitCode {
    cli::run(load)
}

fn load(arguments: Arguments, console: &Console) -> Result<(), Error> {
    labnet::net::raise_descriptor_limit();
    let mut bench = Bench::new(console);
    if let Some(duration) = arguments.soak {
        soak::measure(&mut bench, duration)?;
        return bench.table();
    }
    let scale = if arguments.quick { QUICK } else { WHOLE };
    waiting::measure(&mut bench, scale, arguments.against.as_deref())?;
    idle::measure(&mut bench, scale.tls)?;
    limits::measure(&mut bench)?;
    beside::measure(&mut bench, scale)?;
    datagram_rows(&mut bench, scale)?;
    bench.table()
}

fn datagram_rows(bench: &mut Bench, scale: Scale) -> Result<(), Error> {
    /// How many resets a second, and how many datagrams of the programme to how many receivers.
    const RESETS: f64 = 50_000.0;
    const PROGRAMME: f64 = 1000.0;
    const RECEIVERS: usize = 20;
    let program = bench.path("mock-servers");

    let arguments = ["reset", "--reset-port", "0", "--family", "ipv4", "--loss", "0"];
    let servers = server::Servers::start(&program, &arguments)?;
    let address = servers.address(mock_servers::ServerName::Reset)?;
    let resets = datagrams::reset(address, scale.time).map_err(|source| server::system("reset", source))?;
    let rate = resets.acknowledged as f64 / scale.time.as_secs_f64();
    let measured = format!("{rate:.0} a second, {} lost", resets.lost);
    bench.row(
        "clock resets, 64 at once",
        measured,
        "at least 50000 a second, none lost",
        Some(rate >= RESETS && resets.lost == 0),
    )?;
    drop(servers);

    let folder = tempfile::tempdir().map_err(|source| server::system("make a folder", source))?;
    let play = folder.path().join("play.txt");
    datagrams::write_play(&play, 100_000).map_err(|source| server::system("write a play", source))?;
    let play = play.display().to_string();
    let arguments = ["multicast", "--multicast-port", "0", "--interval", "0.001", "--play", &play];
    let servers = server::Servers::start(&program, &arguments)?;
    let group = servers.address(mock_servers::ServerName::Multicast)?;
    let heard = datagrams::listen(group, RECEIVERS, scale.time)?;
    let rate = heard.heard as f64 / RECEIVERS as f64 / scale.time.as_secs_f64();
    let measured = format!("{rate:.0} a second to each, {} missing", heard.missing);
    // The listeners' own beginning and end cost a few.
    let holds = rate >= 0.98 * PROGRAMME && heard.missing == 0;
    bench.row(
        "the programme to 20 receivers, a line each millisecond",
        measured,
        "1000 a second to each, none missing",
        Some(holds),
    )
}
