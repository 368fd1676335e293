//! Measures the lab's programs against their alternatives, in turn in the same run.
//!
//! Usage: `bench` · `bench flood websocket`

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use lab_run::{Error, measure::Bench};
use labnet::cli::{self, Console};

mod capture;
mod cutting;
mod fanout;
mod flood;
mod handshakes;
mod proxy;
mod resets;
mod rounds;
mod websocket;

/// Measure speed and memory, as ratios; a missing program is skipped by name
#[derive(Parser)]
#[command(
    name = "bench",
    version,
    after_help = "scripts/bench builds it and the programs with optimisation, and runs it."
)]
struct Arguments {
    /// What to measure; by default everything
    #[arg(value_enum)]
    subjects: Vec<Subject>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// part2-pdc receives 1 GiB
    Flood,
    /// A stream is cut into messages
    Cutting,
    /// part5-ws receives a message of 256 MiB
    Websocket,
    /// part3-reset starts, and keeps its second
    Rounds,
    /// mock-servers resets clocks over UDP
    Resets,
    /// part4-sender sends to a group of 20
    Fanout,
    /// part6-pmu and tls-server make TLS handshakes
    Handshakes,
    /// tls-client downloads 1 GiB through tls-proxy
    Proxy,
    /// lab-capture counts 512 MiB and captures 1 GiB; lab-report makes its report
    Capture,
}

fn main() -> ExitCode {
    cli::run(bench)
}

fn bench(arguments: Arguments, console: &Console) -> Result<(), Error> {
    labnet::net::raise_descriptor_limit();
    console.shutdown.at_interrupt(lab_process::end_all);
    let mut bench = Bench::new(console);
    for (subject, measure) in [
        (Subject::Flood, flood::measure as fn(&mut Bench) -> Result<(), Error>),
        (Subject::Cutting, cutting::measure),
        (Subject::Websocket, websocket::measure),
        (Subject::Rounds, rounds::measure),
        (Subject::Resets, resets::measure),
        (Subject::Fanout, fanout::measure),
        (Subject::Handshakes, handshakes::measure),
        (Subject::Proxy, proxy::measure),
        (Subject::Capture, capture::measure),
    ] {
        if arguments.subjects.is_empty() || arguments.subjects.contains(&subject) {
            measure(&mut bench)?;
        }
    }
    bench.table()
}
